"""The covariate-shift meter: known answers, and the honest controls."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium as gym
import pytest

import swe_gym_env  # noqa: F401  (registers the toys)
from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn
from dagger_algo.diagnosis import Diagnosis, Verdict, diagnose
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.examples import imitate
from dagger_algo.meter import (
    Rate,
    Reached,
    Trial,
    by_round,
    by_turn,
    demonstrations,
    measure,
    opinions,
    same_action,
    shift_figures,
)
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from tests.dagger_algo.ledge import WORDS, Ledge, letter, whole_line

Make = Callable[[], gym.Env[str, str]]
State = Callable[[Conversation], str]


def fitted(make: Make, words: tuple[str, ...], labels: int, seed: int, state: State) -> Any:
    """A table that has seen so many labels of demonstrations."""
    student = TabularPolicy(words, state=state, seed=seed)
    seeds = itertools.count(10_000 * (seed + 1))
    with EnvPool(make, 8) as pool:
        shown = demonstrations(pool, seeds, student, ExpertTeacher(), labels)
    student.update(imitate(shown), epochs=8)
    return student


def trials(make: Make, student: Any, tasks: int = 60) -> list[Trial]:
    with EnvPool(make, 8) as pool:
        return measure(pool, range(tasks), student.greedy(), ExpertTeacher())


def on_rope(labels: int, seed: int, **rope: Any) -> list[Trial]:
    made = gym.make("Tightrope-v0", **rope)
    student = fitted(
        lambda: gym.make("Tightrope-v0", expert=True, **rope),
        made.unwrapped.action_words,  # type: ignore[attr-defined]
        labels,
        seed,
        last_line,
    )
    return trials(lambda: gym.make("Tightrope-v0", expert=True, split="heldout", **rope), student)


def verdicts(of: Callable[[int], list[Trial]], seeds: int = 4) -> list[Diagnosis]:
    return [diagnose(of(seed)) for seed in range(seeds)]


def test_on_the_tightrope_dagger_can_help() -> None:
    for found in verdicts(lambda seed: on_rope(300, seed)):
        assert found.verdict is Verdict.HELPS, found
        assert found.shift.low > 0.5 and found.headroom.low > 0.1


def test_an_error_on_the_tightrope_costs_the_depth_of_the_pit() -> None:
    """Known exactly: the slip and `pit_depth` words out of the pit, for one step of the rope."""
    found = diagnose(on_rope(300, 0, pit_depth=4, max_turns=60))
    assert found.u_turns.mean == 4.0
    assert found.u_success.mean == 0.0


def test_where_errors_cannot_be_undone_there_is_nothing_to_gain() -> None:
    for found in verdicts(lambda seed: on_rope(300, seed, recoverable=False)):
        assert found.verdict is Verdict.NOTHING, found
        assert "cannot be undone" in found.because
        assert found.gap.low > 0.1, "the student is bad enough; it is not that"
        assert found.u_success.mean == 1.0


def test_where_the_rule_generalises_there_is_nothing_to_gain() -> None:
    """A student that errs, but on the ledge no more than on the path; told from one that has to
    learn the ledge by itself."""

    def of(state: State) -> list[Diagnosis]:
        return verdicts(lambda s: trials(Ledge, fitted(Ledge, WORDS, 10, s, state), 100), 2)

    for found in of(letter):
        assert found.verdict is Verdict.NOTHING, found
        assert found.rates[Reached.TEACHER].share > 0.1, "it does err"
        assert found.headroom.low > 0.1 and "no more than where the teacher leads" in found.because
    for found in of(whole_line):
        assert found.verdict is Verdict.HELPS, found


def test_an_error_that_leads_back_to_the_start_leads_nowhere_new() -> None:
    """The forgiving lock: what the student does not know there, demonstrations show it."""
    made = gym.make("CombinationLock-v0", forgiving=True)
    words = made.unwrapped.action_words  # type: ignore[attr-defined]

    def make(**more: Any) -> Make:
        return lambda: gym.make("CombinationLock-v0", forgiving=True, expert=True, **more)

    for seed in range(2):
        student = fitted(make(), words, 30, seed, last_line)
        found = diagnose(trials(make(split="heldout"), student))
        assert found.verdict is Verdict.NOTHING, found
        assert found.gap.low > 0.1 and found.gain.mean == 0.0


def test_a_gap_that_demonstrations_are_closing_by_themselves_is_none_for_dagger() -> None:
    """Of two students alike, whose demonstrations last doubled: the one that they took from 5% to
    half of the tasks, and the one that they did not help at all."""
    of = on_rope(300, 0)
    solved = [trial.student for trial in of if trial.student.success]
    lost = next(trial.student for trial in of if not trial.student.success)
    some = {trial.student.seed: replace(lost, seed=trial.student.seed) for trial in of}
    closing = diagnose(of, halved=list((some | {e.seed: e for e in solved[:3]}).values()))
    stuck = diagnose(of, halved=[trial.student for trial in of])
    assert closing.ahead.mean < 0.5 * stuck.ahead.mean
    assert stuck.verdict is Verdict.HELPS
    assert stuck.ahead.mean == pytest.approx(stuck.gain.mean, abs=0.02)


def test_it_says_how_many_more_tasks_it_takes_and_then_it_can_tell() -> None:
    of = on_rope(300, 0)
    for few in (8, 16, 24):
        found = diagnose(of[:few])
        assert (found.more > 0) == (found.verdict is Verdict.UNKNOWN)
        if found.more:
            assert f"about {found.more} more tasks" in found.because
    assert diagnose(of[:8]).more > 0
    assert diagnose(of).verdict is Verdict.HELPS and diagnose(of).more == 0


def test_the_gain_of_a_made_up_student_is_known() -> None:
    """Two tasks in five go wrong at their second turn. Of the two states that the error leads to
    the student is wrong at one: ε' = 1/2. Of the two that the teacher leads to instead it is wrong
    at one in every other such task: ε = 1/4. The gain is 0.4 · (1/2 - 1/4) / (1/2)."""

    def episode(seed: int, *said: tuple[str, bool], won: bool, actor: Actor) -> Episode:
        turns = tuple(
            Turn(place, Action("x" if wrong else "a"), actor, Action("a"), 0.0, True)
            if actor is Actor.STUDENT
            else Turn(place, Action("a"), actor, Action("a"), 0.0, True, Action("ax"[wrong]))
            for place, wrong in said
        )
        last = replace(turns[-1], reward=float(won))
        return Episode("k", seed, "", 1, (*turns[:-1], last), Outcome.TERMINATED)

    def trial(seed: int) -> Trial:
        wrong = seed % 5 < 2
        path = (f"{seed} 1", False), (f"{seed} 2", wrong), (f"{seed} 3", seed % 5 == 0)
        teacher = episode(seed, *path, (f"{seed} 4", False), won=True, actor=T)
        if not wrong:
            own = episode(seed, *path[:2], won=True, actor=S)
            return Trial(teacher, own, own)
        off = (f"{seed} pit 1", True), (f"{seed} pit 2", False)
        own = episode(seed, *path[:2], *off, won=False, actor=S)
        return Trial(teacher, own, episode(seed, *path[:2], *off, won=True, actor=S))

    found = diagnose([trial(seed) for seed in range(50)])
    assert found.headroom.mean == pytest.approx(0.4)
    assert found.shift.mean == pytest.approx(0.25)
    assert found.gain.mean == pytest.approx(0.2)


def test_a_student_that_makes_no_errors_has_nothing_to_gain() -> None:
    found = diagnose(trials(Ledge, fitted(Ledge, WORDS, 800, 0, letter)))
    assert found.verdict is Verdict.NOTHING
    assert "as often as the teacher" in found.because and found.errors == 0


def test_a_few_tasks_are_not_enough_evidence() -> None:
    assert diagnose(on_rope(300, 0)[:6]).verdict is Verdict.UNKNOWN
    with pytest.raises(ConfigError, match="no episode"):
        diagnose([])


def test_the_teacher_takes_over_right_after_the_first_error() -> None:
    for trial in on_rope(300, 1):
        assert all(turn.actor is Actor.TEACHER for turn in trial.teacher.turns)
        assert all(turn.actor is Actor.STUDENT for turn in trial.student.turns)
        wrong = [o.turn for o in opinions(trial.student) if o.disagrees]
        assert trial.erred == bool(wrong)
        if wrong:
            actors = [turn.actor for turn in trial.rescued.turns]
            assert actors[: wrong[0] + 1] == [Actor.STUDENT] * (wrong[0] + 1)
            assert set(actors[wrong[0] + 1 :]) <= {Actor.TEACHER}


def turn(action: str, actor: Actor, label: str | None, proposal: str | None = None) -> Turn:
    said = Action(proposal) if proposal else None
    return Turn("o", Action(action), actor, Action(label) if label else None, 0.0, True, said)


S, T = Actor.STUDENT, Actor.TEACHER


def test_every_state_counts_as_it_was_reached() -> None:
    mixed = Episode(
        "k",
        0,
        "",
        2,
        (
            turn("a", T, "a", proposal="b"),
            turn("a", T, "a"),
            turn("a", S, "a"),
            turn("x", S, "a"),
            turn("a", T, "a", proposal="a"),
            turn("x", S, None),
            turn("x", S, "a"),
        ),
        Outcome.TERMINATED,
    )
    assert [(o.turn, o.reached, o.disagrees) for o in opinions(mixed)] == [
        (0, Reached.TEACHER, True),
        (2, Reached.TEACHER, False),
        (3, Reached.AGREEING, True),
        (4, Reached.ERRED, False),
    ]
    assert by_round([mixed])[2][Reached.TEACHER] == Rate(1, 2)
    assert by_turn([mixed, mixed])[3][Reached.AGREEING] == Rate(2, 2)
    figures = shift_figures([mixed])
    assert figures["disagreement_teachers"] == 0.5 and figures["disagreement_after_error"] == 0.0


def test_thoughts_make_no_difference_and_calls_do() -> None:
    call = '<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>'
    assert same_action(Action(f"Let us see.\n{call}"), Action(call))
    assert not same_action(Action(call), Action(call.replace("ls", "cat")))
    assert same_action(Action("word\n"), Action("word"))
    assert not same_action(Action("word"), Action(call))
