"""`python -m baselines diagnose`: can DAgger help on this task, with this teacher and student?

A small measurement before a large expense; what it measures and how it decides is in
`dagger_algo.meter` and `dagger_algo.diagnosis`.
"""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from baselines.sweep.cell import make_vocabulary, pool
from baselines.sweep.config import Compare, WarmStart
from baselines.sweep.plan import VOCABULARY, Job
from baselines.sweep.students import StudentConfig, new_student
from dagger_algo.collect import collect
from dagger_algo.conversation import Episode
from dagger_algo.diagnosis import Diagnosis, Verdict
from dagger_algo.diagnosis import diagnose as judge
from dagger_algo.errors import ConfigError
from dagger_algo.examples import imitate
from dagger_algo.ledger import Budget
from dagger_algo.meter import Reached, Trial, demonstrations, measure
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Student
from dagger_algo.shift import Interval


@dataclass(frozen=True)
class Diagnose:
    """Say, before money is spent, whether DAgger can help on a task, with uncertainty.

    A student is fitted to a few demonstrations of the environment's expert (or is a checkpoint of
    yours). Then every held-out task is done three times: by the teacher, by the student, and by
    the student up to its first error and the teacher from there on. That shows how often the
    student errs on the teacher's states and on its own, what one error costs, and whether it can
    be undone. A second student with half of the demonstrations shows how fast more of them help.
    "Nothing to gain" means nothing beyond what as many demonstrations again would bring.

    Examples:
        python -m baselines diagnose --env swe_gym_env:Tightrope-v0 --env-options horizon=10
        python -m baselines diagnose --student.checkpoint runs/demo/seed-0/sft/checkpoint \
--demonstrations.teacher-tokens 0
    """

    env: str = "swe_gym_env:RepairToy-v0"
    """A Gymnasium id (module:id imports the module that registers it) of a text environment that
    takes expert=True."""
    train_options: tuple[str, ...] = ("split=train",)
    """Options of the environments that demonstrations are made in, as NAME=VALUE."""
    heldout_options: tuple[str, ...] = ("split=heldout",)
    """Options of the environments that are measured in."""
    env_options: tuple[str, ...] = ()
    """Options of both."""
    envs: int = 16
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
    out: Path | None = None
    """Write the figures to this new JSON file, too."""

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

        def tell(text: str) -> None:
            status.update(escape(text))

        student, halved = _students(config, setting, tell)
        trials, fewer = _measure(config, setting, student, halved, tell)
    found = judge(trials, config.margin, halved=fewer)
    if config.out is not None:
        config.out.parent.mkdir(parents=True, exist_ok=True)
        config.out.write_text(json.dumps(figures(found), indent=1), encoding="utf-8")
    _print(found, console)
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
    )


def _students(
    config: Diagnose, setting: Compare, tell: Callable[[str], None]
) -> tuple[Student, Student | None]:
    """One that has seen the demonstrations, and one that has seen half of them."""
    [(label, env)] = setting.environment_of.items()
    vocabulary = Job(VOCABULARY, env=label).folder(setting)
    if config.student.needs_vocabulary:
        tell("reading demonstrations")
        make_vocabulary(setting, env, vocabulary)
    student = new_student(config.student, vocabulary, config.seed)
    limit = config.demonstrations.teacher_tokens
    if not limit:
        return student, None
    tell("collecting demonstrations")
    with pool(setting, env, "train", expert=True) as envs:
        seeds = itertools.count(1_000_003 * (config.seed + 1))
        shown = demonstrations(envs, seeds, student, ExpertTeacher(), limit)
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
    tell: Callable[[str], None],
) -> tuple[list[Trial], list[Episode] | None]:
    by = {
        "teacher": "the teacher acts",
        "student": "the student acts",
        "rescued": "the teacher takes over at the first error",
    }
    [env] = setting.environment_of.values()
    tasks = range(config.episodes)
    with pool(setting, env, "heldout", expert=True) as envs:
        trials = measure(
            envs,
            tasks,
            student.greedy(),
            ExpertTeacher(),
            told=lambda what, done: tell(f"{by[what]}: {done} episodes"),
        )
        if halved is None:
            return trials, None
        tell("the student with half of the demonstrations acts")
        return trials, list(collect(envs, tasks, halved.greedy()))


def _print(found: Diagnosis, console: Console) -> None:
    table = Table(title="What was measured", title_justify="left")
    table.add_column("")
    table.add_column("mean", justify="right")
    table.add_column("95% interval", justify="right")
    table.add_column("tasks", justify="right")
    for name, value in (
        ("success of the teacher", found.teacher),
        ("success of the student", found.student),
        ("success where the teacher takes over at the first error", found.rescued),
        ("headroom: success that undoing errors would bring", found.headroom),
        ("what an error costs this student, in success", found.alone),
        ("u: what it costs where the teacher goes on, in success", found.u_success),
        ("u: the same in turns, where both succeed", found.u_turns),
        ("shift: disagreement after an error, above the teacher's states", found.shift),
        ("gain: the part of the headroom that the shift accounts for", found.gain),
        ("the gain that is left when demonstrations double", found.ahead),
    ):
        table.add_row(name, *_cells(value))
    console.print(table)
    table = Table(title="Disagreement with the teacher", title_justify="left")
    for name in ("states", "share", "95% interval", "seen"):
        table.add_column(name, justify="left" if name == "states" else "right")
    names = {
        Reached.TEACHER: "the teacher's",
        Reached.AGREEING: "the student's own, before its first error",
        Reached.ERRED: "the student's own, after an error",
    }
    for where, rate in found.rates.items():
        low, high = rate.interval()
        share = f"{rate.share:.3f}" if rate.states else "-"
        between = f"{low:.3f} to {high:.3f}" if rate.states else "-"
        table.add_row(names[where], share, between, str(rate.states))
    console.print(table)
    console.print(_theory(found), highlight=False)
    color = {Verdict.HELPS: "green", Verdict.NOTHING: "yellow", Verdict.UNKNOWN: "cyan"}
    console.print(
        f"[bold {color[found.verdict]}]{found.verdict.value}[/]: {found.because}.",
        highlight=False,
    )


def _cells(value: Interval) -> tuple[str, str, str]:
    if value.tasks == 0:
        return "-", "-", "0"
    between = "-" if math.isnan(value.low) else f"{value.low:.2f} to {value.high:.2f}"
    return f"{value.mean:.2f}", between, str(value.tasks)


def _theory(found: Diagnosis) -> str:
    """The two bounds with what was measured put in."""
    epsilon, turns = found.rates[Reached.TEACHER].share, found.length
    cloning = min(1.0, turns * epsilon)
    text = (
        f"With ε = {epsilon:.3f} on the teacher's states and T = {turns:.0f} turns an episode has "
        f"Tε = {turns * epsilon:.2f} errors to expect. If each is final, imitation of "
        f"demonstrations loses up to {cloning:.2f} in success (T²ε in turns; Ross & Bagnell 2010)"
    )
    if found.u_success.tasks:
        loss = min(1.0, max(0.0, found.u_success.mean) * turns * epsilon)
        text += (
            f"; a student that recovers as the teacher does, uTε = {loss:.2f} (Ross et al. 2011)"
        )
    return text + "."
