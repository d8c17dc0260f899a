"""RFT, SRFT and expert iteration: what each keeps, what it costs, and that it trains."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines import expert_iteration, rft, srft
from baselines.expert_iteration import ExpertIterationConfig
from baselines.rft import RFTConfig
from baselines.srft import SRFTConfig, step_weights
from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn
from dagger_algo.ledger import Budget
from dagger_algo.policies.scripted import ExpertTeacher, Scripted
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.run import Run
from dagger_algo.step_critic import Verdict
from dagger_algo.teachers.noisy import Noisy
from tests.support.echo import echo_beginner, echo_run

WORDS = [str(d) for d in range(4)]


def weak() -> Noisy:
    """Errs at a third of the turns, so that it seldom succeeds."""
    return Noisy(ExpertTeacher(), lambda c, text, rng: str((int(text) + 1) % 4), 1 / 3, seed=0)


def trained(
    train: Callable[[Run, Any], None], config: Any, folder: Path, teacher: Any = None
) -> tuple[Run, list[dict[str, Any]], list[Episode]]:
    student = TabularPolicy(WORDS, learning_rate=0.2)
    with echo_run(folder, student, teacher, Budget(240, 10_000)) as run:
        train(run, config)
        return run, run.log.rounds, list(run.store)  # type: ignore[attr-defined]


def right(student: Any) -> float:
    """The least probability of the right digit."""
    said = [student.probabilities(Conversation("", (f"say {d}",))) for d in WORDS]
    return float(min(p[int(d)] for p, d in zip(said, WORDS, strict=True)))


def test_rft_learns_from_successes_alone_and_pays_for_all(tmp_path: Path) -> None:
    run, rounds, episodes = trained(rft.train, RFTConfig(rounds=2), tmp_path, weak())
    wins = [episode for episode in episodes if episode.success]
    assert 0.1 < len(wins) / len(episodes) < 0.6
    assert run.ledger.teacher_tokens == sum(len(e.turns) for e in episodes) == 240
    epochs = 3
    whole = [e for e in wins if e.round == 1]
    fitted = epochs * sum(len(e.turns) for e in whole + wins)
    assert run.ledger.tokens_trained == fitted
    assert rounds[0]["kept"] == pytest.approx(len(whole) / sum(e.round == 1 for e in episodes))
    # Of the answers that it kept none is wrong, though a third of all answers are.
    assert right(run.student) > 0.9


def test_without_a_success_rft_goes_on_untrained(tmp_path: Path) -> None:
    wrong = Scripted(lambda conversation: "nothing")
    run, rounds, _ = trained(rft.train, RFTConfig(rounds=2), tmp_path, wrong)
    assert [row["kept"] for row in rounds] == [0.0, 0.0]
    assert run.ledger.optimizer_steps == 0 and run.ledger.env_steps == 240
    assert "loss" not in rounds[0]


def test_srft_learns_failed_demonstrations_without_their_mistakes(tmp_path: Path) -> None:
    asked: list[str] = []

    def critic(episode: Episode) -> list[Verdict]:
        asked.append(episode.key)
        return [
            Verdict.GOOD if turn.observation == f"say {turn.action.text}" else Verdict.MISTAKE
            for turn in episode.turns
        ]

    student = TabularPolicy(WORDS, learning_rate=0.2)
    with echo_run(tmp_path, student, weak(), Budget(240, 10_000)) as run:
        srft.train(run, SRFTConfig(rounds=2, epochs=1), critic)
        episodes = list(run.store)
    failed = [episode.key for episode in episodes if not episode.success]
    assert sorted(asked) == sorted(failed)  # each once, though it is fitted to in two rounds
    good = [
        episode.round
        for episode in episodes
        for turn in episode.turns
        if turn.observation == f"say {turn.action.text}"
    ]
    assert run.ledger.tokens_trained == good.count(1) + len(good)
    assert run.log.rounds[-1]["kept"] == pytest.approx(2 / 3, abs=0.1)  # type: ignore[attr-defined]
    assert right(student) > 0.9


def test_srft_keeps_whole_what_succeeded() -> None:
    def turn(text: str, reward: float) -> Turn:
        return Turn("o", Action(text), Actor.TEACHER, Action(text), reward)

    def asked(episode: Episode) -> list[Verdict]:
        return [Verdict.MISTAKE, Verdict.UNNECESSARY]

    won, lost = (
        Episode(f"1/0/{n}", 0, "", 1, (turn("a", 0.0), turn("b", pay)), Outcome.TERMINATED)
        for n, pay in enumerate((1.0, 0.0))
    )
    weigh = step_weights(asked)
    assert [weigh(won, t) for t in (0, 1)] == [1.0, 1.0]
    assert [weigh(lost, t) for t in (0, 1)] == [0.0, 1.0]
    strict = step_weights(asked, (Verdict.MISTAKE, Verdict.UNNECESSARY))
    assert [strict(lost, t) for t in (0, 1)] == [0.0, 0.0]


def test_srft_by_rules_trains(tmp_path: Path) -> None:
    run, rounds, _ = trained(srft.train, SRFTConfig(rounds=2), tmp_path, ExpertTeacher())
    assert rounds[-1]["success"] == 1.0 and rounds[-1]["kept"] == 1.0
    assert right(run.student) > 0.9


def test_expert_iteration_climbs_on_its_own_successes(tmp_path: Path) -> None:
    student = TabularPolicy(WORDS, learning_rate=0.3)
    for digit in WORDS:  # right more often than not, so that it succeeds now and then
        student.table[f"say {digit}"] = 1.5 * np.eye(4)[int(digit)]
    with echo_run(tmp_path, student, None, Budget(600, 10_000)) as run:
        expert_iteration.train(run, ExpertIterationConfig(rounds=4, epochs=2))
        rounds = run.log.rounds  # type: ignore[attr-defined]
        actors = {turn.actor for episode in run.store for turn in episode.turns}
    kept = [row["kept"] for row in rounds]
    assert kept[-1] > kept[0] + 0.2
    assert actors == {Actor.STUDENT} and run.ledger.teacher_queries == 0
    assert right(student) > 0.9


@pytest.mark.parametrize("aggregate", [True, False])
def test_expert_iteration_fits_to_all_rounds_or_to_the_newest(
    aggregate: bool, tmp_path: Path
) -> None:
    config = ExpertIterationConfig(rounds=2, epochs=1, aggregate=aggregate)
    run, _, episodes = trained(expert_iteration.train, config, tmp_path)
    wins = [e.round for e in episodes if e.success]
    per_round = [3 * wins.count(1), 3 * wins.count(2)]
    fits = [per_round[0], sum(per_round) if aggregate else per_round[1]]
    assert run.ledger.tokens_trained == sum(fits)


def test_a_tiny_transformer_iterates_on_the_ids_that_it_sampled(tmp_path: Path) -> None:
    student = echo_beginner()
    with echo_run(tmp_path, student, None, Budget(300, 100)) as run:
        expert_iteration.train(run, ExpertIterationConfig(rounds=2, epochs=2))
        rounds = run.log.rounds  # type: ignore[attr-defined]
    assert all(0 <= row["kept"] <= 1 for row in rounds)
    trained_on = [row for row in rounds if "loss" in row]
    for one, more in itertools.pairwise(trained_on):
        assert more["loss"] < one["loss"]


@pytest.mark.parametrize("train", [rft.train, srft.train])
def test_a_tiny_transformer_learns_the_demonstrations(
    train: Callable[[Run, Any], None], tmp_path: Path
) -> None:
    config = RFTConfig(2, 10) if train is rft.train else SRFTConfig(2, 10)
    with echo_run(tmp_path, echo_beginner(5), ExpertTeacher(), Budget(400, 400)) as run:
        train(run, config)
        first, last = run.log.rounds  # type: ignore[attr-defined]
    assert last["loss"] < first["loss"]
    assert last["success"] > 0.6
