"""The GPU part of `branch_packing.py`: 32,000 tokens, bfloat16, FlexAttention."""

import time
from functools import partial
from typing import Any

import torch
from branch_packing_sides import (
    Sample,
    Side,
    Work,
    expanded_pass,
    make_work,
    packed_pass,
    sides_for,
)
from transformers import Qwen3Config

# The shape of Qwen3-0.6B, with random weights.
MODEL = partial(
    Qwen3Config,
    hidden_size=1024,
    intermediate_size=3072,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=128,
    max_position_embeddings=40960,
    tie_word_embeddings=True,
    bos_token_id=None,
)
VOCABULARY = 151_936
TURNS, WORDS = 32, (904, 96)
SMALL_TURNS, SMALL_WORDS = 8, (200, 40)
REPEATS = 3


def measure() -> dict[str, Any]:
    """Gradient error in float32 on a small trajectory, then seconds, tokens per second and memory
    on the long one."""
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device was found; leave out --device cuda to measure on the CPU")
    torch.backends.cuda.matmul.allow_tf32 = False
    figures: dict[str, Any] = {"gpu": torch.cuda.get_device_name()}
    figures["gradient_error"] = error = _gradient_error()
    print(f"gradient error in float32: {error:.1e}", flush=True)
    work = make_work(TURNS, 1, _config, WORDS)
    for name, side in _sides(work, torch.bfloat16).items():
        setting = side.settings[0]
        _timed(side, setting)  # compiles
        torch.cuda.reset_peak_memory_stats()
        seconds = sorted(_timed(side, setting) for _ in range(REPEATS))[REPEATS // 2]
        items = side.work.packed if name == "branch packing" else side.work.samples
        tokens = sum(map(len, items))
        figures[name] = {
            "seconds": seconds,
            "tokens": tokens,
            "tokens_per_second": tokens / seconds,
            "peak_gb": torch.cuda.max_memory_allocated() / 2**30,
        }
        of = figures[name]
        print(
            f"{name:22} {seconds:8.2f} s, {of['tokens']:9,} tokens, "
            f"{of['tokens_per_second']:10,.0f} tokens/s, {of['peak_gb']:6.1f} GB",
            flush=True,
        )
        side.model.to("cpu")
        torch.cuda.empty_cache()
    return figures


def _config(**given: Any) -> Qwen3Config:
    return MODEL(**{**given, "vocab_size": VOCABULARY})


def _sides(work: Work, dtype: torch.dtype) -> dict[str, Side]:
    """Each with gradient checkpointing, which 32,000 tokens need on most devices."""
    sides = sides_for(work, ["branch packing", "one sample per label"])
    longest = max(work.samples, key=lambda sample: len(sample.ids))
    executed = work.packed[0].tokens[: longest.start]
    # What SFT would cost on the same trajectory: every token once, as many of them trained on.
    plain = Work(
        work.make_config,
        work.tokenizer,
        work.packed,
        [Sample(executed, len(executed) - work.targets)],
        work.own_tokens,
    )
    sides["SFT on the trajectory"] = Side(plain, expanded_pass, work.model(), (len(executed),))
    budgets = {"branch packing": 10**9, "one sample per label": len(longest.ids)}
    for name, side in sides.items():
        side.model.to(dtype)
        side.model.gradient_checkpointing_enable({"use_reentrant": False})
        if name in budgets:
            compute = packed_pass if name == "branch packing" else expanded_pass
            sides[name] = Side(side.work, compute, side.model, (budgets[name],))
    return sides


def _timed(side: Side, setting: Any) -> float:
    side.model.to("cuda")
    side.model.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    started = time.perf_counter()
    side.compute(side.work, side.model, setting)
    torch.cuda.synchronize()
    return time.perf_counter() - started


def _gradient_error() -> float:
    work = make_work(SMALL_TURNS, 1, _config, SMALL_WORDS)
    sides = _sides(work, torch.float32)
    gradients = []
    for name in ("branch packing", "one sample per label"):
        sides[name].model.to("cuda")
        gradients.append(sides[name].run(sides[name].settings[0])[2])
    got, want = gradients
    return float((got - want).norm() / want.norm())
