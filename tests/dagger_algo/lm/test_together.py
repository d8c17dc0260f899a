"""DAgger itself in two processes over gloo: one collects and keeps the books, both fit."""

import json
from pathlib import Path

import pytest
import torch

from dagger_algo.store import read
from tests.support.processes import launch

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

FAILS = """
import json, os, sys
from pathlib import Path
import torch
from accelerate import Accelerator
from dagger_algo.conversation import Action
from dagger_algo.errors import CheckpointError, ConfigError, DaggerError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.distributed import Accelerated
from dagger_algo.lm.learner import NonFiniteLoss
from dagger_algo.lm.together import together
from dagger_algo.policies.lm import LMPolicy

checkpoint, out, ending = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)
accelerator = Accelerator(cpu=True)
student = LMPolicy.load(checkpoint, processes=Accelerated(accelerator))

def example(weight):
    return Example(("say\\n",), (), (Target(0, Action("1 then"), weight),))

said = []
os.chdir(out if accelerator.is_main_process else out.parent)

def fails(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        said.append(str(error))
    else:
        raise AssertionError("there was no error")

with together(student) as shared:
    if shared is not None:
        fails(ConfigError, lambda: shared.update([]))
        fails(NonFiniteLoss, lambda: shared.update([example(1e39)]))
        shared.update([example(1.0)])
        (out / "file").write_text("")
        fails(CheckpointError, lambda: shared.save(out / "file" / "under"))
        (out / "full" / "training.pt").mkdir(parents=True)
        fails(CheckpointError, lambda: shared.save_state(out / "full"))
        shared.save_state(out / "state")
        fails(CheckpointError, lambda: shared.load_state(out / "nowhere"))
        fails(DaggerError, lambda: shared.load_state(Path("state")))  # not where the other is
        (out / "said.json").write_text(json.dumps(said))
        if ending == "other":
            fails(TypeError, lambda: shared.update([example(1.0)], epoch=1))
            fails(RuntimeError, lambda: shared.update([example(1.0)]))
            assert "out of step" in said[-1]
            raise SystemExit("an ending of its own")
        shared.update([example(1.0)])
torch.save(student.model.state_dict(), out / f"{accelerator.process_index}.pt")
accelerator.end_training()
"""


@pytest.mark.parametrize("count", [1, 2])
def test_dagger_fits_in_all_processes_and_one_keeps_the_books(
    tiny_checkpoint: Path, tmp_path: Path, count: int
) -> None:
    ended = launch(WORKER, count, tiny_checkpoint, tmp_path)
    assert not any(status for status, _ in ended), ended
    before = _weights(tiny_checkpoint)
    first, *others = [torch.load(tmp_path / f"{rank}.pt") for rank in range(count)]
    assert any(not torch.equal(first[name], weight) for name, weight in before.items())
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)
    assert len(list(read(tmp_path / "episodes.jsonl"))) > 4
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    assert ledger["optimizer_steps"] > 1 and ledger["env_steps"] >= 20
    assert (tmp_path / "checkpoint" / "model.safetensors").exists()


def test_after_an_error_that_is_caught_all_processes_go_on(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    ended = launch(FAILS, 2, tiny_checkpoint, tmp_path, "as usual")
    assert not any(status for status, _ in ended), ended
    said = json.loads((tmp_path / "said.json").read_text())
    assert len(said) == 6 and "nothing to learn from" in said[0]
    assert "it was not taken" in said[1] and "there is no state" in said[4]
    assert all("cannot write a checkpoint" in sentence for sentence in said[2:4])
    assert said[5].startswith("load_state failed in process 1: there is no state")
    first, second = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    before = _weights(tiny_checkpoint)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], weight) for name, weight in before.items())


def test_after_an_error_of_another_kind_no_process_waits_for_the_others(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    (status, said), (other, _) = launch(FAILS, 2, tiny_checkpoint, tmp_path, "other")
    assert status and other
    assert "an ending of its own" in said.splitlines()


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from dagger_algo.policies.lm import LMPolicy

    return LMPolicy.load(folder).model.state_dict()
