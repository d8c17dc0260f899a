"""The bundled gates, by the names that the command line knows them by."""

from collections.abc import Callable
from typing import Any

from dagger_algo.errors import ConfigError
from dagger_algo.gates.ensemble import Disagreement, Discrepancy, Resampled
from dagger_algo.gates.entropy import Entropy
from dagger_algo.gates.every import Every
from dagger_algo.gates.lazy import Lazy
from dagger_algo.gates.learned import Learned, disagreed, failed
from dagger_algo.gates.mixture import BetaMixture
from dagger_algo.gates.novelty import Novelty
from dagger_algo.gates.score import Highest, Score
from dagger_algo.gates.stall import Stall
from dagger_algo.gates.state_beta import StateBeta
from dagger_algo.gates.switch import Switch
from dagger_algo.gates.threshold import Above
from dagger_algo.gates.thrifty import Thrifty
from dagger_algo.policy import Policy

SCORES: dict[str, Callable[[], Score]] = {
    "doubt": lambda: Learned(disagreed),
    "risk": lambda: Learned(failed),
    "novelty": Novelty,
    "novelty_or_risk": lambda: Highest((Novelty(), Learned(failed))),
    "entropy": Entropy,
}


def make_score(name: str) -> Score:
    """A score by its name; ConfigError for an unknown one."""
    if name not in SCORES:
        raise ConfigError(f"unknown score {name!r} of a gate; known: {', '.join(SCORES)}")
    return SCORES[name]()


def safe(*, tau: float = 0.5, score: str = "doubt") -> Above:
    """SafeDAgger: a classifier predicts disagreement; the teacher acts where it reaches tau."""
    return Above(make_score(score), tau)


def lazy(*, enter: float = 0.5, leave: float = 0.25, score: str = "doubt") -> Lazy:
    """LazyDAgger: the teacher comes at `enter` and stays until the score is below `leave`."""
    return Lazy(make_score(score), enter, leave)


def thrifty(
    *, share: float = 0.2, score: str = "novelty_or_risk", window: int = 500, seed: int = 0
) -> Thrifty:
    """ThriftyDAgger: the share of turns that are most novel or most at risk."""
    return Thrifty(make_score(score), share, window=window, seed=seed)


def ensemble(*, above: float = 0.5, members: int = 4, student: Policy) -> Above:
    """EnsembleDAgger over resamples of the student: the teacher acts where they disagree."""
    others = tuple(Resampled(student, number) for number in range(1, members + 1))
    return Above(Disagreement(others), above)


def entropy(*, above: float = 0.5) -> Above:
    """The teacher acts where the student is unsure: at so many nats per token or more."""
    return Above(Entropy(), above)


def discrepancy() -> Above:
    """The teacher acts wherever it would act otherwise; it is asked at every turn to know that."""
    return Above(Discrepancy(), 0.5)


def learned(*, floor: float = 0.05, score: str = "doubt", seed: int = 0) -> StateBeta:
    """β(s): a coin that falls to the teacher with the predicted chance of disagreement."""
    return StateBeta(make_score(score), floor, seed)


GATES: dict[str, Callable[..., Any]] = {
    "bernoulli": BetaMixture,
    "switch": Switch,
    "every": Every,
    "stall": Stall,
    "safe": safe,
    "lazy": lazy,
    "thrifty": thrifty,
    "ensemble": ensemble,
    "entropy": entropy,
    "discrepancy": discrepancy,
    "learned": learned,
}
