"""What answers cost, added up."""

from collections import Counter
from dataclasses import dataclass

from dagger_algo.conversation import Action, Actor, Episode, Usage
from dagger_algo.labels import Labels
from dagger_algo.policy import Policy


@dataclass(frozen=True, slots=True)
class Costs:
    """What the teacher was asked in an episode, and what that cost.

    queries: questions, answered or not; lost: those without an answer; cache_hits: those answered
    from a cache. tokens_in, tokens_out: as the teacher counts them, out of a cache or not; money
    and seconds: of what did not come out of a cache.
    """

    queries: int = 0
    lost: int = 0
    cache_hits: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0
    seconds: float = 0.0


def costs(episode: Episode, labels: Labels = Labels()) -> Costs:
    """The teacher's part of an episode that was collected with these `labels`."""
    answers: list[Action | None] = []
    for turn in episode.turns:
        if turn.asked:
            answers.append(turn.label)
        if turn.actor is Actor.TEACHER and not labels.executed:
            answers.append(turn.action)
    usages = [answer.usage for answer in answers if answer is not None and answer.usage is not None]
    paid = [usage for usage in usages if not usage.cached]
    return Costs(
        queries=len(answers),
        lost=answers.count(None),
        cache_hits=len(usages) - len(paid),
        tokens_in=sum(usage.tokens_in for usage in usages),
        tokens_out=sum(usage.tokens_out for usage in usages),
        money=sum(usage.money for usage in paid),
        seconds=sum(usage.seconds for usage in paid),
    )


def add(one: Usage, other: Usage) -> Usage:
    """What both cost together; it is out of a cache when both are, and money and seconds are those
    of what is not."""
    paid = [usage for usage in (one, other) if not usage.cached] or [one, other]
    return Usage(
        one.tokens_in + other.tokens_in,
        one.tokens_out + other.tokens_out,
        sum(usage.money for usage in paid),
        sum(usage.seconds for usage in paid),
        one.cached and other.cached,
    )


def losses(teacher: Policy) -> Counter[str]:
    """Answers that a teacher lost, by reason: its own and those of the policies it wraps."""
    total: Counter[str] = Counter()
    inner: object = teacher
    while inner is not None:
        total.update(getattr(inner, "losses", {}))
        inner = getattr(inner, "policy", None)
    return total
