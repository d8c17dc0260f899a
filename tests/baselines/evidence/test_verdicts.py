"""The sentences about a sweep: where, how sure, with how many seeds, on which terms."""

import re
from pathlib import Path

import pytest

from baselines.evidence.names import label
from baselines.evidence.results import Failure, Results, Row
from baselines.evidence.verdicts import comparisons, progress, verdicts

WEAK, STRONG = [1, 0, 0, 0] * 10, [1, 1, 1, 0] * 10
BUDGETS = {"small": {"env_steps": 100, "teacher_tokens": 100}}


def row(method: str, seed: int, won: list[int], env: str = "rope", **figures: object) -> Row:
    tasks, rewards = tuple(range(len(won))), tuple(map(float, won))
    given = {"round": 1, "env_steps": 100, "teacher_tokens": 100, "budget": "small", **figures}
    success = sum(won) / len(won)
    return Row(  # type: ignore[call-arg]
        method,
        seed,
        success=success,
        eval_seeds=tasks,
        eval_rewards=rewards,
        env=env,
        **given,  # type: ignore[arg-type]
    )


def results(*rows: Row, failures: tuple[Failure, ...] = ()) -> Results:
    envs = dict.fromkeys(row.env for row in rows)
    config = {"budgets": BUDGETS, "envs": envs, "seeds": sorted({row.seed for row in rows})}
    return Results(Path("nowhere"), config, rows, failures)


@pytest.fixture(scope="module")
def two() -> list[str]:
    """DAgger ahead on the rope, behind on the lock."""
    rows = []
    for seed in range(4):
        nudge = [0] * seed + [1] + [0] * (39 - seed)
        noisy = [max(a, b) for a, b in zip(WEAK, nudge, strict=True)]
        rows += [row("dagger@linear", seed, STRONG), row("sft", seed, noisy)]
        rows += [row("dagger@linear", seed, noisy, "lock"), row("sft", seed, STRONG, "lock")]
    return verdicts(results(*rows))


def test_each_environment_has_its_own_sentences_and_losses_are_told_like_gains(
    two: list[str],
) -> None:
    assert any(s.startswith("rope: DAgger (linear) is ahead of SFT by") for s in two)
    assert any(s.startswith("lock: DAgger (linear) is behind SFT by") for s in two)


def test_there_are_figures_over_everything_each_with_its_interval(two: list[str]) -> None:
    [whole] = [s for s in two if s.startswith("Over everything, SFT:")]
    assert len(re.findall(r"\d\.\d% \(95% interval [\d.]+ to [\d.]+\)", whole)) == 3
    assert "of 8 runs" in whole
    [chance] = [s for s in two if "does better than one of SFT" in s]
    assert re.search(r"with probability 0\.50 \(95% interval 0\.\d\d to \d\.\d\d\)", chance)


def test_the_seeds_that_a_difference_asks_for_are_printed(two: list[str]) -> None:
    [ahead] = [s for s in two if "is ahead of" in s]
    assert re.search(r"four times in five takes about 2 seeds; there are 4\.", ahead)
    assert re.search(
        r"Probability of improvement, .*: 1\.00 \(95% interval 0\.\d+ to 1\.00\)", ahead
    )


def test_with_one_seed_the_paired_test_is_of_the_episodes() -> None:
    text = verdicts(results(row("dagger", 0, STRONG), row("sft", 0, WEAK)))[0]
    assert "McNemar's exact test on the 20 episodes in which they differ: p = 1.9e-06" in text
    assert "Probability of improvement" not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (1, "McNemar's exact test on the one episode in which they differ: p = 1."),
        (0, "They differ in no episode."),
    ],
)
def test_one_episode_and_none_are_no_plural(more: int, said: str) -> None:
    other = [1] * more + WEAK[more:]
    rows = [row("dagger", 0, [0] * more + WEAK[more:]), row("sft", 0, other)]
    text = verdicts(results(*rows))[0]
    assert said in text and "episodes" not in text


def test_many_sentences_have_a_line_above_them_that_sums_them_up() -> None:
    wins = {"sft": WEAK, "grpo": WEAK, "tip": [1] * 40, "dagger": STRONG, "oec": STRONG}
    rows = [row(m, s, won) for s in range(3) for m, won in wins.items()]
    [group] = comparisons(results(*rows))
    assert group.summary == (
        "DAgger is ahead of SFT and GRPO, behind TIP, not shown to differ from OEC."
    )
    assert len(group.sentences) == 4
    assert comparisons(results(*rows[:2]))[0].summary == ""
    starts = [row("warm start", s, STRONG, round=0) for s in range(3)]
    [group] = progress(results(*starts, *rows))
    assert group.summary == (
        "Beyond the warm start gained: TIP; lost: SFT and GRPO; not shown to have learned: DAgger "
        "and OEC."
    )


def test_no_seeds_are_promised_for_no_difference() -> None:
    rows = [row(m, s, WEAK) for s in range(3) for m in ("dagger", "sft")]
    assert "is exactly 0, which no number of seeds would show" in verdicts(results(*rows))[0]


def test_a_method_that_spent_less_is_said_to_be_on_other_terms() -> None:
    rows = [row("dagger", s, STRONG) for s in range(2)]
    rows += [row("sft", s, WEAK, env_steps=50, teacher_tokens=30) for s in range(2)]
    text = " ".join(verdicts(results(*rows)))
    assert "SFT used 50% of the environment steps and 30% of the teacher tokens" in text
    assert "DAgger used" not in text


def test_what_is_missing_in_one_environment_is_counted() -> None:
    rows = [row(m, s, WEAK, e) for e in ("rope", "lock") for s in (0, 1) for m in ("sft", "dagger")]
    failed = Failure("dagger", 1, "it broke", "lock", "small")
    text = " ".join(verdicts(results(*rows[:-1], failures=(failed,))))
    assert "1 failed run is left out" in text and "not finished" not in text
    text = " ".join(verdicts(results(*rows[:-1])))
    assert "1 of 8 runs are not finished" in text


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("dagger@step", "DAgger (step)"),
        ("dr_grpo", "Dr. GRPO"),
        ("x/mine.py", "mine"),
        ("a", "a"),
        ("sft_rlvr@dapo", "SFT→RLVR (dapo)"),
        ("dagger_rlvr", "DAgger→RLVR"),
        ("tip", "TIP"),
    ],
)
def test_labels_are_written_as_the_field_writes_them(method: str, name: str) -> None:
    assert label(method) == name
