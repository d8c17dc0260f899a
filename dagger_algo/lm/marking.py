"""Training examples as text, with what is trained on marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.packing import Packed
from dagger_algo.lm.supervision import expected, learnt


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text, trained on or not."""

    text: str
    trained: bool


def mark(example: Example, packed: Packed, codec: ChatCodec, near: bool = False) -> list[Span]:
    """An example as text, with what the packed batch really trains on marked; labels that were
    not executed stand in front of what was. near: see `counting`."""
    trained = learnt(packed, near)
    ends = codec.stream(example.observations, example.actions).ends
    asked = expected(example, codec)
    spans: list[Span] = []
    for turn, observation in enumerate(example.observations):
        shown = codec.decode(codec.observation_ids(observation, later=turn > 0))
        spans.append(Span(_shorten(shown), False))
        targets = [target for target in example.targets if target.turn == turn]
        for target, pairs in zip(example.targets, asked, strict=True):
            if target.turn == turn:
                flags = [pair in trained for pair in pairs]
                spans += _spans([token for _, token in pairs], flags, codec)
        if turn < len(ends) and all(t.action != example.actions[turn] for t in targets):
            executed = codec.decode(codec.action_ids(example.actions[turn]))
            spans.append(Span(("\n— executed: " if targets else "") + executed, False))
    return spans


def _spans(ids: Sequence[int], flags: Sequence[bool], codec: ChatCodec) -> list[Span]:
    spans, start = [], 0
    for n in range(1, len(ids) + 1):
        if n == len(ids) or flags[n] != flags[start]:
            spans.append(Span(codec.decode(ids[start:n]), flags[start]))
            start = n
    return spans


def _shorten(text: str, most: int = 600) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - most:,} characters …]\n{text[-half:]}"
