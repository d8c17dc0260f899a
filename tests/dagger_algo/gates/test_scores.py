import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn
from dagger_algo.errors import ConfigError
from dagger_algo.gates.ensemble import Disagreement, Discrepancy, Resampled
from dagger_algo.gates.entropy import Entropy
from dagger_algo.gates.features import TextFeatures
from dagger_algo.gates.gate import Moment, Sees
from dagger_algo.gates.lazy import Lazy
from dagger_algo.gates.novelty import Novelty
from dagger_algo.gates.score import Highest, Score, moments
from dagger_algo.gates.threshold import Above
from dagger_algo.policies.scripted import Scripted
from dagger_algo.policies.tabular import TabularPolicy

Make = Callable[..., Moment]


def test_entropy_is_taken_as_told_and_else_from_the_log_probabilities(moment: Make) -> None:
    told = Action("a", logprobs=(-9.0,), entropy=0.7)
    sampled = Action("a", logprobs=(-0.5, -1.5))
    scores = Entropy()([moment("o", proposal=told), moment("o", proposal=sampled)])
    assert scores == [0.7, 1.0]


def test_a_student_that_tells_nothing_is_refused_by_an_entropy_gate(moment: Make) -> None:
    with pytest.raises(ConfigError, match="choose another gate"):
        Entropy()([moment("o", proposal="a")])


def test_disagreement_is_the_share_of_members_that_would_do_otherwise(moment: Make) -> None:
    members = tuple(Scripted(lambda c, text=text: text) for text in ("a", "b", "b\n", "c"))
    assert Disagreement(members)([moment("o", proposal="b"), moment("o", proposal="x")]) == [0.5, 1]


def test_resamples_of_the_student_differ_from_it_and_stay_the_same(moment: Make) -> None:
    student = TabularPolicy([str(i) for i in range(50)])
    states = [moment("o", key=f"1/{i}/{i}").state for i in range(40)]

    def texts(policy: Resampled | TabularPolicy) -> list[str]:
        return [action.text for action in policy.act(states) if action is not None]

    first, second = Resampled(student, 1), Resampled(student, 2)
    assert texts(first) == texts(Resampled(student, 1))
    assert texts(first) != texts(second) and texts(first) != texts(student)


def test_a_sure_students_resamples_agree_with_it(moment: Make) -> None:
    student = TabularPolicy(["a", "b"])
    student.table["o"] = np.array([50.0, 0.0])
    gate = Above(Disagreement(tuple(Resampled(student, i) for i in range(3))), 0.1)
    state = moment("o").state
    (proposal,) = student.act([state])
    (decision,) = gate([Moment(state, (), proposal)])
    assert decision == (Actor.STUDENT, False, 0.0)


def test_the_discrepancy_is_the_teachers_own_word(moment: Make) -> None:
    asked = [
        moment("o", proposal="a", label="a"),
        moment("o", proposal="a", label="b"),
        moment("o", proposal="a"),  # the teacher had no answer
    ]
    assert Discrepancy.sees == Sees.PROPOSAL | Sees.LABEL
    assert Discrepancy()(asked) == [0.0, 1.0, 0.0]


def test_novelty_falls_with_what_was_labelled(moment: Make) -> None:
    def seen(*observations: str, label: str | None) -> Episode:
        given = None if label is None else Action(label)
        turns = tuple(Turn(o, Action("a"), Actor.STUDENT, given, 0.0) for o in observations)
        return Episode("1/0/0", 0, "", 1, turns, Outcome.TERMINATED)

    novelty = Novelty(rarest=2)
    here, there = moment("x: one"), moment("x: two words")
    assert novelty([here, there]) == [1.0, 1.0]
    novelty.observe(seen("x: one", "x: one", "x: six", label="a"))
    novelty.observe(seen("two words", label=None))
    # here: "x:" was labelled three times, "one" twice; there: the two rarest words are new.
    assert novelty([here, there]) == pytest.approx([(0.5 + 3**-0.5) / 2, 1.0])


def test_a_fixed_threshold_includes_itself(moment: Make, said: Score) -> None:
    decisions = Above(said, 0.5)([moment("0.4"), moment("0.5"), moment("0.6")])
    assert decisions == [
        (Actor.STUDENT, False, 0.4),
        (Actor.TEACHER, True, 0.5),
        (Actor.TEACHER, True, 0.6),
    ]


def test_hysteresis_enters_high_and_leaves_low(
    moment: Make, said: Score, actors: Callable[..., str]
) -> None:
    gate = Lazy(said, enter=0.6, leave=0.3)
    scores, who = ["0.5", "0.7", "0.4", "0.3", "0.2", "0.5", "0.6"], ""
    for t in range(len(scores)):
        who += actors(gate, [moment(*scores[: t + 1], actors=who)])
    assert who == "stttsst"


def test_the_highest_of_several_scores_counts(moment: Make, said: Score) -> None:
    assert Highest((said, Novelty()))([moment("3.5"), moment("0.5")]) == [3.5, 1.0]
    assert Highest((Entropy(), Novelty())).sees == Sees.PROPOSAL


@pytest.mark.parametrize("enter, leave", [(0.2, 0.3), (-1.0, -2.0), (math.nan, 0.0)])
def test_thresholds_that_cannot_work_are_refused(said: Score, enter: float, leave: float) -> None:
    with pytest.raises(ConfigError, match="enter"):
        Lazy(said, enter, leave)


def test_moments_come_back_from_an_episode_as_they_were(moment: Make) -> None:
    actions = [Action("a"), Action("b")]
    turns = (
        Turn("i", actions[0], Actor.STUDENT, Action("l"), 0.0, True, Action("a", logprobs=(-1.0,))),
        Turn("o", actions[1], Actor.TEACHER, actions[1], 1.0, True, Action("p")),
    )
    first, second = moments(Episode("k", 0, "", 1, turns, Outcome.TERMINATED, "end"))
    assert first == Moment(Conversation("k", ("i",)), (), turns[0].proposal)
    assert second == Moment(Conversation("k", ("i", "o"), (actions[0],)), turns[:1], Action("p"))


anything = st.text(st.characters())


@given(st.lists(anything, min_size=1, max_size=5), anything)
def test_features_are_finite_numbers_for_any_text(seen: Sequence[str], proposal: str) -> None:
    state = Conversation("k", tuple(seen), tuple(Action(text) for text in seen[1:]))
    features = TextFeatures(buckets=8)
    rows = features([Moment(state, (), Action(proposal)), Moment(state)])
    assert rows.shape == (2, 15) and np.isfinite(rows).all()
    assert (
        rows
        == np.vstack([features([m]) for m in (Moment(state, (), Action(proposal)), Moment(state))])
    ).all()
