"""What the teacher's part of an episode cost."""

from dataclasses import dataclass

from dagger_algo.conversation import Action, Actor, Episode
from dagger_algo.labels import Labels


@dataclass(frozen=True, slots=True)
class Costs:
    """What the teacher was asked in an episode, and what that cost.

    queries: questions, answered or not; lost: those without an answer; cache_hits: those answered
    from a cache. tokens_in, tokens_out: as the teacher counts them, out of a cache or not, of lost
    answers too; money and seconds: of what did not come out of a cache.
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
    hits = sum(usage.cached for usage in usages)
    usages += [turn.lost for turn in episode.turns if turn.lost is not None]
    paid = [usage for usage in usages if not usage.cached]
    return Costs(
        queries=len(answers),
        lost=answers.count(None),
        cache_hits=hits,
        tokens_in=sum(usage.tokens_in for usage in usages),
        tokens_out=sum(usage.tokens_out for usage in usages),
        money=sum(usage.money for usage in paid),
        seconds=sum(usage.seconds for usage in paid),
    )
