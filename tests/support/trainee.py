"""A training run in a process of its own, to be killed: `python -m tests.support.trainee FOLDER`.

DAgger with a table on the tightrope, with an adaptive order of everything that is kept: episodes,
labels, checkpoints, figures. Started again on the same folder, it goes on.
"""

import itertools
import json
import sys
from pathlib import Path

import gymnasium as gym

import swe_gym_env  # noqa: F401  (registers the toys)
from dagger_algo.checkpoints import Checkpoints
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run, Silent
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore


def main(folder: Path) -> None:
    log = Silent()
    words = gym.make("Tightrope-v0").unwrapped.action_words  # type: ignore[attr-defined]
    with (
        EnvPool(lambda: gym.make("Tightrope-v0", expert=True), 4) as pool,
        EnvPool(lambda: gym.make("Tightrope-v0", split="heldout"), 4) as held,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        run = Run(
            TabularPolicy(words, state=last_line),
            ExpertTeacher(),
            pool,
            itertools.count(),
            lambda student: evaluate(student, held, range(20))[0],
            store,
            Ledger(Budget(2400, 2000)),
            log=log,
            checkpoints=Checkpoints(folder / "rounds"),
        )
        dagger(run, DaggerConfig(rounds=8, beta=Beta("linear", 1.0, 0.0)))
    figures = [{k: v for k, v in row.items() if k != "seconds"} for row in log.rounds]
    (folder / "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
