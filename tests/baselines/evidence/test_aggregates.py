"""Figures over many runs and environments, against hand-computed values and scipy's own."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from baselines.evidence.aggregates import aggregate, mcnemar, probability_of_improvement, profile
from baselines.evidence.power import paired_power, seeds_needed
from baselines.evidence.results import Results, Row
from baselines.evidence.stats import paired_difference


def row(method: str, seed: int, won: list[int], env: str = "", round: int = 1) -> Row:
    tasks, rewards = tuple(range(len(won))), tuple(map(float, won))
    return Row(method, seed, round, float(np.mean(won)), tasks, rewards, env=env)


def results(*rows: Row) -> Results:
    return Results(Path("nowhere"), {}, rows)


def runs(method: str, rates: list[float], env: str = "", tasks: int = 20) -> list[Row]:
    """One run per rate."""
    wins = [round(rate * tasks) for rate in rates]
    return [row(method, s, [1] * n + [0] * (tasks - n), env) for s, n in enumerate(wins)]


def test_iqm_mean_and_median_are_those_of_all_runs() -> None:
    rates = [0.0, 0.5, 0.6, 0.7, 0.8, 1.0, 1.0, 0.1]
    found = aggregate(results(*runs("a", rates[:4], "x"), *runs("a", rates[4:], "y")), "a")
    assert found is not None
    assert found.mean.mean == pytest.approx(np.mean(rates))
    assert found.median.mean == pytest.approx(np.median(rates))
    assert found.iqm.mean == pytest.approx(scipy_stats.trim_mean(rates, 0.25))
    for one in (found.iqm, found.mean, found.median):
        assert 0 <= one.low < one.mean < one.high <= 1
        assert one.seeds == 8


def test_strata_are_drawn_within_themselves() -> None:
    """Environments that differ in difficulty alone leave no doubt about the mean: drawn across
    them, runs would sometimes be mostly of the easy one."""
    tasks = [1] * 200
    easy = [row("a", s, tasks, "easy") for s in range(5)]
    hard = [row("a", s, [0] * 199 + [1], "hard") for s in range(5)]
    found = aggregate(results(*easy, *hard), "a")
    assert found is not None
    assert found.mean.high - found.mean.low < 0.02


def test_a_profile_says_which_share_of_runs_reached_a_level() -> None:
    found = profile(results(*runs("a", [0.2, 0.4, 0.6, 0.8])), "a", (0.0, 0.2, 0.5, 0.9))
    assert found is not None
    assert found.share == (1.0, 1.0, 0.5, 0.0)
    for low, share, high in zip(found.low, found.share, found.high, strict=True):
        assert low <= share <= high
    assert found.high[3] > 0, "four runs below 90% do not prove that there is none above"


def test_the_probability_of_improvement_is_averaged_over_environments() -> None:
    better = [*runs("a", [0.9, 0.8], "x"), *runs("b", [0.1, 0.2], "x")]
    level = [*runs("a", [0.5, 0.5], "y"), *runs("b", [0.5, 0.5], "y")]
    found = probability_of_improvement(results(*better, *level), "a", "b")
    assert found is not None
    assert found.mean == pytest.approx((1.0 + 0.5) / 2)
    assert found.low < found.high
    assert probability_of_improvement(results(*better), "a", "c") is None


def test_draws_that_all_agree_on_three_quarters_are_no_licence_for_any_probability() -> None:
    """Ahead in every pair of runs of one environment, level in every pair of the other."""
    won = [row("a", s, [1] * 20, "x") for s in range(5)]
    lost = [row("b", s, [0] * 20, "x") for s in range(5)]
    level = [row(m, s, [1, 0] * 10, "y") for s in range(5) for m in ("a", "b")]
    found = probability_of_improvement(results(*won, *lost, *level), "a", "b")
    assert found is not None and found.mean == 0.75
    # Clopper-Pearson for 5 of 5 runs; of a tie seen 5 times out of 5 half as much, either way.
    least = 0.025 ** (1 / 5)
    assert found.low == pytest.approx((least + least / 2) / 2)
    assert found.high == pytest.approx((1 + (1 - least / 2)) / 2)


def test_a_profile_on_which_all_draws_agree_has_bands_of_its_environments() -> None:
    easy = [row("a", s, [1] * 20, "easy") for s in range(6)]
    hard = [row("a", s, [0] * 20, "hard") for s in range(6)]
    found = profile(results(*easy, *hard), "a", (0.5,))
    assert found is not None and found.share == (0.5,)
    least = 0.025 ** (1 / 6)
    assert found.low[0] == pytest.approx(least / 2)
    assert found.high[0] == pytest.approx((1 + 1 - least) / 2)


def test_mcnemar_is_the_exact_test_on_the_episodes_that_differ() -> None:
    a, b = [1] * 12 + [0] * 8, [1] * 2 + [0] * 10 + [1] * 3 + [0] * 5
    found = mcnemar(results(row("a", 0, a), row("b", 0, b)), "a", "b")
    assert found is not None
    assert (found.a_only, found.b_only) == (10, 3)
    assert found.p == pytest.approx(2 * scipy_stats.binom.cdf(3, 13, 0.5))
    same = mcnemar(results(row("a", 0, a), row("b", 0, a)), "a", "b")
    assert same is not None and same.p == 1.0


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5)])
def test_the_number_of_seeds_is_that_of_the_tables(effect: float, seeds: int) -> None:
    """Cohen's d, two-sided 5%, power 80%: what G*Power gives for the paired t-test."""
    differences = effect + np.array([-1.0, 1.0]) / math.sqrt(2)
    assert seeds_needed(list(differences)) == seeds
    assert paired_power(effect, seeds) >= 0.8 > paired_power(effect, seeds - 1)


def test_power_is_what_simulated_tests_find() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0.8, 1.0, (4_000, 10))
    found = float((scipy_stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05).mean())
    assert paired_power(0.8, 10) == pytest.approx(found, abs=0.02)


def test_no_number_of_seeds_is_claimed_where_none_can_be() -> None:
    assert seeds_needed([0.3]) is None
    assert seeds_needed([0.1, -0.1]) is None
    assert seeds_needed([0.101, -0.1]) is None
    assert seeds_needed([0.2, 0.2, 0.2]) == 2


def test_a_difference_comes_with_the_interval_of_its_chance_and_the_seeds_it_asks_for() -> None:
    pair = [*runs("a", [0.6, 0.5, 0.7]), *runs("b", [0.5, 0.5, 0.4])]
    found = paired_difference(results(*pair), "a", "b")
    assert found is not None
    assert found.chance.low <= found.chance.mean <= found.chance.high
    assert found.improvement == pytest.approx((3 + 2 + 3) / 9)
    assert found.seeds_needed == seeds_needed([0.1, 0.0, 0.3])


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    )
)
def test_no_figure_is_without_an_interval_that_holds_it(won: list[list[list[int]]]) -> None:
    rows = [
        row(method, seed, outcomes, str(env))
        for method in ("a", "b")
        for env, seeds in enumerate(won)
        for seed, outcomes in enumerate(seeds)
    ]
    found = results(*rows)
    figures = aggregate(found, "a")
    chance = probability_of_improvement(found, "a", "b")
    assert figures is not None and chance is not None
    for one in (figures.iqm, figures.mean, figures.median, chance):
        assert 0 <= one.low <= one.mean <= one.high <= 1
        assert one.low < one.high
