"""imitation's DAgger on the tightrope: run by imitation_dagger.py with a Python that has imitation.

Reads one line of settings, then a training seed per line; answers each with a line of figures.
The environment is ours, imported from the repository, with its state one-hot: gymnasium 0.29
suffices for it. imitation's own expert policies see observations alone, so the expert here asks the
environments, as our ExpertTeacher asks their info.
"""

import itertools
import json
import logging
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import datasets
import gymnasium as gym
import numpy as np
import torch
from imitation.algorithms import bc, dagger
from imitation.data import rollout
from imitation.util import logger
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.vec_env import DummyVecEnv

import swe_gym_env  # registers the toys

assert swe_gym_env


class OneHot(gym.Env[np.ndarray, int]):
    """The tightrope with its state as a vector and its words as numbers.

    seeds: where a reset without a seed takes its own from. known: state line -> index, shared by
    all environments. answer: the expert's word now, as a number.
    """

    def __init__(
        self, known: dict[str, int], seeds: Iterator[int] | None = None, **options: Any
    ) -> None:
        self._env = gym.make("Tightrope-v0", expert=True, **options).unwrapped
        self._known, self._seeds = known, seeds
        self.words: tuple[str, ...] = self._env.action_words  # type: ignore[attr-defined]
        size = options["cues"] + options["pit_cues"] + 1
        self.observation_space = gym.spaces.Box(0.0, 1.0, (size,), np.float32)
        self.action_space = gym.spaces.Discrete(len(self.words))
        self.answer = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        if self._seeds is not None:
            seed = next(self._seeds)
        observation, info = self._env.reset(seed=seed)
        return self._see(observation, info), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        word = self.words[int(action)]
        observation, reward, terminated, truncated, info = self._env.step(word)
        return self._see(observation, info), float(reward), terminated, truncated, {}

    def _see(self, observation: str, info: dict[str, Any]) -> np.ndarray:
        right = info["expert_action"]
        self.answer = self.words.index(right) if right else 0
        state = observation.splitlines()[-1]
        vector = np.zeros(self.observation_space.shape, np.float32)
        vector[self._known.setdefault(state, len(self._known))] = 1.0
        return vector


class Expert(BasePolicy):
    """Knows the right word of each environment."""

    def __init__(self, envs: Sequence[OneHot]) -> None:
        super().__init__(envs[0].observation_space, envs[0].action_space)
        self._envs = envs

    def _predict(self, observation: torch.Tensor, deterministic: bool = False) -> torch.Tensor:
        assert len(observation) == len(self._envs)
        return torch.tensor([env.answer for env in self._envs])


def train(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """One training and its evaluation."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known: dict[str, int] = {}
    seeds = itertools.count(1000 * seed)
    envs = [OneHot(known, seeds, **settings["env"]) for _ in range(settings["envs"])]
    venv = DummyVecEnv([lambda env=env: env for env in envs])  # type: ignore[misc]
    # A softmax over a linear layer on one-hot states: a table.
    student = ActorCriticPolicy(
        venv.observation_space, venv.action_space, lambda _: math.inf, net_arch=settings["hidden"]
    )
    with tempfile.TemporaryDirectory() as folder:
        quiet = logger.configure(folder, [])
        learner = bc.BC(
            observation_space=venv.observation_space,
            action_space=venv.action_space,
            rng=rng,
            policy=student,
            optimizer_kwargs={"lr": settings["learning_rate"]},
            custom_logger=quiet,
            device="cpu",
        )
        trainer = dagger.SimpleDAggerTrainer(
            venv=venv,
            scratch_dir=folder,
            expert_policy=Expert(envs),
            rng=rng,
            bc_trainer=learner,
            beta_schedule=dagger.LinearBetaSchedule(settings["rounds"] - 1),
            custom_logger=quiet,
        )
        labels, collecting = 0, 0.0
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(settings["rounds"]):  # SimpleDAggerTrainer.train, rounds counted
            started = time.perf_counter()
            collector = trainer.create_trajectory_collector()
            found = rollout.generate_trajectories(
                policy=trainer.expert_policy,
                venv=collector,
                sample_until=rollout.make_min_timesteps(settings["labels"] // settings["rounds"]),
                deterministic_policy=True,
                rng=collector.rng,
            )
            collecting += time.perf_counter() - started
            labels += sum(len(episode) for episode in found)
            trainer.extend_and_update(
                {
                    "n_epochs": settings["epochs"],
                    "log_rollouts_venv": None,
                    "progress_bar": False,
                }
            )
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    rewards = evaluate(student, OneHot(known, split="heldout", **settings["env"]), settings)
    return {
        "labels": labels,
        "success": float(np.mean(rewards)),
        "cpu": cpu,
        "wall": wall,
        "collecting": collecting,
    }


def evaluate(student: BasePolicy, env: OneHot, settings: dict[str, Any]) -> list[float]:
    """Greedy; the reward of each held-out episode."""
    rewards = []
    for seed in range(settings["heldout"]):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            action, _ = student.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = env.step(int(action))
            over = terminated or truncated
        rewards.append(reward)
    return rewards


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    torch.set_num_threads(1)
    packages = ("imitation", "stable-baselines3", "gymnasium", "numpy", "torch")
    print(json.dumps({name: version(name) for name in packages}), flush=True)
    settings = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        print(json.dumps(train(settings, int(line))), flush=True)


if __name__ == "__main__":
    main()
