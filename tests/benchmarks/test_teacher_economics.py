"""The figures of the benchmark of teacher economics, on curves whose answer is known."""

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from teacher_economics_figures import figures, median_interval, success_with, winners
from teacher_economics_runs import FULL, PROBLEMS, Point, configs


def curve(*points: tuple[int, float]) -> list[Point]:
    return [Point(tokens, success, 10 * tokens) for tokens, success in points]


def test_a_gate_is_measured_by_the_tokens_to_the_same_level_of_the_same_seed() -> None:
    full = [curve((100, 0.2), (200, 0.96), (300, 1.0)), curve((100, 0.1), (200, 0.3), (300, 0.6))]
    gate = [curve((40, 0.5), (60, 0.95), (61, 1.0)), curve((40, 0.1), (90, 0.2), (95, 0.2))]
    found = figures({FULL: full, "entropy": gate})
    assert found[FULL].median == 1.0
    # 95% of 1.0 at 60 of 200 tokens; 95% of 0.6 never.
    assert found["entropy"].ratios == (0.3, math.inf)
    assert found["entropy"].reached == 1
    # With half of 200 tokens, and with half of 300.
    assert found["entropy"].at_half == pytest.approx((1.0 + 0.2) / 2)
    assert winners(found) == []
    assert winners(figures({FULL: full[:1], "entropy": gate[:1]})) == ["entropy"]


def test_nothing_was_learnt_before_the_first_fit() -> None:
    assert success_with(curve((100, 0.2), (200, 0.9)), 99) == 0.0
    assert success_with(curve((100, 0.2), (200, 0.9)), 199) == 0.2


def test_the_interval_of_a_median_is_between_the_second_and_the_ninth_of_ten() -> None:
    assert median_interval([float(x) for x in range(1, 11)]) == (2.0, 9.0)
    assert median_interval([1.0, 2.0, 3.0]) == (0.0, math.inf)
    assert median_interval([0.3] * 5 + [math.inf] * 5) == (0.3, math.inf)


def test_every_toy_gets_the_same_labels_for_every_state_of_its_table() -> None:
    for name, states in (("tightrope", 80), ("lock", 16), ("lock of 80 cues", 80)):
        budget = PROBLEMS[name].budget
        assert budget.teacher_tokens / states == 12.5
        assert budget.env_steps == 4 * budget.teacher_tokens
        assert all(config.rounds == 20 for config in configs(PROBLEMS[name]).values())
