"""Runs a comparison: every cell in a process of its own, resumable, with a live display."""

import importlib.metadata
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gymnasium as gym

from baselines.cell import TOKENIZER, WARM, Job
from baselines.config import Compare, options
from baselines.display import Display
from baselines.files import write_atomically
from baselines.methods import get_method
from baselines.workers import Workers
from dagger_algo.errors import ConfigError, DaggerError

_PACKAGES = ("gymnasium", "numpy", "torch", "transformers", "tokenizers")


def compare(config: Compare) -> Path:
    """Run what is missing of a comparison and write its results; returns the run's folder.

    Raises ConfigError for settings that cannot work, before anything starts, and DaggerError at
    the end when a cell failed; the other cells' results are written all the same.
    """
    _check(config)
    _prepare_folder(config)
    jobs = _jobs(config)
    with Display(config, jobs) as display, Workers(config) as workers:
        waiting = [job for job in jobs if not job.done(config)]
        for job in waiting:
            # What an interrupted job has collected is kept, and the job goes on from there.
            (job.folder(config) / "done.json").unlink(missing_ok=True)
        display.found_done([job for job in jobs if job not in waiting])
        failed: set[Job] = set()
        while waiting or workers.running:
            for job in list(waiting):
                needs = _needs(config, job)
                if any(need in failed for need in needs):
                    waiting.remove(job)
                    failed.add(job)
                    display.failed(job, "what it starts from failed")
                elif workers.free and all(need.done(config) for need in needs):
                    waiting.remove(job)
                    workers.start(job)
            for job, message in workers.messages():
                display.hear(job, message)
            for job in workers.finished():
                if job.done(config):
                    display.done(job)
                else:
                    failed.add(job)
                    display.failed(job, _error(job.folder(config)))
                write_results(config)
    write_results(config)
    if failed:
        named = ", ".join(sorted(f"{job.kind} (seed {job.seed})" for job in failed))
        raise DaggerError(
            f"{len(failed)} of {len(jobs)} cells failed: {named}. The others are kept; what went "
            f"wrong is in done.json of each cell under {config.folder}. The same command again "
            "retries them."
        )
    return config.folder


def _check(config: Compare) -> None:
    """Whatever can be known to fail is refused now, in a sentence."""
    for name in config.methods:
        get_method(name)
    checkpoint = config.student.checkpoint
    if (
        checkpoint is not None
        and checkpoint.startswith((".", "/"))
        and not Path(checkpoint).is_dir()
    ):
        raise ConfigError(f"there is no checkpoint at {checkpoint}; name a folder or a Hub id")
    for part in (config.train_options, config.heldout_options):
        given = options(config.env_options, part)
        try:
            gym.make(config.env, **given).close()
        except Exception as error:
            raise ConfigError(f"cannot make the environment {config.env}: {error}") from error


def _prepare_folder(config: Compare) -> None:
    folder = config.folder
    path = folder / "config.json"
    if config.fresh and folder.exists():
        _set_aside(folder)
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))["settings"]
        changed = _changes(earlier, config.settings())
        if changed:
            raise ConfigError(
                f"{folder} holds a run with other settings ({changed[0]}): choose another --name, "
                "or --fresh to start over"
            )
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "name": config.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "python -m baselines " + " ".join(sys.argv[1:]),
        "env": config.env,
        "methods": list(config.methods),
        "seeds": list(config.seed_range),
        "settings": config.settings(),
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    }
    write_atomically(path, json.dumps(about, indent=2))


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


def _jobs(config: Compare) -> list[Job]:
    first = [] if config.student.checkpoint else [Job(TOKENIZER)]
    seeds = config.seed_range
    return [
        *first,
        *(Job(WARM, seed) for seed in seeds),
        *(Job(method, seed) for seed in seeds for method in config.methods),
    ]


def _needs(config: Compare, job: Job) -> list[Job]:
    if job.kind == TOKENIZER:
        return []
    if job.kind == WARM:
        return [] if config.student.checkpoint else [Job(TOKENIZER)]
    return [Job(WARM, job.seed)]


def _error(folder: Path) -> str:
    path = folder / "done.json"
    if not path.exists():
        return "its process ended without a word (out of memory? a full disk?)"
    return str(json.loads(path.read_text(encoding="utf-8")).get("error", "unknown"))


def write_results(config: Compare) -> None:
    """Gather every finished cell's rounds into results.jsonl, in an order of their own."""
    lines: list[str] = []
    examples: list[Any] = []
    for job in _jobs(config):
        folder = job.folder(config)
        if job.kind == TOKENIZER or not (folder / "done.json").exists():
            continue
        if job.kind == WARM:
            if job.done(config):
                for method in config.methods:
                    lines += _rows(folder, method, job.seed)
        elif job.done(config):
            lines += _rows(folder, job.kind, job.seed)
            if (folder / "examples.json").exists():
                examples += json.loads((folder / "examples.json").read_text(encoding="utf-8"))
        else:
            row = {"method": job.kind, "seed": job.seed, "status": "failed"}
            lines.append(json.dumps({**row, "error": _error(folder)}))
    write_atomically(config.folder / "results.jsonl", "".join(line + "\n" for line in lines))
    write_atomically(config.folder / "examples.json", json.dumps(examples))


def _rows(folder: Path, method: str, seed: int) -> list[str]:
    text = (folder / "rounds.jsonl").read_text(encoding="utf-8")
    return [
        json.dumps({"method": method, "seed": seed, **json.loads(line)})
        for line in text.splitlines()
    ]
