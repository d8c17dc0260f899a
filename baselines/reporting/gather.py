"""All figures of a report, drawn from the results and from the cells' stored episodes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from baselines.evidence.results import Results
from baselines.reporting.census import STATES, Census, census
from baselines.reporting.certainty import profile_plot
from baselines.reporting.coverage import Distances, coverage_plot, distances
from baselines.reporting.curves import learning_curves, seconds_plot
from baselines.reporting.economics import economics
from baselines.reporting.figures import Drawn, Looks, Missing, Plot, Studio
from baselines.reporting.horizons import compounding
from baselines.reporting.rounds import acting_plot, errors_plot, stages_plot
from baselines.reporting.tables import parts
from dagger_algo.errors import StoreError
from dagger_algo.store import read


@dataclass
class Figures:
    """here: by (environment, budget). across: over several of them. missing: what was not drawn,
    with where that was ("" if everywhere). damaged: stores that could not be read, as sentences."""

    here: dict[tuple[str, str], list[Plot]] = field(default_factory=dict)
    across: list[Plot] = field(default_factory=list)
    missing: dict[Missing, list[str]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def take(self, drawn: Iterable[Drawn], here: list[Plot], where: str = "") -> None:
        """Put what was drawn where it belongs, and what was not among the missing."""
        for item in drawn:
            if isinstance(item, Plot):
                here.append(item)
            else:
                self.missing.setdefault(item, []).append(where)


def gather(results: Results, studio: Studio, looks: Looks) -> Figures:
    """Draw everything that the data allow; the rest is named with the reason."""
    figures = Figures()
    found = parts(results)
    returns: dict[str, list[float]] = {}
    for number, (env, budget, part) in enumerate(found, 1):
        several = len(found) > 1
        prefix = f"{number}-{env}-{budget}-" if several else ""
        where = f"{env}, {budget}" if several else ""
        plots = figures.here.setdefault((env, budget), [])
        figures.take(learning_curves(part, studio, looks, prefix), plots, where)
        cells, trained = _read(part, env, budget, figures)
        for seeds in cells.values():
            for cell in seeds.values():
                returns.setdefault(env, []).extend(cell.taught_returns)
        drawn = [
            acting_plot(cells, studio, looks, prefix),
            stages_plot(cells, studio, prefix),
            errors_plot(cells, studio, looks, prefix),
            _coverage(part, trained, studio, looks, prefix),
            seconds_plot(part, studio, prefix),
        ]
        figures.take(drawn, plots, where)
    # What spans several parts of a comparison stands apart; where there is one, beside the rest.
    across = figures.across if len(found) > 1 or not found else plots
    taught = {env: float(np.mean(values)) for env, values in returns.items() if values}
    figures.take([profile_plot(results, studio, looks)], across)
    figures.take(compounding(results, taught, studio, looks), across)
    for number, env in enumerate(dict.fromkeys(env for env, _, _ in found), 1):
        several = len({e for e, _, _ in found}) > 1
        prefix, where = (f"{number}-{env}-", env) if several else ("", "")
        figures.take(economics(results, env, studio, looks, prefix), across, where)
    return figures


def _read(
    part: Results, env: str, budget: str, figures: Figures
) -> tuple[dict[str, dict[int, Census]], dict[str, tuple[int, Census]]]:
    """Every finished cell's census by method and seed; and of each method one with its seed whose
    states were kept, because there are held-out episodes to hold them against."""
    shown = {(e.method, e.seed) for e in part.examples if e.kind == "held-out"}
    cells: dict[str, dict[int, Census]] = {}
    trained: dict[str, tuple[int, Census]] = {}
    for method in part.methods:
        for seed in part.final(method):
            path = part.cell_folder(env, budget, seed, method) / "episodes.jsonl"
            if not path.exists():
                continue
            states = (method, seed) in shown and method not in trained
            try:
                counted = census(read(path), states)
            except StoreError as error:
                figures.damaged.append(str(error))
                continue
            cells.setdefault(method, {})[seed] = counted
            if states:
                trained[method] = seed, counted
    return cells, trained


def _coverage(
    part: Results,
    trained: Mapping[str, tuple[int, Census]],
    studio: Studio,
    looks: Looks,
    prefix: str,
) -> Drawn:
    found: dict[str, dict[int, Distances]] = {}
    episodes = 0
    for method, (seed, cell) in trained.items():
        mine = (method, seed, "held-out")
        shown = [e for e in part.examples if (e.method, e.seed, e.kind) == mine]
        visited = [turn.observation for episode in shown for turn in episode.turns]
        states = {number: count.states for number, count in cell.rounds.items()}
        found[method] = distances(visited, states)
        episodes = max(episodes, len(shown))
    rounds = [count for _, cell in trained.values() for count in cell.rounds.values()]
    capped = any(count.visited > STATES for count in rounds)
    return coverage_plot(found, episodes, capped, studio, looks, prefix)
