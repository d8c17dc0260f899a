"""What a comparison leaves in its folder, read back with types: settings, figures, examples."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from baselines.evidence.example_file import Example as Example
from baselines.evidence.example_file import ExampleTurn as ExampleTurn
from baselines.evidence.example_file import read_examples
from baselines.evidence.records import lines, load, numbers, optional, take
from dagger_algo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Row:
    """One finished round of one method with one training seed.

    method: its label. round: 0 is the warm start that all methods share.
    success: share of evaluation episodes with a positive return, in [0, 1].
    eval_seeds, eval_rewards, eval_turns: one entry per evaluation episode; those that the
        environment broke are missing.
    env_steps ... tokens_trained: totals since the beginning, the warm start included.
    seconds: wall-clock totals by what they were spent on.
    beta, agreement, loss, signal: None where the method has no such figure. `signal` is the share
        of roll-outs that carried any advantage (GRPO); None too where nothing was rolled.
    env, budget: labels; "" in a folder of an earlier version.
    figures: every further number that the method reported for this round.
    """

    method: str
    seed: int
    round: int
    success: float
    eval_seeds: tuple[int, ...]
    eval_rewards: tuple[float, ...]
    eval_turns: tuple[int, ...] = ()
    env_steps: int = 0
    teacher_tokens: int = 0
    teacher_queries: int = 0
    labels_lost: int = 0
    episodes: int = 0
    episodes_infra: int = 0
    optimizer_steps: int = 0
    tokens_trained: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    beta: float | None = None
    agreement: float | None = None
    loss: float | None = None
    signal: float | None = None
    env: str = ""
    budget: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[int, float]:
        """1.0 for a positive return, else 0.0, by evaluation seed."""
        pairs = zip(self.eval_seeds, self.eval_rewards, strict=True)
        return {seed: float(reward > 0) for seed, reward in pairs}


_KNOWN = frozenset(one.name for one in fields(Row))


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell of the comparison (one method, one seed) that did not reach its end, and why."""

    method: str
    seed: int
    error: str
    env: str = ""
    budget: str = ""


@dataclass(frozen=True)
class Results:
    """A comparison's folder, or the part of one environment and budget of it (`at`), where `cells`,
    `final` and `warm` are about that part. `failures` are excluded from every figure."""

    folder: Path
    config: Mapping[str, Any]
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def envs(self) -> tuple[str, ...]:
        """Labels of the environments, in the order of the settings, then of appearance."""
        return self._labels("envs", [env for env, _ in self._parts])

    @property
    def budgets(self) -> tuple[str, ...]:
        """Labels of the budgets, likewise."""
        return self._labels("budgets", [budget for _, budget in self._parts])

    @property
    def settings_pairs(self) -> tuple[tuple[str, str], ...]:
        """Environment and budget of every part that has anything in it."""
        pairs = [(env, budget) for env in self.envs for budget in self.budgets]
        return tuple(pair for pair in pairs if pair in self._parts)

    def at(self, env: str, budget: str) -> "Results":
        """The part of one environment and budget."""
        return replace(
            self,
            rows=tuple(one for one in self.rows if (one.env, one.budget) == (env, budget)),
            failures=tuple(one for one in self.failures if (one.env, one.budget) == (env, budget)),
            examples=tuple(one for one in self.examples if (one.env, one.budget) == (env, budget)),
        )

    def horizon(self, env: str) -> float | None:
        """Where an environment stands on the axis of compounding errors, if it does."""
        found = (self.config.get("envs") or {}).get(env, {}).get("horizon")
        return None if found is None else float(found)

    def cell_folder(self, env: str, budget: str, seed: int, method: str) -> Path:
        """Where a cell's episodes are."""
        plain = self.folder / f"seed-{seed}" / method
        return plain if plain.exists() else self.folder / env / budget / f"seed-{seed}" / method

    @property
    def _parts(self) -> list[tuple[str, str]]:
        rows = [(row.env, row.budget) for row in self.rows]
        failed = [(failure.env, failure.budget) for failure in self.failures]
        return list(dict.fromkeys(rows + failed))

    def _labels(self, name: str, seen: list[str]) -> tuple[str, ...]:
        there = set(seen)
        configured = [label for label in self.config.get(name) or () if label in there]
        return tuple(dict.fromkeys(configured + seen))

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order of the settings, then of appearance; without a pure warm-start entry."""
        configured = [str(name) for name in self.config.get("methods") or ()]
        trained = [row.method for row in self.rows if row.round > 0]
        return tuple(dict.fromkeys(configured + trained))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The training seeds that were planned, else those that are there."""
        planned = self.config.get("seeds")
        if isinstance(planned, int):
            return tuple(range(planned))
        return tuple(planned or sorted({row.seed for row in self.rows}))

    def cells(self, method: str) -> dict[int, tuple[Row, ...]]:
        """The rounds of each seed that reached its end, first to last, round 0 included."""
        excluded = {f.seed for f in self.failures if f.method == method}
        trained = sorted({row.seed for row in self.rows if row.method == method and row.round > 0})
        cells = {}
        for seed in trained:
            if seed not in excluded:
                own = {r.round: r for r in self.rows if (r.method, r.seed) == (method, seed)}
                warm = own.get(0) or self.warm(seed)
                rounds = [own[i] for i in sorted(own) if i > 0]
                cells[seed] = (warm, *rounds) if warm else tuple(rounds)
        return cells

    def final(self, method: str) -> dict[int, Row]:
        """The last round of each seed that reached its end."""
        return {seed: rows[-1] for seed, rows in self.cells(method).items()}

    def warm(self, seed: int) -> Row | None:
        """The shared warm start of a seed, whichever method it was written under."""
        return next((r for r in self.rows if r.round == 0 and r.seed == seed), None)


def load_results(folder: Path | str) -> Results:
    """Read `config.json`, `results.jsonl` and, if it is there, `examples.json`.

    Of several lines about the same cell and round the last one counts, and a cell has failed if
    its last line says so.

    Raises:
        ConfigError: a file is missing or a line in it is broken (file and line are named). Only a
            torn last line of results.jsonl, which a killed run leaves, is skipped with a warning.
    """
    folder = Path(folder)
    config = load(folder / "config.json")
    if not isinstance(config, dict):
        raise ConfigError(f"{folder / 'config.json'}: expected an object")
    rows: dict[tuple[str, str, str, int, int], Row] = {}
    failures: dict[tuple[str, str, str, int], Failure] = {}
    for where, record in lines(folder / "results.jsonl"):
        if record.get("status") == "failed":
            failure = Failure(
                take(record, "method", str, where),
                take(record, "seed", int, where),
                str(record.get("error", "no reason given")),
                take(record, "env", str, where, ""),
                take(record, "budget", str, where, ""),
            )
            failures[failure.env, failure.budget, failure.method, failure.seed] = failure
        else:
            row = _row(record, where)
            cell = row.env, row.budget, row.method, row.seed
            rows[*cell, row.round] = row
            if row.round > 0:
                failures.pop(cell, None)
    return Results(
        folder, config, tuple(rows.values()), tuple(failures.values()), read_examples(folder)
    )


def _row(record: dict[str, Any], where: str) -> Row:
    seeds = numbers(record, "eval_seeds", int, where)
    rewards = numbers(record, "eval_rewards", float, where)
    if len(seeds) != len(rewards):
        raise ConfigError(f"{where}: {len(seeds)} eval_seeds but {len(rewards)} eval_rewards")
    totals = (
        "env_steps", "teacher_tokens", "teacher_queries", "labels_lost", "episodes",
        "episodes_infra", "optimizer_steps", "tokens_trained",
    )  # fmt: skip
    seconds: dict[str, Any] = take(record, "seconds", dict, where, {})
    return Row(
        method=take(record, "method", str, where),
        seed=take(record, "seed", int, where),
        round=take(record, "round", int, where),
        success=take(record, "success", float, where),
        eval_seeds=seeds,
        eval_rewards=rewards,
        eval_turns=numbers(record, "eval_turns", int, where) if "eval_turns" in record else (),
        **{name: take(record, name, int, where, 0) for name in totals},
        seconds={str(name): take(seconds, name, float, where) for name in seconds},
        beta=optional(record, "beta", where),
        agreement=optional(record, "agreement", where),
        loss=optional(record, "loss", where),
        signal=optional(record, "signal", where),
        env=take(record, "env", str, where, ""),
        budget=take(record, "budget", str, where, ""),
        figures={
            name: float(value)
            for name, value in record.items()
            if name not in _KNOWN
            and isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
        },
    )
