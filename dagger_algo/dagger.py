"""DAgger for language-model agents ("Revisiting DAgger in the Era of LLM-Agents", 2605.12913;
Ross, Gordon & Bagnell 2011).

    states      a turn-by-turn mixture of the teacher's and the student's
    actions     the teacher's, at every state visited
    weights     1
"""

from dataclasses import dataclass, field

from dagger_algo.examples import imitate
from dagger_algo.gates.gate import Gate
from dagger_algo.gates.mixture import TurnMixture
from dagger_algo.labels import Labels
from dagger_algo.run import Run, agreement
from dagger_algo.schedules import Beta


@dataclass(frozen=True)
class DaggerConfig:
    """Settings of DAgger."""

    rounds: int = 5
    """N: times the student rolls in, is labelled and is refitted."""
    epochs: int = 3
    """Passes over the data in each round's fit."""
    beta: Beta = field(default_factory=Beta)
    """Probability that the teacher executes a turn, over the rounds."""
    aggregate: bool = True
    """Fit on the labels of all rounds so far; otherwise on the newest round's only."""
    labels: Labels = field(default_factory=Labels)
    """Where, and how much, the teacher is asked."""


def dagger(run: Run, config: DaggerConfig = DaggerConfig(), gate: Gate | None = None) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds.

    gate: says who acts; without one it is a coin that falls to the teacher with probability β.
    """
    for i in run.rounds(config.rounds, gate):
        beta = config.beta(i, config.rounds)
        who = gate or TurnMixture(beta, run.seed)
        limit = run.share(i, config.rounds)
        episodes = run.collect(i, limit, gate=who, teacher=run.teacher, labels=config.labels)
        data = run.episodes(i) if config.aggregate else episodes
        fit = run.fit(imitate(data), epochs=config.epochs)
        run.report(i, beta=beta, agreement=agreement(episodes), loss=fit["loss"])
