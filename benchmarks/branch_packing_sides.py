"""The sides of `branch_packing.py`: the same gradient, computed in three ways."""

import contextlib
import logging
import math
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen3Config

from dagger_algo.conversation import Action
from dagger_algo.examples import Example, Target
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.packing import Packed, collate, minibatches, pack, rows_for
from dagger_algo.lm.tiny import train_tokenizer

OBSERVATION, ACTION = 24, 8
BUDGETS = (1024, 4096, 16384)
TRL_SETTINGS = ("packing", "group 1", "group 4", "group 16")
SIZES: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 16384,
    "tie_word_embeddings": False,
    "bos_token_id": None,
}
FAMILIES: dict[str, Any] = {
    "llama": partial(LlamaConfig, **SIZES),
    "qwen3": partial(Qwen3Config, **SIZES),
    "mistral": partial(MistralConfig, sliding_window=256, **SIZES),
}
Result = tuple[float, float, torch.Tensor]
"""CPU seconds, loss, gradient."""


@dataclass(frozen=True)
class Sample:
    """One label with its whole prefix: `ids`, of which those from `start` on are trained on."""

    ids: list[int]
    start: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Work:
    """The same labels packed and expanded; own_tokens: of trajectories and labels."""

    make_config: Callable[..., Any]
    tokenizer: Any
    packed: list[Packed]
    samples: list[Sample]
    own_tokens: int

    @property
    def targets(self) -> int:
        return sum(len(item.rows) for item in self.packed)

    def model(self) -> Any:
        """Always the same weights."""
        torch.manual_seed(0)
        config = self.make_config(
            vocab_size=len(self.tokenizer),
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").train()

    def share(self, one_of: int) -> "Work":
        """A part of each side's own items, to try settings on."""
        return replace(self, samples=self.samples[one_of - 1 :: one_of])


def make_work(
    turns: int, trajectories: int, make_config: Any, words: tuple[int, int] = (OBSERVATION, ACTION)
) -> Work:
    """Random text; no label shares a token with what was executed."""
    rng = np.random.default_rng(turns)
    tokenizer = train_tokenizer(["".join(map(chr, range(32, 127)))] * 2, 300)
    codec = ChatCodec(tokenizer)
    low, high = 10, len(tokenizer) - 1

    def action(first: int) -> Action:
        ids = [first, *rng.integers(low, high, words[1] - 2).tolist(), codec.end_of_turn]
        return Action("", tuple(ids))

    packed, samples, own = [], [], 0
    for _ in range(trajectories):
        observations = tuple(
            "".join(chr(c) for c in rng.integers(33, 126, words[0] - 2)) for _ in range(turns)
        )
        executed = tuple(action(low) for _ in range(turns))
        labels = [action(low + 1) for _ in range(turns)]
        targets = tuple(Target(turn, label, 1.0) for turn, label in enumerate(labels))
        packed.append(pack(Example(observations, executed, targets), codec))
        stream = codec.stream(observations, executed)
        own += len(stream.ids) + sum(len(codec.action_ids(label)) for label in labels)
        for start, label in zip(stream.starts, labels, strict=True):
            samples.append(Sample([*stream.ids[:start], *codec.action_ids(label)], start))
    return Work(make_config, tokenizer, packed, samples, own)


@dataclass(frozen=True)
class Side:
    """One way to the gradient, and the settings it may be given."""

    work: Work
    compute: Callable[[Work, Any, Any], tuple[float, float]]
    model: Any
    settings: Sequence[Any]

    def run(self, setting: Any, share: int = 1) -> Result:
        """The whole gradient, or that of one of `share` samples."""
        self.model.zero_grad(set_to_none=True)
        work = self.work if share == 1 else self.work.share(share)
        seconds, loss = self.compute(work, self.model, setting)
        gradient = [p.grad.flatten() for p in self.model.parameters() if p.grad is not None]
        return seconds, loss, torch.cat(gradient)


def sides_for(work: Work, names: Sequence[str]) -> dict[str, Side]:
    sides = {}
    for name in names:
        model = work.model()
        if name == "branch packing":
            prepare(model)
            sides[name] = Side(work, packed_pass, model, BUDGETS)
        elif name == "one sample per label":
            sides[name] = Side(work, expanded_pass, model, BUDGETS)
        else:
            sides[name] = Side(work, trl_pass, model, TRL_SETTINGS)
    return sides


def packed_pass(work: Work, model: Any, tokens: int) -> tuple[float, float]:
    started = time.process_time()
    rows = rows_for(model)
    total = 0.0
    for items in minibatches(work.packed, tokens, rows, np.random.default_rng(0)):
        loss = -target_logprobs(model, collate(items, model.device, rows)).sum() / work.targets
        loss.backward()
        total += loss.item()
    return time.process_time() - started, total


def expanded_pass(work: Work, model: Any, tokens: int) -> tuple[float, float]:
    """Length buckets, right padding, causal attention without a mask, logits where needed."""
    started = time.process_time()
    targets = sum(len(sample.ids) - sample.start for sample in work.samples)
    buckets: list[list[Sample]] = []
    for sample in sorted(work.samples, key=lambda sample: len(sample.ids)):
        if not buckets or len(sample.ids) * (len(buckets[-1]) + 1) > tokens:
            buckets.append([])
        buckets[-1].append(sample)
    total = 0.0
    for bucket in buckets:
        longest = max(len(sample.ids) for sample in bucket)
        padded = [[*sample.ids, *[0] * (longest - len(sample.ids))] for sample in bucket]
        where = [
            (n, row) for n, s in enumerate(bucket) for row in range(s.start - 1, len(s.ids) - 1)
        ]
        batch_M, row_M = torch.tensor(where, device=model.device).T
        wanted_M = torch.tensor([i for s in bucket for i in s.ids[s.start :]], device=model.device)
        hidden_BLD = model.base_model(
            input_ids=torch.tensor(padded, device=model.device), use_cache=False
        ).last_hidden_state
        logits_MV = model.lm_head(hidden_BLD[batch_M, row_M]).float()
        loss = torch.nn.functional.cross_entropy(logits_MV, wanted_M, reduction="sum") / targets
        loss.backward()
        total += loss.item()
    return time.process_time() - started, total


def trl_pass(work: Work, model: Any, setting: str) -> tuple[float, float]:
    """One step over all samples; its clock runs from the step's begin to its gradient."""
    from datasets import Dataset
    from datasets.utils.logging import disable_progress_bar
    from transformers import TrainerCallback
    from transformers.utils import logging as transformers_logging
    from trl import SFTConfig, SFTTrainer

    disable_progress_bar()
    transformers_logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    data = Dataset.from_dict(
        {
            "input_ids": [sample.ids for sample in work.samples],
            "labels": [[-100] * s.start + s.ids[s.start :] for s in work.samples],
        }
    )
    clock: list[float] = []
    gradients: list[torch.Tensor | None] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *given: Any, **named: Any) -> None:
            clock.append(time.process_time())

        def on_pre_optimizer_step(self, *given: Any, **named: Any) -> None:
            clock.append(time.process_time())
            gradients.extend(None if p.grad is None else p.grad.clone() for p in model.parameters())

    packing = setting == "packing"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = SFTConfig(
            output_dir=folder,
            packing=packing,
            max_length=max(len(sample.ids) for sample in work.samples),
            per_device_train_batch_size=1 if packing else int(setting.split()[1]),
            train_sampling_strategy="random" if packing else "group_by_length",
            gradient_accumulation_steps=10**6,
            num_train_epochs=1,
            learning_rate=0.0,
            max_grad_norm=0.0,
            optim="sgd",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            trainer = SFTTrainer(
                model,
                arguments,
                train_dataset=data,
                processing_class=work.tokenizer,
                callbacks=[Clock()],
            )
            loss = trainer.train().training_loss
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        parameter.grad = gradient
    return clock[1] - clock[0], loss


def peak_memory(side: Side, setting: Any) -> float:
    """Most memory that one run holds above what the process held before it, MB (Linux)."""
    small = make_work(2, 1, side.work.make_config)
    replace(side, work=small).run(setting)
    side.model.zero_grad(set_to_none=True)
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    side.run(setting)
    return math.ceil(10 * (_status("VmHWM") - before) / 1024) / 10


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise SystemExit(f"/proc/self/status has no {field}; memory can be measured on Linux only")
