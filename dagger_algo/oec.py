"""On-policy expert corrections (OEC, Lauffer et al. 2025, 2512.14895).

    states      the teacher's, in episodes that the student began, mixed with demonstrations
    actions     the teacher's
    weights     1 in episodes that pass the filters, else 0

The student acts for a random number of turns, then the teacher to the end; it is asked nowhere
else. What is learnt of the student's states are those from which the teacher still succeeded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dagger_algo import filters
from dagger_algo.checks import at_least
from dagger_algo.conversation import Actor
from dagger_algo.errors import ConfigError
from dagger_algo.examples import imitate
from dagger_algo.gates.gate import Decision, Gate, Moment, Sees, in_round
from dagger_algo.gates.mixture import teacher_share
from dagger_algo.gates.switch import Switch
from dagger_algo.labels import Labels
from dagger_algo.randomness import stream
from dagger_algo.run import Run


@dataclass(frozen=True)
class OECConfig:
    """Settings of OEC."""

    rounds: int = 5
    """Times the student begins episodes and is refitted."""
    epochs: int = 3
    """Passes over the data in each round's fit."""
    switch: Switch = field(default_factory=Switch)
    """After how many turns the teacher takes over."""
    demonstrations: float = 0.5
    """Share of episodes that the teacher does alone, between 0 and 1."""
    keep: tuple[filters.Name, ...] = ("success",)
    """Only episodes that pass all of these are trained on."""

    def __post_init__(self) -> None:
        at_least(1, self, "rounds", "epochs")
        filters.named(self.keep)
        if not 0.0 <= self.demonstrations <= 1.0:
            raise ConfigError(
                f"demonstrations is a share between 0 and 1, not {self.demonstrations}"
            )


@dataclass(frozen=True)
class Demonstrations:
    """In a share of the episodes, drawn by their keys, the teacher acts throughout; in the others
    `gate` says who does."""

    share: float
    gate: Gate
    seed: int = 0

    @property
    def sees(self) -> Sees:
        """What the other gate sees."""
        return self.gate.sees

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [
            Decision(Actor.TEACHER) if self._alone(moment) else decision
            for moment, decision in zip(moments, self.gate(moments), strict=True)
        ]

    def _alone(self, moment: Moment) -> bool:
        key = f"{moment.state.key}/demonstration"
        return bool(stream(self.seed, key).random() < self.share)


def oec(run: Run, config: OECConfig = OECConfig()) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds."""
    keep = filters.named(config.keep)
    for i in run.rounds(config.rounds):
        switch = in_round(config.switch, i, config.rounds)
        gate = Demonstrations(config.demonstrations, switch, run.seed)
        limit = run.share(i, config.rounds)
        episodes = run.collect(i, limit, gate=gate, teacher=run.teacher, labels=Labels("teacher"))
        fit = run.fit(imitate(run.episodes(i), keep), epochs=config.epochs)
        kept = sum(map(keep, episodes)) / max(1, len(episodes))
        run.report(i, teacher_share=teacher_share(episodes), kept=kept, loss=fit["loss"])
