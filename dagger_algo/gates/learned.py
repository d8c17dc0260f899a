"""A score that is learned while it is used: the probability of something that episodes tell."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from dagger_algo.conversation import Actor, Episode, Outcome
from dagger_algo.errors import ConfigError
from dagger_algo.gates.calibration import auc, brier, expected_calibration_error
from dagger_algo.gates.ensemble import same
from dagger_algo.gates.features import Features, TextFeatures
from dagger_algo.gates.gate import Moment, Sees
from dagger_algo.gates.logistic import Logistic, fit_logistic
from dagger_algo.gates.score import moments

Target = Callable[[Episode], Sequence[bool | None]]
"""Episode -> for each of its turns whether the event came about; None: it is not known."""


def disagreed(episode: Episode) -> list[bool | None]:
    """Was the student's proposal another action than the teacher's label? Texts are compared; for
    another notion (the same tool call, say) write such a function of your own."""
    return [
        None if turn.proposal is None or turn.label is None else not same(turn.proposal, turn.label)
        for turn in episode.turns
    ]


def failed(episode: Episode) -> list[bool | None]:
    """Did the episode fail after this action of the student's? That is ThriftyDAgger's risk, one
    minus the chance of reaching the goal; it is unknown of episodes that were cut."""
    if episode.outcome not in (Outcome.TERMINATED, Outcome.TRUNCATED):
        return [None] * len(episode.turns)
    return [not episode.success if turn.actor is Actor.STUDENT else None for turn in episode.turns]


@dataclass
class _Memory:
    """The newest pairs, and the newest round's predictions of outcomes not yet learned from."""

    rows: deque[np.ndarray]
    targets: deque[bool]
    predicted: list[tuple[float, bool]] = field(default_factory=list)
    round: int = 0
    fresh: int = 0
    model: Logistic | None = None

    @classmethod
    def of(cls, size: int) -> Self:
        """For so many of each."""
        return cls(deque(maxlen=size), deque(maxlen=size))


@dataclass(frozen=True)
class Learned:
    """P(target | state, proposal) by logistic regression on the newest pairs that were observed.

    Only turns of which the outcome is known can be learned from: with `disagreed` those that were
    labelled. Where only what scores high is labelled, the rest stays unknown; see `spot_check`.
    """

    target: Target = disagreed
    features: Features = field(default_factory=TextFeatures)
    refit: int = 25
    """Fit anew after so many new pairs; until the first fit every moment scores 1."""
    window: int = 1000
    """How many pairs to learn from: the student changes, and old ones are about another."""
    l2: float = 1.0
    """Inverse variance of the prior of each weight, over standardised features."""
    sees = Sees.PROPOSAL
    _memory: _Memory = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.refit < 1 or self.window < self.refit:
            raise ConfigError(
                f"refit={self.refit} must be 1 or more, and window={self.window} not below it"
            )
        if not self.l2 > 0.0:
            raise ConfigError(f"l2 must be above 0, not {self.l2}")
        object.__setattr__(self, "_memory", _Memory.of(self.window))

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        if self._memory.model is None:
            return [1.0] * len(moments)
        # One by one: a product of matrices may round a row differently beside others.
        return [self._predict(self.features([moment])) for moment in moments]

    def _predict(self, row: np.ndarray) -> float:
        assert self._memory.model is not None
        return float(self._memory.model(row)[0])

    def observe(self, episode: Episode) -> None:
        """Predict, then learn: the figures are about predictions made before that."""
        pairs = [
            (self.features([moment]), outcome)
            for moment, outcome in zip(moments(episode), self.target(episode), strict=True)
            if outcome is not None and moment.proposal is not None
        ]
        memory = self._memory
        if episode.round != memory.round:
            memory.predicted, memory.round = [], episode.round
        for row, outcome in pairs:
            if memory.model is not None:
                memory.predicted.append((self._predict(row), outcome))
            memory.rows.append(row[0])
            memory.targets.append(outcome)
        memory.fresh += len(pairs)
        if memory.fresh >= self.refit:
            rows, targets = np.stack(memory.rows), np.array(memory.targets, dtype=float)
            memory.model, memory.fresh = fit_logistic(rows, targets, self.l2), 0

    def figures(self) -> dict[str, float]:
        """Calibration of the newest round's predictions, each made before it was learned from:
        their number, the event's base rate, Brier score, expected calibration error, AUC."""
        p = np.array([probability for probability, _ in self._memory.predicted])
        y = np.array([outcome for _, outcome in self._memory.predicted], dtype=float)
        return {
            "predictions": float(len(p)),
            "base_rate": float(y.mean()) if len(y) else float("nan"),
            "brier": brier(p, y),
            "calibration_error": expected_calibration_error(p, y),
            "auc": auc(p, y),
        }
