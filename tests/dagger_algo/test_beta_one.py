"""β = 1 is supervised fine-tuning: to the last bit the table of a loop written out by hand."""

import itertools
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import swe_gym_env  # noqa: F401  (registers the toys)
from dagger_algo.conversation import Action
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.examples import Example, Target
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore

ROUNDS, EPOCHS, LABELS = 3, 2, 60  # labels of each round; an episode takes 8


def rope(split: str = "train") -> gym.Env[str, str]:
    return gym.make("Tightrope-v0", horizon=8, expert=True, split=split)


def new_student() -> TabularPolicy:
    return TabularPolicy(rope().unwrapped.action_words, state=last_line)  # type: ignore[attr-defined]


def by_dagger(folder: Path, aggregate: bool) -> TabularPolicy:
    student = new_student()
    with (
        EnvPool(rope, 1) as pool,
        EnvPool(lambda: rope("heldout"), 1) as held,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        dagger(
            Run(
                student,
                ExpertTeacher(),
                pool,
                itertools.count(),
                lambda s: evaluate(s, held, range(2))[0],
                store,
                Ledger(Budget(ROUNDS * LABELS, 10**6)),
            ),
            DaggerConfig(ROUNDS, EPOCHS, beta=Beta("constant", 1.0), aggregate=aggregate),
        )
    return student


def by_hand(replay: bool) -> TabularPolicy:
    """Show what the expert does, a round's worth at a time, and fit to it."""
    student, env, seeds = new_student(), rope(), itertools.count()
    shown: list[Example] = []
    for _ in range(ROUNDS):
        if not replay:
            shown = []
        left = LABELS
        while left:
            observation, info = env.reset(seed=next(seeds))
            seen: list[str] = []
            done: list[Action] = []
            over = False
            while left and not over:
                seen.append(observation)
                done.append(Action(info["expert_action"]))
                observation, _, over, _, info = env.step(done[-1].text)
                left -= 1
            targets = [Target(turn, action, 1.0) for turn, action in enumerate(done)]
            shown.append(Example(tuple(seen), tuple(done), tuple(targets)))
        student.update(shown, epochs=EPOCHS)
    return student


@pytest.mark.parametrize("replay", [False, True], ids=["newest round", "all rounds"])
def test_beta_one_is_sft_exactly_with_replay_and_without(tmp_path: Path, replay: bool) -> None:
    ours, plain = by_dagger(tmp_path, aggregate=replay), by_hand(replay)
    assert list(ours.table) == list(plain.table)
    for state, row in plain.table.items():
        assert np.array_equal(ours.table[state], row), state


def test_replay_makes_a_difference_to_what_is_compared() -> None:
    with_, without = by_hand(True).table, by_hand(False).table
    assert any(not np.array_equal(row, without[state]) for state, row in with_.items())
