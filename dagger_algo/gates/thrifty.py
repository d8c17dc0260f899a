"""ThriftyDAgger's threshold: set online, so that the teacher acts a given share of the time."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.gates.score import Score, decided, figures, observe
from dagger_algo.randomness import stream


@dataclass
class _Memory:
    """scores: the newest. acted: who took those turns. level: share of the scores above the
    threshold; it moves so that the target is met although scores change."""

    level: float
    scores: deque[float]
    acted: deque[Actor]


@dataclass(frozen=True)
class Thrifty:
    """The teacher acts, and a label is wanted, at the `share` of turns that score highest among the
    newest ones (ThriftyDAgger, 2109.08273: thresholds set online as quantiles that meet an
    intervention budget). A share of 1 is β = 1.

    As the student learns its scores fall, and a quantile of past ones is reached ever more rarely.
    So the quantile's level follows the error, as in adaptive conformal inference (2106.00170), and
    the share is met in the long run however scores change, whoever else makes the teacher act.
    Among equal scores at the threshold a coin decides, and it decides alone until there are any.
    """

    score: Score
    share: float = 0.2
    """Target share of turns, between 0 and 1."""
    window: int = 500
    """How many turns the quantile is taken over, and over how many a missed share is made good:
    more than there are under way at a time."""
    seed: int = 0
    learns_from_scores = True
    _memory: _Memory = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f"share is a share of the turns, between 0 and 1, not {self.share}")
        if self.window < 1:
            raise ConfigError(f"window is a number of turns, 1 or more, not {self.window}")
        memory = _Memory(self.share, deque(maxlen=self.window), deque(maxlen=self.window))
        object.__setattr__(self, "_memory", memory)

    @property
    def sees(self) -> Sees:
        return self.score.sees

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        scores = self.score(moments)
        rule = self._rule()
        teaches = [
            self._wanted(score, moment.state.key, moment.state.turn, rule)
            for score, moment in zip(scores, moments, strict=True)
        ]
        return decided(scores, teaches)

    def _wanted(self, score: float, key: str, turn: int, rule: tuple[float | None, float]) -> bool:
        threshold, chance = rule
        if threshold is not None and score != threshold:
            return score > threshold
        return stream(self.seed, f"{key}/thrifty", turn).random() < chance

    def _rule(self) -> tuple[float | None, float]:
        """The threshold (None: a coin decides everywhere) and the chance of the teacher at it."""
        level, scores = self._memory.level, np.sort(self._memory.scores)[::-1]
        if not len(scores) or not 0.0 < level < 1.0:
            return None, level
        wanted = level * len(scores)
        threshold = float(scores[int(wanted)])
        above, equal = (scores > threshold).sum(), (scores == threshold).sum()
        return threshold, float((wanted - above) / equal)

    def observe(self, episode: Episode) -> None:
        """Its scores move the threshold, and who acted moves the level."""
        memory = self._memory
        for turn in episode.turns:
            if turn.score is None:
                continue
            error = self.share - (turn.actor is Actor.TEACHER)
            level = memory.level + error / self.window
            # Beyond these bounds only others' decisions can drive it: they are not held against it.
            memory.level = min(1.0 + 1.0 / self.window, max(-1.0 / self.window, level))
            memory.scores.append(turn.score)
            memory.acted.append(turn.actor)
        observe(self.score, episode)

    def figures(self) -> dict[str, float]:
        """Threshold, level, the share of the last `window` turns that the teacher took; and the
        score's."""
        threshold, _ = self._rule()
        acted = list(self._memory.acted)
        return {
            "threshold": float("nan") if threshold is None else threshold,
            "level": self._memory.level,
            "share": acted.count(Actor.TEACHER) / len(acted) if acted else float("nan"),
            **figures(self.score),
        }
