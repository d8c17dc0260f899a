"""Branch packing: T labels of one trajectory for the price of one trajectory.

On a student-driven trajectory the label at turn t is not what was executed. Instead of one
training sample per label, each with the whole prefix again, the executed trajectory is laid down
once (the trunk) and every label that differs hangs off it (a branch) from its first differing
token on. Positions and the attention mask let each branch see exactly its own prefix and itself,
so loss and gradient are those of separate samples. A label that equals what was executed needs no
branch.

Several trajectories make a batch in one of two ways (`Rows`): end to end in one row, where the
model attends by intervals (`attention.prepare`) and tokens that do not see each other cost
nothing; or one a row, padded, where it takes a dense mask, whose cost is the square of the row.
On one CPU thread joining took 0.6 times the seconds of padding at 30 turns of 32 tokens, 0.8 times
at 10, and 1.1 times at 2 to 6; on a GPU there is no padding to pay for. So `rows_for` joins
wherever the model can.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from dagger_algo.examples import Example, Target, Top
from dagger_algo.lm.attention import dense_mask
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.interval_attention import NAME

Rows = Literal["joined", "padded"]
COMMON = 1 / 8
"""Share of a trajectory that others must begin with for it to be laid down once: below, what is
saved is less than what is lost by attending to keys that lie apart."""
OPEN = 64
"""Minibatches that are filled at a time: more waste less room, and take longer to choose from."""


@dataclass(slots=True)
class Packed:
    """One trajectory or several end to end, as parallel lists over their N packed tokens.

    tokens, positions: ids and position ids. intervals: what each token may look at, as places of
    the row: [first, second) on its trunk, and [third, itself] in its own segment.
    rows: which token's logits predict, M of them; targets: the ids they should predict;
    weights: per target token; old_logprobs: log-probability when sampled, nan where unknown;
    teacher_logprobs, reference_logprobs: the same of the teacher and of a reference; top: the
    teacher's likeliest tokens, () if unknown; scales: how much each counts; sequences: equal for
    those of one sequence.
    branches, trajectories: how many lie here.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    intervals: list[tuple[int, int, int]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    old_logprobs: list[float] = field(default_factory=list)
    teacher_logprobs: list[float] = field(default_factory=list)
    top: list[Top] = field(default_factory=list)
    reference_logprobs: list[float] = field(default_factory=list)
    scales: list[float] = field(default_factory=list)
    sequences: list[object] = field(default_factory=list)
    branches: int = 0
    trajectories: int = 1

    def __len__(self) -> int:
        return len(self.tokens)

    def predict(
        self,
        rows: Iterable[int],
        ids: tuple[int, ...],
        target: Target,
        logprobs: tuple[float, ...] | None = None,
    ) -> None:
        """Let `rows` predict `ids`, and keep what the target says of each."""
        unknown = (float("nan"),) * len(ids)
        self.rows += rows
        self.targets += ids
        self.weights += target.weights(len(ids))
        self.old_logprobs += logprobs or unknown
        self.teacher_logprobs += target.teacher_logprobs or unknown
        self.top += target.teacher_top or ((),) * len(ids)
        self.reference_logprobs += target.reference_logprobs or unknown
        self.scales += (target.scale,) * len(ids)
        self.sequences += (target.sequence or object(),) * len(ids)


def shared(ids: Sequence[int], executed: Sequence[int]) -> int:
    """How many tokens of a label, from its first on, are those that were executed."""
    for n, (label, done) in enumerate(zip(ids, executed, strict=False)):
        if label != done:
            return n
    return min(len(ids), len(executed))


def pack(example: Example, codec: ChatCodec) -> Packed:
    """Lay out one trajectory: the trunk as far as a target needs it, then the branches."""
    stream = codec.stream(example.observations, example.actions)
    packed = Packed()
    branching: list[tuple[int, int, tuple[int, ...], Target]] = []
    needed = 0
    for target in example.targets:
        ids = codec.action_ids(target.action)
        start = stream.starts[target.turn]
        same = shared(ids, stream.ids[start : start + len(ids)])
        if same == len(ids):
            rows = range(start - 1, start + len(ids) - 1)
            packed.predict(rows, ids, target, target.action.logprobs)
            needed = max(needed, start + len(ids) - 1)
        else:
            branching.append((start, same, ids, target))
            needed = max(needed, start + same)

    packed.tokens = stream.ids[:needed]
    packed.positions = list(range(needed))
    packed.intervals = [(0, 0, 0)] * needed
    for start, same, ids, target in branching:
        begin, inputs, fork = len(packed.tokens), ids[same:-1], start + same
        packed.tokens += inputs
        packed.positions += range(fork, fork + len(inputs))
        packed.intervals += [(0, fork, begin)] * len(inputs)
        # What the trunk has of the label predicts its first differing token as well.
        packed.predict([*range(start - 1, fork), *range(begin, len(packed))], ids, target)
    packed.branches = len(branching)
    return packed


def join(items: Sequence[Packed]) -> Packed:
    """Trajectories end to end, targets in their order. Each sees itself alone and its positions
    begin at 0; what several begin with is laid down once for all of them, where that is much."""
    joined = Packed(trajectories=0)
    places: dict[int, tuple[int, int, int]] = {}
    for group, common in common_beginnings(items):
        first = len(joined)
        for n in group:
            item, at = items[n], len(joined)
            new = common if at > first else 0  # what comes before is there already
            joined.tokens += item.tokens[new:]
            joined.positions += item.positions[new:]
            if new:
                joined.intervals += [(first, first + new, at)] * (len(item) - new)
            else:
                joined.intervals += [(a + at, b + at, c + at) for a, b, c in item.intervals]
            places[n] = (new, first, at)
    for n, item in enumerate(items):
        new, first, at = places[n]
        joined.rows += [row + (first if row < new else at - new) for row in item.rows]
        joined.targets += item.targets
        joined.weights += item.weights
        joined.old_logprobs += item.old_logprobs
        joined.teacher_logprobs += item.teacher_logprobs
        joined.top += item.top
        joined.reference_logprobs += item.reference_logprobs
        joined.scales += item.scales
        joined.sequences += item.sequences
        joined.branches += item.branches
        joined.trajectories += item.trajectories
    return joined


def common_beginnings(items: Sequence[Packed]) -> list[tuple[list[int], int]]:
    """Items by what they begin with: indices, and how many first tokens those have in common.

    Those of a group do that began in the same state. Only trajectories without branches are put
    together, and only where at least `COMMON` of each is saved.
    """
    plain = [n for n, item in enumerate(items) if not item.branches and item.trajectories == 1]
    groups = [([n], 0) for n in sorted(set(range(len(items))) - set(plain))]
    group: list[int] = []
    common = 0
    for n in sorted(plain, key=lambda n: items[n].tokens):
        if group:
            alike = min(common, shared(items[n].tokens, items[group[-1]].tokens))
            saves_more = alike * len(group) > common * (len(group) - 1)
            if saves_more and alike >= COMMON * max(len(items[n]), *(len(items[m]) for m in group)):
                group.append(n)
                common = alike
                continue
            groups.append((group, common))
        group, common = [n], len(items[n])
    return [*groups, (group, common)] if group else groups


def together(items: Sequence[Packed]) -> list[Packed]:
    """Pieces that share a sequence as one item, so that they meet in one forward pass."""
    group: dict[object, list[Packed]] = {}
    for item in items:
        met = {id(g): g for s in set(item.sequences) if (g := group.get(s)) is not None}
        merged = [*(other for g in met.values() for other in g), item]
        group |= dict.fromkeys((s for other in merged for s in other.sequences), merged)
    whole = {id(g): g for g in group.values()}
    return [g[0] if len(g) == 1 else join(g) for g in whole.values()]


def rows_for(model: Any) -> Rows:
    """The faster way to batch for a model: joined when it attends by intervals, else padded."""
    implementation = model.config.get_text_config()._attn_implementation
    return "joined" if implementation in (NAME, "flex_attention") else "padded"


def minibatches(
    items: Sequence[Packed], tokens: int, rows: Rows, rng: np.random.Generator
) -> Iterator[list[Packed]]:
    """Every item once, in minibatches of at most `tokens` tokens, padding counted.

    An item that is longer by itself is a minibatch of its own. Joined: in random order, each into
    the fullest of the last `OPEN` minibatches that has room for it. Padded: with others of about
    its length (within a tenth at random), which keeps padding small at the price of a little bias.
    """
    batches: list[list[Packed]] = []
    if rows == "joined":
        room: list[int] = []
        for i in rng.permutation(len(items)):
            recent = range(max(0, len(room) - OPEN), len(room))
            fits = [b for b in recent if room[b] >= len(items[i])]
            if not fits:
                batches.append([])
                room.append(tokens)
                fits = [len(room) - 1]
            best = min(fits, key=room.__getitem__)
            batches[best].append(items[i])
            room[best] -= len(items[i])
    else:
        noise = rng.uniform(0.9, 1.1, len(items))
        longest = 0
        for i in sorted(range(len(items)), key=lambda i: len(items[i]) * noise[i]):
            longest = max(longest, len(items[i]))
            if not batches or longest * (len(batches[-1]) + 1) > tokens:
                batches.append([])
                longest = len(items[i])
            batches[-1].append(items[i])
    for index in rng.permutation(len(batches)):
        yield batches[index]


@dataclass(frozen=True, slots=True)
class Batch:
    """B rows padded on the right to length L, with M target tokens in all.

    tokens (B, L); positions (B, L) and intervals (B, L, 3), int32, are None when plain causal
    attention is right; batch_index, rows, targets, weights, scales, old_logprobs, teacher_logprobs,
    reference_logprobs and sequences (which sequence of the batch, from 0) (M,); top_ids and
    top_logprobs (M, K), -inf where unused, None without any.
    """

    tokens: torch.Tensor
    positions: torch.Tensor | None
    intervals: torch.Tensor | None
    batch_index: torch.Tensor
    rows: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    old_logprobs: torch.Tensor
    teacher_logprobs: torch.Tensor
    reference_logprobs: torch.Tensor
    scales: torch.Tensor
    sequences: torch.Tensor
    top_ids: torch.Tensor | None = None
    top_logprobs: torch.Tensor | None = None

    @property
    def mask(self) -> torch.Tensor | None:
        """(B, 1, L, L), True where query i may look at key j; None where that is causal."""
        return None if self.intervals is None else dense_mask(self.intervals)


def collate(
    items: Sequence[Packed], device: torch.device | str = "cpu", rows: Rows = "padded"
) -> Batch:
    """One minibatch as tensors: all items in one row, or each in its own."""
    if rows == "joined":
        items = [join(items)]
    length = max(len(item) for item in items)

    def grid(lists: Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor([[*row, *[0] * (length - len(row))] for row in lists], device=device)

    positions = intervals = None
    if any(item.branches or item.trajectories > 1 for item in items):
        positions = grid([item.positions for item in items])
        # Padding sees itself, so that no softmax is over nothing.
        intervals = torch.tensor(
            [[*i.intervals, *((0, 0, at) for at in range(len(i), length))] for i in items],
            dtype=torch.int32,
            device=device,
        )
    index = [b for b, item in enumerate(items) for _ in item.rows]
    names = dict.fromkeys(s for item in items for s in item.sequences)
    number = {name: n for n, name in enumerate(names)}
    return Batch(
        grid([item.tokens for item in items]),
        positions,
        intervals,
        torch.tensor(index, device=device),
        torch.tensor([row for item in items for row in item.rows], device=device),
        torch.tensor([t for item in items for t in item.targets], device=device),
        torch.tensor([w for item in items for w in item.weights], device=device),
        torch.tensor([p for item in items for p in item.old_logprobs], device=device),
        torch.tensor([p for item in items for p in item.teacher_logprobs], device=device),
        torch.tensor([p for item in items for p in item.reference_logprobs], device=device),
        torch.tensor([s for item in items for s in item.scales], device=device),
        torch.tensor([number[s] for item in items for s in item.sequences], device=device),
        *_top([top for item in items for top in item.top], device),
    )


def _top(
    tops: Sequence[Top], device: torch.device | str
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Ids and log-probabilities (M, K) of what a teacher says at M positions."""
    most = max(map(len, tops), default=0)
    if not most:
        return None, None
    full = [[*top, *((0, float("-inf")),) * (most - len(top))] for top in tops]
    ids = torch.tensor([[token for token, _ in top] for top in full], device=device)
    return ids, torch.tensor([[p for _, p in top] for top in full], device=device)
