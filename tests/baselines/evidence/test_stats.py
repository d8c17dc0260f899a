"""Means, intervals, comparisons and the sentences made of them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from baselines.evidence.results import Failure, Results, Row, load_results
from baselines.evidence.stats import (
    final_success,
    gain,
    interval,
    paired_difference,
)
from baselines.evidence.verdicts import verdicts
from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Ledger

NAN = float("nan")


def row(method: str, seed: int, won: list[int], round: int = 1, **figures: object) -> Row:
    seeds, rewards = tuple(range(len(won))), tuple(map(float, won))
    success = sum(won) / len(won)
    return Row(method, seed, round, success, seeds, rewards, **figures)  # type: ignore[arg-type]


def results(*rows: Row, failures: tuple[Failure, ...] = (), **config: object) -> Results:
    return Results(Path("nowhere"), config, rows, failures)


def test_the_mean_is_over_all_episodes_of_the_last_round() -> None:
    found = final_success(
        results(row("sft", 0, [0, 0], 1), row("sft", 0, [1, 0], 2), row("sft", 1, [1, 1], 2)), "sft"
    )
    assert found is not None
    assert found.mean == 0.75
    assert (found.seeds, found.tasks) == (2, 2)
    assert found.covers == "seeds and tasks"


def test_one_seed_gives_the_bootstrap_over_tasks_and_says_so() -> None:
    won = [1] * 30 + [0] * 70
    found = interval(np.array([won], float))
    binomial = binomtest(30, 100).proportion_ci(method="wilson")
    assert found.low == pytest.approx(binomial.low, abs=0.03)
    assert found.high == pytest.approx(binomial.high, abs=0.03)
    assert found.covers == "tasks only, as there is one seed"


def test_one_task_gives_the_bootstrap_over_seeds() -> None:
    found = interval(np.array([[0.0], [1.0], [1.0], [1.0]]))
    assert found.mean == 0.75
    assert found.low < 0.75 < found.high


@pytest.mark.parametrize("value", [0, 1])
def test_outcomes_that_all_agree_get_clopper_pearson_over_the_tasks(value: int) -> None:
    found = interval(np.full((3, 20), value, float))
    exact = binomtest(20 * value, 20).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_two_methods_that_never_differ_get_an_interval_around_zero() -> None:
    won = [1, 0, 1, 0, 1, 0, 0, 0, 1, 1]
    found = paired_difference(results(row("a", 0, won), row("b", 0, won)), "a", "b")
    assert found is not None
    assert found.interval.mean == 0
    assert found.interval.low == -found.interval.high
    assert 0 < found.interval.high < 0.5
    assert found.improvement == 0.5
    assert not found.shown


def test_pairing_removes_what_is_easy_or_hard_for_both() -> None:
    easy = [1, 0] * 20
    better = [1] * 4 + easy[4:]
    pair = results(*[row(m, s, w) for s in range(4) for m, w in (("a", better), ("b", easy))])
    found = paired_difference(pair, "a", "b")
    alone = final_success(pair, "a")
    assert found is not None and alone is not None
    assert found.interval.mean == pytest.approx(2 / 40)
    assert found.interval.high - found.interval.low < (alone.high - alone.low) / 2


def test_a_higher_level_gives_a_wider_interval() -> None:
    rng = np.random.default_rng(0)
    varied, alike = rng.integers(0, 2, (5, 30)).astype(float), np.ones((3, 20))
    for matrix in (varied, alike):
        usual, wide = interval(matrix), interval(matrix, level=0.99)
        assert wide.low < usual.low and wide.high >= usual.high and wide.mean == usual.mean


def test_only_tasks_that_both_were_evaluated_on_count() -> None:
    short = Row("b", 0, 1, 1.0, (1, 2), (1.0, 1.0))
    found = paired_difference(results(row("a", 0, [0, 1, 0, 0]), short), "a", "b")
    assert found is not None
    assert (found.interval.mean, found.interval.tasks) == (-0.5, 2)


def test_probability_of_improvement_counts_pairs_of_runs_and_halves_ties() -> None:
    rows = [row("a", s, [1, 1, i, 0]) for s, i in ((0, 0), (1, 1))]
    rows += [row("b", s, [1, i, 0, 0]) for s, i in ((0, 0), (1, 1))]
    found = paired_difference(results(*rows), "a", "b")
    assert found is not None
    assert found.improvement == (1 + 0.5 + 1 + 1) / 4  # .5 > .25, .5 = .5, .75 > .25, .75 > .5


def test_failed_cells_count_nowhere() -> None:
    found = results(
        row("a", 0, [1, 1]), row("a", 1, [0, 0]), failures=(Failure("a", 1, "it broke"),)
    )
    success = final_success(found, "a")
    assert success is not None and success.mean == 1.0


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 4).flatmap(
        lambda seeds: st.integers(1, 8).flatmap(
            lambda tasks: st.lists(
                st.lists(st.sampled_from([-1.0, 0.0, 1.0, NAN]), min_size=tasks, max_size=tasks),
                min_size=seeds,
                max_size=seeds,
            )
        )
    )
)
def test_an_interval_is_never_nan_and_always_holds_its_mean(matrix: list[list[float]]) -> None:
    found = interval(np.array(matrix), 99)
    assert not math.isnan(found.low) and not math.isnan(found.high)
    assert -1 <= found.low <= found.mean <= found.high <= 1


@pytest.mark.parametrize(("between_runs", "least"), [(0.0, 0.93), (0.05, 0.9)])
def test_the_interval_covers_the_true_success_about_as_often_as_it_says(
    between_runs: float, least: float
) -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(150):
        run, task = rng.normal(0, between_runs, (4, 1)), rng.normal(0, 0.2, (1, 40))
        won = rng.random((4, 40)) < np.clip(0.5 + run + task, 0, 1)
        found = interval(won.astype(float), 299)
        covered.append(found.low <= 0.5 <= found.high)
    assert np.mean(covered) >= least


def test_verdicts_say_who_is_ahead_at_what_cost() -> None:
    weak, strong = [1, 0, 0, 0] * 10, [1, 1, 1, 0] * 10
    rows = [
        row(m, s, w, env_steps=100, teacher_tokens=t)
        for s in range(3)
        for m, w, t in (("sft", weak, 500), ("dagger", strong, 500), ("grpo", weak, 0))
    ]
    text = " ".join(verdicts(results(*rows)))
    assert "DAgger is ahead of SFT by 50.0 points" in text
    assert "at the same teacher tokens and the same environment steps" in text
    assert "500 teacher tokens against none" in text


def test_verdicts_say_when_dagger_loses_and_when_nothing_is_shown() -> None:
    weak, strong = [1, 0, 0, 0] * 10, [1, 1, 1, 0] * 10
    behind = [row(m, s, w) for s in range(3) for m, w in (("dagger", weak), ("sft", strong))]
    assert "DAgger is behind SFT by 50.0 points" in verdicts(results(*behind))[0]
    level = [row(m, s, weak) for s in range(3) for m in ("dagger", "sft")]
    assert "no difference is shown" in verdicts(results(*level))[0]


def test_verdicts_name_the_reason_that_the_figures_give_for_not_learning() -> None:
    won = [0] * 19 + [1]
    rows = []
    for s in range(2):
        rows += [row("grpo", s, won, 0), row("grpo", s, won, 1, signal=0.01, optimizer_steps=5)]
        rows += [row("sft", s, won, 0), row("sft", s, won, 1, teacher_queries=10, labels_lost=9)]
    text = verdicts(results(*rows))
    grpo = next(s for s in text if s.startswith("GRPO is not shown to have learned"))
    assert "only 1% of its roll-outs carried an advantage" in grpo
    sft = next(s for s in text if s.startswith("SFT is not shown"))
    assert "90% of the teacher's labels were lost" in sft
    assert "no optimizer step" in sft


def test_a_gain_is_measured_against_the_warm_start_of_the_same_seed() -> None:
    rows = [row("warm start", 0, [0, 1] * 10, 0), row("sft", 0, [1, 1] * 10, 1)]
    found = gain(results(*rows), "sft")
    assert found is not None
    assert found.interval.mean == 0.5
    assert found.shown


def test_one_seed_and_unfinished_runs_are_told() -> None:
    found = results(row("a", 0, [1, 0]), row("b", 0, [1, 0]), methods=["a", "b"], seeds=[0, 1])
    text = " ".join(verdicts(found))
    assert "one training seed" in text
    assert "2 of 4 runs are not finished" in text


def write(folder: Path, *lines: str) -> Path:
    (folder / "config.json").write_text("{}")
    (folder / "results.jsonl").write_text("\n".join(lines))
    return folder


GOOD = json.dumps(
    {
        "method": "sft",
        "seed": 0,
        "round": 1,
        "success": 0.5,
        "eval_seeds": [0, 1],
        "eval_rewards": [1, 0],
        "agreement": NAN,
        **Ledger().as_dict(),
    }
)


def test_what_a_ledger_writes_is_read_back(tmp_path: Path) -> None:
    [found] = load_results(write(tmp_path, GOOD)).rows
    assert (found.method, found.outcomes, found.agreement) == ("sft", {0: 1.0, 1: 0.0}, None)


def test_a_torn_last_line_is_skipped_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"results.jsonl, line 2: torn"):
        assert len(load_results(write(tmp_path, GOOD, GOOD[:40])).rows) == 1


@pytest.mark.parametrize(
    "line",
    [
        GOOD[:40],
        "[]",
        GOOD.replace('"seed": 0', '"seed": "zero"'),
        GOOD.replace("[1, 0]", "[1]"),
        GOOD.replace("0.5", "NaN"),
        GOOD.replace('"method": "sft", ', ""),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"results.jsonl, line 2: "):
        load_results(write(tmp_path, GOOD, line, GOOD))


def test_a_cell_that_failed_and_then_went_through_has_not_failed(tmp_path: Path) -> None:
    failed = json.dumps({"method": "sft", "seed": 0, "status": "failed", "error": "x"})
    assert not load_results(write(tmp_path, failed, GOOD)).failures
    assert load_results(write(tmp_path, GOOD, failed)).failures == (Failure("sft", 0, "x"),)


def test_a_folder_without_a_comparison_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is .* the folder of a comparison\?"):
        load_results(tmp_path)
