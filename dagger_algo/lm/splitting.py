"""Trajectories longer than a model or a memory budget takes, cut at turn boundaries.

Every piece is an ordinary trajectory: it carries, as text that is encoded again (recomputed, never
cached keys and values of older weights), what its labels need to be seen after.

- A label whose whole prefix fits gets its whole prefix, in as few pieces as the row allows. Loss
  and gradient stay exactly those of one sample per label.
- One whose prefix does not fit gets the first turn (the task) and as many of the latest turns as
  fit; where the first turn does not fit beside them, the latest turns alone. Turns in between are
  dropped for that label, as an agent with a sliding history would drop them.

Every label is in one piece and counted once. A piece may hold many labels: its first one carries
about `CARRIED` of the room as context, so that the rest can be filled with later turns; what room
then remains is given back as context.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.packing import shared

CARRIED = 0.5


class LabelTooLong(ConfigError):
    """A label and the observation before it do not fit, even without any other turn."""


@dataclass(frozen=True)
class Limits:
    """What a piece may hold. None: no limit."""

    context: int | None = None
    """Positions the model has: a prefix and one label, less the label's last token."""
    row: int | None = None
    """Tokens in one row: the trunk and all branches."""


def raise_it(error: LabelTooLong) -> None:
    raise error


def split(
    example: Example,
    codec: ChatCodec,
    limits: Limits,
    name: str = "trajectory",
    unfit: Callable[[LabelTooLong], None] = raise_it,
) -> list[Example]:
    """The trajectory in pieces that each fit the limits; as it is when it fits.

    name: what a sentence about it calls it. unfit: told of every label that cannot fit even alone
    and so is in no piece; raises LabelTooLong by default.
    """
    cutter = _Cutter(example, codec, limits)
    targets = sorted(example.targets, key=lambda target: target.turn)
    if cutter.fits(WHOLE, targets):
        return [example]
    groups: list[tuple[_Cut, list[Target]]] = []
    for target in targets:
        cut = cutter.place(target)
        if cut is None:
            unfit(LabelTooLong(cutter.sentence(name, target)))
            continue
        if groups and _kind(cut) == _kind(groups[-1][0]):
            at, group = groups[-1]
            if cutter.fits(at, [*group, target]):
                group.append(target)
                continue
        groups.append((cut, [target]))
    return [cutter.piece(cutter.earliest(cut, group), group) for cut, group in groups]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a piece goes on: at turn `turn`, after turn 0 (`head`) or from there alone."""

    turn: int
    head: bool


WHOLE = _Cut(1, True)


def _kind(cut: _Cut) -> tuple[bool, bool]:
    """Labels that can have the whole prefix, the first turn, or neither are kept apart."""
    return cut == WHOLE, cut.head


class _Cutter:
    """Lengths of any piece of one trajectory, without laying it out."""

    def __init__(self, example: Example, codec: ChatCodec, limits: Limits) -> None:
        self.example, self.codec, self.limits = example, codec, limits
        self.stream = codec.stream(example.observations, example.actions)
        ids, ends = self.stream.ids, self.stream.ends
        # An action that was cut off is closed by the template's own end of turn.
        closed = [end + (ids[end - 1] != codec.end_of_turn) for end in ends]
        self.begins = [0, *closed]
        self.row = limits.row if limits.row is not None else len(ids) * 10**6
        self.context = limits.context if limits.context is not None else self.row
        self.most = min(self.row, self.context)

    def prefix(self, cut: _Cut, turn: int) -> int:
        """Tokens ahead of the action at `turn`."""
        starts = self.stream.starts
        if turn == 0 or cut == WHOLE:
            return starts[turn]
        if cut.head:
            return self.begins[1] + starts[turn] - self.begins[cut.turn]
        opened = len(self.codec.stream([self.example.observations[cut.turn]], []).ids)
        return opened + starts[turn] - starts[cut.turn]

    def alone(self, cut: _Cut, target: Target) -> int:
        return self.prefix(cut, target.turn) + len(self.codec.action_ids(target.action)) - 1

    def fits(self, cut: _Cut, targets: Iterable[Target]) -> bool:
        trunk = branches = 0
        for target in targets:
            ids = self.codec.action_ids(target.action)
            start = self.stream.starts[target.turn]
            same = shared(ids, self.stream.ids[start : start + len(ids)])
            before = self.prefix(cut, target.turn)
            if before + len(ids) - 1 > self.context:
                return False
            trunk = max(trunk, before + min(same, len(ids) - 1))
            branches += max(0, len(ids) - 1 - same)
        return trunk + branches <= self.row

    def place(self, target: Target) -> _Cut | None:
        """Where a piece that begins with this target goes on; None when it cannot fit."""
        if self.alone(WHOLE, target) <= self.most:
            return WHOLE
        for head in (True, False):
            turns = range(2 if head else 1, target.turn + 1)
            fitting = [t for t in turns if self.alone(_Cut(t, head), target) <= self.most]
            if fitting:
                modest = [
                    t
                    for t in fitting
                    if self.prefix(_Cut(t, head), target.turn) <= CARRIED * self.most
                ]
                return _Cut(modest[0] if modest else fitting[-1], head)
        return None

    def earliest(self, cut: _Cut, targets: list[Target]) -> _Cut:
        """The cut moved back as far as all targets still fit."""
        turn = cut.turn
        while turn > (2 if cut.head else 1) and self.fits(_Cut(turn - 1, cut.head), targets):
            turn -= 1
        return _Cut(turn, cut.head)

    def piece(self, cut: _Cut, targets: list[Target]) -> Example:
        observations, actions = self.example.observations, self.example.actions
        last = max(target.turn for target in targets)
        kept = [0] if cut.head else []
        if cut == WHOLE:
            kept = list(range(last + 1))
        else:
            kept += range(cut.turn, last + 1)
        place = {turn: n for n, turn in enumerate(kept)}
        return Example(
            tuple(observations[turn] for turn in kept),
            tuple(actions[turn] for turn in kept if turn < len(actions)),
            tuple(replace(target, turn=place[target.turn]) for target in targets),
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
