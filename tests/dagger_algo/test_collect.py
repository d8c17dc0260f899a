from collections.abc import Callable, Sequence

import gymnasium as gym
import pytest

from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Actor, Conversation, Outcome
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.gates.mixture import TEACHER_ONLY, TurnMixture
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher, Scripted

Make = Callable[..., gym.Env[str, str]]
wrong = Scripted(lambda conversation: "9")


def test_the_expert_succeeds_and_every_state_is_labelled(corridor: Make) -> None:
    with EnvPool(corridor, 4) as pool:
        teacher = ExpertTeacher()
        episodes = list(collect(pool, range(10), wrong, gate=TEACHER_ONLY, teacher=teacher))
    assert len(episodes) == 10
    for episode in episodes:
        assert episode.success and len(episode.turns) == 3
        assert [turn.label for turn in episode.turns] == [t.action for t in episode.turns]
        assert episode.task == "".join(turn.action.text for turn in episode.turns)


def test_labels_are_asked_for_at_states_the_student_chose(corridor: Make) -> None:
    with EnvPool(corridor, 2) as pool:
        episodes = list(collect(pool, range(5), wrong, teacher=ExpertTeacher()))
    for episode in episodes:
        (turn,) = episode.turns
        assert turn.actor is Actor.STUDENT and turn.action.text == "9"
        assert turn.label is not None and turn.label.text == turn.observation[-1]


def test_a_lost_label_leaves_the_episode_and_the_student_acts(corridor: Make) -> None:
    class Flaky:
        def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
            known = ExpertTeacher().act(conversations)
            return [None if c.turn == 1 else a for c, a in zip(conversations, known, strict=True)]

    right = Scripted(lambda c: c.observations[-1][-1])
    ledger = Ledger()
    with EnvPool(corridor, 3) as pool:
        episodes = list(
            collect(pool, range(6), right, gate=TEACHER_ONLY, teacher=Flaky(), ledger=ledger)
        )
    assert all(episode.success for episode in episodes)
    assert all(e.turns[1].label is None and e.turns[1].actor == "student" for e in episodes)
    assert ledger.labels_lost == 6 and ledger.teacher_queries == 18


def test_nothing_more_is_spent_once_the_budget_is(corridor: Make) -> None:
    ledger = Ledger()
    with EnvPool(corridor, 4) as pool:
        episodes = list(
            collect(
                pool,
                iter(range(1000)),
                wrong,
                gate=TEACHER_ONLY,
                teacher=ExpertTeacher(),
                ledger=ledger,
                limit=Budget(10**6, 30),
            )
        )
    assert 30 <= ledger.teacher_tokens < 30 + 4
    assert sum(len(episode.turns) for episode in episodes) == ledger.env_steps
    assert {e.outcome for e in episodes} == {Outcome.TERMINATED, Outcome.CUT}
    assert all(turn.label is not None for episode in episodes for turn in episode.turns)


@pytest.mark.parametrize("more, ends", [(1000, {Outcome.TERMINATED}), (4, {Outcome.CUT})])
def test_what_has_begun_may_be_finished_within_a_further_budget(
    corridor: Make, more: int, ends: set[Outcome]
) -> None:
    right = Scripted(lambda conversation: conversation.observations[-1][-1])
    ledger = Ledger()
    with EnvPool(corridor, 4) as pool:
        limit, finish = Budget(1, 10**6), Budget(more, 10**6)
        episodes = list(
            collect(pool, iter(range(1000)), right, ledger=ledger, limit=limit, finish=finish)
        )
    assert len(episodes) == ledger.episodes == 4
    assert {episode.outcome for episode in episodes} == ends
    assert all(episode.success == (ends == {Outcome.TERMINATED}) for episode in episodes)


def test_an_episode_that_the_environment_broke_is_dropped_and_counted(corridor: Make) -> None:
    ledger = Ledger()
    right = Scripted(lambda c: c.observations[-1][-1])
    with EnvPool(lambda: corridor(break_at=2), 2) as pool:
        assert list(collect(pool, range(4), right, ledger=ledger)) == []
    assert ledger.episodes_infra == 4


def test_collection_does_not_depend_on_how_many_run_at_once(corridor: Make) -> None:
    def rolled(size: int) -> set[tuple[int, tuple[str, ...]]]:
        with EnvPool(corridor, size) as pool:
            gate = TurnMixture(0.5)
            found = collect(pool, range(12), wrong, gate=gate, teacher=ExpertTeacher())
            return {(e.seed, tuple(t.action.text for t in e.turns)) for e in found}

    assert rolled(1) == rolled(5)


def test_a_pool_closes_the_environments_it_made(corridor: Make) -> None:
    made = []

    def make() -> gym.Env[str, str]:
        made.append(corridor())
        return made[-1]

    with EnvPool(make, 3) as pool:
        list(collect(pool, range(3), wrong))
    assert len(made) == 3 and all(env.closed for env in made)


def test_a_teacher_without_an_expert_says_what_to_do(corridor: Make) -> None:
    with (
        EnvPool(lambda: corridor(expert=False), 1) as pool,
        pytest.raises(ConfigError, match="expert=True"),
    ):
        list(collect(pool, [0], wrong, teacher=ExpertTeacher()))
