"""What a comparison would run, and what it would cost, before anything starts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from baselines.methods import get_method
from baselines.sweep.checks import check, doubts
from baselines.sweep.compare import refuse_other_settings
from baselines.sweep.config import Compare
from baselines.sweep.plan import VOCABULARY, WARM, Job, budget, jobs
from baselines.sweep.price_table import evaluations, print_prices

SECONDS_PER_STEP = {"tabular": 0.0005, "tiny": 0.045}
"""Everything that a training step brings with it on one CPU core: stated, not measured on this
machine; measured are finished cells of the same folder."""
SECONDS_PER_EVALUATION = {"tabular": 0.002, "tiny": 0.4}
"""Of one episode of an evaluation, likewise."""
SECONDS_PER_JOB = 0.5
"""Starting a process and opening its environments."""
BYTES_PER_STEP = 2_000
"""Of an episode store, with the episodes that a cell takes over from the warm start."""
_MEASURED, _STATED, _UNKNOWN = "finished cells", "stated rate", "unknown"


@dataclass(frozen=True)
class Cost:
    """What jobs use at most; seconds of one process and bytes of disk as far as can be said (None
    where it cannot), and where that is from."""

    env_steps: int
    teacher_tokens: int
    evaluation_episodes: int
    seconds: float | None
    bytes: int
    source: str


@dataclass(frozen=True)
class Line:
    """Jobs of one kind in one environment at one budget: how many are done, and what the others
    cost together."""

    kind: str
    env: str
    budget: str
    planned: int
    done: int
    cost: Cost


@dataclass(frozen=True)
class Past:
    """What a finished cell used beyond the warm start."""

    method: str
    env: str
    budget: str
    env_steps: int
    seconds: float
    bytes: int


def dry_run(config: Compare, console: Console) -> list[Line]:
    """Print the plan and its cost; ConfigError for what would be refused. Nothing is written."""
    check(config)
    if not config.fresh:
        refuse_other_settings(config)
    lines = plan_lines(config)
    _print(config, lines, console)
    for doubt in doubts(config):
        console.print(doubt, style="yellow", markup=False, highlight=False)
    if config.scale.student.parameters:
        print_prices(config, console)
    return lines


def plan_lines(config: Compare) -> list[Line]:
    """One for every kind of job, environment and budget."""
    done = set() if config.fresh else {job for job in jobs(config) if job.done(config)}
    past = [_past(config, job) for job in done if job.cell]
    groups: dict[tuple[str, str, str], list[Job]] = {}
    for job in jobs(config):
        groups.setdefault((job.kind, job.env, job.budget), []).append(job)
    found = []
    for (kind, env, limit), group in groups.items():
        todo = [job for job in group if job not in done]
        costs = [job_cost(config, job, past) for job in todo]
        found.append(Line(kind, env, limit, len(group), len(group) - len(todo), total(costs)))
    return found


def total(costs: Iterable[Cost]) -> Cost:
    """Their sum; unknown seconds stay unknown."""
    all_costs = list(costs)
    seconds = [cost.seconds for cost in all_costs]
    return Cost(
        sum(cost.env_steps for cost in all_costs),
        sum(cost.teacher_tokens for cost in all_costs),
        sum(cost.evaluation_episodes for cost in all_costs),
        None if None in seconds else sum(s for s in seconds if s is not None),
        sum(cost.bytes for cost in all_costs),
        ", ".join(sorted({cost.source for cost in all_costs})),
    )


def job_cost(config: Compare, job: Job, past: list[Past]) -> Cost:
    """What one job uses at most."""
    warm = config.warm_start.teacher_tokens
    if job.kind == VOCABULARY:
        return Cost(0, 0, 0, SECONDS_PER_JOB, 0, _STATED)
    if job.kind == WARM:
        # A step of the teacher is at least one token.
        return _timed(config, job, warm, warm, config.heldout_episodes, past)
    limit = budget(config, job)
    tokens = limit.teacher_tokens - warm
    taught = get_method(config.variants[job.kind].method).needs_teacher
    settings = config.settings_of(job.kind)
    # A label is a token at least, so that where every step is labelled the tokens bound the steps.
    labelled = taught and getattr(settings, "labels_every_step", False)
    steps = min(limit.env_steps, tokens) if labelled else limit.env_steps
    episodes = evaluations(settings) * config.heldout_episodes
    return _timed(config, job, steps, tokens if taught else 0, episodes, past)


def _timed(
    config: Compare, job: Job, steps: int, tokens: int, episodes: int, past: list[Past]
) -> Cost:
    same = [p for p in past if (p.method, p.env, p.budget) == (job.kind, job.env, job.budget)]
    kin = same or [p for p in past if p.method == job.kind] or past
    size = BYTES_PER_STEP * steps + _checkpoint_bytes(config)
    if kin:
        rate = sum(p.seconds for p in kin) / max(1, sum(p.env_steps for p in kin))
        used = sum(p.env_steps for p in same) / len(same) if same else steps
        size = round(sum(p.bytes for p in same) / len(same)) if same else size
        return Cost(steps, tokens, episodes, SECONDS_PER_JOB + rate * used, size, _MEASURED)
    student = config.student
    kind = "tabular" if student.kind == "tabular" else "tiny"
    if student.checkpoint is not None or config.teacher.kind != "expert":
        return Cost(steps, tokens, episodes, None, size, _UNKNOWN)
    seconds = SECONDS_PER_JOB + SECONDS_PER_STEP[kind] * steps
    seconds += SECONDS_PER_EVALUATION[kind] * episodes
    return Cost(steps, tokens, episodes, seconds, size, _STATED)


def _past(config: Compare, job: Job) -> Past:
    folder = job.folder(config)
    warm = Job(WARM, job.seed, job.env).folder(config)
    first, last = _last(warm), _last(folder)
    return Past(
        job.kind,
        job.env,
        job.budget,
        last["env_steps"] - first["env_steps"],
        sum(last["seconds"].values()) - sum(first["seconds"].values()),
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    )


def _last(folder: Path) -> dict[str, Any]:
    lines = (folder / "rounds.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _checkpoint_bytes(config: Compare) -> int:
    """Of the weights that a cell saves; those of a checkpoint of yours from its files."""
    student = config.student
    if student.kind == "tabular":
        return 10_000
    if student.checkpoint is None:
        tiny = student.tiny
        # Attention 4 and gated MLP 3·3 square matrices a block, and the tied embeddings.
        return 4 * (tiny.layers * 13 * tiny.width**2 + tiny.vocab_size * tiny.width)
    if student.lora.rank:
        return 100_000_000
    files = Path(student.checkpoint).glob("*.safetensors")
    return sum(path.stat().st_size for path in files)


def _print(config: Compare, lines: list[Line], console: Console) -> None:
    whole = total(line.cost for line in lines if line.planned > line.done)
    table = Table(title=f"Plan of {config.folder}", title_justify="left")
    table.add_column("jobs", overflow="fold")  # rather than any figure
    for heading in ("to run", "steps ≤", "tokens ≤", "evals", "time", "MB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(_name(config, line), *_figures(line))
    planned, done = sum(line.planned for line in lines), sum(line.done for line in lines)
    table.add_section()
    table.add_row("all", *_figures(Line("all", "", "", planned, done, whole)), style="bold")
    console.print(table)
    if planned == done:
        console.print("Everything is done: the same command would run nothing.")
    elif whole.seconds is None:
        console.print(
            "How long it takes cannot be said: nothing is known of this student or teacher on "
            "this machine. Run one cell (--seeds 1 and one of the methods); the dry run then goes "
            "by it."
        )
    else:
        at_once = min(config.workers, planned - done)
        longest = max(
            line.cost.seconds / max(1, line.planned - line.done)
            for line in lines
            if line.cost.seconds is not None
        )
        wall = max(whole.seconds / at_once, longest)
        console.print(
            f"About {_time(wall)} with {at_once} at a time. Methods that spend one budget end "
            "before they spend the other, so that steps and tokens are upper bounds.",
            highlight=False,
        )
    if planned > done:
        console.print(_sources(lines), highlight=False)


def _sources(lines: list[Line]) -> str:
    """Where the times are from."""
    sentences = []
    used = {source for line in lines for source in line.cost.source.split(", ")}
    if _MEASURED in used:
        sentences.append("Times go by the cells that are finished in this folder.")
    if _STATED in used:
        rates = ", ".join(
            f"{kind} {rate * 1000:g} and {SECONDS_PER_EVALUATION[kind] * 1000:g} ms"
            for kind, rate in SECONDS_PER_STEP.items()
        )
        sentences.append(
            f"{'Other times' if _MEASURED in used else 'Times'} go by stated rates on one core for "
            f"each training step and each episode of an evaluation ({rates}), which know nothing "
            "of a slow environment; once cells are finished, the dry run goes by those."
        )
    sentences.append(
        "Tokens are the teacher's; evaluations are episodes and count against no budget."
    )
    return " ".join(sentences)


def _name(config: Compare, line: Line) -> str:
    where = ", ".join(part for part in (line.env, line.budget) if part and not config.single)
    return f"{line.kind} ({where})" if where else line.kind


def _figures(line: Line) -> list[str]:
    cost, todo = line.cost, line.planned - line.done
    seconds = "?" if cost.seconds is None else _time(cost.seconds)
    return [
        f"{todo}/{line.planned}",
        f"{cost.env_steps:,}",
        f"{cost.teacher_tokens:,}",
        f"{cost.evaluation_episodes:,}",
        seconds,
        f"{cost.bytes / 1e6:,.1f}",
    ]


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"
