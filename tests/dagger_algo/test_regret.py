"""Regret over the horizon against the theory, as `benchmarks/regret.py` measures it."""

import numpy as np
import pytest

from benchmarks.regret import (
    CUES,
    DEPTH,
    EPSILON,
    HORIZONS,
    PIT_CUES,
    TRAINS,
    TURNS,
    Costs,
    bootstrap,
    climbing_out,
    exact_slope,
    lost_for_good,
    roll,
    slope,
    trained,
)
from dagger_algo.conversation import Conversation
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.store import EpisodeStore

Students = dict[bool, tuple[TabularPolicy, TabularPolicy]]
"""By whether slips can be undone: the cloned student and DAgger's."""


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory) -> Students:
    found: Students = {}
    for recoverable in (True, False):
        tables = []
        for train in TRAINS.values():
            folder = tmp_path_factory.mktemp("regret")
            tables.append(trained(train, recoverable, folder))
            with EpisodeStore(folder / "episodes.jsonl") as store:
                for turn in (turn for episode in store for turn in episode.turns):
                    state = Conversation("", (turn.observation,))
                    assert tables[-1].greedy().act([state]) == [turn.label]
        found[recoverable] = (tables[0], tables[1])
    return found


@pytest.fixture(scope="module")
def costs(students: Students) -> tuple[Costs, Costs]:
    """Of cloning and of DAgger, where slips can be undone."""
    cloned, taught = students[True]
    return roll(cloned, True, TURNS), roll(taught, True, TURNS)


def test_only_dagger_has_labels_in_the_pit(students: Students) -> None:
    for cloned, taught in students.values():
        assert len(cloned.table) == CUES
        assert all(state.startswith("rope") for state in cloned.table)
        assert len(taught.table) == CUES + PIT_CUES


def test_cloning_pays_for_the_square_of_the_horizon_and_dagger_for_the_horizon(
    costs: tuple[Costs, Costs],
) -> None:
    low, square, high = bootstrap(costs[0], slope)
    our_low, linear, our_high = bootstrap(costs[1], slope)
    assert our_high < low, "the intervals overlap"
    assert abs(square - 2) < 0.25 and abs(linear - 1) < 0.25, (square, linear)
    # Sums from 1 to T, and slips near the end that cannot cost u any more: not quite 2 and 1.
    assert low < exact_slope(lost_for_good) < high
    assert our_low < exact_slope(climbing_out) < our_high


def test_both_regrets_are_what_the_chain_says_and_within_the_bounds(
    costs: tuple[Costs, Costs],
) -> None:
    for found, exact in zip(costs, (lost_for_good, climbing_out), strict=True):
        low, _, high = bootstrap(found, lambda regrets: regrets, 99.9)
        for T, least, most in zip(HORIZONS, low, high, strict=True):
            assert least < exact(T) < most
    square = np.array(HORIZONS) ** 2
    assert np.all(np.array([of.mean() for of in costs[0].values()]) <= EPSILON * square)
    # u is counted without the errors of the way out, hence the half as much again.
    bound = 1.5 * DEPTH * EPSILON * np.array(HORIZONS)
    assert np.all(np.array([of.mean() for of in costs[1].values()]) <= bound)


def test_where_a_slip_cannot_be_undone_dagger_pays_what_cloning_pays(
    students: Students,
) -> None:
    """The honest control: the same slips at the same turns, and knowing the pit is of no use."""
    cloned, taught = students[False]
    theirs, ours = roll(cloned, False, TURNS // 4), roll(taught, False, TURNS // 4)
    for T in HORIZONS:
        assert ours[T].any() and np.array_equal(theirs[T], ours[T])
    low, _, high = bootstrap(ours, slope)
    assert exact_slope(climbing_out) < low < exact_slope(lost_for_good) < high
