"""Advantages and averages against numbers worked out by hand."""

import math

import pytest

from baselines.advantages import (
    centred,
    leave_one_out,
    normalised,
    overlong_penalty,
    returns_to_go,
    scales,
    turn_advantages,
)


def test_grpo_divides_by_the_groups_standard_deviation() -> None:
    # Mean 0.25, deviations 0.75 and three times -0.25: variance (9 + 3) / 16 / 3 = 0.25.
    assert normalised([1.0, 0.0, 0.0, 0.0]) == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=1e-3)


def test_dr_grpo_does_not() -> None:
    assert centred([1.0, 0.0, 0.0, 0.0]) == pytest.approx([0.75, -0.25, -0.25, -0.25])


def test_leave_one_out_compares_with_the_others_alone() -> None:
    assert leave_one_out([1.0, 0.0, 0.5]) == pytest.approx([0.75, -0.75, 0.0])


@pytest.mark.parametrize("baseline", [normalised, centred, leave_one_out])
@pytest.mark.parametrize("returns", [[], [0.7], [0.1] * 3, [1.0] * 8])
def test_where_all_got_the_same_nobody_has_an_advantage(baseline, returns) -> None:  # type: ignore[no-untyped-def]
    assert baseline(returns) == [0.0] * len(returns)


def test_returns_to_go_are_discounted_per_turn() -> None:
    assert returns_to_go([1.0, 0.0, 4.0], 0.5) == [2.0, 2.0, 4.0]
    assert returns_to_go([]) == []


REWARDS = [[0.0, 1.0], [1.0, 0.0], [0.0]]


def test_a_trajectorys_advantage_is_that_of_each_of_its_turns() -> None:
    got = turn_advantages(REWARDS, centred, "trajectory")
    assert [len(turns) for turns in got] == [2, 2, 1]
    assert got[0] == got[1] == pytest.approx([1 / 3, 1 / 3])
    assert got[2] == pytest.approx([-2 / 3])


def test_turns_are_compared_with_the_same_turn_of_those_that_got_as_far() -> None:
    # Returns from the first turn on 1, 1, 0; from the second, which two reached, 1 and 0.
    got = turn_advantages(REWARDS, centred, "turn")
    assert got[0] == pytest.approx([1 / 3, 0.5])
    assert got[1] == pytest.approx([1 / 3, -0.5])
    assert got[2] == pytest.approx([-2 / 3])


def test_a_turn_that_one_episode_alone_reached_has_no_advantage() -> None:
    got = turn_advantages([[0.0, 0.0, 1.0], [0.0]], centred, "turn")
    assert got == [[0.5, 0.0, 0.0], [-0.5]]


def test_the_overlong_penalty_falls_along_a_line() -> None:
    lengths = (0, 80, 85, 90, 100, 1000)
    assert [overlong_penalty(n, most=100, margin=20) for n in lengths] == pytest.approx(
        [0, 0, -0.25, -0.5, -1, -1]
    )


def mean_of(losses: list[float], mean: object, learnt: list[bool]) -> float:
    """What a learner makes of token losses: the mean of scale times loss over what it is given."""
    lengths = [4, 1, 5]
    scaled = scales(lengths, learnt, mean)  # type: ignore[arg-type]
    given = [
        (n, s * n * loss)
        for n, s, loss, is_given in zip(lengths, scaled, losses, learnt, strict=True)
        if is_given
    ]
    return sum(total for _, total in given) / sum(n for n, _ in given)


@pytest.mark.parametrize("learnt", [[True, True, True], [True, False, True]])
def test_losses_are_averaged_as_each_paper_says(learnt: list[bool]) -> None:
    losses = [3.0, 0.0, 6.0]  # per token; the second sequence has no advantage
    assert mean_of(losses, "sequence", learnt) == pytest.approx((3 + 0 + 6) / 3)
    assert mean_of(losses, "token", learnt) == pytest.approx((12 + 0 + 30) / 10)
    assert mean_of(losses, 20, learnt) == pytest.approx((12 + 0 + 30) / 20 / 3)
    assert mean_of(losses, 1, learnt) == pytest.approx((12 + 0 + 30) / 3)


def test_nothing_to_learn_has_no_scale_that_is_not_a_number() -> None:
    assert all(math.isfinite(s) for s in scales([3, 2], [False, False], "sequence"))
    assert scales([], [], "token") == []
