"""DAgger itself in two processes over gloo: one collects and keeps the books, both fit."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dagger_algo.store import read

pytest.importorskip("accelerate")

WORKER = """
import itertools, json, sys
from pathlib import Path
import torch
from accelerate import Accelerator
from dagger_algo.checkpoints import Checkpoints
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.lm.distributed import Accelerated
from dagger_algo.lm.sampling import Sampling
from dagger_algo.lm.together import together
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.run import Run
from dagger_algo.store import EpisodeStore
from tests.dagger_algo.conftest import Corridor

checkpoint, out = Path(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
accelerator = Accelerator(cpu=True)
student = LMPolicy.load(
    checkpoint, processes=Accelerated(accelerator), sampling=Sampling(max_new_tokens=4)
)
with together(student) as shared:
    if shared is not None:
        with EnvPool(Corridor, 2) as pool, EpisodeStore(out / "episodes.jsonl") as store:
            run = Run(
                shared, ExpertTeacher(), pool, itertools.count(),
                lambda policy: evaluate(policy, pool, range(2))[0],
                store, Ledger(Budget(20, 100)), checkpoints=Checkpoints(out / "rounds"),
            )
            dagger(run, DaggerConfig(rounds=2, epochs=2))
            shared.save(out / "checkpoint")
            (out / "ledger.json").write_text(json.dumps(run.ledger.as_dict()))
torch.save(student.model.state_dict(), out / f"{accelerator.process_index}.pt")
accelerator.end_training()
"""


@pytest.mark.parametrize("count", [1, 2])
def test_dagger_fits_in_all_processes_and_one_keeps_the_books(
    tiny_checkpoint: Path, tmp_path: Path, count: int
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    workers = []
    for rank in range(count):
        names = {**group, "RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {}
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(tiny_checkpoint), str(tmp_path)],
                env={**os.environ, **names, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
    try:
        said = [worker.communicate(timeout=120)[0].decode() for worker in workers]
        assert not any(worker.returncode for worker in workers), "\n".join(said)
    finally:
        for worker in workers:
            worker.kill()
    before = _weights(tiny_checkpoint)
    first, *others = [torch.load(tmp_path / f"{rank}.pt") for rank in range(count)]
    assert any(not torch.equal(first[name], weight) for name, weight in before.items())
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)
    assert len(list(read(tmp_path / "episodes.jsonl"))) > 4
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    assert ledger["optimizer_steps"] > 1 and ledger["env_steps"] >= 20
    assert (tmp_path / "checkpoint" / "model.safetensors").exists()


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from dagger_algo.policies.lm import LMPolicy

    return LMPolicy.load(folder).model.state_dict()
