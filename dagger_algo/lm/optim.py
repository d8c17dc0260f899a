"""AdamW and its learning rate."""

import math
from typing import Any

import torch


def adamw(model: Any, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (β 0.9, 0.95) over what is trained of a model; decay on matrices alone.

    Its moments have the parameters' own dtype: parameters in bfloat16 round small updates away, so
    full fine-tuning keeps them in float32 (`LearnerConfig.bf16` computes in bfloat16 all the same).
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )


def rate(step: int, steps: int, warmup: int, final: float) -> float:
    """Fraction of the peak at `step` (from 0) of a fit of `steps`: up along a line over `warmup`
    steps, or over half of the fit where that is shorter (else a method of many small fits would
    never come near its peak), down along a cosine to `final` (1: constant)."""
    warm = min(1.0, (step + 1) / max(1, min(warmup, steps // 2)))
    return warm * (final + (1 - final) * (1 + math.cos(math.pi * step / max(1, steps))) / 2)
