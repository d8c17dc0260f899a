"""Gates made of gates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Gate, Moment, Sees, in_round
from dagger_algo.gates.score import merged, observe, union
from dagger_algo.randomness import stream

Rule = Callable[[Moment, Sequence[Decision]], Decision]
"""What becomes of the decisions that several gates took about one moment."""


@dataclass(frozen=True)
class Combined:
    """Several gates decide, and a rule makes one decision of theirs.

    A turn keeps one score: that of the gate which learns from its own scores (`Thrifty`), else the
    first there is. Raises ConfigError where two of the gates learn from theirs.
    """

    gates: tuple[Gate, ...]
    rule: Rule

    def __post_init__(self) -> None:
        if not self.gates:
            raise ConfigError("a combination needs at least one gate")
        if sum(map(_learns_from_scores, self.gates)) > 1:
            raise ConfigError(
                "two gates that learn from their own scores cannot be combined, since a turn keeps "
                "only one score: let one of them go by a fixed threshold"
            )

    @property
    def sees(self) -> Sees:
        return union(gate.sees for gate in self.gates)

    @property
    def learns_from_scores(self) -> bool:
        """One of its gates does."""
        return any(map(_learns_from_scores, self.gates))

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        rows = zip(*(gate(moments) for gate in self.gates), strict=True)
        return [
            self.rule(moment, row)._replace(score=self._score(row))
            for moment, row in zip(moments, rows, strict=True)
        ]

    def _score(self, row: Sequence[Decision]) -> float | None:
        for gate, decision in zip(self.gates, row, strict=True):
            if _learns_from_scores(gate):
                return decision.score
        return next((d.score for d in row if d.score is not None), None)

    def in_round(self, i: int, rounds: int) -> Gate:
        """The same rule over the gates of that round."""
        return replace(self, gates=tuple(in_round(gate, i, rounds) for gate in self.gates))

    def observe(self, episode: Episode) -> None:
        """Passed on to those that learn."""
        for gate in self.gates:
            observe(gate, episode)

    def figures(self) -> dict[str, float]:
        """Of all that have some."""
        return merged(self.gates)


def any_of(*gates: Gate) -> Combined:
    """The teacher acts where one of them says so, and a label is wanted where one wants it."""

    def rule(moment: Moment, row: Sequence[Decision]) -> Decision:
        return _decision(any(map(_teaches, row)), any(d.ask for d in row))

    return Combined(gates, rule)


def all_of(*gates: Gate) -> Combined:
    """The teacher acts where all of them say so, and a label is wanted where all want it."""

    def rule(moment: Moment, row: Sequence[Decision]) -> Decision:
        return _decision(all(map(_teaches, row)), all(d.ask for d in row))

    return Combined(gates, rule)


def at_most(gate: Gate, turns: int) -> Combined:
    """The gate, until the teacher has acted in `turns` turns of the episode; then the student goes
    on alone and unasked."""
    if turns < 0:
        raise ConfigError(f"at_most is a number of turns of an episode, 0 or more, not {turns}")

    def rule(moment: Moment, row: Sequence[Decision]) -> Decision:
        taken = sum(turn.actor is Actor.TEACHER for turn in moment.turns)
        return row[0] if taken < turns else _decision(False, False)

    return Combined((gate,), rule)


def spot_check(gate: Gate, share: float, seed: int = 0) -> Combined:
    """The gate, and a label is wanted also at a random `share` of the turns where it wants none:
    a gate that learns from labels so hears of its mistakes."""
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"check is a share of the turns, between 0 and 1, not {share}")

    def rule(moment: Moment, row: Sequence[Decision]) -> Decision:
        coin = stream(seed, f"{moment.state.key}/check", moment.state.turn).random()
        return row[0]._replace(ask=row[0].ask or coin < share)

    return Combined((gate,), rule)


@dataclass(frozen=True)
class Warmup:
    """The teacher acts and labels everything in the first `rounds` rounds, while the gate watches;
    then the gate decides, as from its own round 1."""

    gate: Gate
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise ConfigError(f"warmup is a number of rounds, 0 or more, not {self.rounds}")

    @property
    def sees(self) -> Sees:
        return self.gate.sees

    @property
    def learns_from_scores(self) -> bool:
        """The gate does."""
        return _learns_from_scores(self.gate)

    def in_round(self, i: int, rounds: int) -> Gate:
        """The teacher with the gate's scores, or the gate's own round."""
        if i > self.rounds:
            return in_round(self.gate, i - self.rounds, rounds - self.rounds)
        gate = in_round(self.gate, 1, max(1, rounds - self.rounds))
        return Combined((gate,), lambda moment, row: _decision(True, True))

    def __call__(self, moments: Sequence[Moment]) -> Sequence[Decision]:
        return self.in_round(1, 1)(moments)

    def observe(self, episode: Episode) -> None:
        """Passed on to the gate."""
        observe(self.gate, episode)

    def figures(self) -> dict[str, float]:
        """The gate's."""
        return merged([self.gate])


def _decision(teaches: bool, ask: bool) -> Decision:
    return Decision(Actor.TEACHER if teaches else Actor.STUDENT, ask)


def _teaches(decision: Decision) -> bool:
    return decision.actor is Actor.TEACHER


def _learns_from_scores(gate: Gate) -> bool:
    return bool(getattr(gate, "learns_from_scores", False))
