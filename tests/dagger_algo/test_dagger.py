"""The algorithms on toys with a table for a student: no torch, exact answers."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import swe_gym_env  # noqa: F401  (registers the toys)
from baselines.grpo import GRPOConfig
from baselines.grpo import train as grpo
from baselines.sft import SFTConfig
from baselines.sft import train as sft
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run, Silent
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore

Train = Callable[[Run], None]


def run(
    train: Train,
    folder: Path,
    budget: Budget,
    env_id: str = "Tightrope-v0",
    seed: int = 0,
    **env: Any,
) -> Silent:
    """Train a table from nothing on a toy; the rounds' figures."""
    log = Silent()
    words = gym.make(env_id, **env).unwrapped.action_words  # type: ignore[attr-defined]
    student = TabularPolicy(words, state=last_line, seed=seed)
    with (
        EnvPool(lambda: gym.make(env_id, expert=True, **env), 4) as pool,
        EnvPool(lambda: gym.make(env_id, split="heldout", **env), 4) as held,
        EpisodeStore(folder / f"{env_id}-{seed}-{len(list(folder.iterdir()))}.jsonl") as store,
    ):
        train(
            Run(
                student,
                ExpertTeacher(),
                pool,
                itertools.count(1000 * seed),
                lambda s: evaluate(s, held, range(40))[0],
                store,
                Ledger(budget),
                seed,
                log,
            )
        )
    return log


def test_dagger_recovers_from_slips_that_sft_has_never_seen(tmp_path: Path) -> None:
    """A long-tailed table: both slip now and then, and only DAgger has seen the pit."""
    rope = {"horizon": 20, "cues": 64}
    budget = Budget(10**6, 300)
    ours = run(dagger, tmp_path, budget, **rope).rounds[-1]
    theirs = run(lambda r: sft(r, SFTConfig()), tmp_path, budget, **rope).rounds[-1]
    assert abs(ours["teacher_tokens"] - theirs["teacher_tokens"]) <= 4
    assert ours["success"] > theirs["success"] + 0.2


def test_where_nothing_can_be_undone_dagger_has_no_advantage(tmp_path: Path) -> None:
    """The honest control: a slip is final, so what is learnt in the pit is wasted."""
    cliff = {"horizon": 20, "cues": 64, "recoverable": False}
    budget = Budget(10**6, 600)
    ours = run(dagger, tmp_path, budget, **cliff).rounds[-1]["success"]
    theirs = run(lambda r: sft(r, SFTConfig()), tmp_path, budget, **cliff).rounds[-1]["success"]
    assert ours <= theirs + 0.1


def test_beta_one_is_sft_exactly(tmp_path: Path) -> None:
    budget = Budget(10**6, 200)
    always = DaggerConfig(beta=Beta("constant", 1.0))
    ours = run(lambda r: dagger(r, always), tmp_path, budget).rounds
    theirs = run(lambda r: sft(r, SFTConfig()), tmp_path, budget).rounds
    same = ("success", "eval_rewards", "teacher_tokens", "env_steps", "loss", "optimizer_steps")
    assert [{k: r[k] for k in same} for r in ours] == [{k: r[k] for k in same} for r in theirs]


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    def figures() -> list[Any]:
        rounds = run(dagger, tmp_path, Budget(10**6, 200), seed=3).rounds
        return [{k: v for k, v in r.items() if k != "seconds"} for r in rounds]

    first = figures()
    assert repr(first) == repr(figures())


def test_a_sparse_reward_starves_reinforcement_where_dagger_learns(tmp_path: Path) -> None:
    lock = {"length": 8, "symbols": 6}
    budget = Budget(2000, 10**6)
    starved = run(
        lambda r: grpo(r, GRPOConfig()), tmp_path, budget, "CombinationLock-v0", **lock
    ).rounds
    taught = run(dagger, tmp_path, budget, "CombinationLock-v0", **lock).rounds
    assert starved[-1]["success"] <= 0.1 and starved[-1]["signal"] == 0.0
    assert taught[-1]["success"] >= 0.9


def test_grpo_learns_where_reward_comes_often(tmp_path: Path) -> None:
    easy = {"length": 1, "symbols": 3, "cues": 4}
    log = run(
        lambda r: grpo(r, GRPOConfig()), tmp_path, Budget(1500, 10**6), "CombinationLock-v0", **easy
    )
    assert log.rounds[-1]["success"] >= 0.9
    assert log.rounds[-1]["teacher_queries"] == 0


def test_rounds_spend_even_shares_and_only_new_data_without_aggregation(tmp_path: Path) -> None:
    log = run(
        lambda r: dagger(r, DaggerConfig(rounds=3, epochs=1, aggregate=False)),
        tmp_path,
        Budget(10**6, 300),
    )
    tokens = [r["teacher_tokens"] for r in log.rounds]
    assert tokens == pytest.approx([100, 200, 300], abs=5)
    steps = [r["optimizer_steps"] for r in log.rounds]
    assert steps[1] - steps[0] < 1.2 * steps[0]
