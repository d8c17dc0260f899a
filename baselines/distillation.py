"""The loop that on-policy distillation shares: roll out, let the teacher score, fit.

What tells the algorithms apart is what they make of the scored roll-outs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from dagger_algo.checks import at_least
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target, own_actions
from dagger_algo.objectives import Objective
from dagger_algo.run import Run
from dagger_algo.teachers.scoring import adviser, consult

Figures = Mapping[str, Sequence[float]]
"""By name: of a round, to be averaged."""


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """Settings that all of them have."""

    episodes: int = 8
    """Episodes per update."""
    epochs: int = 4
    """Passes over each batch of roll-outs."""
    rate: float = 1.0
    """Times the student's learning rate."""
    evaluate: int = 3
    """Evaluations in all, evenly over the budget."""

    def __post_init__(self) -> None:
        at_least(1, self, "episodes", "epochs", "evaluate")


def distilled(
    run: Run,
    config: DistillationConfig,
    objective: Objective,
    prepare: Callable[[list[Example]], tuple[list[Example], Figures]],
    top: int = 0,
) -> None:
    """Train `run.student` on its own roll-outs until the budget is spent.

    prepare: from roll-outs with the teacher's opinion to what is fitted, and figures of it. top:
    likeliest tokens that the teacher names in every place.
    """
    teacher = adviser(run.teacher, run.student)
    for i in run.rounds(config.evaluate):
        limit = run.share(i, config.evaluate)
        figures: dict[str, list[float]] = {"reverse_kl": []}
        while not run.ledger.spent(limit):
            rollouts = run.collect(i, limit, seeds=islice(run.seeds, config.episodes))
            scored = consult(run, teacher, own_actions(rollouts), limit, top=top)
            if not scored:
                continue
            figures["reverse_kl"].append(reverse_kl(scored))
            data, found = prepare(scored)
            for name, values in found.items():
                figures.setdefault(name, []).extend(values)
            run.fit(data, epochs=config.epochs, objective=objective, rate=config.rate)
        run.report(i, **means(figures))


def means(figures: Figures) -> dict[str, float]:
    """The mean of each figure; nan of none."""
    return {name: float(np.mean(v)) if len(v) else float("nan") for name, v in figures.items()}


def sampled_logprobs(target: Target) -> tuple[float, ...]:
    """Of the target's tokens when they were sampled; ConfigError where the student gave none."""
    if target.action.logprobs is None:
        raise ConfigError(
            "on-policy distillation needs the log-probabilities with which the student sampled, "
            f"and its action {target.action.text[:40]!r} has none: let the student be a local model"
        )
    return target.action.logprobs


def reverse_kl(examples: Sequence[Example]) -> float:
    """Mean of log π_old - log p_T over all tokens: an estimate of KL(π || p_T) per token, nats."""
    gaps = [
        s - t
        for example in examples
        for target in example.targets
        for s, t in zip(sampled_logprobs(target), target.teacher_logprobs or (), strict=True)
    ]
    return float(np.mean(gaps))
