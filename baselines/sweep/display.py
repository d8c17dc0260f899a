"""The live display of a comparison: one row per cell, or plain lines where there is no terminal."""

import math
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from baselines.sweep.config import Compare
from baselines.sweep.linted import LINTED
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
        if self.started is None or self.ended or not self.first < done < 1:
            return ""
        spent = time.monotonic() - self.started
        return _minutes(round(spent * (1 - done) / (done - self.first)))

    def work(self, done: float) -> float:
        """How much of what there was to do when it was begun is done, from 0 to 1."""
        if self.state == "done":
            return 1.0
        return (done - self.first) / (1 - self.first) if self.first < done else 0.0


class Display:
    """Hears what jobs say and shows it."""

    def __init__(
        self, config: Compare, jobs: Sequence[Job], console: Console | None = None
    ) -> None:
        self._config = config
        self._console = console or Console()
        self._rows = {job: _Row() for job in jobs}
        self._cells = [job for job in jobs if job.cell]
        self._begin = time.monotonic()
        self._first_of: dict[str, Job] = {}
        self._told_linted = False
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
        if cells := sum(job.cell for job in jobs):
            self._say(f"{cells} of {len(self._cells)} cells were done before and are kept")

    def hear(self, job: Job, message: dict[str, Any]) -> None:
        """A job reports progress."""
        if message["phase"] == LINTED:
            self._linted(message["path"])
            return
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
                f"{_about(row.left(self._share(job, message)))}"
            )
        else:
            row.state = message["phase"]

    def done(self, job: Job) -> None:
        """A job has finished."""
        row = self._rows[job]
        row.state, row.ended = "done", time.monotonic()
        lost = lost_labels(row.spent)
        text = f"[{self._clock()}] {self._name(job)}: done{lost and f', {lost}'}"
        if lost and self._live:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._say(text + self._progress())

    def failed(self, job: Job, error: str) -> None:
        """A job has failed. An error that another one had, but for its figures, is not said again:
        it is on the record of each."""
        self._end(job)
        first = self._first_of.setdefault(re.sub(r"\d+", "#", error), job)
        said = f"failed: {error}" if first == job else f"failed as {self._name(first)} did"
        self._cry(f"[{self._clock()}] {self._name(job)}: {said}")

    def left_out(self, jobs: Sequence[Job], cause: Job) -> None:
        """These cannot start, because one that they start from has failed."""
        for job in jobs:
            self._end(job)
        cells = sum(job.cell for job in jobs)
        what = "1 cell" if cells == 1 else f"{cells} cells"
        name = self._name(cause)
        self._cry(f"[{self._clock()}] {what} cannot be run, for lack of what {name} was to bring")

    def _end(self, job: Job) -> None:
        self._rows[job].state = "failed"
        self._rows[job].ended = time.monotonic()

    def _linted(self, path: str) -> None:
        """Once, for the other cells have theirs at the same place."""
        if not self._told_linted:
            self._told_linted = True
            text = f"what is trained on is marked, character by character, in {path} (one per cell)"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _say(self, text: str) -> None:
        if not self._live:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _cry(self, text: str) -> None:
        self._console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)

    def _progress(self) -> str:
        """Cells done, and the time left if those that are left go as those under way and done."""
        rows = [(job, self._rows[job]) for job in self._cells]
        over = sum(row.ended is not None or row.state == "done before" for _, row in rows)
        begun = [row.started for _, row in rows if row.started is not None]
        if not begun:
            return ""
        works = [
            row.work(self._share(job, row.spent) if row.spent else 0.0)
            for job, row in rows
            if row.state not in ("failed", "done before")
        ]
        done, spent = sum(works), time.monotonic() - min(begun)
        left = _minutes(round(spent * (len(works) - done) / done)) if 0 < done < len(works) else ""
        return f", {over} of {len(rows)} cells{_about(left)}"

    def _clock(self) -> str:
        return _minutes(time.monotonic() - self._begin)

    def _share(self, job: Job, spent: dict[str, Any]) -> float:
        """How much of the budget is spent: of that which will be spent first."""
        limit = budget(self._config, job)
        steps: float = spent["env_steps"] / limit.env_steps
        tokens: float = spent["teacher_tokens"] / limit.teacher_tokens
        return min(1.0, max(steps, tokens))

    def _table(self) -> Table:
        title = f"{self._config.name}  {self._clock()}{self._progress()}"
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
                money(spent),
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


def lost_labels(spent: Mapping[str, Any]) -> str:
    """How many labels were lost, and why, as a phrase; "" where none was."""
    because = Counter(spent.get("lost_because", {}))
    total = max(spent.get("labels_lost", 0), because.total())
    if not total:
        return ""
    because["for reasons that are not known"] += total - because.total()
    reasons = ", ".join(f"{count:,} {why}" for why, count in because.most_common() if count)
    return f"{total:,} of {spent.get('teacher_queries', 0):,} labels lost ({reasons})"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _about(left: str) -> str:
    return f", about {left} left" if left else ""


def _figure(round: dict[str, Any], name: str, form: str) -> str:
    """A figure of the newest round; nothing where it has none."""
    value = round.get(name)
    return "" if value is None or math.isnan(value) else format(value, form)


def money(spent: Mapping[str, Any]) -> str:
    """What the answers cost when they were asked, and what was paid where a cache saved some."""
    money, paid = spent.get("teacher_money", 0.0), spent.get("teacher_paid", 0.0)
    return "" if not money else f"{money:.2f}" + (f" ({paid:.2f} paid)" if paid != money else "")


def _more(round: dict[str, Any]) -> str:
    """What else a round's line says, where there is something to say."""
    parts = {
        "β": _figure(round, "beta", ".2f"),
        "agreement with the teacher": _figure(round, "agreement", ".0%"),
        "money": money(round),
    }
    return "".join(f", {name} {value}" for name, value in parts.items() if value)
