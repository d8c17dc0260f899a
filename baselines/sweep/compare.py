"""Runs a comparison: every cell in a process of its own, resumable, with a live display."""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium as gym

from baselines.methods import get_method
from baselines.sweep.cell import no_expert
from baselines.sweep.config import Compare
from baselines.sweep.display import Display
from baselines.sweep.files import write_atomically
from baselines.sweep.plan import Job, configuration, definition, jobs, needs
from baselines.sweep.provenance import now, packages
from baselines.sweep.ray_workers import RayWorkers
from baselines.sweep.settings import plain
from baselines.sweep.workers import Pool, Workers
from dagger_algo.errors import ConfigError, DaggerError

_WORDLESS = "its process ended without a word (out of memory? a full disk?)"
_SECONDS = 5.0  # between two writings of the results while cells are still running


def compare(config: Compare) -> Path:
    """Run what is missing of a comparison and write its results; returns the run's folder.

    Raises ConfigError for settings that cannot work, before anything starts, and DaggerError at
    the end when a cell failed; the other cells' results are written all the same.
    """
    check(config)
    prepare_folder(config)
    planned = jobs(config)
    done = {job for job in planned if job.done(config)}
    waiting = [job for job in planned if job not in done]
    with Display(config, planned) as display, open_workers(config) as workers:
        for job in waiting:
            # What an interrupted job has collected is kept, and the job goes on from there.
            (job.folder(config) / "done.json").unlink(missing_ok=True)
        display.found_done([job for job in planned if job in done])
        failed = _run(config, waiting, done, workers, display)
    write_results(config)
    if failed:
        named = ", ".join(sorted(str(job) for job in failed)[:20])
        more = f" and {len(failed) - 20} more" if len(failed) > 20 else ""
        raise DaggerError(
            f"{len(failed)} of {len(planned)} cells failed: {named}{more}. The others are kept; "
            f"what went wrong is in done.json of each cell under {config.folder}. The same command "
            "again retries them."
        )
    return config.folder


def open_workers(config: Compare) -> Workers | RayWorkers:
    """Who does the jobs: processes on this machine, or a Ray cluster."""
    return Workers(config) if config.ray is None else RayWorkers(config)


def _run(
    config: Compare, waiting: list[Job], done: set[Job], workers: Pool, display: Display
) -> set[Job]:
    """Do what is waiting, as soon as what it needs is done; returns what failed."""
    failed: set[Job] = set()
    written = time.monotonic()
    while waiting or workers.running:
        for job in list(waiting):
            wanted = needs(config, job)
            if any(need in failed for need in wanted):
                waiting.remove(job)
                failed.add(job)
                display.failed(job, "what it starts from failed")
            elif workers.free and done.issuperset(wanted):
                waiting.remove(job)
                workers.start(job)
        for job, message in workers.messages():
            display.hear(job, message)
        for job in workers.finished():
            if job.done(config):
                done.add(job)
                display.done(job)
            else:
                failed.add(job)
                _conclude(job.folder(config))
                display.failed(job, _error(job.folder(config)))
            if time.monotonic() - written > _SECONDS:
                write_results(config)
                written = time.monotonic()
    return failed


def check(config: Compare) -> None:
    """Whatever can be known to fail is refused now, in a sentence."""
    methods = {label: get_method(variant.method) for label, variant in config.variants.items()}
    for label in methods:
        config.settings_of(label)
    for name, checkpoint in (
        ("checkpoint", config.student.checkpoint),
        ("teacher's checkpoint", config.teacher.checkpoint),
    ):
        if checkpoint and checkpoint.startswith((".", "/")) and not Path(checkpoint).is_dir():
            raise ConfigError(f"there is no {name} at {checkpoint}; name a folder or a Hub id")
    for env in config.environment_of.values():
        for part in ("train", "heldout"):
            try:
                gym.make(env.id_of(part), **env.given(part)).close()
            except Exception as error:
                name = env.id_of(part)
                raise ConfigError(f"cannot make the environment {name}: {error}") from error
        if config.teacher.kind != "expert":
            continue
        missing = no_expert(env)
        if missing is not None and all(method.needs_teacher for method in methods.values()):
            raise ConfigError(
                f"{env.id} has no expert ({missing}), and {' and '.join(methods)} learn from one: "
                "give the environment an expert, set teacher.kind, or compare methods that need "
                "no teacher (grpo)"
            )


def prepare_folder(config: Compare) -> None:
    """Make the run's folder and its config.json; ConfigError where cells of other settings are."""
    folder = config.folder
    if config.fresh and folder.exists():
        _set_aside(folder)
    refuse_other_settings(config)
    folder.mkdir(parents=True, exist_ok=True)
    shared = configuration(config, jobs(config)[-1])
    about: dict[str, Any] = {
        "name": config.name,
        "created": now(),
        "command": "python -m baselines " + " ".join(sys.argv[1:]),
        "env": next(iter(config.environment_of.values())).id,
        "envs": {label: plain(env) for label, env in config.environment_of.items()},
        "budgets": {label: plain(budget) for label, budget in config.budget_of.items()},
        "methods": list(config.variants),
        "method_settings": {label: definition(config, label) for label in config.variants},
        "seeds": list(config.seed_range),
        "settings": {
            name: value for name, value in shared.items() if name not in ("env", "budget", "method")
        },
        "versions": packages(),
    }
    if config.single:
        about["settings"] |= {"budget": plain(config.budget)}
    write_atomically(folder / "config.json", json.dumps(about, indent=2))


def refuse_other_settings(config: Compare) -> None:
    """ConfigError where a cell of this comparison was trained with other settings before."""
    folder = config.folder
    for job in jobs(config):
        path = job.folder(config) / "cell.json"
        if not path.exists():
            continue
        earlier = json.loads(path.read_text(encoding="utf-8"))["configuration"]
        changed = _changes(_named(earlier, job), _named(configuration(config, job), job))
        if changed:
            raise ConfigError(
                f"{folder} holds a run with other settings ({changed[0]}, for {job}): choose "
                "another --name, another label, or --fresh to start over"
            )


def _named(configuration: dict[str, Any], job: Job) -> dict[str, Any]:
    """With a method's settings under its label, and another file's version told as such."""
    named = dict(configuration)
    method = named.pop("method", None)
    if method is not None:
        named[job.kind] = method["settings"]
        named["method"] = method["method"]
        named["version of the method's file"] = method.get("source")
    return named


def _changes(old: Any, new: Any, name: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            change
            for key in keys
            for change in _changes(old.get(key), new.get(key), f"{name}.{key}".strip("."))
        ]
    return [] if old == new else [f"{name} was {old} and is now {new}"]


def _set_aside(folder: Path) -> None:
    """Keep an earlier run, out of the way."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    folder.rename(aside)


def _conclude(folder: Path) -> None:
    """A job whose process was killed, or left, has failed as well: let its folder say so."""
    if not (folder / "done.json").exists():
        status = {"status": "failed", "error": _WORDLESS}
        with suppress(OSError):  # a full disk may be why
            write_atomically(folder / "done.json", json.dumps(status))


def _error(folder: Path) -> str:
    path = folder / "done.json"
    if not path.exists():
        return _WORDLESS
    return str(json.loads(path.read_text(encoding="utf-8")).get("error", "unknown"))


def write_results(config: Compare) -> None:
    """Gather every finished cell's rounds into results.jsonl, in an order of their own."""
    lines: list[str] = []
    examples: list[Any] = []
    for job in jobs(config):
        folder = job.folder(config)
        if not job.cell:
            continue
        if not (folder / "done.json").exists():
            if (error := _failed_before(config, job)) is not None:
                lines.append(json.dumps({**_key(job), "status": "failed", "error": error}))
            continue
        [warm] = needs(config, job)
        lines += _rows(warm.folder(config), job)
        if job.done(config):
            lines += _rows(folder, job)
            if (folder / "examples.json").exists():
                examples += json.loads((folder / "examples.json").read_text(encoding="utf-8"))
        else:
            lines.append(json.dumps({**_key(job), "status": "failed", "error": _error(folder)}))
    write_atomically(config.folder / "results.jsonl", "".join(line + "\n" for line in lines))
    write_atomically(config.folder / "examples.json", json.dumps(examples))


def _failed_before(config: Compare, job: Job) -> str | None:
    """Why a job could not start: what it needs, or what that needs, failed."""
    for need in needs(config, job):
        folder = need.folder(config)
        if (folder / "done.json").exists() and not need.done(config):
            return f"{need} failed, which it starts from: {_error(folder)}"
        if (error := _failed_before(config, need)) is not None:
            return error
    return None


def _rows(folder: Path, job: Job) -> list[str]:
    text = (folder / "rounds.jsonl").read_text(encoding="utf-8")
    return [json.dumps({**_key(job), **json.loads(line)}) for line in text.splitlines()]


def _key(job: Job) -> dict[str, Any]:
    return {"env": job.env, "budget": job.budget, "method": job.kind, "seed": job.seed}
