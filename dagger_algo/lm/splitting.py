"""Trajectories longer than a model or a memory budget takes, cut at turn boundaries.

Every piece is an ordinary trajectory: it carries, as text that is encoded again (recomputed, never
cached keys and values of older weights), what its labels need to be seen after.

- A label is seen after the very turns that the student sees when it acts there (`history.py`): its
  whole prefix where that fits, and then loss and gradient stay exactly those of one sample per
  label; else the first turn and the latest ones.
- A label that is too long for that, or for a row, has fewer of the latest turns before it.

Every label is in one piece and counted once. The window seldom moves from turn to turn, so a piece
holds the labels of many turns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.history import WHOLE, Cut, History
from dagger_algo.lm.packing import shared


class LabelTooLong(ConfigError):
    """A label and the observation before it do not fit, even without any other turn."""


@dataclass(frozen=True)
class Limits:
    """What a piece may hold. None: no limit."""

    context: int | None = None
    """Positions the model has: a prefix and one label, less the label's last token."""
    row: int | None = None
    """Tokens in one row: the trunk and all branches."""
    room: int = 0
    """Tokens that the student may say when it acts: what it then keeps free of its context."""


def raise_it(error: LabelTooLong) -> None:
    raise error


def pass_over(target: Target) -> None: ...


def split(
    example: Example,
    codec: ChatCodec,
    limits: Limits,
    name: str = "trajectory",
    unfit: Callable[[LabelTooLong], None] = raise_it,
    shortened: Callable[[Target], None] = pass_over,
) -> list[Example]:
    """The trajectory in pieces that each fit the limits; as it is when it fits.

    name: what a sentence about it calls it. unfit: told of every label that cannot fit even alone
    and so is in no piece; raises LabelTooLong by default. shortened: told of every label that is
    seen after fewer turns than there were.
    """
    cutter = _Cutter(example, codec, limits)
    targets = sorted(example.targets, key=lambda target: target.turn)
    if cutter.whole(targets):
        return [example]
    groups: list[_Group] = []
    for target in targets:
        found = cutter.place(target)
        if found is None:
            unfit(LabelTooLong(cutter.sentence(name, target)))
        elif not (groups and cutter.joins(groups[-1], found)):
            groups.append(found)
    for group in groups:
        for target in group.targets if group.cut != WHOLE else ():
            shortened(target)
    return [cutter.piece(group) for group in groups]


@dataclass(frozen=True, slots=True)
class _Group:
    """Labels that share a piece. acting: its cut is the one that the student acts under."""

    cut: Cut
    acting: bool
    targets: list[Target]


class _Cutter:
    """Lengths of any piece of one trajectory, without laying it out."""

    def __init__(self, example: Example, codec: ChatCodec, limits: Limits) -> None:
        self.example, self.codec, self.limits = example, codec, limits
        self.history = History(codec, example.observations, example.actions)
        self.stream = self.history.stream
        self.row = limits.row if limits.row is not None else len(self.stream.ids) * 10**6
        self.context = limits.context if limits.context is not None else self.row
        self.most = min(self.row, self.context)
        self.acting = (
            [WHOLE] * len(example.observations)
            if limits.context is None
            else self.history.cuts(limits.context, limits.room)
        )

    def whole(self, targets: list[Target]) -> bool:
        """The trajectory fits as it is, and the student sees all of it wherever it learns."""
        seen = all(self.acting[target.turn] == WHOLE for target in targets)
        return seen and self.fits(WHOLE, targets)

    def alone(self, cut: Cut, target: Target) -> int:
        """Tokens to be seen at once for this label."""
        label = len(self.codec.action_ids(target.action))
        return self.history.length(cut, target.turn) + label - 1

    def fits(self, cut: Cut, targets: Iterable[Target]) -> bool:
        trunk = branches = 0
        for target in targets:
            ids = self.codec.action_ids(target.action)
            start = self.stream.starts[target.turn]
            same = shared(ids, self.stream.ids[start : start + len(ids)])
            before = self.history.length(cut, target.turn)
            if before + len(ids) - 1 > self.context:
                return False
            trunk = max(trunk, before + min(same, len(ids) - 1))
            branches += max(0, len(ids) - 1 - same)
        return trunk + branches <= self.row

    def place(self, target: Target) -> _Group | None:
        """A piece for this label alone; None when it cannot fit."""
        acting = self.acting[target.turn]
        if self.alone(acting, target) <= self.most:
            return _Group(acting, True, [target])
        most = self.most - len(self.codec.action_ids(target.action)) + 1
        cut = self.history.place(target.turn, most, most)
        return None if cut is None else _Group(cut, False, [target])

    def joins(self, group: _Group, other: _Group) -> bool:
        """Put the label of `other` with those of `group`, if it is seen there as it should be."""
        cut, wanted = group.cut, other.cut
        wider = not (group.acting or other.acting)
        wider &= cut.head == wanted.head and cut.turn <= wanted.turn
        if (cut == wanted or wider) and self.fits(cut, [*group.targets, *other.targets]):
            group.targets.extend(other.targets)
            return True
        return False

    def piece(self, group: _Group) -> Example:
        observations, actions = self.example.observations, self.example.actions
        kept = group.cut.kept(max(target.turn for target in group.targets))
        place = {turn: n for n, turn in enumerate(kept)}
        return Example(
            tuple(observations[turn] for turn in kept),
            tuple(actions[turn] for turn in kept if turn < len(actions)),
            tuple(replace(target, turn=place[target.turn]) for target in group.targets),
        )

    def sentence(self, name: str, target: Target) -> str:
        own = len(self.codec.stream([self.example.observations[target.turn]], []).ids)
        label = len(self.codec.action_ids(target.action))
        limit = (
            f"the model's context is {self.context:,}"
            if self.context <= self.row
            else f"a row may hold {self.row:,}"
        )
        return (
            f"{name}, turn {target.turn}: the observation takes {own:,} tokens and the label "
            f"{label:,}, which is {own + label - 1:,} to be seen at once, and {limit}; shorten the "
            "observation, or raise that limit"
        )
