"""Losses, gradients and advantages against TRL's on the same tensors (tests/data/trl_losses.py)."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines import dapo, dr_grpo, grpo, gspo, rloo
from baselines.rlvr import RLVRConfig, Variant, grouped, weighted
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.examples import Example
from dagger_algo.lm.objectives import sampled_losses
from dagger_algo.lm.packing import Packed, collate
from dagger_algo.objectives import CrossEntropy, PolicyGradient

DATA = Path(__file__).parents[1] / "data"
TRL = json.loads((DATA / "trl_losses.json").read_text())
CASES: dict[str, tuple[RLVRConfig, Variant]] = {
    "grpo": ((c := grpo.GRPOConfig()), grpo.variant(c)),
    "grpo with a KL": ((k := grpo.GRPOConfig(kl=0.1)), grpo.variant(k)),
    "grpo with a corrected KL": (
        (o := grpo.GRPOConfig(kl=0.1, kl_corrected=True)),
        grpo.variant(o),
    ),
    "dr_grpo": ((d := dr_grpo.DrGRPOConfig(length=TRL["most"])), dr_grpo.variant(d)),
    "dapo": ((a := dapo.DAPOConfig()), dapo.variant(a)),
    "gspo": ((s := gspo.GSPOConfig(clip_low=0.05, clip_high=0.08)), gspo.variant(s)),
    "rloo": ((r := rloo.RLOOConfig()), rloo.variant(r)),
    "rloo with a KL": ((p := rloo.RLOOConfig(kl=0.1)), rloo.variant(p)),
}


class Reference:
    """Knows what the file says of each sequence."""

    def score(self, examples: Any) -> list[list[tuple[float, ...] | None]]:
        number = [int(example.targets[0].action.text) for example in examples]
        return [[tuple(TRL["reference"][n])] for n in number]


def rollouts() -> list[Episode]:
    """One turn each, with the file's rewards and the sampler's log-probabilities."""
    episodes = []
    for n, (reward, old) in enumerate(zip(TRL["rewards"], TRL["old"], strict=True)):
        action = Action(str(n), token_ids=(1,) * len(old), logprobs=tuple(old))
        turn = Turn("say", action, Actor.STUDENT, None, reward)
        episodes.append(Episode(str(n), n // TRL["group"], "", 1, (turn,), Outcome.TERMINATED))
    return episodes


def packed(example: Example) -> Packed:
    """The example's one target, as packing would lay it out."""
    (target,) = example.targets
    ids = target.action.token_ids or ()
    item = Packed(tokens=[0] * len(ids), positions=list(range(len(ids))))
    item.intervals = [(0, 0, 0)] * len(ids)
    item.predict(range(len(ids)), ids, target, target.action.logprobs)
    return item


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_are_trls(name: str) -> None:
    config, variant = CASES[name]
    reference = Reference() if config.kl else None
    examples = weighted(grouped(rollouts()), config, variant, reference)
    order = [int(example.targets[0].action.text) for example in examples]
    assert bool(config.kl) == (len(order) == len(TRL["rewards"]))  # else one group has no signal
    batch = collate([packed(example) for example in examples], rows="joined")
    known = TRL["old" if name.startswith("rloo") else "new"]
    new = torch.tensor([p for n in order for p in known[n]], dtype=torch.float64)
    new.requires_grad_()
    objective = variant.objective
    if isinstance(objective, PolicyGradient) and config.kl:
        objective = replace(objective, kl=config.kl, kl_corrected=config.kl_corrected)
    loss = sampled_losses(objective, new, batch).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    want = TRL["trl"][name]
    if objective != CrossEntropy():  # whose value is another, with the same gradient
        assert loss.item() == pytest.approx(want["loss"], rel=1e-5)
    assert new.grad is not None
    assert new.grad.tolist() == pytest.approx(
        [g for n in order for g in want["gradient"][n]], rel=1e-5, abs=1e-8
    )
    left_out = set(range(len(TRL["rewards"]))) - set(order)
    assert not any(g for n in left_out for g in want["gradient"][n])


@pytest.mark.parametrize("name", CASES)
def test_advantages_are_trls(name: str) -> None:
    config, variant = CASES[name]
    size = TRL["group"]
    rewards = TRL["rewards"]
    if variant.kl_in_reward:
        sequences = zip(rewards, TRL["old"], TRL["reference"], strict=True)
        rewards = [r - config.kl * (sum(old) - sum(before)) for r, old, before in sequences]
    groups = [rewards[at : at + size] for at in range(0, len(rewards), size)]
    got = [advantage for group in groups for advantage in variant.baseline(group)]
    assert got == pytest.approx(TRL["trl"][name]["advantages"], abs=1e-6)


@pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="TRL is not installed")
def test_the_file_is_what_trl_says_today() -> None:
    made = subprocess.run(
        [sys.executable, str(DATA / "trl_losses.py")], capture_output=True, text=True, check=True
    )
    today = json.loads(made.stdout)
    for name, numbers in TRL["trl"].items():
        assert today["trl"][name]["loss"] == pytest.approx(numbers["loss"], rel=1e-5, abs=1e-7)
        flat = [g for row in numbers["gradient"] for g in row]
        assert [g for row in today["trl"][name]["gradient"] for g in row] == pytest.approx(
            flat, rel=1e-5, abs=1e-8
        )
