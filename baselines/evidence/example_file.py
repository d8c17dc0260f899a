"""Episodes that a comparison keeps for reading, read back with types."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.evidence.records import load, take
from dagger_algo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ExampleTurn:
    """One step of an example episode; `actor` is "student" or "teacher"."""

    observation: str
    action: str
    actor: str
    label: str | None
    reward: float


@dataclass(frozen=True, slots=True)
class Example:
    """An episode kept for reading.

    kind: "training" or "held-out". outcome: why it ended, "" if not known.
    """

    method: str
    seed: int
    kind: str
    task: str
    reward: float
    round: int
    turns: tuple[ExampleTurn, ...]
    final_observation: str = ""
    outcome: str = ""
    env: str = ""
    budget: str = ""


def read_examples(folder: Path) -> tuple[Example, ...]:
    """Those of a comparison's folder; ConfigError, with the place, where they are broken."""
    path = folder / "examples.json"
    if not path.exists():
        return ()
    records = load(path)
    if not isinstance(records, list):
        raise ConfigError(f"{path}: expected a list of episodes")
    return tuple(_example(record, f"{path}, episode {i}") for i, record in enumerate(records))


def _example(record: Any, where: str) -> Example:
    if not isinstance(record, dict):
        raise ConfigError(f"{where}: expected an object, not {type(record).__name__}")
    turns: list[Any] = take(record, "turns", list, where)
    return Example(
        method=take(record, "method", str, where),
        seed=take(record, "seed", int, where),
        kind=take(record, "kind", str, where, "training"),
        task=take(record, "task", str, where, ""),
        reward=take(record, "reward", float, where),
        round=take(record, "round", int, where, 0),
        turns=tuple(_turn(turn, f"{where}, turn {i}") for i, turn in enumerate(turns)),
        final_observation=take(record, "final_observation", str, where, ""),
        outcome=take(record, "outcome", str, where, ""),
        env=take(record, "env", str, where, ""),
        budget=take(record, "budget", str, where, ""),
    )


def _turn(record: Any, where: str) -> ExampleTurn:
    if not isinstance(record, dict):
        raise ConfigError(f"{where}: expected an object, not {type(record).__name__}")
    return ExampleTurn(
        observation=take(record, "observation", str, where),
        action=take(record, "action", str, where),
        actor=take(record, "actor", str, where),
        label=None if record.get("label") is None else take(record, "label", str, where),
        reward=take(record, "reward", float, where, 0.0),
    )
