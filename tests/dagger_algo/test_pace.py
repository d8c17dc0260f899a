"""No more episodes begin than can end within a share."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.ledger import Budget, Ledger
from dagger_algo.pace import Pace


def pace(steps: int, lengths: Sequence[int], *, tokens: int = 10**6, per_step: int = 1) -> Pace:
    """With so many steps, or tokens of the teacher, left of a share."""
    ledger = Ledger(Budget(), env_steps=100, teacher_tokens=100 * per_step)
    return Pace(ledger, Budget(100 + steps, 100 * per_step + tokens), lengths)


@pytest.mark.parametrize(
    ("running", "may"),
    [([], 4), ([0], 3), ([9], 3), ([5, 5], 3), ([0] * 4, 0), ([9] * 4, 3), ([30], 3)],
)
def test_as_many_begin_as_can_end(running: list[int], may: int) -> None:
    assert pace(40, [8, 12]).may_begin(running, 16) == may


def test_the_teachers_tokens_count_where_they_are_scarcer() -> None:
    assert pace(1000, [10], tokens=60, per_step=2).may_begin([], 16) == 3
    assert pace(20, [10], tokens=60, per_step=2).may_begin([], 16) == 2


def test_the_first_goes_alone_since_no_length_is_known() -> None:
    lengths: list[int] = []
    held = pace(40, lengths)
    assert held.may_begin([], 16) == 1
    assert held.may_begin([3], 15) == 0
    lengths.append(10)
    assert held.may_begin([], 16) == 4


@given(
    steps=st.integers(0, 200),
    lengths=st.lists(st.integers(0, 60), max_size=5),
    running=st.lists(st.integers(0, 90), max_size=5),
    free=st.integers(0, 16),
)
def test_a_share_is_always_used_up(
    steps: int, lengths: list[int], running: list[int], free: int
) -> None:
    may = pace(steps, lengths).may_begin(running, free)
    assert 0 <= may <= free
    if free and not running:
        assert may, "with nothing under way the share would never be spent"
