"""What the teacher's part of an episode cost."""

from dataclasses import dataclass

from dagger_algo.asking import answers
from dagger_algo.conversation import Episode


@dataclass(frozen=True, slots=True)
class Costs:
    """What the teacher was asked in an episode, and what that cost.

    queries: questions, answered or not; lost: those without an answer; cache_hits: those answered
    from a cache. tokens_in, tokens_out: as the teacher counts them, out of a cache or not, of lost
    answers too; money: likewise, and paid: what of it no cache has saved. seconds: of waiting.
    """

    queries: int = 0
    lost: int = 0
    cache_hits: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0
    seconds: float = 0.0
    paid: float = 0.0


def costs(episode: Episode) -> Costs:
    """The teacher's part of an episode."""
    said = [answer for turn in episode.turns for answer in answers(turn)]
    usages = [answer.usage for answer in said if answer is not None and answer.usage is not None]
    hits = sum(usage.cached for usage in usages)
    lost = [usage for turn in episode.turns for usage in (turn.lost, turn.lost_again)]
    usages += [usage for usage in lost if usage is not None]
    return Costs(
        queries=len(said),
        lost=said.count(None),
        cache_hits=hits,
        tokens_in=sum(usage.tokens_in for usage in usages),
        tokens_out=sum(usage.tokens_out for usage in usages),
        money=sum(usage.money for usage in usages),
        seconds=sum(usage.seconds for usage in usages),
        paid=sum(usage.paid for usage in usages),
    )
