"""Two processes over gloo make the step that one makes on the same global batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.processes import launch

pytest.importorskip("accelerate")

WORKER = """
import json, sys
from pathlib import Path
import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker
from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.distributed import Accelerated, Alone
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.policies.lm import LMPolicy

checkpoint, out = Path(sys.argv[1]), Path(sys.argv[2])

class Kept(GeneralTracker):
    name, requires_logging_directory, main_process_only = "kept", False, True
    def __init__(self): self.told = []; super().__init__()
    @property
    def tracker(self): return self.told
    def store_init_configuration(self, values): pass
    def log(self, values, step, **kwargs): self.told.append((step, values))

torch.set_num_threads(1)
kept = Kept()
accelerator = Accelerator(cpu=True, log_with=kept)
accelerator.init_trackers("fit")
processes = Accelerated(accelerator)
rank = processes.rank

def example(n):
    actions = tuple(Action(str((t + n) % 4)) for t in range(n))
    targets = tuple(Target(t, Action(f"{t % 4} then"), 0.5 + t) for t in range(n))
    return Example(tuple("say\\n" * (1 + t) for t in range(n)), actions, targets)

# Seven trajectories, so that the shares are unequal, and a last one alone in its step.
examples = [example(n) for n in (3, 1, 2, 2, 4, 1)]
policy = LMPolicy.load(checkpoint, learner=LearnerConfig(batch_tokens=200), processes=processes)
with torch.no_grad():  # only the first process's weights count
    for parameter in policy.model.parameters():
        parameter.add_(0.01 * rank)
policy = LMPolicy(policy.model, policy.tokenizer,
                  learner=LearnerConfig(batch_tokens=200), processes=processes)
seen = []
policy.learner.optimizer.register_step_pre_hook(lambda *_: seen.append(
    torch.cat([p.grad.flatten() for p in policy.model.parameters()]).clone()))
figures = dict(policy.update(examples + [example(9)], epochs=2))
policy.save_state(out / "state")
assert (out / "state" / "training.pt").exists()
torch.save({"gradients": torch.stack(seen), "figures": figures,
            "weights": policy.model.state_dict(),
            "told": json.dumps(kept.told)}, out / f"{rank}.pt")
try:
    policy.update(examples[rank:])
except ConfigError as error:
    (out / f"{rank}.txt").write_text(str(error))
accelerator.end_training()
"""


def run(count: int, checkpoint: Path, out: Path) -> list[dict[str, Any]]:
    out.mkdir()
    ended = launch(WORKER, count, checkpoint, out)
    assert not any(status for status, _ in ended), "\n".join(said for _, said in ended)
    return [torch.load(out / f"{rank}.pt") for rank in range(count)]


def test_two_processes_make_the_steps_that_one_makes(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (alone,) = run(1, tiny_checkpoint, tmp_path / "one")
    first, second = run(2, tiny_checkpoint, tmp_path / "two")
    assert first["figures"] == pytest.approx(alone["figures"], rel=1e-5)
    assert first["figures"] == second["figures"]
    for got, want in zip(first["gradients"], alone["gradients"], strict=True):
        assert (got - want).norm() / want.norm() < 1e-5
    assert len(alone["gradients"]) > 2
    assert torch.equal(first["gradients"], second["gradients"])
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name])
        assert torch.allclose(weight, alone["weights"][name], atol=1e-4)

    # The first process's trackers were told every step.
    told = json.loads(first["told"])
    assert [step for step, _ in told] == list(range(1, len(alone["gradients"]) + 1))
    assert set(told[0][1]) == {"loss", "grad_norm", "learning_rate"}
    # And different examples in different processes were refused by both.
    for rank in (0, 1):
        assert "given different examples" in (tmp_path / "two" / f"{rank}.txt").read_text()
    assert not (tmp_path / "one" / "0.txt").exists()
