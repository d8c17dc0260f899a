"""The sentences about a sweep: where, how sure, with how many seeds, on which terms."""

import re
from pathlib import Path

import pytest

from baselines.evidence.names import label
from baselines.evidence.results import Failure, Results, Row
from baselines.evidence.stats import paired_difference
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


def test_with_one_seed_a_difference_is_not_shown_against_the_exact_test() -> None:
    none, four = [0] * 60, [1] * 4 + [0] * 56
    rows = [row("dagger", 0, four), row("sft", 0, none), row("grpo", 0, none)]
    start = row("warm start", 0, none, round=0)
    [group] = comparisons(results(start, *rows))
    assert re.search(
        r"^DAgger against SFT: \+6\.7 points \(95% interval [1-9]\S* to [\d.]+\) .*; the interval "
        r"excludes zero, the exact test does not \(p = 0\.12\): no difference is shown\. McNemar's "
        r"exact test on the 4 episodes in which they differ: p = 0\.12\.$",
        group.sentences[0],
    )
    assert "ahead" not in " ".join(group.told())
    [group] = progress(results(start, *rows))
    assert "DAgger is not shown to have learned" in group.sentences[0]
    assert "the exact test does not (p = 0.12)" in group.sentences[0]
    more = results(row("dagger", 0, [1] * 6 + none[6:]), row("sft", 0, none))
    assert "DAgger is ahead of SFT by 10.0 points" in verdicts(more)[0]  # p = 0.03
    wins = {"dagger": four, "sft": none, "grpo": none, "tip": [1] * 60}
    [group] = comparisons(results(*(row(m, 0, won) for m, won in wins.items())))
    assert group.summary == "DAgger is behind TIP, not shown to differ from SFT and GRPO."


def test_with_several_seeds_the_interval_decides() -> None:
    rows = [row("dagger", s, [1] * 2 + [0] * 18) for s in (0, 1)]
    rows += [row("sft", s, [0] * 20) for s in (0, 1)]
    one, two = (paired_difference(results(*part), "dagger", "sft") for part in (rows[::2], rows))
    assert one is not None and (one.denied, one.shown) == (0.5, False)
    assert two is not None and two.denied is None and two.shown == two.apart


def test_unequal_fits_are_told() -> None:
    rows = [row("dagger", s, STRONG, optimizer_steps=300) for s in range(2)]
    rows += [row("sft", s, WEAK, optimizer_steps=90) for s in range(2)]
    rows += [row("grpo", s, WEAK, optimizer_steps=290) for s in range(2)]
    against_sft, against_grpo = comparisons(results(*rows))[0].sentences
    same = "at the same teacher tokens, the same environment steps and "
    assert f"{same}3.3 times the optimizer steps" in against_sft
    assert f"{same}the same optimizer steps" in against_grpo


@pytest.mark.parametrize("method", ["grpo", "ppo"])
def test_what_starved_a_method_is_told_by_its_roll_outs(method: str) -> None:
    alike: dict[str, object] = {"figures": {"alike": 0.9}} if method == "grpo" else {}
    rows = [
        row("warm start", 0, WEAK, round=0, episodes=50),
        row(method, 0, WEAK, round=1, episodes=150, signal=0.3, **alike),
        row(method, 0, WEAK, round=2, episodes=450, signal=0.1, **alike),
        row(method, 0, WEAK, round=3, episodes=450),  # nothing was rolled
    ]
    [text] = progress(results(*rows))[0].sentences
    assert "only 15% of its roll-outs carried an advantage" in text
    assert ("because 90% of its groups of episodes ended alike" in text) == (method == "grpo")
    assert ("alike" in text) == (method == "grpo")


def test_several_comparisons_are_those_of_methods_that_ended() -> None:
    said = "not corrected for making several comparisons"
    rows = [row(method, 0, WEAK) for method in ("dagger", "sft", "grpo")]
    assert said in " ".join(verdicts(results(*rows)))
    failed = [Failure(method, 0, "it broke", "rope", "small") for method in ("sft", "grpo")]
    for count in (1, 2):
        text = " ".join(verdicts(results(*rows, failures=tuple(failed[:count]))))
        assert said not in text and "failed" in text


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
