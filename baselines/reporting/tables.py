"""The final table: its lines, in Markdown and in LaTeX."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from baselines.evidence.results import Results, Row
from baselines.evidence.stats import Interval, final_success, warm_success
from baselines.evidence.verdicts import label
from baselines.reporting.pages import printable

HEADINGS = (
    "method",
    "success, % (95% interval)",
    "environment steps",
    "teacher tokens",
    "optimizer steps",
    "tokens trained",
    "wall-clock, s",
    "seeds",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the final table; costs are means over the seeds that finished. `method` is "" for
    the warm start."""

    method: str
    name: str
    success: Interval | None
    env_steps: float
    teacher_tokens: float
    optimizer_steps: float
    tokens_trained: float
    seconds: float
    seeds: int

    @property
    def costs(self) -> tuple[float, ...]:
        """In the order of the headings."""
        return (
            self.env_steps,
            self.teacher_tokens,
            self.optimizer_steps,
            self.tokens_trained,
            self.seconds,
            self.seeds,
        )


def parts(results: Results) -> list[tuple[str, str, Results]]:
    """(environment, budget, its results) of each combination that has any."""
    return [(env, budget, results.at(env, budget)) for env, budget in results.settings_pairs]


def table_lines(part: Results) -> list[Line]:
    """Of one environment and budget: the warm start, then every method with a finished seed."""
    warm = {row.seed: row for row in part.rows if row.round == 0}
    lines = [_line("", "warm start", warm_success(part), list(warm.values()))]
    for method in part.methods:
        rows = list(part.final(method).values())
        lines.append(_line(method, label(method), final_success(part, method), rows))
    return [line for line in lines if line.seeds]


def _line(method: str, name: str, success: Interval | None, rows: Sequence[Row]) -> Line:
    def mean(values: Iterable[float]) -> float:
        return float(np.mean(list(values))) if rows else 0.0

    return Line(
        method,
        name,
        success,
        env_steps=mean(row.env_steps for row in rows),
        teacher_tokens=mean(row.teacher_tokens for row in rows),
        optimizer_steps=mean(row.optimizer_steps for row in rows),
        tokens_trained=mean(row.tokens_trained for row in rows),
        seconds=mean(sum(row.seconds.values()) for row in rows),
        seeds=len(rows),
    )


def percent(success: Interval | None) -> str:
    """ "72.5 (60.1–83.0)"."""
    if success is None:
        return "–"
    return f"{success.mean * 100:.1f} ({success.low * 100:.1f}–{success.high * 100:.1f})"


def markdown(results: Results) -> str:
    """One table; with environments and budgets in front where there are several."""
    where, rows = _cells(results)
    headings = [*where, *HEADINGS]
    lines = [
        f"| {' | '.join(headings)} |",
        "|" + "---|" * (len(where) + 1) + "---:|" * (len(HEADINGS) - 1),
        *(f"| {' | '.join(_markdown(cell) for cell in row)} |" for row in rows),
        *(f"\n{sentence}" for sentence in failures(results, "`{}`")),
    ]
    return printable("\n".join(lines)) + "\n"


def latex(results: Results) -> str:
    """The same table for LaTeX, with booktabs' rules."""
    where, rows = _cells(results)
    numbers = "r" * (len(HEADINGS) - 1)
    lines = [
        "% \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{'l' * (len(where) + 1)}{numbers}}}",
        "\\toprule",
        " & ".join(_latex(heading) for heading in (*where, *HEADINGS)) + r" \\",
    ]
    before: list[str] | None = None
    for row in rows:
        if row[: len(where)] != before:
            lines.append("\\midrule")
            before = row[: len(where)]
        lines.append(" & ".join(map(_latex, row)) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    lines += [f"% {_latex(sentence)}" for sentence in failures(results)]
    return printable("\n".join(lines)) + "\n"


def failures(results: Results, quoted: str = "{}") -> list[str]:
    """A sentence for each run that failed."""
    several = len(results.settings_pairs) > 1
    return [
        f"{label(f.method)}, seed {f.seed}"
        + (f", in {f.env} at budget {f.budget}" if several else "")
        + f", failed: {quoted.format(_one_line(f.error))}"
        for f in results.failures
    ]


def _cells(results: Results) -> tuple[list[str], list[list[str]]]:
    """The headings in front of `HEADINGS`, and the table's rows."""
    found = parts(results)
    by_env, by_budget = (len({part[i] for part in found}) > 1 for i in (0, 1))
    where = ["environment"] * by_env + ["budget"] * by_budget
    rows = [
        [
            *[env] * by_env,
            *[budget] * by_budget,
            line.name,
            percent(line.success),
            *(f"{cost:,.0f}" for cost in line.costs),
        ]
        for env, budget, part in found
        for line in table_lines(part)
    ]
    return where, rows


def _one_line(text: str) -> str:
    return " ".join(text.replace("`", "'").split())[:300]


def _markdown(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": r"\(-\)",
    "…": r"\dots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{sign: f"\\{sign}" for sign in "{}$&#%_"},
}


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign) or _sign(sign) for sign in " ".join(text.split()))


def _sign(sign: str) -> str:
    """As it is if every LaTeX knows it; a Greek letter in mathematics; else by its number."""
    if " " <= sign <= "ÿ" and sign.isprintable():
        return sign
    name = unicodedata.name(sign, "")
    if greek := re.fullmatch(r"GREEK SMALL LETTER (\w+)", name):
        return f"\\(\\{greek[1].lower()}\\)"
    return f"U+{ord(sign):04X}"
