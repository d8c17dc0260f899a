"""The jobs of a comparison, each run in a process of its own: tokenizer, warm start, one method.

A job writes into its own folder and nowhere else; `done.json` is written last, so a folder without
one was interrupted.
"""

import itertools
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from baselines.config import Compare, options
from baselines.files import write_atomically
from baselines.methods import get_method
from dagger_algo.checkpoints import Checkpoints
from dagger_algo.collect import collect
from dagger_algo.conversation import Episode
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import Evaluation, evaluate
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import STUDENT_ONLY, TEACHER_ONLY
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Student
from dagger_algo.run import Run
from dagger_algo.store import EpisodeStore

Tell = Callable[[dict[str, Any]], None]
TOKENIZER, WARM = "tokenizer", "warm start"
EXAMPLES = 6


@dataclass(frozen=True)
class Job:
    """One unit of work. seed is -1 for the tokenizer, which all seeds share."""

    kind: str  # TOKENIZER, WARM, or the name of a method
    seed: int = -1

    def folder(self, config: Compare) -> Path:
        """Where it writes."""
        if self.kind == TOKENIZER:
            return config.folder / "tokenizer"
        return config.folder / f"seed-{self.seed}" / Path(self.kind).stem.replace(" ", "-")

    def done(self, config: Compare) -> bool:
        """Finished, and not by failing?"""
        path = self.folder(config) / "done.json"
        return path.exists() and json.loads(path.read_text())["status"] == "ok"


def run_job(config: Compare, job: Job, tell: Tell) -> None:
    """Do the job, leaving `done.json` with its status: a failed job says why and stops nobody."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(config.threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = job.folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if job.kind == TOKENIZER:
            make_tokenizer(config, folder)
        elif job.kind == WARM:
            warm_start(config, job.seed, folder, tell)
        else:
            train(config, job, folder, tell)
        status = {"status": "ok"}
    except Exception as error:
        status = {
            "status": "failed",
            "error": f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exc(),
        }
    try:
        write_atomically(folder / "done.json", json.dumps(status))
    except OSError as error:
        # The comparison says that this job failed, but can no longer say of what.
        reason = status.get("error", "its result cannot be written")
        sys.exit(f"{job.kind} (seed {job.seed}): {reason}; {error}")


def make_tokenizer(config: Compare, folder: Path) -> None:
    """Train the tiny student's tokenizer on the text of teacher episodes."""
    from dagger_algo.lm.tiny import train_tokenizer

    texts: list[str] = []
    teacher = ExpertTeacher()
    with pool(config, "train", expert=True) as envs:
        seeds = range(config.student.tokenizer_episodes)
        for episode in collect(envs, seeds, teacher, gate=TEACHER_ONLY, teacher=teacher):
            for turn in episode.turns:
                texts += [turn.observation, turn.action.text]
    train_tokenizer(texts, config.student.tiny.vocab_size).save_pretrained(folder)


def warm_start(config: Compare, seed: int, folder: Path, tell: Tell) -> None:
    """The checkpoint, episodes and ledger that all methods of a seed begin with."""
    student = new_student(config, seed)
    limit = Budget(config.budget.env_steps, max(1, config.warm_start.teacher_tokens))
    with pool(config, "train", expert=True) as envs, pool(config, "heldout") as held:
        run = _run(config, seed, folder, tell, student, envs, held, Ledger(config.budget))
        figures: dict[str, Any] = {}
        if config.warm_start.teacher_tokens > 0:
            run.collect(0, limit, gate=TEACHER_ONLY, teacher=run.teacher)
            figures["loss"] = run.fit(imitate(run.store), epochs=config.warm_start.epochs)["loss"]
        run.report(0, **figures)
    student.save(folder / "checkpoint")
    ledger = {**run.ledger.as_dict(), "budget": asdict(config.budget)}
    write_atomically(folder / "ledger.json", json.dumps(ledger))


def train(config: Compare, job: Job, folder: Path, tell: Tell) -> None:
    """One method from the warm start to the end of its budget."""
    method = get_method(job.kind)
    warm = Job(WARM, job.seed).folder(config)
    student = LMPolicy.load(
        warm / "checkpoint",
        learner=config.student.learner,
        sampling=config.student.sampling,
        seed=job.seed,
    )
    episodes = folder / "episodes.jsonl"
    if not episodes.exists():  # else an interrupted run is taken up again
        shutil.copy(warm / "episodes.jsonl", folder / "episodes.jsonl.new")
        (folder / "episodes.jsonl.new").rename(episodes)
    ledger = Ledger(**{**json.loads((warm / "ledger.json").read_text()), "budget": config.budget})
    with (
        pool(config, "train", expert=method.needs_teacher) as envs,
        pool(config, "heldout") as held,
    ):
        run = _run(config, job.seed, folder, tell, student, envs, held, ledger)
        method.train(run, getattr(config, method.name, method.config))
    student.save(folder / "checkpoint")
    shutil.rmtree(folder / "rounds", ignore_errors=True)
    if job.seed == config.first_seed:
        _write_examples(config, job, folder, student)


def new_student(config: Compare, seed: int) -> LMPolicy:
    """An untrained tiny model, or the user's checkpoint."""
    kwargs: dict[str, Any] = {
        "learner": config.student.learner,
        "sampling": config.student.sampling,
        "seed": seed,
    }
    if config.student.checkpoint is not None:
        return LMPolicy.load(config.student.checkpoint, **kwargs)
    from transformers import AutoTokenizer

    from dagger_algo.lm.tiny import tiny_model

    tokenizer = AutoTokenizer.from_pretrained(Job(TOKENIZER).folder(config))
    return LMPolicy(tiny_model(tokenizer, config.student.tiny, seed), tokenizer, **kwargs)


def pool(config: Compare, part: str, expert: bool = False) -> EnvPool:
    """Environments for training ("train") or evaluation ("heldout")."""
    chosen = config.train_options if part == "train" else config.heldout_options
    given = options(config.env_options, chosen)
    if expert:
        given["expert"] = True
    # The checker wrapper is for authors of environments; it would say its say in every process.
    return EnvPool(lambda: gym.make(config.env, disable_env_checker=True, **given), config.envs)


def _run(
    config: Compare,
    seed: int,
    folder: Path,
    tell: Tell,
    student: LMPolicy,
    envs: EnvPool,
    held: EnvPool,
    ledger: Ledger,
) -> Run:
    def evaluation(student: Student) -> Evaluation:
        return evaluate(student, held, range(config.heldout_episodes))[0]

    # Far apart, so that no two seeds of a comparison train on the same stream of tasks.
    seeds = itertools.count(1_000_003 * (seed + 1) + ledger.episodes)
    return Run(
        student,
        ExpertTeacher(),
        envs,
        seeds,
        evaluation,
        EpisodeStore(folder / "episodes.jsonl"),
        ledger,
        seed,
        _CellLog(folder / "rounds.jsonl", tell),
        Checkpoints(folder / "rounds"),
    )


class _CellLog:
    """Rounds to a file, everything to the parent's display."""

    def __init__(self, path: Path, tell: Tell) -> None:
        self._path = path
        self._tell = tell
        self.resumed([])

    def progress(self, phase: str, ledger: Ledger) -> None:
        self._tell({"phase": phase, **ledger.as_dict()})

    def round(self, figures: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._tell({"phase": "round", **figures})

    def resumed(self, rounds: list[dict[str, Any]]) -> None:
        write_atomically(self._path, "".join(json.dumps(figures) + "\n" for figures in rounds))


def _write_examples(config: Compare, job: Job, folder: Path, student: LMPolicy) -> None:
    """Episodes for the report: held-out ones with the teacher's opinion, and training ones."""
    found: list[tuple[str, Episode]] = []
    with pool(config, "heldout", expert=True) as envs:
        seeds = range(min(EXAMPLES, config.heldout_episodes))
        asked = collect(envs, seeds, student.greedy(), gate=STUDENT_ONLY, teacher=ExpertTeacher())
        found += [("held-out", e) for e in sorted(asked, key=lambda e: e.seed)]
    with EpisodeStore(folder / "episodes.jsonl") as store:
        own = [episode for episode in store if episode.round > 0]
    for number in sorted({episode.round for episode in own}):
        found.append(("training", next(e for e in own if e.round == number)))
    rows = [
        {
            "method": job.kind,
            "seed": job.seed,
            "kind": kind,
            "task": e.task,
            "reward": e.reward,
            "round": e.round,
            "outcome": e.outcome,
            "final_observation": e.final_observation,
            "turns": [
                {
                    "observation": turn.observation,
                    "action": turn.action.text,
                    "actor": turn.actor,
                    "label": turn.label and turn.label.text,
                    "reward": turn.reward,
                }
                for turn in e.turns
            ],
        }
        for kind, e in found
    ]
    write_atomically(folder / "examples.json", json.dumps(rows))
