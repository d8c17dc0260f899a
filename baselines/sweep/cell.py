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

from baselines.methods import Method, get_method
from baselines.sweep import teachers
from baselines.sweep.config import Compare
from baselines.sweep.dimensions import Environment
from baselines.sweep.display import lost_labels
from baselines.sweep.environments import action_words, no_expert, pool, reader
from baselines.sweep.examples import write_examples
from baselines.sweep.files import write_atomically
from baselines.sweep.linted import lint_file
from baselines.sweep.plan import VOCABULARY, WARM, Job, budget, environment, stream_start
from baselines.sweep.provenance import provenance
from baselines.sweep.students import ACTIONS, known_actions, load_student, new_student
from dagger_algo.checkpoints import Checkpoints
from dagger_algo.collect import collect
from dagger_algo.conversation import Outcome
from dagger_algo.errors import ConfigError
from dagger_algo.evaluate import Evaluation, evaluate
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.ledger import Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Policy, Student
from dagger_algo.records import figures_to_json
from dagger_algo.run import Log, Run
from dagger_algo.stages import name_stage
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
        with provenance(config, job, folder), lint_file(folder, tell):
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
    actions = action_words(env)
    seeds = range(config.student.tokenizer_episodes)
    if no_expert(env) is None:
        with pool(config, env, "train", expert=True) as envs:
            expert = ExpertTeacher()
            for episode in collect(envs, seeds, expert, gate=TEACHER_ONLY, teacher=expert):
                for turn in episode.turns:
                    said = name_stage(turn.action) if config.teacher.stages else turn.action
                    texts += [turn.observation, said.text]
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
    opinion = run.teacher if config.teacher.kind == "local" else None
    if expert:
        opinion = config.teacher.staged(ExpertTeacher())
    with pool(config, env, "heldout", expert=expert) as envs:
        heldout = range(config.heldout_episodes)
        write_examples(job, folder, envs, heldout, run.student, opinion)


def _require_a_round(run: Run, method: Method) -> None:
    """ConfigError where the budget was too small for anything to be learnt from, or the method
    made nothing of it."""
    own = (episode.outcome for episode in run.store if episode.round > 0)
    first = next(own, None)
    whole = first is not None and any(o is not Outcome.CUT for o in itertools.chain([first], own))
    if not run.reported or not (first or run.ledger.spent()):
        what = "rolled no episode" if run.reported else "reported no round"
        raise ConfigError(
            f"{method.name} {what} and ended with budget left: a method calls run.collect, run.fit "
            "and run.report(i) for i in run.rounds(...)"
        )
    if not first or not (whole or not method.needs_outcomes):
        what = "its end" if first else "its first step"
        raise ConfigError(
            f"the budget is too small for one round: no episode came to {what} within "
            f"{run.ledger.budget.env_steps - run.start.env_steps:,} environment steps and "
            f"{run.ledger.budget.teacher_tokens - run.start.teacher_tokens:,} teacher tokens "
            "beyond the warm start"
        )


def vocabulary(config: Compare, job: Job) -> Path:
    """Where that of the job's environment is."""
    return Job(VOCABULARY, env=job.env).folder(config)


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

        run = Run(
            student,
            stack.enter_context(open_teacher(config, job)) if taught else None,
            envs,
            itertools.count(stream_start(job.seed, ledger.episodes)),
            evaluation,
            store,
            ledger,
            job.seed,
            log,
            Checkpoints(folder / "rounds"),
        )
        try:
            yield run
        except ConfigError as error:  # that there is nothing to learn from may have its reason here
            run.count_losses()
            if lost := lost_labels(run.ledger.as_dict()):
                raise ConfigError(f"{error}; {lost}") from error
            raise


@contextmanager
def open_teacher(config: Compare, job: Job, cache: Path | None = None) -> Iterator[Policy]:
    """The teacher of the job's environment. cache: where its answers are kept, by default one file
    for the whole comparison."""
    closed = config.student.kind == "tabular"
    actions: tuple[str, ...] = ()
    if closed or config.teacher.error > 0.0:
        actions = config.student.tabular.actions or known_actions(vocabulary(config, job))
    kept = cache or config.folder / "teacher-answers.jsonl"
    with ExitStack() as stack:
        unreadable = None
        if config.teacher.must_be_readable:
            unreadable = stack.enter_context(reader(environment(config, job)))
        asked = teachers.teacher(
            config.teacher, job.seed, kept, actions, closed=closed, unreadable=unreadable
        )
        yield stack.enter_context(asked)


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
            file.write(figures_to_json(figures) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._tell({"phase": "round", **figures})

    def resumed(self, rounds: list[dict[str, Any]]) -> None:
        write_atomically(self._path, "".join(figures_to_json(figures) + "\n" for figures in rounds))
