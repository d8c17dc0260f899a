"""The jobs of a comparison, each run in a process of its own: vocabulary, warm start, one method.

A job writes into its own folder and nowhere else; `done.json` is written last, so a folder without
one was interrupted.
"""

import itertools
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym

from baselines.methods import Method, get_method
from baselines.sweep import teachers
from baselines.sweep.config import Compare
from baselines.sweep.dimensions import Environment
from baselines.sweep.examples import write_examples
from baselines.sweep.files import write_atomically
from baselines.sweep.plan import VOCABULARY, WARM, Job, budget, environment, stream_start
from baselines.sweep.provenance import provenance
from baselines.sweep.students import ACTIONS, known_actions, load_student, new_student
from dagger_algo.checkpoints import Checkpoints
from dagger_algo.collect import collect
from dagger_algo.conversation import Outcome
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.evaluate import Evaluation, evaluate
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.ledger import Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Policy, Student
from dagger_algo.run import Log, Run
from dagger_algo.store import EpisodeStore
from dagger_algo.trackers import Several, Trackers

Tell = Callable[[dict[str, Any]], None]


def run_job(config: Compare, job: Job, tell: Tell) -> None:
    """Do the job, leaving `done.json` with its status: a failed job says why and stops nobody."""
    if config.student.kind == "lm" or config.teacher.kind == "local":
        import torch
        from transformers.utils import logging

        torch.set_num_threads(config.threads)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = job.folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with provenance(config, job, folder):
            if job.kind == VOCABULARY:
                make_vocabulary(config, environment(config, job), folder)
            elif job.kind == WARM:
                warm_start(config, job, folder, tell)
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
        sys.exit(f"{job}: {reason}; {error}")


def make_vocabulary(config: Compare, env: Environment, folder: Path) -> None:
    """What demonstrations show: the actions there are, and the tiny student's tokenizer.

    Actions are also taken from the environment's attribute `action_words`, where it has one:
    demonstrations may leave out what is right only in states that they never reach. Where there
    is no expert the tokenizer knows the environment's instructions alone.
    """
    texts: list[str] = []
    actions = _action_words(env)
    seeds = range(config.student.tokenizer_episodes)
    if no_expert(env) is None:
        with pool(config, env, "train", expert=True) as envs:
            expert = ExpertTeacher()
            for episode in collect(envs, seeds, expert, gate=TEACHER_ONLY, teacher=expert):
                for turn in episode.turns:
                    texts += [turn.observation, turn.action.text]
                    actions.add(turn.action.text)
    elif config.student.kind == "lm":
        with pool(config, env, "train") as envs:
            texts += [envs.reset([0], [seed])[0][0] for seed in seeds]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / ACTIONS, json.dumps(sorted(actions)))
    if config.student.kind == "lm" and config.student.checkpoint is None:
        from dagger_algo.lm.tiny import train_tokenizer

        train_tokenizer(texts, config.student.tiny.vocab_size).save_pretrained(folder)


def warm_start(config: Compare, job: Job, folder: Path, tell: Tell) -> None:
    """The checkpoint, episodes and ledger that all methods of a seed begin with.

    Where the teacher is the environment's expert and there is none, it is a cold start.
    """
    student = new_student(config.student, vocabulary(config, job), job.seed)
    limit = budget(config, job)
    cold = config.warm_start.teacher_tokens == 0
    cold |= config.teacher.kind == "expert" and no_expert(environment(config, job)) is not None
    log = _CellLog(folder / "rounds.jsonl", tell)
    with _run(config, job, folder, log, student, Ledger(limit), taught=not cold) as run:
        figures: dict[str, Any] = {}
        if not cold:
            run.collect(0, limit, gate=TEACHER_ONLY, teacher=run.teacher)
            figures["loss"] = run.fit(imitate(run.store), epochs=config.warm_start.epochs)["loss"]
        run.report(0, **figures)
        student.save(folder / "checkpoint")
        write_atomically(folder / "ledger.json", json.dumps(run.ledger.as_dict()))


def train(config: Compare, job: Job, folder: Path, tell: Tell) -> None:
    """One method from the warm start to the end of its budget."""
    method = get_method(config.variants[job.kind].method)
    if method.needs_teacher and config.teacher.kind == "expert":
        missing = no_expert(environment(config, job))
        if missing is not None:
            raise ConfigError(
                f"{job.kind} learns from a teacher, and {environment(config, job).id} has no "
                f"expert to be it ({missing}): give the environment one, or set teacher.kind"
            )
    warm = Job(WARM, job.seed, job.env).folder(config)
    limit = budget(config, job)
    ledger = Ledger(**{**json.loads((warm / "ledger.json").read_text()), "budget": limit})
    if ledger.spent():
        raise ConfigError(
            f"the warm start has spent {ledger.env_steps:,} of {limit.env_steps:,} environment "
            f"steps and {ledger.teacher_tokens:,} of {limit.teacher_tokens:,} teacher tokens, "
            "which leaves nothing for a round: raise the budget or shorten the warm start"
        )
    episodes = folder / "episodes.jsonl"
    if not episodes.exists():  # else an interrupted run is taken up again
        shutil.copy(warm / "episodes.jsonl", folder / "episodes.jsonl.new")
        (folder / "episodes.jsonl.new").rename(episodes)
    with ExitStack() as stack:
        name = "-".join((config.name, job.kind, str(job.seed)))
        trackers = stack.enter_context(
            Trackers(config.trackers, folder / "trackers", name, project=config.name)
        )
        step = trackers.step if config.trackers else None
        own = vocabulary(config, job)
        student = load_student(config.student, own, job.seed, warm / "checkpoint", step)
        told = Several(_CellLog(folder / "rounds.jsonl", tell), trackers)
        taught = method.needs_teacher
        run = stack.enter_context(_run(config, job, folder, told, student, ledger, taught=taught))
        method.train(run, config.settings_of(job.kind))
        _require_a_round(run, method)
        student.save(folder / "checkpoint")
        shutil.rmtree(folder / "rounds", ignore_errors=True)
        if job.seed == config.first_seed:
            _keep_examples(config, job, folder, run)


def _keep_examples(config: Compare, job: Job, folder: Path, run: Run) -> None:
    """Episodes for the report, with the opinion of a teacher that charges nothing for it."""
    env = environment(config, job)
    expert = config.teacher.kind == "expert" and no_expert(env) is None
    opinion = ExpertTeacher() if expert else run.teacher if config.teacher.kind == "local" else None
    with pool(config, env, "heldout", expert=expert) as envs:
        heldout = range(config.heldout_episodes)
        write_examples(job, folder, envs, heldout, run.student, opinion)


def _require_a_round(run: Run, method: Method) -> None:
    """ConfigError where the budget was too small for anything to be learnt from, or the method
    made nothing of it."""
    own = [episode for episode in run.store if episode.round > 0]
    whole = [episode for episode in own if episode.outcome is not Outcome.CUT]
    if not run.reported or not (own or run.ledger.spent()):
        what = "rolled no episode" if run.reported else "reported no round"
        raise ConfigError(
            f"{method.name} {what} and ended with budget left: a method calls run.collect, run.fit "
            "and run.report(i) for i in run.rounds(...)"
        )
    if not own or not (whole or not method.needs_outcomes):
        what = "its end" if own else "its first step"
        raise ConfigError(
            f"the budget is too small for one round: no episode came to {what} within "
            f"{run.ledger.budget.env_steps - run.start.env_steps:,} environment steps and "
            f"{run.ledger.budget.teacher_tokens - run.start.teacher_tokens:,} teacher tokens "
            "beyond the warm start"
        )


def vocabulary(config: Compare, job: Job) -> Path:
    """Where that of the job's environment is."""
    return Job(VOCABULARY, env=job.env).folder(config)


def _action_words(env: Environment) -> set[str]:
    made = gym.make(env.id, disable_env_checker=True, **env.given("train"))
    try:
        return set(getattr(made.unwrapped, "action_words", ()))
    finally:
        made.close()


def no_expert(env: Environment) -> str | None:
    """Why the environment has no expert; None where it has one."""
    try:
        made = gym.make(env.id, disable_env_checker=True, expert=True, **env.given("train"))
        try:
            _, info = made.reset(seed=0)
        finally:
            made.close()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if "expert_action" in info else 'its info says no "expert_action"'


def pool(config: Compare, env: Environment, part: str, expert: bool = False) -> EnvPool:
    """Environments for training ("train") or evaluation ("heldout")."""
    given = env.given(part)
    if expert:
        given["expert"] = True
    # The checker wrapper is for authors of environments; it would say its say in every process.
    made = env.id_of(part)
    return EnvPool(lambda: gym.make(made, disable_env_checker=True, **given), config.envs)


@contextmanager
def _run(
    config: Compare,
    job: Job,
    folder: Path,
    log: Log,
    student: Student,
    ledger: Ledger,
    *,
    taught: bool,
) -> Iterator[Run]:
    """What an algorithm is handed. taught: it has a teacher."""
    env = environment(config, job)
    with ExitStack() as stack:
        expert = taught and config.teacher.kind == "expert"
        envs = stack.enter_context(pool(config, env, "train", expert=expert))
        held = stack.enter_context(pool(config, env, "heldout"))
        what = f"{env.id} {json.dumps(env.given('train'), sort_keys=True, default=str)}"
        store = stack.enter_context(EpisodeStore(folder / "episodes.jsonl", what))

        def evaluation(student: Student) -> Evaluation:
            return evaluate(student, held, range(config.heldout_episodes))[0]

        yield Run(
            student,
            stack.enter_context(_teacher(config, job)) if taught else None,
            envs,
            itertools.count(stream_start(job.seed, ledger.episodes)),
            evaluation,
            store,
            ledger,
            job.seed,
            log,
            Checkpoints(folder / "rounds"),
        )


@contextmanager
def _teacher(config: Compare, job: Job) -> Iterator[Policy]:
    closed = config.student.kind == "tabular"
    actions: tuple[str, ...] = ()
    if closed or config.teacher.error > 0.0:
        actions = config.student.tabular.actions or known_actions(vocabulary(config, job))
    cache = config.folder / "teacher-answers.jsonl"
    with teachers.teacher(config.teacher, job.seed, cache, actions, closed=closed) as policy:
        yield policy


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
