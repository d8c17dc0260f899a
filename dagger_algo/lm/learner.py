"""The torch learner: weighted likelihood of targets on trajectories. It serves every algorithm
and knows none of them."""

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dagger_algo.errors import ConfigError, DaggerError
from dagger_algo.examples import Example
from dagger_algo.lm import optim
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.context import Fitted, fit_context
from dagger_algo.lm.distributed import Alone, Processes
from dagger_algo.lm.lint import Sample, lint_first
from dagger_algo.lm.objectives import token_losses
from dagger_algo.lm.packing import Batch, Packed, collate, minibatches, rows_for, together
from dagger_algo.lm.supervision import counting
from dagger_algo.objectives import CrossEntropy, Objective, PolicyGradient


class NonFiniteLoss(DaggerError, ArithmeticError):
    """A loss or gradient is not a number any more; the weights are those before that step."""


@dataclass(frozen=True)
class LearnerConfig:
    """How the student is fitted."""

    learning_rate: float = 5e-3
    """Peak of AdamW's learning rate in every fit."""
    warmup_steps: int = 10
    """Optimizer steps over which each fit's rate rises from 0, at most half of the fit."""
    final_rate: float = 0.1
    """The rate falls along a cosine to this fraction of its peak within each fit (1: constant)."""
    batch_tokens: int = 1024
    """Padded tokens per optimizer step, at most (one longer trajectory is a step of its own)."""
    forward_tokens: int | None = None
    """Padded tokens per forward pass, at most: a step takes as many as it needs, and its gradient
    is the same. None: one pass. This, not batch_tokens, is what memory depends on."""
    gradient_checkpointing: bool = False
    """Keep one hidden state per layer and compute the rest again: less memory, a third slower."""
    bf16: bool = False
    """Compute in bfloat16 (autocast); parameters, their gradients and the optimizer's state keep
    the dtype that the model was loaded in, log-probabilities and losses are float32."""
    weight_decay: float = 0.01
    """AdamW's."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm."""

    def __post_init__(self) -> None:
        passes = self.forward_tokens is None or self.forward_tokens >= 1
        for name, sound, wanted in (
            ("learning_rate", 0 <= self.learning_rate < math.inf, "at least 0 and finite"),
            ("warmup_steps", self.warmup_steps >= 0, "at least 0"),
            ("final_rate", 0 <= self.final_rate <= 1, "from 0 to 1"),
            ("batch_tokens", self.batch_tokens >= 1, "at least 1"),
            ("forward_tokens", passes, "at least 1, or None for one pass"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite"),
            ("max_grad_norm", self.max_grad_norm > 0, "more than 0"),
        ):
            if not sound:
                raise ConfigError(
                    f"the learner's {name} must be {wanted}, not {getattr(self, name)}"
                )


class Learner:
    """Holds a causal model of transformers and its optimizer, and fits it to examples.

    processes: those that fit it together, each with the same model and the same examples. room:
    tokens that the model may say when it acts, which decides what it sees of long trajectories.
    """

    def __init__(
        self,
        model: Any,
        codec: ChatCodec,
        config: LearnerConfig = LearnerConfig(),
        seed: int = 0,
        processes: Processes = Alone(),
        room: int = 0,
    ) -> None:
        prepare(model)
        self.model = model
        self.codec = codec
        self.config = config
        self.processes = processes
        self.room = room
        self.steps = 0
        self._linted = False
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._trained = [p for p in model.parameters() if p.requires_grad]
        for parameter in self._trained:
            processes.spread(parameter.data)
        self.optimizer = optim.adamw(model, config.learning_rate, config.weight_decay)
        if config.gradient_checkpointing:
            newer = getattr(model, "activation_checkpointing_enable", None)  # transformers >= 5
            (newer or model.gradient_checkpointing_enable)({"use_reentrant": False})

    def update(
        self,
        examples: Iterable[Example],
        *,
        epochs: int = 1,
        objective: Objective = CrossEntropy(),
        rate: float = 1.0,
    ) -> Mapping[str, float]:
        """Fit for `epochs` passes; figures of the whole fit: "loss" and "grad_norm" (before
        clipping) are means over its "steps"; "tokens" were processed, "target_tokens" trained on;
        "left_out" targets do not fit into the model's context even alone, and "shortened" ones are
        learnt after fewer turns than there were.

        All of the first step's examples are looked at beforehand (`lint.py`). Raises LintError when
        their masks or tokens are wrong, ConfigError when there is nothing to learn from, and
        NonFiniteLoss, which leaves the weights as they were before the step that it names.
        """
        fitted = fit_context(examples, self.codec, self.model.config, self.room)
        # A KL to a reference is a loss of its own, in which no weight stands.
        near = isinstance(objective, PolicyGradient) and objective.kl > 0
        self._require(fitted, near)
        how = rows_for(self.model), self._rng
        most = self.config.batch_tokens
        units = together(fitted.items)
        batches = [b for _ in range(epochs) for b in minibatches(units, most, *how)]
        self._lint(fitted, batches[0], near)
        dropout = np.random.default_rng((self._seed, self.steps, self.processes.rank))
        peak = rate * self.config.learning_rate
        device = self._device
        totals = np.zeros(2)
        self.model.train()
        try:
            # What dropout draws hangs on the seed and the step, not on torch's global stream.
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                torch.manual_seed(int(dropout.integers(2**31)))
                for step, items in enumerate(batches):
                    warmup, final = self.config.warmup_steps, self.config.final_rate
                    lr = peak * optim.rate(step, len(batches), warmup, final)
                    figures = self._step(items, objective, lr, f"step {step + 1} of {len(batches)}")
                    totals += figures
                    self.steps += 1
                    told = {"loss": figures[0], "grad_norm": figures[1], "learning_rate": lr}
                    self.processes.log(told, self.steps)
        finally:
            self.model.eval()
            self.optimizer.zero_grad(set_to_none=True)
        mean_loss, mean_norm = totals / len(batches)
        return {
            "loss": float(mean_loss),
            "grad_norm": float(mean_norm),
            "steps": len(batches),
            "tokens": sum(len(item) for items in batches for item in items),
            "target_tokens": sum(len(item.rows) for items in batches for item in items),
            "left_out": fitted.left_out,
            "shortened": fitted.shortened,
        }

    def state_dict(self) -> dict[str, Any]:
        """What a fit depends on besides the weights: plain numbers and tensors. The learning rate
        starts anew in every fit, so it has no state."""
        state = json.dumps(self._rng.bit_generator.state)
        return {"optimizer": self.optimizer.state_dict(), "order": state, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave. ValueError when the model is another one."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = json.loads(state["order"])
        self.steps = state["steps"]

    def loss(
        self, batch: Batch, objective: Objective = CrossEntropy(), tokens: int | None = None
    ) -> torch.Tensor:
        """Loss of one minibatch, the mean over `tokens` target tokens (default: its own), where
        it is part of a greater one; logits are computed at the predicting positions only."""
        loss_M = token_losses(objective, self.model, batch)
        return loss_M.sum() / (tokens or len(loss_M))

    def _step(
        self, items: Sequence[Packed], objective: Objective, learning_rate: float, name: str
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """One optimizer step; its loss and gradient norm."""
        device = self._device
        self.optimizer.zero_grad(set_to_none=True)
        tokens = sum(len(item.rows) for item in items)
        total = torch.zeros((), device=device)
        for part in self._passes(items[self.processes.rank :: self.processes.count]):
            with torch.autocast(device.type, torch.bfloat16, enabled=self.config.bf16):
                value = self.loss(collate(part, device, rows_for(self.model)), objective, tokens)
            value.backward()  # type: ignore[no-untyped-call]
            total += value.detach()
        if self.processes.count > 1:
            total = self.processes.sum(total)
            for parameter in self._trained:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                parameter.grad = self.processes.sum(parameter.grad)
        norm = torch.nn.utils.clip_grad_norm_(self._trained, self.config.max_grad_norm)
        found, length = float(total), float(norm)
        if not np.isfinite([found, length]).all():
            raise NonFiniteLoss(
                f"{name} of this fit (the student's step {self.steps + 1}) has loss {found} and "
                f"gradient norm {length}; it was not taken, and the weights are those before it. "
                "Lower the learning rate, or look for a teacher's log-probability of -inf"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        return np.array([found, length])

    def _passes(self, items: Sequence[Packed]) -> Iterator[list[Packed]]:
        """What goes through the model at once."""
        most = self.config.forward_tokens
        joined = rows_for(self.model) == "joined"
        part: list[Packed] = []
        if most:  # those that begin alike next to each other, or those that are about as long
            items = sorted(items, key=lambda item: item.tokens if joined else [len(item)])
        for item in items:
            width = sum(map(len, part)) + len(item) if joined else len(item) * (len(part) + 1)
            if most and part and width > most:
                yield part
                part = []
            part.append(item)
        if part:
            yield part

    def _lint(self, fitted: Fitted, batch: Sequence[Packed], near: bool) -> None:
        """Look at the examples of the first step."""
        # Joined or not: an example is in the batch that has its sequences.
        met = {sequence for item in batch for sequence in item.sequences}
        samples = [
            Sample(f"of {name}", example, item)
            for name, example, item in zip(fitted.names, fitted.examples, fitted.items, strict=True)
            if item.sequences[0] in met
        ]
        model = None if self._linted else self.model
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.config.bf16):
            lint_first(samples, self.codec, model, near=near, notes=fitted.notes)
        self._linted = True

    def _require(self, fitted: Fitted, near: bool) -> None:
        """Something to learn from, and the same in every process."""
        if self.processes.count > 1:
            seen = zlib.crc32(repr([(item.tokens, item.targets) for item in fitted.items]).encode())
            own = torch.tensor([seen % 2**20, (seen % 2**20) ** 2])
            total, squares = self.processes.sum(own.to(self._device)).tolist()
            if self.processes.count * squares != total**2:
                raise ConfigError(
                    "the processes were given different examples: every one needs all of them, in "
                    "the same order"
                )
        if not fitted.items:
            reason = (
                f" within the model's context ({fitted.left_out} lie beyond it)"
                if fitted.left_out
                else " (was the teacher asked? did every group of roll-outs get the same reward?)"
            )
            raise ConfigError(f"nothing to learn from: no trajectory carries a target{reason}")
        if not any(any(counting(item, near)) for item in fitted.items):
            raise ConfigError(
                "nothing to learn from: all targets have the weight or the scale 0, and no step "
                "would change the student (did every group of roll-outs get the same reward?)"
            )

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device
