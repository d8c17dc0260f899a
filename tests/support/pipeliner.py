"""A pipeline in a process of its own, to be killed: `python -m tests.support.pipeliner FOLDER`.

DAgger and then GRPO with a KL, with a table on the tightrope. Started again on the same folder, it
goes on.
"""

import json
import sys
from pathlib import Path

from baselines.grpo import GRPOConfig
from baselines.pipeline import DaggerThenRLVR, train_dagger_first
from dagger_algo.dagger import DaggerConfig
from dagger_algo.ledger import Budget
from dagger_algo.run import Silent
from tests.support.walker import tightrope_run

SETTINGS = DaggerThenRLVR(
    dagger=DaggerConfig(rounds=3), grpo=GRPOConfig(group=4, tasks=2, kl=0.1, evaluate=3)
)


def main(folder: Path) -> None:
    log = Silent()
    with tightrope_run(folder, Budget(1600, 600), log, checkpoints=folder / "rounds") as run:
        train_dagger_first(run, SETTINGS)
    figures = [{k: v for k, v in row.items() if k != "seconds"} for row in log.rounds]
    (folder / "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
