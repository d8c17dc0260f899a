"""Wrappers of teachers, and what is counted across them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Actor, Conversation, Episode, Usage
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.gates.mixture import TEACHER_ONLY, TurnMixture
from dagger_algo.labels import Labels
from dagger_algo.ledger import Ledger
from dagger_algo.policies.scripted import ExpertTeacher, Scripted
from dagger_algo.randomness import stream
from dagger_algo.teachers.bills import add, losses
from dagger_algo.teachers.cache import Cached, Identity
from dagger_algo.teachers.checked import Checked
from dagger_algo.teachers.costs import Costs, costs
from dagger_algo.teachers.noisy import Noisy
from dagger_algo.teachers.staged import Staged

COST = Usage(10, 2, 0.5, 3.0)


class Saying:
    """Answers from a rule, each at the same cost."""

    def __init__(self, rule: Callable[[Conversation], str | None]) -> None:
        self._rule = rule
        self.asked: list[Conversation] = []

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        self.asked += conversations
        texts = [self._rule(conversation) for conversation in conversations]
        return [None if text is None else Action(text, usage=COST) for text in texts]


def no_digit(text: str) -> str | None:
    return None if text.isdigit() else f"{text!r} is no digit: say one digit"


def states(count: int, turn: int = 0) -> list[Conversation]:
    said = tuple(Action("1") for _ in range(turn))
    return [Conversation(f"k{i}", ("say 1",) * (turn + 1), said) for i in range(count)]


def text(answer: Action | None) -> str | None:
    return None if answer is None else answer.text


def test_an_answer_of_no_use_is_lost() -> None:
    checked = Checked(Saying(lambda c: "one" if c.key == "k1" else "1"), no_digit)
    assert [text(a) for a in checked.act(states(3))] == ["1", None, "1"]
    assert checked.losses == {"unparseable": 1} and checked.bills.total == COST


def test_a_teacher_that_is_told_its_fault_may_answer_once_more() -> None:
    def rule(c: Conversation) -> str | None:
        if c.turn == 0:
            return "1" if c.key == "k0" else "one"
        return {"k1/again": "2", "k2/again": "two", "k3/again": None}[c.key]

    teacher = Saying(rule)
    checked = Checked(teacher, no_digit, again=True)
    answers = checked.act(states(4))
    assert [text(a) for a in answers] == ["1", "2", None, None]
    told = teacher.asked[4]
    assert told.observations == ("say 1", "'one' is no digit: say one digit")
    assert [a.text for a in told.actions] == ["one"] and len(teacher.asked) == 7
    first, second = answers[:2]
    assert first is not None and first.usage == COST
    assert second is not None and second.usage == add(COST, COST) == Usage(20, 4, 1.0, 6.0)
    # The last one was lost by the teacher itself; what its first answer cost is gone all the same.
    assert checked.losses == {"unparseable": 1} and checked.bills.total == Usage(30, 6, 1.5, 9.0)


def test_a_weak_teacher_errs_as_often_as_it_should_and_on_its_own() -> None:
    noisy = Noisy(Saying(lambda c: "1"), lambda c, right, draws: f"not {right}", 0.3)
    answers = noisy.act(states(4000))
    wrong = [text(a) == "not 1" for a in answers]
    assert 0.27 < sum(wrong) / 4000 < 0.33
    assert all(a is not None and a.usage == COST for a in answers)
    acts = [stream(0, c.key, c.turn).random() < 0.5 for c in states(4000)]
    both = sum(w and acting for w, acting in zip(wrong, acts, strict=True))
    assert 0.4 < both / sum(wrong) < 0.6


def test_a_weak_teachers_errors_depend_on_episode_and_turn_alone() -> None:
    def noisy(seed: int = 0) -> Noisy:
        return Noisy(Saying(lambda c: "1"), lambda c, right, d: str(d.integers(99)), 0.5, seed=seed)

    together = [text(a) for a in noisy().act(states(50))]
    assert together == [text(noisy().act([state])[0]) for state in states(50)]
    assert together != [text(a) for a in noisy(1).act(states(50))]
    assert together != [text(a) for a in noisy().act(states(50, turn=1))]


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_a_probability_that_is_none_is_refused(p: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Noisy(Saying(lambda c: "1"), lambda c, right, draws: "", p)


def test_a_lost_answer_stays_lost_through_all_of_them() -> None:
    silent = Saying(lambda c: None)
    assert Noisy(silent, lambda c, right, draws: "x", 1.0).act(states(2)) == [None, None]
    assert Staged(silent).act(states(1)) == [None]
    assert Checked(silent, no_digit, again=True).act(states(1)) == [None]


def test_a_stage_is_named_before_the_step_and_once_only() -> None:
    said = iter(["```bash\npytest -x\n```", "Stage: Orchestration\n```bash\nls\n```"])
    answers = Staged(Saying(lambda c: next(said))).act(states(2))
    assert [text(a) for a in answers] == [
        "Stage: Verification\n```bash\npytest -x\n```",
        "Stage: Orchestration\n```bash\nls\n```",
    ]
    assert all(a is not None and a.usage == COST and a.token_ids is None for a in answers)


def test_losses_of_all_layers_are_added_up(tmp_path: Path) -> None:
    inner = Checked(Saying(lambda c: "one" if c.key == "k0" else "11"), no_digit)
    with Cached(inner, tmp_path / "c.jsonl", Identity("m", sampled=True)) as cached:
        outer = Checked(cached, lambda answer: "too long" if len(answer) > 1 else None)
        staged = Staged(outer)
        assert staged.act(states(3)) == [None] * 3
        assert losses(staged) == {"unparseable": 3}
    assert losses(ExpertTeacher()) == {}


def collected(
    corridor: Callable[..., Any], teacher: Any, labels: Labels, **how: Any
) -> tuple[list[Episode], Ledger]:
    ledger = Ledger()
    right = Scripted(lambda c: c.observations[-1][-1])
    with EnvPool(corridor, 3) as pool:
        rolled = collect(
            pool, range(6), right, teacher=teacher, labels=labels, ledger=ledger, **how
        )
        return list(rolled), ledger


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("gate", [TEACHER_ONLY, TurnMixture(0.5)])
def test_the_episodes_costs_add_up_to_the_ledger(
    corridor: Callable[..., Any], tmp_path: Path, executed: bool, gate: TurnMixture
) -> None:
    flaky = Saying(
        lambda c: None if c.turn == 1 and "2" in c.observations[0] else c.observations[-1][-1]
    )
    labels = Labels(executed=executed)
    with Cached(flaky, tmp_path / "c.jsonl", Identity("m")) as teacher:
        episodes, ledger = collected(corridor, teacher, labels, gate=gate)
    parts = [costs(episode) for episode in episodes]
    total = [sum(getattr(part, name) for part in parts) for name in ("queries", "lost")]
    assert total == [ledger.teacher_queries, ledger.labels_lost]
    assert sum(part.cache_hits for part in parts) == ledger.cache_hits > 0
    assert sum(part.tokens_in for part in parts) == ledger.teacher_tokens_in
    assert sum(part.money for part in parts) == pytest.approx(ledger.teacher_money)
    assert sum(part.paid for part in parts) == pytest.approx(ledger.teacher_paid)
    assert sum(part.paid for part in parts) == 0.5 * sum(part.seconds for part in parts) / 3.0


def test_an_episode_nobody_was_asked_in_costs_nothing(corridor: Callable[..., Any]) -> None:
    episodes, _ = collected(corridor, None, Labels())
    assert {costs(episode) for episode in episodes} == {Costs()}
    assert {turn.actor for episode in episodes for turn in episode.turns} == {Actor.STUDENT}


def test_what_was_cached_adds_what_it_cost_once_and_nothing_that_is_paid() -> None:
    hit = Usage(7, 1, 9.0, 0.0, cached=True, saved=9.0)
    assert add(COST, hit) == add(hit, COST) == Usage(17, 3, 9.5, 3.0, saved=9.0)
    assert add(COST, hit).paid == COST.paid == 0.5 and hit.paid == add(hit, hit).paid == 0.0
    assert add(hit, hit) == Usage(14, 2, 18.0, 0.0, cached=True, saved=18.0)
