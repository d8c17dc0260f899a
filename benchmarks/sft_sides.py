"""The sides of sft.py: what each is given, and how it fits once. Run as a program it is a side's
process: python sft_sides.py SIDE FOLDER; a line in is a run to make, a line out its figures."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

OURS = "ours"
STEP_TOKENS, PASS_TOKENS = 4096, 1024
# About as many tokens to an optimizer step as ours. Packed rows are one to a forward pass: several
# are laid end to end, and their attention costs the square of the whole.
PEERS: dict[str, dict[str, Any]] = {
    "TRL, packed": {"packing": True, "max_length": PASS_TOKENS, "gradient_accumulation_steps": 4},
    "TRL, grouped": {
        "packing": False,
        "max_length": None,
        "per_device_train_batch_size": 8,
        "train_sampling_strategy": "group_by_length",
    },
}
CLIP_NOTHING = 1e9
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ '<|user|>' + message['content'] + '<|assistant|>' }}{% endif %}"
    "{% endfor %}"
)

Dialogue = list[tuple[str, str]]


def make_work(folder: Path, conversations: int) -> None:
    """Write a checkpoint and the conversations that all sides start from. None is longer than a
    pass, because TRL would cut it there when it packs."""
    from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
    from dagger_algo.policies.lm import LMPolicy

    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(2, 8))) for _ in range(2000)]

    def text(least: int, most: int) -> str:
        chosen = rng.zipf(1.3, rng.integers(least, most)) % len(words)
        return "\n".join(words[i] for i in chosen)

    tokenizer = train_tokenizer([word + "\n" for word in words] * 2, 2500)
    dialogues: list[Dialogue] = []
    while len(dialogues) < conversations:
        new = [(text(5, 60), text(3, 40)) for _ in range(rng.integers(2, 9))]
        tokens = sum(len(tokenizer(part)["input_ids"]) for pair in new for part in pair)
        if tokens + 3 * len(new) <= PASS_TOKENS:
            dialogues.append(new)
    (folder / "dialogues.json").write_text(json.dumps(dialogues))
    tokenizer.chat_template = TEMPLATE
    model = tiny_model(tokenizer, TinyConfig(width=128, layers=4, heads=4), seed=0)
    LMPolicy(model, tokenizer).save(folder / "checkpoint")


def ours(folder: Path, dialogues: list[Dialogue]) -> Callable[[Path | None], dict[str, float]]:
    """A function that fits once, with the gradient at learning rate 0 to a file where one is
    given; its seconds are those of the fit alone."""
    from dagger_algo.conversation import Action
    from dagger_algo.examples import Example, Target
    from dagger_algo.lm.learner import LearnerConfig
    from dagger_algo.policies.lm import LMPolicy

    examples = []
    for dialogue in dialogues:
        actions = tuple(Action(said) for _, said in dialogue)
        targets = tuple(Target(t, action, 1.0) for t, action in enumerate(actions))
        examples.append(Example(tuple(seen for seen, _ in dialogue), actions, targets))

    def fit(gradient: Path | None) -> dict[str, float]:
        config = LearnerConfig(
            batch_tokens=STEP_TOKENS, forward_tokens=PASS_TOKENS, learning_rate=1e-3
        )
        if gradient:
            config = LearnerConfig(
                learning_rate=0.0,
                batch_tokens=10**9,
                forward_tokens=PASS_TOKENS,
                max_grad_norm=CLIP_NOTHING,
            )
        policy = LMPolicy.load(folder / "checkpoint", learner=config)
        if gradient:
            policy.learner.optimizer.register_step_pre_hook(
                lambda *_: torch.save(flat_gradient(policy.model), gradient)
            )
        with Meter() as meter:
            figures = policy.update(examples)
        return {
            **meter.figures,
            "loss": figures["loss"],
            "norm": figures["grad_norm"],
            "steps": figures["steps"],
            "tokens": figures["target_tokens"],
        }

    return fit


def trl(
    folder: Path, dialogues: list[Dialogue], settings: dict[str, Any]
) -> Callable[[Path | None], dict[str, float]]:
    """The same with TRL's trainer; its dataset is prepared before its clock starts."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    rows = [
        {
            "messages": [
                {"role": role, "content": content}
                for turn in dialogue
                for role, content in zip(("user", "assistant"), turn, strict=True)
            ]
        }
        for dialogue in dialogues
    ]

    def fit(gradient: Path | None) -> dict[str, float]:
        class Keep(TrainerCallback):  # type: ignore[misc]
            def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
                if gradient:
                    torch.save(flat_gradient(model), gradient)

        whole = {"learning_rate": 0.0, "gradient_accumulation_steps": 10**6}
        config = SFTConfig(
            output_dir=str(folder / "trl"),
            **{
                "per_device_train_batch_size": 1,
                "learning_rate": 1e-3,
                **settings,
                **(whole if gradient else {}),
            },
            max_grad_norm=CLIP_NOTHING if gradient else 1.0,
            weight_decay=0.01,
            adam_beta2=0.95,
            assistant_only_loss=True,
            gradient_checkpointing=False,
            bf16=False,
            report_to=[],
            num_train_epochs=1,
            save_strategy="no",
            logging_strategy="steps" if gradient else "no",
            logging_steps=1,
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder / "checkpoint"),
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(folder / "checkpoint"),
            callbacks=[Keep()],
        )
        labels = trainer.train_dataset["labels"]
        with Meter() as meter:
            result = trainer.train()
        logged = next((log for log in trainer.state.log_history if "grad_norm" in log), {})
        return {
            **meter.figures,
            "loss": result.training_loss,
            "norm": float(logged.get("grad_norm", float("nan"))),
            "steps": trainer.state.global_step,
            "tokens": sum(label != -100 for row in labels for label in row),
        }

    return fit


def flat_gradient(model: Any) -> torch.Tensor:
    """All gradients in one vector, in the order of the parameters' names."""
    named = sorted((name, p.grad) for name, p in model.named_parameters())
    return torch.cat([gradient.flatten().clone() for _, gradient in named])


class Meter:
    """CPU and wall seconds, and MB of memory, of what happens inside."""

    def __enter__(self) -> "Meter":
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew (Linux)
        self._rest = self._memory("VmRSS")
        self._started = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        cpu, wall = time.process_time() - self._started[0], time.perf_counter() - self._started[1]
        peak = self._memory("VmHWM")
        self.figures = {"cpu": cpu, "wall": wall, "peak_mb": peak, "added_mb": peak - self._rest}

    @staticmethod
    def _memory(name: str) -> float:
        status = Path("/proc/self/status").read_text().split(f"{name}:")[1]
        return int(status.split()[0]) / 1024


def work(side: str, folder: Path) -> int:
    """Fit whenever a line comes in; it names where the gradient at rate 0 goes, or is empty."""
    torch.set_num_threads(1)
    dialogues = json.loads((folder / "dialogues.json").read_text())
    answers, sys.stdout = sys.stdout, sys.stderr
    fit = ours(folder, dialogues) if side == OURS else trl(folder, dialogues, PEERS[side])
    for line in sys.stdin:
        answers.write(json.dumps(fit(Path(line.strip()) if line.strip() else None)) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(work(sys.argv[1], Path(sys.argv[2])))
