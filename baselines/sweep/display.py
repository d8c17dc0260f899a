"""The live display of a comparison: one row per cell, or plain lines where there is no terminal."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from baselines.sweep.config import Compare
from baselines.sweep.plan import VOCABULARY, Job, budget

_ROWS = 30  # of a live table; of more cells only those that are being worked on are shown


@dataclass
class _Row:
    state: str = "waiting"
    started: float | None = None
    ended: float | None = None
    successes: list[float] = field(default_factory=list)
    spent: dict[str, Any] = field(default_factory=dict)
    round: dict[str, Any] = field(default_factory=dict)
    first: float = 0.0

    def left(self, done: float) -> str:
        """Time left, if the rest of the budget goes as what was spent since the start."""
        if self.started is None or self.ended or done <= self.first:
            return ""
        spent = time.monotonic() - self.started
        return _minutes(spent * (1 - done) / (done - self.first))


class Display:
    """Hears what jobs say and shows it."""

    def __init__(
        self, config: Compare, jobs: Sequence[Job], console: Console | None = None
    ) -> None:
        self._config = config
        self._console = console or Console()
        self._rows = {job: _Row() for job in jobs}
        self._begin = time.monotonic()
        self._live = (
            Live(get_renderable=self._table, console=self._console, refresh_per_second=2)
            if self._console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def found_done(self, jobs: Sequence[Job]) -> None:
        """These were finished by an earlier run."""
        for job in jobs:
            self._rows[job].state = "done before"
        if jobs:
            self._say(f"{len(jobs)} of {len(self._rows)} cells were done before and are kept")

    def hear(self, job: Job, message: dict[str, Any]) -> None:
        """A job reports progress."""
        row = self._rows[job]
        if row.started is None:
            row.started, row.first = time.monotonic(), self._share(job, message)
        row.spent = message
        if message["phase"] == "round":
            row.successes.append(message["success"])
            row.round = message
            row.state = f"round {message['round']} done"
            self._say(
                f"[{self._clock()}] {self._name(job)}: round {message['round']}, held-out success "
                f"{message['success']:.0%}, {message['env_steps']:,} steps, "
                f"{message['teacher_tokens']:,} teacher tokens{_more(message)}"
            )
        else:
            row.state = message["phase"]

    def done(self, job: Job) -> None:
        """A job has finished."""
        self._rows[job].state = "done"
        self._rows[job].ended = time.monotonic()
        self._say(f"[{self._clock()}] {self._name(job)}: done")

    def failed(self, job: Job, error: str) -> None:
        """A job has failed."""
        self._rows[job].state = "failed"
        self._rows[job].ended = time.monotonic()
        text = f"[{self._clock()}] {self._name(job)}: failed: {error}"
        self._console.print(text, style="red", markup=False, highlight=False)

    def _say(self, text: str) -> None:
        if not self._live:
            self._console.print(text, markup=False, highlight=False)

    def _clock(self) -> str:
        return _minutes(time.monotonic() - self._begin)

    def _share(self, job: Job, spent: dict[str, Any]) -> float:
        """How much of the budget is spent: of that which will be spent first."""
        limit = budget(self._config, job)
        steps: float = spent["env_steps"] / limit.env_steps
        tokens: float = spent["teacher_tokens"] / limit.teacher_tokens
        return min(1.0, max(steps, tokens))

    def _table(self) -> Table:
        done = sum(
            row.ended is not None or row.state == "done before" for row in self._rows.values()
        )
        title = f"{self._config.name}  {self._clock()}  {done} of {len(self._rows)} done"
        table = Table(title=title, title_justify="left")
        headings = ["cell", "now", "held-out success", "β", "agreement", "steps", "teacher tokens"]
        for heading in (*headings, "money", "time", "left"):
            table.add_column(heading, justify="left" if heading in ("cell", "now") else "right")
        for job, row in self._shown():
            limit = budget(self._config, job)
            end = row.ended or time.monotonic()
            spent = row.spent
            table.add_row(
                self._name(job),
                row.state,
                " → ".join(f"{value:.0%}" for value in row.successes),
                _figure(row.round, "beta", ".2f"),
                _figure(row.round, "agreement", ".0%"),
                f"{spent['env_steps'] / limit.env_steps:.0%}" if spent else "",
                f"{spent['teacher_tokens'] / limit.teacher_tokens:.0%}" if spent else "",
                f"{spent['teacher_money']:.2f}" if spent.get("teacher_money") else "",
                _minutes(end - row.started) if row.started else "",
                row.left(self._share(job, spent)) if spent else "",
                style={"waiting": "dim", "failed": "red", "done": "green"}.get(row.state),
            )
        return table

    def _shown(self) -> list[tuple[Job, _Row]]:
        rows = list(self._rows.items())
        if len(rows) <= _ROWS:
            return rows
        quiet = ("waiting", "done", "done before")
        return [(job, row) for job, row in rows if row.state not in quiet][-_ROWS:]

    def _name(self, job: Job) -> str:
        if not self._config.single:
            return str(job)
        return job.kind if job.kind == VOCABULARY else f"{job.kind}, seed {job.seed}"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _figure(round: dict[str, Any], name: str, form: str) -> str:
    """A figure of the newest round; nothing where it has none."""
    value = round.get(name)
    return "" if value is None or math.isnan(value) else format(value, form)


def _more(round: dict[str, Any]) -> str:
    """What else a round's line says, where there is something to say."""
    parts = {
        "β": _figure(round, "beta", ".2f"),
        "agreement with the teacher": _figure(round, "agreement", ".0%"),
        "money": f"{round['teacher_money']:.2f}" if round.get("teacher_money") else "",
    }
    return "".join(f", {name} {value}" for name, value in parts.items() if value)
