"""On-policy expert corrections: the row of the table, on a toy."""

import itertools
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import swe_gym_env  # noqa: F401  (registers the toys)
from dagger_algo.conversation import Actor
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.evaluate import evaluate
from dagger_algo.gates.switch import Switch
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.oec import OECConfig, oec
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run, Silent
from dagger_algo.store import EpisodeStore, read


def train(folder: Path, config: OECConfig, labels: int = 300, **rope: Any) -> Silent:
    log, path = Silent(), folder / "e.jsonl"
    words = gym.make("Tightrope-v0").unwrapped.action_words  # type: ignore[attr-defined]
    student = TabularPolicy(words, state=last_line)
    with (
        EnvPool(lambda: gym.make("Tightrope-v0", expert=True, **rope), 4) as pool,
        EnvPool(lambda: gym.make("Tightrope-v0", split="heldout", **rope), 4) as held,
        EpisodeStore(path) as store,
    ):
        oec(
            Run(
                student,
                ExpertTeacher(),
                pool,
                itertools.count(),
                lambda s: evaluate(s, held, range(40))[0],
                store,
                Ledger(Budget(10**6, labels)),
                log=log,
            ),
            config,
        )
    return log


def test_the_student_begins_the_teacher_ends_and_only_its_turns_are_labelled(
    tmp_path: Path,
) -> None:
    train(tmp_path, OECConfig(rounds=3, switch=Switch(0, 4, 8), demonstrations=0.5))
    begun = 0
    for episode in read(tmp_path / "e.jsonl"):
        actors = [turn.actor for turn in episode.turns]
        assert actors == sorted(actors), "student, then teacher: no way back"
        assert all((t.label is not None) == (t.actor is Actor.TEACHER) for t in episode.turns)
        assert actors.count(Actor.STUDENT) <= 4 * episode.round
        begun += Actor.STUDENT in actors
    assert begun > 0


def test_the_share_of_demonstrations_is_as_set(tmp_path: Path) -> None:
    for share in (0.0, 1.0):
        folder = tmp_path / str(share)
        train(folder, OECConfig(rounds=2, switch=Switch(20, 0, 20), demonstrations=share))
        alone = [
            all(turn.actor is Actor.TEACHER for turn in episode.turns)
            for episode in read(folder / "e.jsonl")
        ]
        assert all(alone) if share else sum(alone) < 0.3 * len(alone)


def test_what_did_not_succeed_is_not_learnt_from(tmp_path: Path) -> None:
    """Where a slip is final nearly every episode that the student begins fails."""
    config = OECConfig(rounds=1, switch=Switch(10, 0, 10), demonstrations=0.0)
    log = train(tmp_path, config, recoverable=False, horizon=10)
    stored = list(read(tmp_path / "e.jsonl"))
    won = [episode for episode in stored if episode.success]
    assert 0 < len(won) < len(stored)
    labels = sum(turn.label is not None for episode in won for turn in episode.turns)
    assert log.rounds[0]["optimizer_steps"] == config.epochs * labels
    assert log.rounds[0]["kept"] == pytest.approx(len(won) / len(stored))


def test_it_learns(tmp_path: Path) -> None:
    log = train(tmp_path, OECConfig(switch=Switch(0, 4, 12)), labels=1200, horizon=10)
    assert log.rounds[-1]["success"] >= 0.9 > log.rounds[0]["success"]


def test_a_share_is_a_share() -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        OECConfig(demonstrations=1.5)
