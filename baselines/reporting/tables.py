"""The final table: its lines, in Markdown and in LaTeX."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from baselines.evidence.names import label
from baselines.evidence.results import Results, Row
from baselines.evidence.stats import Interval, final_success, warm_success
from baselines.reporting.pages import printable

_SHOWN = 300  # characters of either end of an error
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

EXACT = (
    "Where all episodes ended alike, the interval is Clopper-Pearson's for as many trials as there "
    "are tasks: wider than a bootstrap of nearly alike ones."
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
    """(environment, budget, its results) of each combination in which anything ran."""
    found = [(env, budget, results.at(env, budget)) for env, budget in results.settings_pairs]
    return [part for part in found if part[2].rows]


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


def amount(cost: float) -> str:
    """ "1,234"; below ten with two figures, so that what is quick is not said to be free."""
    return f"{cost:,.0f}" if cost >= 9.95 or cost == round(cost) else f"{cost:.2g}"


def markdown(results: Results) -> str:
    """One table; with environments and budgets in front where there are several."""
    where, rows = _cells(results)
    headings = [*where, *HEADINGS]
    lines = [
        f"| {' | '.join(headings)} |",
        "|" + "---|" * (len(where) + 1) + "---:|" * (len(HEADINGS) - 1),
        *(f"| {' | '.join(_markdown(cell) for cell in row)} |" for row in rows),
        *(f"\n{sentence}" for sentence in [*notes(results), *failures(results, "`{}`")]),
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
    lines += [f"% {_latex(sentence)}" for sentence in [*notes(results), *failures(results)]]
    return printable("\n".join(lines)) + "\n"


def notes(results: Results) -> list[str]:
    """What a reader must know of the intervals in the table."""
    found = [line.success for _, _, part in parts(results) for line in table_lines(part)]
    return [EXACT] * any(one is not None and one.mean in (0.0, 1.0) for one in found)


def failures(results: Results, quoted: str = "{}") -> list[str]:
    """A sentence for each error, with the runs that failed of it."""
    several = len(results.settings_pairs) > 1
    runs: dict[str, list[str]] = {}
    for f in results.failures:
        where = f", in {f.env} at budget {f.budget}" if several else ""
        runs.setdefault(_one_line(f.error), []).append(f"{label(f.method)}, seed {f.seed}{where}")
    return [f"{'; '.join(who)}, failed: {quoted.format(error)}" for error, who in runs.items()]


def _cells(results: Results) -> tuple[list[str], list[list[str]]]:
    """The headings in front of `HEADINGS`, and the table's rows."""
    found = parts(results)
    by_env, by_budget = (len({pair[i] for pair in results.settings_pairs}) > 1 for i in (0, 1))
    where = ["environment"] * by_env + ["budget"] * by_budget
    rows = [
        [
            *[env] * by_env,
            *[budget] * by_budget,
            line.name,
            percent(line.success),
            *map(amount, line.costs),
        ]
        for env, budget, part in found
        for line in table_lines(part)
    ]
    return where, rows


def _one_line(text: str) -> str:
    """Of a very long one its beginning, and its end, where errors say what to do."""
    line = " ".join(text.replace("`", "'").split())
    return line if len(line) <= 2 * _SHOWN else f"{line[:_SHOWN]} … {line[-_SHOWN:]}"


def _markdown(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": r"\(-\)",
    "→": r"\(\to\)",
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
