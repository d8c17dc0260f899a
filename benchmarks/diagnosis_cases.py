"""The cases of `diagnosis.py`: toys whose settings no rule of the meter was made on.

Each comes in variations: other tables, longer ropes and locks, more cues, more demonstrations. What
is changed after a look at one variation is judged by another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

import swe_gym_env  # registers the toys
from dagger_algo.conversation import Conversation
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.policy import Policy
from dagger_algo.teachers.noisy import Noisy
from tests.dagger_algo.ledge import WORDS, Ledge, letter, whole_line

assert swe_gym_env
CLOSED = {"recoverable": False}


@dataclass(frozen=True)
class Coarse:
    """The student confuses cues of the rope: it tells only so many groups of them apart, so that no
    number of demonstrations makes it faultless there."""

    groups: int

    def __call__(self, conversation: Conversation) -> str:
        place, _, cue = last_line(conversation).partition(": ")
        return f"{place} {sum(map(ord, cue)) % self.groups}" if place == "rope" else cue


@dataclass(frozen=True)
class Case:
    """labels: of demonstrations, before the verdict. turns: an episode's at most. state: what the
    student's table goes by. noise: the chance that the teacher says another word."""

    name: str
    make: Callable[[str], gym.Env[str, str]]
    words: Sequence[str]
    turns: int
    labels: int
    state: Callable[[Conversation], str] = last_line
    noise: float = 0.0

    def student(self, seed: int) -> TabularPolicy:
        """Untrained."""
        return TabularPolicy(self.words, state=self.state, seed=seed)

    def teacher(self, seed: int) -> Policy:
        """The environment's expert, who may err."""

        def other(state: Conversation, right: str, rng: np.random.Generator) -> str:
            return str(rng.choice([word for word in self.words if word != right]))

        return (
            Noisy(ExpertTeacher(), other, self.noise, seed=seed) if self.noise else ExpertTeacher()
        )


@dataclass(frozen=True)
class Toys:
    """Makes the cases of a variation."""

    variation: int

    def toy(
        self, name: str, env: str, turns: int, labels: int, state: Any, noise: float, options: Any
    ) -> Case:
        table = options.pop("table_seed") + 100 * self.variation
        labels = round(labels * (1 + 0.15 * self.variation))

        def make(split: str) -> gym.Env[str, str]:
            made: gym.Env[str, str] = gym.make(
                env,
                disable_env_checker=True,
                expert=True,
                split=split,
                table_seed=table,
                **options,
            )
            return made

        words: Sequence[str] = make("train").unwrapped.action_words  # type: ignore[attr-defined]
        return Case(name, make, words, turns, labels, state, noise)

    def rope(
        self,
        name: str,
        labels: int,
        noise: float = 0.0,
        coarse: int | None = None,
        spare: int | None = None,
        horizon: int = 20,
        cues: int = 64,
        **options: Any,
    ) -> Case:
        """spare: turns beyond the steps of the rope; as many again by default."""
        horizon += 2 * self.variation
        turns = 2 * horizon if spare is None else horizon + spare
        options |= {"horizon": horizon, "max_turns": turns, "cues": cues + 6 * self.variation}
        state = last_line if coarse is None else Coarse(coarse)
        return self.toy(f"rope, {name}", "Tightrope-v0", turns, labels, state, noise, options)

    def lock(
        self,
        name: str,
        labels: int,
        noise: float = 0.0,
        cues: int = 24,
        length: int = 8,
        **options: Any,
    ) -> Case:
        length += self.variation
        turns = length * (4 if options.get("forgiving") else 1)
        options |= {"length": length, "cues": cues + 3 * self.variation}
        return self.toy(
            f"lock, {name}", "CombinationLock-v0", turns, labels, last_line, noise, options
        )

    def ledge(self, name: str, labels: int, length: int, grasped: bool) -> Case:
        """The student has grasped that the rule is the same on both sides of an error, or not."""
        length += self.variation
        state = letter if grasped else whole_line
        return Case(f"ledge, {name}", lambda split: Ledge(length), WORDS, 2 * length, labels, state)


def cases(variation: int = 0) -> tuple[Case, ...]:
    """All of them."""
    toys = Toys(variation)
    rope, lock, ledge = toys.rope, toys.lock, toys.ledge
    return (
        rope("horizon 8", 150, horizon=8, table_seed=11),
        rope("horizon 14, no spare turns", 200, horizon=14, spare=0, table_seed=12),
        rope("horizon 40", 400, horizon=40, table_seed=13),
        rope("horizon 30, few spare turns", 300, horizon=30, spare=10, table_seed=14),
        rope("shallow pit", 200, pit_depth=1, table_seed=15),
        rope("deep pit", 250, pit_depth=6, spare=60, table_seed=16),
        rope("many pit cues", 250, pit_cues=60, table_seed=17),
        rope("few pit cues", 250, pit_cues=3, table_seed=18),
        rope("all cues alike", 250, zipf=0.0, table_seed=19),
        rope("very rare cues", 150, zipf=1.6, cues=120, table_seed=20),
        rope("two words", 200, actions=2, table_seed=21),
        rope("20 words", 200, actions=20, table_seed=22),
        rope("learnt well", 1500, table_seed=23),
        rope("noisy teacher", 250, noise=0.05, table_seed=24),
        rope("coarse, 20 groups", 200, coarse=20, spare=40, table_seed=25),
        rope("coarse, 12 groups, horizon 12", 200, coarse=12, horizon=12, spare=36, table_seed=26),
        rope("coarse, 30 groups, rare cues", 200, coarse=30, zipf=1.4, table_seed=27),
        rope("coarse, noisy teacher", 200, coarse=20, spare=40, noise=0.05, table_seed=28),
        rope("closed, horizon 8", 150, horizon=8, table_seed=31, **CLOSED),
        rope("closed, horizon 40", 400, horizon=40, table_seed=32, **CLOSED),
        rope("closed, very rare cues", 150, zipf=1.6, cues=120, table_seed=33, **CLOSED),
        rope("closed, two words", 200, actions=2, table_seed=34, **CLOSED),
        rope("closed, noisy teacher", 250, noise=0.03, table_seed=35, **CLOSED),
        rope("closed, coarse", 200, coarse=20, spare=40, table_seed=36, **CLOSED),
        ledge("grasped, 8 steps", 10, 8, grasped=True),
        ledge("grasped, 16 steps", 12, 16, grasped=True),
        ledge("grasped, 20 steps", 16, 20, grasped=True),
        ledge("not grasped, 8 steps", 10, 8, grasped=False),
        ledge("not grasped, 20 steps", 16, 20, grasped=False),
        lock("24 cues", 40, cues=24, table_seed=51),
        lock("40 cues, 5 dials", 60, cues=40, length=5, table_seed=52),
        lock("forgiving, 24 cues", 40, cues=24, forgiving=True, table_seed=53),
        lock("forgiving, 40 cues, 5 dials", 60, cues=40, length=5, forgiving=True, table_seed=54),
        lock("forgiving, noisy teacher", 40, cues=24, forgiving=True, noise=0.02, table_seed=55),
    )
