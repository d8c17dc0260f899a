from collections.abc import Callable
from typing import Any

import pytest

from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.combine import Warmup, all_of, any_of, at_most, spot_check
from dagger_algo.gates.entropy import Entropy
from dagger_algo.gates.gate import Adaptive, Moment, Sees, in_round
from dagger_algo.gates.mixture import STUDENT_ONLY, TEACHER_ONLY, BetaMixture
from dagger_algo.gates.novelty import Novelty
from dagger_algo.gates.threshold import Above
from dagger_algo.gates.thrifty import Thrifty
from dagger_algo.schedules import Beta

T, S = Actor.TEACHER, Actor.STUDENT
Make = Callable[..., Moment]


def test_any_and_all_by_hand(moment: Make, always: Any) -> None:
    yes, no = always(T, True, 0.2), always(S, False, 0.9)
    assert any_of(no, yes)([moment("o")]) == [(T, True, 0.9)]
    assert all_of(yes, no)([moment("o")]) == [(S, False, 0.2)]
    assert all_of(yes, always(T, True))([moment("o")]) == [(T, True, 0.2)]
    assert any_of(always(S, True), no)([moment("o")]) == [(S, True, 0.9)]


def test_a_combination_needs_what_its_parts_need() -> None:
    assert any_of(STUDENT_ONLY, Above(Entropy(), 0.1)).sees == Sees.PROPOSAL
    assert any_of(STUDENT_ONLY, TEACHER_ONLY).sees == Sees.STATE


def test_at_most_so_many_turns_of_an_episode_are_the_teachers(moment: Make, always: Any) -> None:
    gate = at_most(always(T, True, 0.5), 2)
    assert gate([moment(*"ooo", actors="ts")]) == [(T, True, 0.5)]
    assert gate([moment(*"oooo", actors="tst")]) == [(S, False, 0.5)]


def test_spot_checks_ask_at_a_share_of_the_turns_and_let_the_student_act(
    moment: Make, always: Any
) -> None:
    moments = [moment("o", key=f"1/{i}/{i}") for i in range(3000)]
    decisions = spot_check(always(S, False), 0.2)(moments)
    assert {d.actor for d in decisions} == {S}
    assert sum(d.ask for d in decisions) / 3000 == pytest.approx(0.2, abs=0.03)
    assert all(d.ask for d in spot_check(always(T, True), 0.2)(moments))


def test_in_the_warm_up_the_teacher_acts_and_the_gate_watches(moment: Make, said: Any) -> None:
    gate = Warmup(Above(said, 0.5), rounds=2)
    moments = [moment("0.1"), moment("0.9")]
    assert in_round(gate, 2, 5)(moments) == [(T, True, 0.1), (T, True, 0.9)]
    assert in_round(gate, 3, 5)(moments) == [(S, False, 0.1), (T, True, 0.9)]


def test_a_schedule_inside_begins_after_the_warm_up(moment: Make) -> None:
    gate = Warmup(BetaMixture(Beta("linear", 0.8, 0.0)), rounds=1)
    assert in_round(gate, 2, 3) == in_round(BetaMixture(Beta("linear", 0.8, 0.0)), 1, 2)
    both = any_of(BetaMixture(Beta("step", 1.0, 0.0)), STUDENT_ONLY)
    assert [in_round(both, i, 3)([moment("o")])[0].actor for i in (1, 2)] == [T, S]


def test_what_is_observed_reaches_every_part(said: Any, scored: Callable[..., Episode]) -> None:
    thrifty = Thrifty(said, share=0.5)
    gate = Warmup(at_most(any_of(thrifty, Above(Novelty(), 0.5)), 3), 1)
    inner = in_round(gate, 4, 5)
    assert isinstance(gate, Adaptive) and isinstance(inner, Adaptive)
    inner.observe(scored([1.0, 2.0], [True, True]))
    assert gate.figures()["share"] == 1.0
    assert gate.figures() == inner.figures()
    assert gate.figures().keys() == {"threshold", "level", "share", "words_seen"}


def test_the_score_that_is_kept_is_the_one_that_is_learned_from(
    moment: Make, said: Any, always: Any
) -> None:
    gate = any_of(always(S, False, 99.0), at_most(Thrifty(said), 5))
    (decision,) = gate([moment("0.25")])
    assert decision.score == 0.25


def test_two_gates_that_learn_from_their_scores_do_not_mix(said: Any) -> None:
    with pytest.raises(ConfigError, match="only one score"):
        any_of(Thrifty(said), Warmup(Thrifty(said)))
