"""The torch learner: weighted likelihood of targets on trajectories. It serves every algorithm
and knows none of them."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.losses import clipped_policy_gradient, weighted_nll
from dagger_algo.lm.packing import Batch, Packed, collate, pack
from dagger_algo.policy import Loss


@dataclass(frozen=True)
class LearnerConfig:
    """How the student is fitted."""

    learning_rate: float = 5e-3
    """Peak of AdamW's learning rate in every fit."""
    rl_learning_rate: float = 1e-3
    """The same for the policy-gradient loss, whose steps are much noisier."""
    warmup_steps: int = 10
    """Optimizer steps over which each fit's rate rises from 0."""
    final_rate: float = 0.1
    """The rate falls along a cosine to this fraction of its peak within each fit (1: constant)."""
    batch_tokens: int = 1024
    """Padded tokens per optimizer step, at most (one longer trajectory is a step of its own)."""
    weight_decay: float = 0.01
    """AdamW's."""
    max_grad_norm: float = 1.0
    """Gradients are clipped to this norm."""
    clip: float = 0.2
    """ε of the clipped policy gradient."""


class Learner:
    """Holds a causal model of transformers and its optimizer, and fits it to examples."""

    def __init__(
        self, model: Any, codec: ChatCodec, config: LearnerConfig = LearnerConfig(), seed: int = 0
    ) -> None:
        self.model = model
        self.codec = codec
        self.config = config
        self._rng = np.random.default_rng(seed)
        decay = [p for p in model.parameters() if p.requires_grad and p.ndim >= 2]
        plain = [p for p in model.parameters() if p.requires_grad and p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decay, "weight_decay": config.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.95),
        )

    def update(
        self, examples: Iterable[Example], *, epochs: int = 1, loss: Loss = "cross_entropy"
    ) -> Mapping[str, float]:
        """Fit for `epochs` passes. Raises ConfigError when there is nothing to learn from."""
        items = [packed for packed in (pack(e, self.codec) for e in examples) if packed.rows]
        if not items:
            raise ConfigError(
                "nothing to learn from: no trajectory carries a target (was the teacher asked? "
                "did every group of roll-outs get the same reward?)"
            )
        batches = [b for _ in range(epochs) for b in self._batches(items)]
        peak = (
            self.config.learning_rate if loss == "cross_entropy" else self.config.rl_learning_rate
        )
        device = next(self.model.parameters()).device
        self.model.train()
        total, tokens = 0.0, 0
        for step, batch_items in enumerate(batches):
            for group in self.optimizer.param_groups:
                group["lr"] = peak * self._rate(step, len(batches))
            batch = collate(batch_items, device)
            value = self.loss(batch, loss)
            self.optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
            self.optimizer.step()
            total += float(value.detach())
            tokens += sum(len(item) for item in batch_items)
        self.model.eval()
        return {"loss": total / len(batches), "steps": len(batches), "tokens": tokens}

    def state_dict(self) -> dict[str, Any]:
        """What a fit depends on besides the weights: plain numbers and tensors."""
        state = self._rng.bit_generator.state
        return {"optimizer": self.optimizer.state_dict(), "order": json.dumps(state)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave. ValueError when the model is another one."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = json.loads(state["order"])

    def loss(self, batch: Batch, kind: Loss = "cross_entropy") -> torch.Tensor:
        """Loss of one minibatch; logits are computed at the predicting positions only."""
        hidden_BLD = self.model.base_model(
            input_ids=batch.tokens,
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        logits_MV = self.model.get_output_embeddings()(hidden_BLD[batch.batch_index, batch.rows])
        logprobs_M = -torch.nn.functional.cross_entropy(
            logits_MV.float(), batch.targets, reduction="none"
        )
        if kind == "cross_entropy":
            return weighted_nll(logprobs_M, batch.weights)
        old_M = torch.where(batch.old_logprobs.isnan(), logprobs_M.detach(), batch.old_logprobs)
        return clipped_policy_gradient(logprobs_M, old_M, batch.weights, self.config.clip)

    def _batches(self, items: Sequence[Packed]) -> Iterator[list[Packed]]:
        """Minibatches of similar lengths, in random order: little padding, little bias."""
        noise = self._rng.uniform(0.9, 1.1, len(items))
        order = sorted(range(len(items)), key=lambda i: len(items[i]) * noise[i])
        batches: list[list[Packed]] = []
        longest = 0
        for i in order:
            longest = max(longest, len(items[i]))
            if not batches or longest * (len(batches[-1]) + 1) > self.config.batch_tokens:
                batches.append([])
                longest = len(items[i])
            batches[-1].append(items[i])
        for index in self._rng.permutation(len(batches)):
            yield batches[index]

    def _rate(self, step: int, steps: int) -> float:
        warm = min(1.0, (step + 1) / max(1, self.config.warmup_steps))
        low = self.config.final_rate
        return warm * (low + (1 - low) * (1 + math.cos(math.pi * step / max(1, steps))) / 2)
