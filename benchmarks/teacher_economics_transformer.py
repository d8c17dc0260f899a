"""The student of `teacher_economics.py` on RepairToy: the tiny transformer, after a warm start."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym

from dagger_algo.collect import collect
from dagger_algo.env_pool import EnvPool
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Student
from dagger_algo.store import EpisodeStore

# Two packages and the shell alone: what the tiny student can learn in minutes.
OPTIONS: dict[str, Any] = {"modules": 2, "tool_format": "bash_block"}
SPOKEN, EPOCHS, LONGEST = 150, 8, 64
COUNTED = ("env_steps", "teacher_tokens", "teacher_queries", "episodes")


def warm_up(env: str, tokens: int, envs: int, seed: int, root: Path) -> None:
    """A student that has seen so many tokens of demonstrations, in `root`, with what it has cost.

    Its tokenizer knows the text of other demonstrations, the same for all seeds and not counted.
    """
    from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
    from dagger_algo.policies.lm import LMPolicy

    folder, expert, ledger = root / f"warm-{seed}", ExpertTeacher(), Ledger()
    with (
        EnvPool(lambda: gym.make(env, expert=True, **OPTIONS), envs) as pool,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        spoken = collect(pool, range(SPOKEN), expert, gate=TEACHER_ONLY, teacher=expert)
        texts = [text for e in spoken for t in e.turns for text in (t.observation, t.action.text)]
        tokenizer = train_tokenizer(texts, TinyConfig().vocab_size)
        student = LMPolicy(tiny_model(tokenizer, TinyConfig(), seed), tokenizer, seed=seed)
        for episode in collect(
            pool,
            itertools.count(1_000_003 * (seed + 1)),
            student,
            gate=TEACHER_ONLY,
            teacher=expert,
            ledger=ledger,
            limit=Budget(10**9, tokens),
            count_tokens=student.count_tokens,
        ):
            store.append(episode)
        student.update(imitate(store), epochs=EPOCHS)
    student.save(folder / "checkpoint")
    spent = {name: getattr(ledger, name) for name in COUNTED}
    (folder / "spent.json").write_text(json.dumps(spent), encoding="utf-8")


def start(folder: Path, seed: int, ledger: Ledger) -> Student:
    """That student, for a run in `folder`; what it has cost is put into the ledger, what it was
    shown into the run's store."""
    import torch

    from dagger_algo.lm.generate import Sampling
    from dagger_algo.policies.lm import LMPolicy

    torch.set_num_threads(1)
    warm = folder.parent / f"warm-{seed}"
    for name, value in json.loads((warm / "spent.json").read_text(encoding="utf-8")).items():
        setattr(ledger, name, value)
    shutil.copy(warm / "episodes.jsonl", folder)
    sampling = Sampling(max_new_tokens=LONGEST)
    return LMPolicy.load(warm / "checkpoint", sampling=sampling, seed=seed)
