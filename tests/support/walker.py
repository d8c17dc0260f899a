"""A training run on the tightrope, with a table for a student: all real, in milliseconds."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

import swe_gym_env  # noqa: F401  (registers the toys)
from dagger_algo.checkpoints import Checkpoints
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Log, Run
from dagger_algo.store import EpisodeStore


@contextlib.contextmanager
def tightrope_run(
    folder: Path,
    budget: Budget,
    log: Log,
    *,
    envs: int = 4,
    episodes: int = 20,
    checkpoints: Path | None = None,
    **options: Any,
) -> Iterator[Run]:
    """A run whose episodes go to `folder`; options are the tightrope's."""
    words = gym.make("Tightrope-v0", **options).unwrapped.action_words  # type: ignore[attr-defined]
    with (
        EnvPool(lambda: gym.make("Tightrope-v0", expert=True, **options), envs) as pool,
        EnvPool(lambda: gym.make("Tightrope-v0", split="heldout", **options), 4) as held,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        yield Run(
            TabularPolicy(words, state=last_line),
            ExpertTeacher(),
            pool,
            itertools.count(),
            lambda student: evaluate(student, held, range(episodes))[0],
            store,
            Ledger(budget),
            log=log,
            checkpoints=checkpoints and Checkpoints(checkpoints),
        )
