"""TRL's numbers on fixed tensors: python tests/data/trl_losses.py > tests/data/trl_losses.json

Needs TRL (1.16 made the file), which is no dependency of the project. The losses are those of TRL's
trainers themselves, with the log-probabilities of the policy replaced by given ones; the advantages
are those that they train on in a real step with given rewards.
"""

import contextlib
import json
import sys
import tempfile
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

GROUP = 4
REWARDS = [1.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.0, 0.25, 1.0, 0.0]
LENGTHS = [5, 3, 7, 2, 4, 6, 1, 8, 3, 5, 2, 6]
MOST = 10
COMMON = {"beta": 0.0, "scale_rewards": "group", "loss_type": "grpo"}
CASES: dict[str, dict[str, Any]] = {
    "grpo": COMMON,
    "grpo with a KL": {**COMMON, "beta": 0.1, "use_bias_correction_kl": False},
    "grpo with a corrected KL": {**COMMON, "beta": 0.1},
    "dr_grpo": {**COMMON, "scale_rewards": "none", "loss_type": "dr_grpo"},
    "dapo": {**COMMON, "loss_type": "dapo", "epsilon_high": 0.28},
    "gspo": {
        **COMMON,
        "importance_sampling_level": "sequence",
        "epsilon": 0.05,
        "epsilon_high": 0.08,
    },
    "rloo": {"beta": 0.0},
    "rloo with a KL": {"beta": 0.1},
}


def tensors() -> dict[str, torch.Tensor]:
    """(B, T) log-probabilities of policy, sampler and reference, and the mask of the tokens."""
    some = torch.Generator().manual_seed(0)
    shape = len(LENGTHS), max(LENGTHS)
    old = -2 * torch.rand(shape, generator=some, dtype=torch.float64) - 0.1
    new = old + 0.3 * torch.randn(shape, generator=some, dtype=torch.float64)
    reference = old + 0.3 * torch.randn(shape, generator=some, dtype=torch.float64)
    mask = torch.arange(shape[1])[None] < torch.tensor(LENGTHS)[:, None]
    return {"new": new, "old": old, "reference": reference, "mask": mask}


def trainer(name: str, settings: dict[str, Any], folder: str) -> Any:
    """A trainer of TRL's with a tiny model, whose rewards are `REWARDS`."""
    words = {word: i for i, word in enumerate(["<pad>", "<end>", "a", "b", "c", "d"])}
    words_to_ids = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    words_to_ids.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words_to_ids, pad_token="<pad>", eos_token="<end>", unk_token="<pad>"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)  # where TRL looks for its reference
    rloo = name.startswith("rloo")
    trains, options = (RLOOTrainer, RLOOConfig) if rloo else (GRPOTrainer, GRPOConfig)
    return trains(
        model=LlamaForCausalLM.from_pretrained(folder),
        reward_funcs=lambda completions, **_: REWARDS[: len(completions)],
        args=options(
            output_dir=folder,
            per_device_train_batch_size=len(REWARDS),
            num_generations=GROUP,
            max_completion_length=MOST,
            max_steps=1,
            learning_rate=0.0,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            **settings,
        ),
        train_dataset=Dataset.from_list([{"prompt": word} for word in "abc"]),
        processing_class=tokenizer,
    )


def penalise(made: Any, given: dict[str, torch.Tensor]) -> None:
    """Let the real step take the given sequences' KL off its rewards: what the sampler and the
    reference think of a whole sequence stands at its first token, since TRL sums over tokens and
    sampled others than the given ones."""
    real = made._get_per_token_logps_and_entropies

    def known(model: Any, *arguments: Any, **options: Any) -> Any:
        found, *others = real(model, *arguments, **options)
        if torch.is_grad_enabled():
            return found, *others
        whose = "reference" if model is made.ref_model else "old"
        sums = torch.zeros_like(found)
        sums[:, 0] = (given[whose] * given["mask"]).sum(1).to(found)
        return sums, *others

    made._get_per_token_logps_and_entropies = known


def numbers(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The advantages of a real step, then loss and gradient of the given log-probabilities."""
    with tempfile.TemporaryDirectory() as folder:
        made = trainer(name, settings, folder)
        given = tensors()
        rloo = name.startswith("rloo")
        if rloo and settings["beta"]:
            penalise(made, given)
        made.train()
        advantages = torch.tensor(list(made._logs["advantages"]), dtype=torch.float64)
        # RLOO here is on-policy; TRL's has a ratio of whole sequences beside.
        new = given["old" if rloo else "new"].clone().requires_grad_()
        mask = given["mask"]
        made._get_per_token_logps_and_entropies = lambda *_, **__: (
            new,
            torch.zeros_like(new),
            None,
        )
        ids = torch.ones(mask.shape, dtype=torch.long)
        made.model.train()
        loss = made._compute_loss(
            made.model,
            {
                "prompt_ids": ids[:, :1],
                "prompt_mask": ids[:, :1],
                "completion_ids": ids,
                "completion_mask": mask.long(),
                "advantages": advantages,
                "old_per_token_logps": given["old"],
                "old_logps": (given["old"] * mask).sum(1),
                "ref_per_token_logps": given["reference"],
                "num_items_in_batch": mask.sum(),
            },
        )
        loss.backward()
    assert new.grad is not None
    return {
        "advantages": advantages.tolist(),
        "loss": loss.item(),
        "gradient": [row[:length] for row, length in zip(new.grad.tolist(), LENGTHS, strict=True)],
    }


def everything() -> dict[str, Any]:
    """Inputs and TRL's numbers, as JSON."""
    given = tensors()
    inputs = {
        name: [row[:length] for row, length in zip(given[name].tolist(), LENGTHS, strict=True)]
        for name in ("new", "old", "reference")
    }
    cases = {name: numbers(name, settings) for name, settings in CASES.items()}
    return {"group": GROUP, "rewards": REWARDS, "most": MOST, **inputs, "trl": cases}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        found = everything()
    print(json.dumps(found, indent=1))
