"""A training run in a process of its own, to be killed: `python -m tests.support.trainee FOLDER`.

DAgger with a table on the tightrope, with an adaptive order of everything that is kept: episodes,
labels, checkpoints, figures. Started again on the same folder, it goes on.
"""

import json
import sys
from pathlib import Path

from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.ledger import Budget
from dagger_algo.run import Silent
from dagger_algo.schedules import Beta
from tests.support.walker import tightrope_run


def main(folder: Path) -> None:
    log = Silent()
    checkpoints = folder / "rounds"
    with tightrope_run(folder, Budget(2400, 2000), log, checkpoints=checkpoints) as run:
        dagger(run, DaggerConfig(rounds=8, beta=Beta("linear", 1.0, 0.0)))
    figures = [{k: v for k, v in row.items() if k != "seconds"} for row in log.rounds]
    (folder / "figures.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
