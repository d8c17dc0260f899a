"""ExOPD: the extrapolated reward and the bound by hand, and a tiny student past its teacher."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import exopd
from baselines.exopd import ExOPDConfig, extrapolate, safe_extrapolation
from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.ledger import Budget
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy
from tests.support.echo import echo_beginner, echo_policy, echo_run, echo_teacher, tokenizer

PROBABILITY = st.floats(1e-6, 1 - 1e-6)


class Saying:
    """A reference with these log-probabilities of every action."""

    def __init__(self, *probabilities: float) -> None:
        self._logprobs = tuple(map(math.log, probabilities))

    def score(self, examples: Any) -> list[list[tuple[float, ...] | None]]:
        return [[self._logprobs for _ in example.targets] for example in examples]


def example(sampled: float, teacher: float) -> Example:
    action = Action("a", (1,), (math.log(sampled),))
    target = Target(0, action, 1.0, teacher_logprobs=(math.log(teacher),))
    return Example(("o",), (action,), (target,))


def rewarded(extrapolation: float, margin: float | None) -> tuple[float, float]:
    config = ExOPDConfig(extrapolation=extrapolation, margin=margin)
    # Sampled with 0.5, the teacher finds it 0.8 likely, the reference 0.4.
    ((found,), factors) = extrapolate([example(0.5, 0.8)], Saying(0.4), config)
    (target,) = found.targets
    assert isinstance(target.weight, tuple)
    return target.weight[0], factors[0]


def test_the_reward_by_hand() -> None:
    assert rewarded(1.5, None)[0] == pytest.approx(math.log(1.6) + 0.5 * math.log(2))
    assert rewarded(1.0, None)[0] == pytest.approx(math.log(1.6))  # OPD's
    assert rewarded(0.5, None)[0] == pytest.approx(math.log(1.6) - 0.5 * math.log(2))


def test_beyond_the_bound_the_bound_is_taken() -> None:
    bound = safe_extrapolation(0.8, 0.4, 0.5)
    assert 1 < bound < 3
    value, factor = rewarded(3.0, 0.5)
    assert factor == bound
    assert value == pytest.approx(math.log(1.6) + (bound - 1) * math.log(2))
    assert rewarded(1.01, 0.5)[1] == 1.01


def test_the_bound_by_hand() -> None:
    # The rest falls from 0.5 to 0.2, so log-odds from 0 to -log 4; it may fall to 0.1: -log 9.
    assert safe_extrapolation(0.8, 0.5, 1.0) == pytest.approx(math.log(9) / math.log(4))
    # The token itself falls likewise.
    assert safe_extrapolation(0.2, 0.5, 1.0) == pytest.approx(math.log(9) / math.log(4))
    assert safe_extrapolation(0.3, 0.3, 1.0) == math.inf


@given(PROBABILITY, PROBABILITY, st.floats(0.01, 5.0))
def test_at_the_bound_the_target_is_within_the_margin_and_beyond_it_is_not(
    teacher: float, before: float, margin: float
) -> None:
    bound = safe_extrapolation(teacher, before, margin)
    assert bound > 1
    if abs(teacher - before) < 1e-3 * min(teacher, before, 1 - teacher, 1 - before):
        return  # the bound is beyond what floats can tell
    falls = teacher < before

    def left(factor: float) -> float:
        odds = [math.log(p / (1 - p)) for p in (before, teacher)]
        target = 1 / (1 + math.exp(-((1 - factor) * odds[0] + factor * odds[1])))
        return target / teacher if falls else (1 - target) / (1 - teacher)

    assert left(bound) == pytest.approx(1 / (1 + margin), rel=1e-3)
    assert left(0.5 + bound / 2) > 1 / (1 + margin) > left(2 * bound - 1)


def test_a_nearly_certain_teacher_is_extrapolated_less() -> None:
    bounds = [safe_extrapolation(p, 0.5, 1.0) for p in (0.9, 0.99, 0.999)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < 1.25


@given(st.floats(1e-9, 1e-6), st.floats(0.2, 0.95), st.floats(0.1, 5.0))
def test_the_bound_of_a_nearly_certain_teacher(doubt: float, before: float, margin: float) -> None:
    apart = math.log((1 - doubt) / doubt) - math.log(before / (1 - before))
    limit = 1 + math.log(1 + margin) / apart
    assert safe_extrapolation(1 - doubt, before, margin) == pytest.approx(limit, abs=1e-4)


def table(odds: float) -> TabularPolicy:
    words = [str(d) for d in range(4)]
    policy = TabularPolicy(words, learning_rate=0.5)
    for digit in words:
        policy.table[f"say {digit}"] = odds * np.eye(4)[int(digit)]
    return policy


def trained(extrapolation: float, margin: float | None, folder: Path) -> tuple[float, float]:
    """Probability of the right digit under the student, and the mean λ of the last round."""
    student = table(0.0)
    config = ExOPDConfig(extrapolation, margin, episodes=16, epochs=1, rate=0.6, evaluate=2)
    with echo_run(folder, student, table(1.0), Budget(1000, 10**6)) as run:
        exopd.train(run, config)
        figures = run.log.rounds[-1]  # type: ignore[attr-defined]
    rows = [np.exp(row) / np.exp(row).sum() for row in student.table.values()]
    return float(np.mean([max(row) for row in rows])), figures["extrapolation"]


def test_the_student_ends_where_the_target_is(tmp_path: Path) -> None:
    def right(odds: float) -> float:
        return math.exp(odds) / (math.exp(odds) + 3)

    # From a uniform reference p_ref^(1-λ) p_T^λ has λ times the teacher's log-odds.
    plain, _ = trained(1.0, None, tmp_path / "plain")
    beyond, used = trained(2.5, None, tmp_path / "beyond")
    held, less = trained(2.5, 0.2, tmp_path / "held")
    assert plain == pytest.approx(right(1.0), abs=0.1)
    assert beyond == pytest.approx(right(2.5), abs=0.1)
    assert used == 2.5 and 1.0 < less < 1.5
    assert plain - 0.1 < held < beyond - 0.1


def test_a_tiny_transformer_comes_nearer_to_its_teacher(tmp_path: Path) -> None:
    config = ExOPDConfig(episodes=16, epochs=1, evaluate=2)
    with echo_run(tmp_path, echo_beginner(), echo_teacher(), Budget(480, 2000)) as run:
        exopd.train(run, config)
        first, last = run.log.rounds  # type: ignore[attr-defined]
    assert last["reverse_kl"] < first["reverse_kl"] - 0.1
    assert 1.0 < last["extrapolation"] <= 1.25


@pytest.mark.parametrize("settings", [{"extrapolation": 0.0}, {"margin": 0.0}, {"episodes": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"must be above 0|at least 1"):
        ExOPDConfig(**settings)


def test_an_expert_script_is_refused(tmp_path: Path) -> None:
    student = echo_policy(tokenizer())
    with (
        echo_run(tmp_path, student, ExpertTeacher(), Budget(100, 100)) as run,
        pytest.raises(ConfigError, match="ExpertTeacher gives none"),
    ):
        exopd.train(run, ExOPDConfig())
