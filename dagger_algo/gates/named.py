"""The bundled gates, by the names that the command line knows them by.

`student` is who is trained; the run fills it in.
"""

from collections.abc import Callable
from typing import Any

from dagger_algo.errors import ConfigError
from dagger_algo.gates.ensemble import Disagreement, Discrepancy, Resampled, dropping
from dagger_algo.gates.entropy import Entropy
from dagger_algo.gates.every import Every
from dagger_algo.gates.features import Features, HiddenFeatures, TextFeatures
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

LEARNED: dict[str, Callable[[Features], Score]] = {
    "doubt": lambda features: Learned(disagreed, features),
    "risk": lambda features: Learned(failed, features),
    "novelty_or_risk": lambda features: Highest((Novelty(), Learned(failed, features))),
}
FIXED: dict[str, Callable[[], Score]] = {"novelty": Novelty, "entropy": Entropy}
FEATURES = ("text", "hidden")


def make_score(name: str, features: str, student: Policy) -> Score:
    """A score by its name, and by that of the features it is learned on; ConfigError for an unknown
    one, for features of a score that looks at none, and for a student that has none."""
    if features not in FEATURES:
        raise ConfigError(f"unknown features {features!r} of a gate; known: {', '.join(FEATURES)}")
    if name in LEARNED:
        return LEARNED[name](TextFeatures() if features == "text" else hidden_features(student))
    if name not in FIXED:
        known = ", ".join([*LEARNED, *FIXED])
        raise ConfigError(f"unknown score {name!r} of a gate; known: {known}")
    if features != "text":
        raise ConfigError(f"the score {name!r} looks at no features: leave features= out")
    return FIXED[name]()


def hidden_features(student: Any) -> HiddenFeatures:
    """Of a frozen copy of the student as it is now; ConfigError where it has no hidden states."""
    if not (hasattr(student, "features") and hasattr(student, "frozen")):
        raise ConfigError(
            f"features=hidden looks at a model's hidden states, and {type(student).__name__} has "
            "none: train a transformer in this process, or leave features= out"
        )
    return HiddenFeatures(student.frozen())


def safe(
    *, tau: float = 0.5, score: str = "doubt", features: str = "text", student: Policy
) -> Above:
    """SafeDAgger: a classifier predicts disagreement; the teacher acts where it reaches tau."""
    return Above(make_score(score, features, student), tau)


def lazy(
    *,
    enter: float = 0.5,
    leave: float = 0.25,
    score: str = "doubt",
    features: str = "text",
    student: Policy,
) -> Lazy:
    """LazyDAgger: the teacher comes at `enter` and stays until the score is below `leave`."""
    return Lazy(make_score(score, features, student), enter, leave)


def thrifty(
    *,
    share: float = 0.2,
    score: str = "novelty_or_risk",
    features: str = "text",
    window: int = 500,
    seed: int = 0,
    student: Policy,
) -> Thrifty:
    """ThriftyDAgger: the share of turns that are most novel or most at risk."""
    return Thrifty(make_score(score, features, student), share, window=window, seed=seed)


def ensemble(
    *, above: float = 0.5, members: int = 4, dropout: float = 0.0, student: Policy
) -> Above:
    """EnsembleDAgger: the teacher acts where members disagree with the student. They are resamples
    of it or, where a rate of dropout is given, the student with so much of it left out."""
    numbers = range(1, members + 1)
    if dropout:
        return Above(Disagreement(tuple(dropping(student, dropout, n) for n in numbers)), above)
    return Above(Disagreement(tuple(Resampled(student, n) for n in numbers)), above)


def entropy(*, above: float = 0.5) -> Above:
    """The teacher acts where the student is unsure: at so many nats per token or more."""
    return Above(Entropy(), above)


def discrepancy() -> Above:
    """The teacher acts wherever it would act otherwise; it is asked at every turn to know that."""
    return Above(Discrepancy(), 0.5)


def learned(
    *,
    floor: float = 0.05,
    score: str = "doubt",
    features: str = "text",
    seed: int = 0,
    student: Policy,
) -> StateBeta:
    """β(s): a coin that falls to the teacher with the predicted chance of disagreement."""
    return StateBeta(make_score(score, features, student), floor, seed)


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
