import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.errors import ConfigError
from dagger_algo.schedules import Beta


def betas(shape: str, rounds: int = 5, **kwargs: float) -> list[float]:
    schedule = Beta(shape, **kwargs)  # type: ignore[arg-type]
    return [round(schedule(i, rounds), 3) for i in range(1, rounds + 1)]


def test_the_papers_floor_is_its_published_sequence() -> None:
    assert betas("floor") == [1.0, 0.8, 0.6, 0.6, 0.6]


def test_linear_falls_to_its_end_in_equal_steps() -> None:
    assert betas("linear", end=0.0) == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_step_is_the_indicator_of_the_first_round() -> None:
    assert betas("step", end=0.0) == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_an_exponential_falls_by_equal_factors_and_a_cosine_slowly_at_both_ends() -> None:
    assert betas("exponential", end=0.0625) == [1.0, 0.5, 0.25, 0.125, 0.062]
    assert betas("cosine", end=0.0) == [1.0, 0.854, 0.5, 0.146, 0.0]
    assert betas("constant", start=0.3) == [0.3] * 5


def test_the_schedule_begins_after_the_warm_up() -> None:
    assert betas("linear", rounds=6, start=0.8, end=0.0, warmup=1) == [1.0, 0.8, 0.6, 0.4, 0.2, 0.0]
    assert betas("constant", rounds=4, start=0.3, warmup=2) == [1.0, 1.0, 0.3, 0.3]
    assert betas("linear", rounds=2, warmup=5) == [1.0, 1.0]


@given(
    st.sampled_from(["constant", "linear", "cosine", "exponential", "step", "floor"]),
    st.integers(1, 20),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 4),
)
def test_every_schedule_stays_a_probability_and_never_rises_when_it_should_fall(
    shape: str, rounds: int, a: float, b: float, warmup: int
) -> None:
    schedule = Beta(shape, max(a, b), min(a, b), warmup)  # type: ignore[arg-type]
    values = [schedule(i, rounds) for i in range(1, rounds + 1)]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(values))


def test_a_beta_outside_its_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Beta("linear", 1.5)
    with pytest.raises(ConfigError, match="number of rounds"):
        Beta(warmup=-1)
