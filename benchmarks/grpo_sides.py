"""The sides of grpo.py: what each is given, and how it trains. Run as a program it is a side's
process: python grpo_sides.py SIDE FOLDER; a line in is a run to make, a line out its figures.

TRL's side needs TRL and its own dependencies, and nothing of this project.
"""

import copy
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import numpy as np
import torch

OURS = "ours"
# Passes of TRL's; its generation batch is all episodes in either.
PEERS = {"TRL, one pass": 1, "TRL, four passes": 4}
GROUP = 8
RATE, CLIP_NOTHING = 2e-4, 1e9
WORDS = [f"w{n:03}" for n in range(400)]
END = "<|end|>"


@dataclass(frozen=True)
class Work:
    """What is rolled: tasks per batch, each in a group; turns of an episode; tokens of an
    observation and, at most, of an action."""

    tasks: int
    turns: int
    seen: int
    said: int

    @property
    def episodes(self) -> int:
        """In a batch."""
        return self.tasks * GROUP


@dataclass(frozen=True)
class Order:
    """A run to make: batches of roll-outs, each learnt from once. gradient: instead, one batch at
    learning rate 0, its gradient to this file; the roll-outs are those of the side that is ours."""

    work: Work
    batches: int
    gradient: str = ""


class WordGame:
    """Random words for an observation; a turn pays for each word said that begins with "w1"."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def reset(self, seed: int) -> str:
        self._rng = np.random.default_rng(seed)
        self._turn = 0
        return self._look()

    def step(self, action: str) -> tuple[str, float, bool]:
        self._turn += 1
        return self._look(), self.pay(action), self._turn == self._work.turns

    def pay(self, action: str) -> float:
        return sum(word.startswith("w1") for word in action.splitlines()) / self._work.said

    def _look(self) -> str:
        return "\n".join(self._rng.choice(WORDS, self._work.seen)) + "\n"


def make_work(folder: Path) -> None:
    """Write the checkpoint that all sides start from: a random 0.9 M-parameter Llama, one token per
    word."""
    from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
    from dagger_algo.policies.lm import LMPolicy

    tokenizer = train_tokenizer([f"{word}\n" for word in WORDS] * 3, 2500)
    size = TinyConfig(width=128, layers=4, heads=4, init_std=0.1, context=16384)
    LMPolicy(tiny_model(tokenizer, size, seed=0), tokenizer).save(folder / "checkpoint")


def ours(folder: Path) -> Callable[[Order], dict[str, float]]:
    """A function that makes one run of `baselines.grpo`; its seconds are those of training."""
    import itertools

    import gymnasium as gym

    from baselines.grpo import GRPOConfig, train, variant
    from baselines.rlvr import grouped, weighted
    from dagger_algo.conversation import Episode
    from dagger_algo.env_pool import EnvPool
    from dagger_algo.evaluate import Evaluation
    from dagger_algo.ledger import Budget, Ledger
    from dagger_algo.lm.learner import LearnerConfig
    from dagger_algo.lm.sampling import Sampling
    from dagger_algo.policies.lm import LMPolicy
    from dagger_algo.run import Run
    from dagger_algo.store import EpisodeStore

    class Env(gym.Env[str, str]):
        observation_space = action_space = gym.spaces.Text(100_000)

        def __init__(self, work: Work) -> None:
            self._game = WordGame(work)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, Any]:
            assert seed is not None
            return self._game.reset(seed), {}

        def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
            observation, reward, over = self._game.step(action)
            return observation, reward, over, False, {}

    def run(order: Order) -> dict[str, float]:
        config = GRPOConfig(group=GROUP, tasks=order.work.tasks, rate=1.0, evaluate=1)
        learner = LearnerConfig(
            learning_rate=RATE,
            warmup_steps=0,
            final_rate=1.0,
            batch_tokens=10**9,
            forward_tokens=4096,
            max_grad_norm=CLIP_NOTHING if order.gradient else 1.0,
        )
        said = Sampling(max_new_tokens=order.work.said)
        policy = LMPolicy.load(folder / "checkpoint", learner=learner, sampling=said)
        steps = order.batches * order.work.episodes * order.work.turns
        path = folder / "episodes.jsonl"
        path.unlink(missing_ok=True)
        with (
            EnvPool(lambda: Env(order.work), order.work.episodes) as pool,
            EpisodeStore(path) as store,
        ):
            training = Run(
                policy,
                None,
                pool,
                itertools.count(),
                lambda student: Evaluation((), (), ()),
                store,
                Ledger(Budget(steps, 10**9)),
            )
            if order.gradient:
                seeds = (seed for seed in range(order.work.tasks) for _ in range(GROUP))
                groups = grouped(training.collect(1, Budget(steps, 10**9), seeds=iter(seeds)))
                keep_gradient(policy.learner.optimizer, policy.model, order.gradient)
                examples = weighted(groups, config, variant(config))
                objective = variant(config).objective
                figures = policy.update(examples, objective=objective, rate=0.0)
                write_rollouts(groups)
                return {name: figures[name] for name in ("loss", "steps", "target_tokens")}
            with Meter() as meter:
                train(training, config)
            made = list(store.all())
        assert training.ledger.optimizer_steps == order.batches
        return {**meter.figures, "steps": training.ledger.env_steps, "said": tokens(made)}

    def tokens(episodes: list[Episode]) -> int:
        return sum(len(turn.action.token_ids or ()) for e in episodes for turn in e.turns)

    def write_rollouts(groups: list[list[Episode]]) -> None:
        codec = LMPolicy.load(folder / "checkpoint").codec
        rollouts = []
        for episode in (episode for group in groups for episode in group):
            turns = episode.turns
            stream = codec.stream([t.observation for t in turns], [t.action for t in turns])
            said = [0] * len(stream.ids)
            for start, end in zip(stream.starts, stream.ends, strict=True):
                said[start:end] = [1] * (end - start)
            at, over = stream.starts[0], stream.ends[-1]
            rollouts.append(
                {
                    "prompt_ids": stream.ids[:at],
                    "completion_ids": stream.ids[at:over],
                    "env_mask": said[at:over],
                    "said": sum(said),
                    "reward": episode.reward,
                }
            )
        (folder / "rollouts.json").write_text(json.dumps(rollouts))

    return run


def trl(folder: Path, passes: int) -> Callable[[Order], dict[str, float]]:
    """The same with TRL's GRPOTrainer. One turn: as it comes, with a reward function. Several: its
    `rollout_func`, which generates as TRL's own loop over tools does, from the whole history at
    every turn, and gives back which tokens were the environment's (`env_mask`)."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer
    from trl.models import unwrap_model_for_generation

    tokenizer = AutoTokenizer.from_pretrained(folder / "checkpoint")
    end = tokenizer.convert_tokens_to_ids(END)

    def generate(streams: list[list[int]], trainer: Any, most: int) -> list[list[int]]:
        width = max(map(len, streams))
        pads = [width - len(ids) for ids in streams]
        padded = [[tokenizer.pad_token_id] * n + s for n, s in zip(pads, streams, strict=True)]
        mask = [[0] * n + [1] * (width - n) for n in pads]
        settings = copy.deepcopy(trainer.generation_config)
        settings.max_new_tokens = most
        with (
            unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model,
            torch.no_grad(),
        ):
            found = model.generate(
                input_ids=torch.tensor(padded),
                attention_mask=torch.tensor(mask),
                generation_config=settings,
            )[:, width:].tolist()
        return [ids[: ids.index(end) + 1] if end in ids else ids for ids in found]

    def roll(work: Work, seeds: dict[str, int], prompts: list[Any], trainer: Any) -> Any:
        games = [WordGame(work) for _ in prompts]
        for game, prompt in zip(games, prompts, strict=True):
            game.reset(seeds[prompt[0]["content"]])
        started = [
            tokenizer.apply_chat_template(prompt, tokenize=True, return_dict=False)
            for prompt in prompts
        ]
        streams = [list(ids) for ids in started]
        masks: list[list[int]] = [[] for _ in prompts]
        rewards = [0.0] * len(prompts)
        for turn in range(work.turns):
            for i, ids in enumerate(generate(streams, trainer, work.said)):
                streams[i] += ids
                masks[i] += [1] * len(ids)
                text = tokenizer.decode(ids, skip_special_tokens=True)
                seen, reward, _ = games[i].step(text)
                rewards[i] += reward
                if turn + 1 < work.turns:
                    after = ("" if ids[-1] == end else END) + f"<|user|>{seen}<|assistant|>"
                    more = tokenizer(after, add_special_tokens=False)["input_ids"]
                    streams[i] += more
                    masks[i] += [0] * len(more)
        completions = [ids[len(p) :] for ids, p in zip(streams, started, strict=True)]
        return {
            "prompt_ids": started,
            "completion_ids": completions,
            "logprobs": [[0.0] * len(ids) for ids in completions],
            "env_mask": masks,
            "said": [sum(mask) for mask in masks],
            "reward": rewards,
        }

    def replayed(prompts: list[Any], trainer: Any) -> Any:
        rollouts = json.loads((folder / "rollouts.json").read_text())
        assert len(rollouts) == len(prompts)
        found = {name: [r[name] for r in rollouts] for name in rollouts[0]}
        return {**found, "logprobs": [[0.0] * len(r["completion_ids"]) for r in rollouts]}

    def run(order: Order) -> dict[str, float]:
        work = order.work
        firsts = {WordGame(work).reset(seed): seed for seed in range(order.batches * work.tasks)}
        said = 0

        def paid(completions: list[Any], completion_ids: list[Any], **fields: Any) -> list[float]:
            nonlocal said
            said += sum(fields.get("said", map(len, completion_ids)))
            if "reward" in fields:
                return list(fields["reward"])
            return [WordGame(work).pay(found[0]["content"]) for found in completions]

        several = work.turns > 1 or order.gradient
        args = GRPOConfig(
            output_dir=str(folder / "trl"),
            per_device_train_batch_size=work.episodes // passes,
            gradient_accumulation_steps=passes,
            num_generations=GROUP,
            max_completion_length=work.turns * (work.seen + work.said + 3),
            max_steps=order.batches,
            shuffle_dataset=False,
            learning_rate=0.0 if order.gradient else RATE,
            lr_scheduler_type="constant",
            max_grad_norm=CLIP_NOTHING if order.gradient else 1.0,
            weight_decay=0.01,
            adam_beta2=0.95,
            beta=0.0,
            loss_type="grpo",
            scale_rewards="group",
            temperature=1.0,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to=[],
            logging_strategy="steps" if order.gradient else "no",
            logging_steps=1,
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        if not several:
            args.max_completion_length = work.said
        rows = [{"prompt": [{"role": "user", "content": text}]} for text in firsts]
        roll_out = replayed if order.gradient else lambda p, t: roll(work, firsts, p, t)
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder / "checkpoint"),
            reward_funcs=paid,
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            rollout_func=roll_out if several else None,
        )
        if order.gradient:
            trainer.create_optimizer()
            keep_gradient(trainer.optimizer, trainer.model, order.gradient)
        with Meter() as meter:
            result = trainer.train()
        if order.gradient:
            return {"loss": result.training_loss, "steps": 1, "target_tokens": said}
        steps = order.batches * work.episodes * work.turns
        return {**meter.figures, "steps": steps, "said": said}

    return run


def keep_gradient(optimizer: Any, model: Any, path: str) -> None:
    """At the next step write all gradients as one vector, in the order of their names."""

    def keep(*_: Any) -> None:
        named = sorted((name, p.grad) for name, p in model.named_parameters())
        torch.save(torch.cat([gradient.flatten().clone() for _, gradient in named]), path)

    optimizer.register_step_pre_hook(keep)


class Meter:
    """CPU and wall seconds of what happens inside."""

    def __enter__(self) -> "Meter":
        self._started = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        cpu, wall = self._started
        self.figures = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def line(order: Order) -> str:
    """The order as a side reads it."""
    return json.dumps(asdict(order))


def work(side: str, folder: Path) -> int:
    """Make the run that each line in says."""
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr
    run = ours(folder) if side == OURS else trl(folder, PEERS[side])
    for text in sys.stdin:
        asked = json.loads(text)
        order = Order(Work(**asked.pop("work")), **asked)
        answers.write(json.dumps(run(order)) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(work(sys.argv[1], Path(sys.argv[2])))
