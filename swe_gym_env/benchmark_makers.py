"""Makers of the environments whose tasks come from a benchmark's dataset.

Constructing one reads nothing: the dataset is loaded at the first reset.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from swe_gym_env.errors import OptionError
from swe_gym_env.making import refuse_unknown, vectorized

if TYPE_CHECKING:
    from swe_gym_env.task import Task
    from swe_gym_env.tasks.catalogue import Loaded

# Limits fit for a real repository and its test suite; each can be set by name.
DEFAULTS: dict[str, Any] = {
    "backend": "docker",
    "max_turns": 100,
    "command_seconds": 120.0,
    "grade_seconds": 1800.0,
    "memory_mb": 8192,
    "processes": 2048,
    "disk_mb": 10_240,
    # What the benchmark's own verdicts were made with comes near to no limits at all.
    "grade_memory_mb": 16_384,
    "grade_processes": 4096,
}
_CHOICE = ("dataset", "split", "instances", "hints", "render_mode")

Instances = str | Sequence[str] | None


def make_swe_verified(**options: Any) -> gym.Env[str, str]:
    """`SWEVerified-v0`: the 500 tasks of SWE-bench Verified.

    dataset: a file (JSONL, JSON, parquet, arrow), a folder or a Hub id instead of the usual one.
    split: which part of a folder or Hub dataset. instances: ids, or one pattern like "django__*".
    hints: put the discussion before the fix into the statement. Others: see `RepairOptions`.
    """
    return _make("SWEVerified-v0", **options)


def make_swe_lite(**options: Any) -> gym.Env[str, str]:
    """`SWELite-v0`: SWE-bench Lite, split "test" (300) or "dev" (23). Options: SWEVerified-v0's."""
    return _make("SWELite-v0", **options)


def make_swe_bench(**options: Any) -> gym.Env[str, str]:
    """`SWEBench-v0`: all of it, split "test" (2,294), "dev", "train". Options: SWEVerified-v0's."""
    return _make("SWEBench-v0", **options)


def make_swe_gym(**options: Any) -> gym.Env[str, str]:
    """`SWEGym-v0`: SWE-Gym's 2,438 tasks, split "train" (2,338), "heldout" (100) or "all".

    The split is made by the tasks' ids: see `swe_gym_env.tasks.swegym.held_out`. Other options:
    SWEVerified-v0's.
    """
    return _make("SWEGym-v0", **options)


def make_r2e_gym(**options: Any) -> gym.Env[str, str]:
    """`R2EGym-v0`: R2E-Gym's subset of 4,578 tasks. Options: SWEVerified-v0's."""
    return _make("R2EGym-v0", **options)


def make_swe_smith(**options: Any) -> gym.Env[str, str]:
    """`SWESmith-v0`: SWE-smith's Python tasks that pytest judges. Options: SWEVerified-v0's."""
    return _make("SWESmith-v0", **options)


def make_swe_local(**options: Any) -> gym.Env[str, str]:
    """`SWELocal-v0`: your own rows, in the shape of SWE-bench, SWE-smith or R2E-Gym.

    dataset must be named. Other options: SWEVerified-v0's.
    """
    return _make("SWELocal-v0", **options)


def make_harbor(
    *,
    dataset: str | Path | None = None,
    instances: Instances = None,
    verifier: str = "shared",
    render_mode: str | None = None,
    **options: Any,
) -> gym.Env[str, str]:
    """`Harbor-v0`: Harbor task folders.

    dataset: a task's folder or a folder of them. verifier: where the tests run, "shared" (the
    agent's own container, Harbor's way) or "fresh" (a new one, with the work tree alone).
    Images are not built here: see `swe_gym_env.tasks.harbor.build_image`.
    """
    if dataset is None:
        raise OptionError("Harbor-v0 needs dataset=PATH: a task's folder or a folder of them")
    place = dataset

    def load() -> "Loaded":
        from swe_gym_env.tasks.catalogue import load_harbor

        return load_harbor(place, verifier=verifier, instances=instances)

    known = ("dataset", "instances", "verifier", "render_mode")
    return _environment("Harbor-v0", load, options, known, render_mode)


def _make(
    env_id: str,
    *,
    dataset: str | Path | None = None,
    split: str | None = None,
    instances: Instances = None,
    hints: bool = False,
    render_mode: str | None = None,
    **options: Any,
) -> gym.Env[str, str]:
    chosen = instances if instances is None or isinstance(instances, str) else tuple(instances)
    place = None if dataset is None else str(dataset)
    load = partial(_load, env_id, place, split, chosen, hints)
    return _environment(env_id, load, options, _CHOICE, render_mode)


def _environment(
    env_id: str,
    load: Callable[[], "Loaded"],
    options: dict[str, Any],
    own: Sequence[str],
    render_mode: str | None,
) -> gym.Env[str, str]:
    from swe_gym_env.env import RepairEnv, RepairOptions

    known = [field.name for field in fields(RepairOptions)]
    refuse_unknown(env_id, options, [*known, *own])
    settings = RepairOptions(**{**DEFAULTS, **options})
    return RepairEnv(lambda: _tasks(load()), settings, render_mode)


def _load(
    env_id: str, dataset: str | None, split: str | None, instances: Instances, hints: bool
) -> "Loaded":
    """What the environments of one process share: a file is read again when it has changed."""
    stamp = 0
    if dataset is not None and (path := Path(dataset).expanduser()).is_file():
        stamp = path.stat().st_mtime_ns
    return _read(env_id, dataset, split, instances, hints, stamp)


@lru_cache(maxsize=8)
def _read(
    env_id: str,
    dataset: str | None,
    split: str | None,
    instances: Instances,
    hints: bool,
    _stamp: int,
) -> "Loaded":
    from swe_gym_env.tasks.catalogue import load_benchmark

    return load_benchmark(env_id, dataset=dataset, split=split, instances=instances, hints=hints)


def _tasks(loaded: "Loaded") -> "Sequence[Task]":
    """The tasks, with one warning about what was left out."""
    if loaded.problems:
        warnings.warn(
            f"{len(loaded.problems)} rows were left out, {len(loaded.tasks)} are left; "
            f"the first: {loaded.problems[0]}",
            stacklevel=2,
        )
    return loaded.tasks


make_swe_verified_vector = vectorized(make_swe_verified)
make_swe_lite_vector = vectorized(make_swe_lite)
make_swe_bench_vector = vectorized(make_swe_bench)
make_swe_gym_vector = vectorized(make_swe_gym)
make_r2e_gym_vector = vectorized(make_r2e_gym)
make_swe_smith_vector = vectorized(make_swe_smith)
make_swe_local_vector = vectorized(make_swe_local)
make_harbor_vector = vectorized(make_harbor)
