"""One self-contained HTML page, tables, figures and a terminal summary of a comparison."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from baselines.evidence.caveats import caveats
from baselines.evidence.names import bare, label, listed, signed
from baselines.evidence.origins import codes, made_with, origins
from baselines.evidence.results import Results, load_results
from baselines.evidence.verdicts import comparisons, progress, verdicts
from baselines.reporting.certainty import aggregates, paired
from baselines.reporting.entries import Shelf, of_example, payload, shortened
from baselines.reporting.figures import Looks, Studio
from baselines.reporting.gather import gather
from baselines.reporting.pages import printable, render
from baselines.reporting.tables import (
    amount,
    failures,
    latex,
    markdown,
    notes,
    parts,
    percent,
    table_lines,
)
from baselines.reporting.trilemma import corners
from baselines.sweep.files import write_atomically


def write_report(folder: Path) -> Path:
    """Write `report.html`, and beside it `table.md`, `table.tex` and the figures as PDF and PNG in
    `figures/`; returns the page's path.

    Raises:
        ConfigError: the folder's files are missing or broken (see `load_results`).
    """
    folder = Path(folder)
    results = load_results(folder)
    looks = Looks(results.methods)
    studio = Studio(folder / "figures")
    figures = gather(results, studio, looks)
    found = parts(results)
    made = made_with(results)
    ended = [m for m in results.methods if any(part.final(m) for _, _, part in found)]
    page = render(
        "report.html.j2",
        results=results,
        config={"name": folder.name, "created": "", "env": "", "notes": [], **results.config},
        ended=ended,
        without=listed([label(m) for m in results.methods if m not in ended]),
        code=list(codes(origins(results))),
        groups=[
            {
                "title": _title(env, budget, results),
                "lines": table_lines(part),
                "plots": figures.here[env, budget],
                "part": part,
                "tasks": max((len(row.eval_seeds) for row in part.rows), default=0),
            }
            for env, budget, part in found
        ],
        figures=figures,
        comparisons=comparisons(results),
        progress=progress(results),
        caveats=caveats(results),
        paired=paired(results),
        notes=notes(results),
        aggregates=aggregates(results),
        corners=corners(results.config, results.methods),
        looks=looks,
        label=label,
        settings=settings(made),
        amount=amount,
        bare=bare,
        signed=signed,
        command=command(results.config),
        shortened=shortened,
        data=_examples(results),
    )
    write_tables(folder)
    path = folder / "report.html"
    write_atomically(path, page)
    studio.tidy()
    return path


def write_tables(folder: Path) -> str:
    """Save the final table as `table.md` and `table.tex`; returns the former."""
    results = load_results(folder)
    table = markdown(results)
    write_atomically(Path(folder) / "table.md", table)
    write_atomically(Path(folder) / "table.tex", latex(results))
    return table


def print_summary(folder: Path, console: Console) -> None:
    """The final table, the verdicts and where the page is, on a terminal."""
    results = load_results(folder)
    name = escape(printable(str(results.config.get("name", Path(folder).name))))
    for env, budget, part in parts(results):
        title = _title(env, budget, results)
        table = Table(title=f"{name}{title and ': '}{escape(title)}", title_justify="left")
        headings = ("method", "success, %", "env steps", "teacher tokens", "seconds", "seeds")
        for i, heading in enumerate(headings):
            table.add_column(heading, justify="right" if i else "left", no_wrap=i < 2)
        for line in table_lines(part):
            costs = (line.env_steps, line.teacher_tokens, line.seconds, line.seeds)
            cells = (amount(cost) for cost in costs)
            table.add_row(escape(line.name), percent(line.success), *cells)
        console.print(table)
    for sentence in failures(results):
        red = printable(sentence)
        console.print(red, style="red", markup=False, highlight=False, soft_wrap=True)
    for sentence in verdicts(results):
        console.print(f"• {sentence}", markup=False, highlight=False, soft_wrap=True)
    page = Path(folder) / "report.html"
    if page.exists():
        console.print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)


def settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every setting by its dotted name."""
    return list(_flat({k: v for k, v in config.items() if k not in ("command", "notes")}))


def command(config: Mapping[str, Any]) -> str:
    """The command line that repeats the comparison, as recorded or as the settings tell it."""
    if config.get("command"):
        return str(config["command"])
    words = ["python", "-m", "baselines", "compare"]
    for name in ("name", "env"):
        if name in config:
            words += [f"--{name}", str(config[name])]
    if config.get("methods"):
        words += ["--methods", *map(str, config["methods"])]
    if seeds := config.get("seeds"):
        words += ["--seeds", str(seeds if isinstance(seeds, int) else len(seeds))]
    for part in ("budget", "warm_start"):
        for name, value in _flat({part: config.get(part) or {}}):
            words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def _title(env: str, budget: str, results: Results) -> str:
    """What tells one part of the comparison from the others; "" if there is but one."""
    names = [env] * (len(results.envs) > 1) + [f"budget {budget}"] * (len(results.budgets) > 1)
    return ", ".join(names)


def _examples(results: Results) -> str:
    """The kept episodes as data for the browser; "" if there are none."""
    shelf = Shelf()
    for example in results.examples:
        if shelf.wants():
            where = {"env": example.env, "budget": example.budget}
            where = {name: value for name, value in where.items() if value}
            facets = {**where, "method": label(example.method), "seed": str(example.seed)}
            shelf.add(of_example(example, facets))
    return payload(shelf.entries, shelf.note()) if shelf.entries else ""


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}".strip("."))
    elif isinstance(value, list) and not any(isinstance(v, dict | list) for v in value):
        yield name, ", ".join(map(str, value))
    else:
        yield name, str(value)
