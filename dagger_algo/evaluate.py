"""How good is the student alone? Greedy, no teacher, on episodes that training never sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from dagger_algo.collect import collect
from dagger_algo.conversation import Episode
from dagger_algo.env_pool import EnvPool
from dagger_algo.policy import Student


@dataclass(frozen=True)
class Evaluation:
    """Outcome of one evaluation, in the order of its seeds.

    seeds, rewards, turns: one entry per episode. Episodes that the environment broke are missing.
    """

    seeds: tuple[int, ...]
    rewards: tuple[float, ...]
    turns: tuple[int, ...]

    @property
    def success(self) -> float:
        """Share of episodes with a positive return."""
        return sum(r > 0 for r in self.rewards) / max(1, len(self.rewards))


def evaluate(
    student: Student, pool: EnvPool, seeds: Sequence[int]
) -> tuple[Evaluation, list[Episode]]:
    """One greedy episode per seed; costs nothing of the training budget."""
    episodes = sorted(collect(pool, seeds, student.greedy()), key=lambda e: seeds.index(e.seed))
    return (
        Evaluation(
            tuple(e.seed for e in episodes),
            tuple(e.reward for e in episodes),
            tuple(len(e.turns) for e in episodes),
        ),
        episodes,
    )
