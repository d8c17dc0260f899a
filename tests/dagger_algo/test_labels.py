"""Where the teacher is asked, and how much: what is stored, paid and trained on."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Actor, Conversation, Episode, Usage
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.examples import Example, imitate
from dagger_algo.gates.mixture import TEACHER_ONLY, TurnMixture
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger, TeacherBudget
from dagger_algo.policies.scripted import ExpertTeacher, Scripted
from dagger_algo.run import Silent
from dagger_algo.schedules import Beta
from dagger_algo.teachers.bills import Bills
from dagger_algo.teachers.costs import costs
from tests.support.walker import tightrope_run

Make = Callable[..., gym.Env[str, str]]
right = Scripted(lambda c: c.observations[-1][-1])


class Paid:
    """The expert, whose every answer costs 1; it counts its questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        self.asked += [conversation.key for conversation in conversations]
        found = ExpertTeacher().act(conversations)
        return [a and replace(a, usage=Usage(3, 1, 1.0)) for a in found]


class LosesWhatItExecutes(Paid):
    """The same, but that its second answers are lost, and cost 5."""

    def __init__(self) -> None:
        super().__init__()
        self.bills = Bills()

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        found = super().act(conversations)
        for i, conversation in enumerate(conversations):
            if conversation.key.endswith("/executed"):
                self.bills.add(conversation.key, Usage(1, 5, 5.0))
                found[i] = None
        return found


def rolled(
    corridor: Make,
    labels: Labels,
    gate: Any = TEACHER_ONLY,
    envs: int = 8,
    teacher: Paid | None = None,
    **how: Any,
) -> tuple[list[Episode], Ledger, Paid]:
    ledger, teacher = Ledger(), teacher or Paid()
    with EnvPool(corridor, envs) as pool:
        found = collect(
            pool,
            range(24),
            right,
            gate=gate,
            teacher=teacher,
            labels=labels,
            ledger=ledger,
            **how,
        )
        return list(found), ledger, teacher


def test_students_turns_alone_are_labelled_and_the_teachers_are_paid_all_the_same(
    corridor: Make,
) -> None:
    both, _, _ = rolled(corridor, Labels(), TurnMixture(0.5))
    own, ledger, teacher = rolled(corridor, Labels("student"), TurnMixture(0.5))
    turns = [turn for episode in own for turn in episode.turns]
    assert {turn.actor for turn in turns} == set(Actor)
    for turn in turns:
        assert (turn.label is not None) == turn.asked == (turn.actor is Actor.STUDENT)
    # The same episodes come of it, and the same is paid.
    assert [t.action for t in turns] == [t.action for e in both for t in e.turns]
    assert ledger.teacher_queries == ledger.teacher_money == len(turns) == len(teacher.asked)
    assert ledger.labels_lost == 0
    assert sum(costs(episode).queries for episode in own) == len(turns)
    targets = [(x, target) for x in imitate(own) for target in x.targets]
    assert len(targets) == sum(turn.actor is Actor.STUDENT for turn in turns) > 0


def test_what_is_no_label_is_not_asked_for_twice(corridor: Make) -> None:
    episodes, _, teacher = rolled(corridor, Labels("student", executed=False), TurnMixture(0.5))
    assert len(teacher.asked) == sum(len(episode.turns) for episode in episodes)
    assert not any(turn.again for episode in episodes for turn in episode.turns)


@pytest.mark.parametrize("where", ["student", "teacher"])
def test_dagger_trains_at_the_turns_that_are_labelled(where: Any, tmp_path: Path) -> None:
    fitted: list[Example] = []
    config = DaggerConfig(3, 1, beta=Beta("linear", 1.0, 0.5), labels=Labels(where))
    with tightrope_run(tmp_path, Budget(300, 10**6), Silent()) as run:
        update = run.student.update

        def spy(examples: Any, **options: Any) -> Any:
            fitted.extend(kept := list(examples))
            return update(kept, **options)

        run.student.update = spy  # type: ignore[method-assign]
        dagger(run, config)
        stored = {
            (tuple(t.observation for t in e.turns), tuple(t.action for t in e.turns)): {
                t for t, turn in enumerate(e.turns) if turn.label is not None
            }
            for e in run.store
            if all((turn.label is not None) == (turn.actor == where) for turn in e.turns)
        }
        losses = ["loss" in row for row in run.log.rounds]  # type: ignore[attr-defined]
    assert fitted
    for example in fitted:
        labelled = stored[example.observations, example.actions]
        assert {target.turn for target in example.targets} == labelled
    # In the first round the teacher takes every turn: of the student's there is none to learn.
    assert losses == [where == "teacher", True, True]


@pytest.mark.parametrize("envs", [1, 8])
@pytest.mark.parametrize("queries", [0, 1, 10, 13, 30])
@pytest.mark.parametrize("executed", [True, False])
def test_the_teacher_is_asked_no_more_questions_than_it_may_be(
    corridor: Make, executed: bool, queries: int, envs: int
) -> None:
    labels = Labels(executed=executed, budget=TeacherBudget(queries=queries))
    episodes, ledger, teacher = rolled(corridor, labels, envs=envs)
    assert len(teacher.asked) == ledger.teacher_queries == queries
    assert ledger.teacher_tokens == ledger.teacher_money == queries
    assert sum(costs(episode).queries for episode in episodes) == queries
    turns = [turn for episode in episodes for turn in episode.turns]
    assert len(turns) == 72  # the student goes on alone
    # Where no question is left, the first answer is executed; without one, the student acts.
    for turn in turns:
        assert (turn.actor is Actor.TEACHER) == (turn.label is not None)
    asked_twice = sum(turn.again for turn in turns)
    assert asked_twice + sum(turn.asked for turn in turns) == queries


@pytest.mark.parametrize("limit", ["tokens", "money"])
@pytest.mark.parametrize("executed", [True, False])
def test_what_is_known_only_afterwards_is_overrun_by_a_batch_at_most(
    corridor: Make, executed: bool, limit: str
) -> None:
    labels = Labels(executed=executed, budget=TeacherBudget(**{limit: 10}))
    _, ledger, _ = rolled(corridor, labels)
    assert 10 <= getattr(ledger, f"teacher_{limit}") < 10 + 8


@pytest.mark.parametrize("limit", ["queries", "tokens", "money"])
@pytest.mark.parametrize("gate", [TEACHER_ONLY, TurnMixture(0.5)])
@pytest.mark.parametrize("where", ["everywhere", "student"])
def test_an_interrupted_collection_asks_the_same_under_a_teachers_budget(
    corridor: Make, limit: str, gate: Any, where: Any
) -> None:
    most = TeacherBudget(**{limit: 13})
    labels = Labels(where, executed=False, budget=most)
    whole, ledger, _ = rolled(corridor, labels, gate, envs=4)
    for kept in itertools.chain(range(0, len(whole), 3), [len(whole)]):
        # Episodes of a step end together, so that some of them may be stored and others not.
        known = {episode.key: episode for episode in whole[:kept][::-1]}
        again, resumed, _ = rolled(corridor, labels, gate, envs=4, known=known)
        assert again == whole
        assert replace(resumed, seconds={}) == replace(ledger, seconds={})


@pytest.mark.parametrize("limit", ["tokens", "money"])
def test_an_interrupted_collection_asks_the_same_where_second_answers_are_lost(
    corridor: Make, limit: str
) -> None:
    def roll(most: int, known: Any = None) -> tuple[list[Episode], dict[str, Any]]:
        labels = Labels(executed=False, budget=TeacherBudget(**{limit: most}))
        teacher = LosesWhatItExecutes()
        found, ledger, _ = rolled(corridor, labels, envs=2, teacher=teacher, known=known)
        return found, {**ledger.as_dict(), "seconds": {}}

    for most in (3, 13, 40):
        whole, spent = roll(most)
        assert spent[f"teacher_{limit}"] >= most
        assert sum(costs(episode).money for episode in whole) == spent["teacher_money"]
        for kept in range(len(whole) + 1):
            again, resumed = roll(most, {episode.key: episode for episode in whole[:kept]})
            assert (again, resumed) == (whole, spent)
