"""What is counted from stored episodes: who acted, agreement, errors, stages, distances."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.reporting.census import STATES, census
from baselines.reporting.coverage import distances, features
from dagger_algo.conversation import Actor, Episode, Outcome
from dagger_algo.meter import Rate, Reached
from dagger_algo.stages import Stage, stage_shares
from tests.baselines.reporting.conftest import make_episode


def test_a_census_counts_turns_actors_and_agreement_by_round() -> None:
    episodes = [make_episode(i, round=i % 2, length=4) for i in range(6)]
    found = census(iter(episodes)).rounds
    assert sorted(found) == [0, 1]
    assert (found[0].turns, found[0].taught, found[0].labelled) == (12, 12, 0)
    # In round 1 the student acts in turns 1 and 3, and errs in the latter.
    assert (found[1].turns, found[1].taught) == (12, 6)
    assert (found[1].labelled, found[1].agreeing) == (6, 3)
    assert found[1].errors[Reached.TEACHER] == Rate(0, 3)
    assert found[1].errors[Reached.AGREEING] == Rate(3, 3)
    shares = stage_shares(e for e in episodes if e.round == 1)
    assert shares == {stage: found[1].stages[stage] / 12 for stage in Stage}


def test_the_teachers_return_is_of_whole_episodes_in_which_it_acted_alone() -> None:
    alone = make_episode(0, method="sft", reward=0.5)
    cut = replace(alone, key="cut", outcome=Outcome.CUT)
    mixed = make_episode(1, method="dagger", reward=7.0)
    assert census([alone, cut, mixed]).taught_returns == [0.5]


def test_states_seen_in_training_are_those_the_teacher_spoke_to_and_all_where_it_never_did() -> (
    None
):
    labelled = make_episode(0, method="dagger", length=4)
    partly = replace(
        labelled,
        turns=tuple(
            replace(turn, label=None) if turn.actor is Actor.STUDENT else turn
            for turn in labelled.turns
        ),
    )
    own = make_episode(0, method="grpo", length=4)
    counts = [census([e], states=True).rounds[1].visited for e in (labelled, partly, own)]
    assert counts == [4, 2, 4]
    assert census([own]).rounds[1].states == []


def test_a_census_keeps_a_bounded_sample_of_states_from_everywhere() -> None:
    count = 3 * STATES

    def many() -> "list[Episode]":
        return [make_episode(i, method="sft", length=1, text=f"n{i}") for i in range(count)]

    kept = census(many(), states=True).rounds[1]
    assert (len(kept.states), kept.visited) == (STATES, count)
    numbers = [int(state.split("n")[-1]) for state in kept.states]
    assert np.mean(numbers) == pytest.approx(count / 2, rel=0.1)
    assert census(many(), states=True).rounds[1].states == kept.states


def test_a_state_seen_in_training_is_at_distance_zero_and_a_strange_one_at_one() -> None:
    found = distances(["rope: 12", "pit: 3", ""], {0: ["rope: 12", "rope: 11"], 2: ["pit: 4"]})
    assert found[0] == pytest.approx([0, 1, 1], abs=1e-9)
    assert found[2][0] == pytest.approx(0, abs=1e-9)
    # "pit: 3" and "pit: 4" share two of three 4-grams, "pit:" and "it: ".
    assert found[2][1] == pytest.approx(1 - 2 / 3)


texts = st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=6)


@given(texts, texts, texts)
def test_distances_lie_between_zero_and_one_and_never_grow_with_training(
    visited: list[str], early: list[str], late: list[str]
) -> None:
    found = distances(visited, {0: early, 1: late})
    for values in found.values():
        assert values.shape == (len(visited),)
        assert ((values >= 0) & (values <= 1)).all()
    assert (found[1] <= found[0] + 1e-12).all()
    seen = [i for i, text in enumerate(visited) if text and text in early]
    assert found[0][seen] == pytest.approx(0, abs=1e-9)


@given(texts)
def test_features_have_unit_length(found: list[str]) -> None:
    norms = np.sqrt(features(found).multiply(features(found)).sum(axis=1)).A1
    assert norms == pytest.approx([1.0 if text else 0.0 for text in found])
