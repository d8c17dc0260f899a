"""`python -m baselines diagnose`: can DAgger help on this task, with this teacher and student?

A small measurement before a large expense; what it measures and how it decides is in
`dagger_algo.meter` and `dagger_algo.diagnosis`.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.markup import escape

from baselines.reporting.verdict import print_diagnosis
from baselines.sweep.cell import make_vocabulary, open_teacher
from baselines.sweep.checks import check
from baselines.sweep.config import Compare, Experiment, WarmStart
from baselines.sweep.environments import pool
from baselines.sweep.plan import VOCABULARY, Job, needs_vocabulary
from baselines.sweep.students import StudentConfig, new_student
from baselines.sweep.teachers import TeacherConfig
from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Conversation, Episode
from dagger_algo.diagnosis import Diagnosis
from dagger_algo.diagnosis import diagnose as judge
from dagger_algo.errors import ConfigError
from dagger_algo.examples import imitate
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.meter import Trial, demonstrations, measure
from dagger_algo.policy import Policy, Student
from dagger_algo.teachers.bills import losses, wasted


@dataclass(frozen=True)
class Diagnose:
    """Say, before money is spent, whether DAgger can help on a task, with uncertainty.

    A student is fitted to a few demonstrations of the teacher (or is a checkpoint of yours). Then
    every held-out task is done three times: by the teacher, by the student, and by the student up
    to its first error and the teacher from there on. That shows how often the student errs on the
    teacher's states and on its own, what one error costs, and whether it can be undone. A second
    student with half of the demonstrations shows how fast more of them help. "Nothing to gain"
    means nothing beyond what as many demonstrations again would bring.

    For example:
        python -m baselines diagnose --env swe_gym_env:Tightrope-v0 --env-options horizon=10
        python -m baselines diagnose --student.checkpoint runs/demo/seed-0/sft/checkpoint \
--demonstrations.teacher-tokens 0
        python -m baselines diagnose --teacher.kind api --teacher.url http://localhost:8000/v1 \
--teacher.model NAME --episodes 20 --out diagnosis.json
    """

    env: str = Experiment.env
    """A Gymnasium id (module:id imports the module that registers it) of a text environment."""
    train_options: tuple[str, ...] = Experiment.train_options
    """Options of the environments that demonstrations are made in, as NAME=VALUE."""
    heldout_options: tuple[str, ...] = Experiment.heldout_options
    """Options of the environments that are measured in."""
    env_options: tuple[str, ...] = Experiment.env_options
    """Options of both, by default those that `train` has."""
    envs: int = Experiment.envs
    """Environments stepped at the same time."""
    episodes: int = 60
    """Held-out tasks; each costs up to three episodes, with the teacher asked at every turn."""
    margin: float = 0.1
    """The smallest gain in success that would matter: below it there is nothing to gain."""
    seed: int = 0
    """Of the student's first weights and of the demonstrations."""
    demonstrations: WarmStart = field(default_factory=WarmStart)
    """What the student is fitted to before it is measured; 0 tokens take it as it is."""
    student: StudentConfig = field(default_factory=StudentConfig)
    """Who is measured."""
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """Who is asked."""
    out: Path | None = None
    """Write the figures to this new JSON file, too. What a served teacher answers is then kept
    beside it (NAME.answers.jsonl): the same again pays nothing."""

    def __post_init__(self) -> None:
        for name in ("episodes", "envs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name} must be at least 1")
        if not 0.0 < self.margin < 1.0:
            raise ConfigError(f"--margin must lie between 0 and 1, not {self.margin}")
        if self.out is not None and self.out.exists():
            raise ConfigError(f"{self.out} exists: move it away, or choose another name for --out")


def diagnose(config: Diagnose, console: Console) -> Diagnosis:
    """Measure, print the verdict and what it rests on, and return it."""
    import torch

    torch.set_num_threads(1)
    with TemporaryDirectory(prefix="diagnose-") as folder, console.status("") as status:
        setting = _setting(config, Path(folder))
        check(setting)

        def tell(text: str) -> None:
            status.update(escape(text))

        [(label, env)] = setting.environment_of.items()
        job = Job(VOCABULARY, config.seed, label)
        own = job.folder(setting)
        if needs_vocabulary(setting):
            tell("reading demonstrations")
            make_vocabulary(setting, env, own)
        answers = config.out and config.out.with_suffix(".answers.jsonl")
        with open_teacher(setting, job, answers) as asked:
            teacher = _Metered(asked)
            student, halved = _students(config, setting, own, teacher, tell)
            trials, fewer = _measure(config, setting, student, halved, teacher, tell)
            spent = teacher.spent()
    found = judge(trials, config.margin, halved=fewer)
    if config.out is not None:
        config.out.parent.mkdir(parents=True, exist_ok=True)
        config.out.write_text(json.dumps(figures(found), indent=1), encoding="utf-8")
    print_diagnosis(found, spent, console)
    return found


def figures(found: Diagnosis) -> dict[str, object]:
    """The diagnosis as plain JSON; what is unknown (NaN) becomes null."""
    rates = {
        where.value: {"errors": rate.errors, "states": rate.states}
        for where, rate in found.rates.items()
    }
    plain: dict[str, object] = json.loads(
        json.dumps({**asdict(found), "rates": rates}), parse_constant=lambda name: None
    )
    return plain


class _Metered:
    """A teacher, and what it was asked."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._ledger = Ledger()

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        answers = list(self.policy.act(conversations))
        for answer in answers:
            self._ledger.answered(answer, lambda text: 0)
        return answers

    def spent(self) -> dict[str, Any]:
        """The figures of a ledger, lost answers included; to be asked for once."""
        self._ledger.lost(wasted(self))
        self._ledger.lost_because = dict(losses(self))
        return self._ledger.as_dict()


def _setting(config: Diagnose, folder: Path) -> Compare:
    """What the jobs of a comparison need to know: the same environments and students."""
    tokens = config.demonstrations.teacher_tokens
    return Compare(
        name="diagnose",
        out=folder,
        env=config.env,
        train_options=config.train_options,
        heldout_options=config.heldout_options,
        env_options=config.env_options,
        envs=config.envs,
        budget=Budget(teacher_tokens=tokens + 1),
        warm_start=config.demonstrations,
        student=config.student,
        teacher=config.teacher,
        methods=("dagger",),
    )


def _students(
    config: Diagnose,
    setting: Compare,
    vocabulary: Path,
    teacher: Policy,
    tell: Callable[[str], None],
) -> tuple[Student, Student | None]:
    """One that has seen the demonstrations, and one that has seen half of them."""
    [env] = setting.environment_of.values()
    student = new_student(config.student, vocabulary, config.seed)
    limit = config.demonstrations.teacher_tokens
    if not limit:
        return student, None
    tell("collecting demonstrations")
    with pool(setting, env, "train", expert=config.teacher.kind == "expert") as envs:
        seeds = itertools.count(1_000_003 * (config.seed + 1))
        shown = demonstrations(envs, seeds, student, teacher, limit)
    half = new_student(config.student, vocabulary, config.seed)
    for fitted, episodes in ((student, shown), (half, shown[: len(shown) // 2])):
        tell(f"fitting a student to {len(episodes)} demonstrations")
        if episodes:
            fitted.update(imitate(episodes), epochs=config.demonstrations.epochs)
    return student, half


def _measure(
    config: Diagnose,
    setting: Compare,
    student: Student,
    halved: Student | None,
    teacher: Policy,
    tell: Callable[[str], None],
) -> tuple[list[Trial], list[Episode] | None]:
    by = {
        "teacher": "the teacher acts",
        "student": "the student acts",
        "rescued": "the teacher takes over at the first error",
    }
    [env] = setting.environment_of.values()
    tasks = range(config.episodes)
    with pool(setting, env, "heldout", expert=config.teacher.kind == "expert") as envs:
        trials = measure(
            envs,
            tasks,
            student.greedy(),
            teacher,
            told=lambda what, done: tell(f"{by[what]}: {done} episodes"),
        )
        if halved is None:
            return trials, None
        tell("the student with half of the demonstrations acts")
        return trials, list(collect(envs, tasks, halved.greedy()))
