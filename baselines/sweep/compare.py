"""Runs a comparison: every cell in a process of its own, resumable, with a live display."""

import json
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from baselines import interrupts
from baselines.sweep.checks import check
from baselines.sweep.config import Compare
from baselines.sweep.display import Display
from baselines.sweep.files import write_atomically
from baselines.sweep.plan import Job, configuration, definition, jobs, needs
from baselines.sweep.provenance import now, packages
from baselines.sweep.ray_workers import RayWorkers
from baselines.sweep.settings import plain
from baselines.sweep.workers import Pool, Workers
from dagger_algo.errors import ConfigError, DaggerError
from dagger_algo.records import figures_to_json

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
        raise DaggerError(
            f"{_failures(planned, failed)}. The others are kept; what went wrong is in done.json "
            f"of each under {config.folder}. The same command again retries them; "
            "a method's file may be mended before."
        )
    return config.folder


def _failures(planned: list[Job], failed: set[Job]) -> str:
    """What failed: the cells, as the report counts them, and what those start from."""
    cells = [str(job) for job in planned if job in failed and job.cell]
    others = [str(job) for job in planned if job in failed and not job.cell]
    more = f" and {len(cells) - 20} more" if len(cells) > 20 else ""
    count = sum(job.cell for job in planned)
    text = f"{len(cells)} of {count} cells failed: {', '.join(cells[:20])}{more}"
    return f"{text}; of what they start from: {', '.join(others)}" if others else text


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
        interrupts.check()
        left_out: dict[Job, list[Job]] = {}
        for job in list(waiting):
            wanted = needs(config, job)
            if lost := [need for need in wanted if need in failed]:
                waiting.remove(job)
                failed.add(job)
                cause = next((c for c, jobs in left_out.items() if lost[0] in jobs), lost[0])
                left_out.setdefault(cause, []).append(job)
            elif workers.free and done.issuperset(wanted):
                waiting.remove(job)
                workers.start(job)
        for cause, those in left_out.items():
            display.left_out(those, cause)
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


def prepare_folder(config: Compare) -> None:
    """Make the run's folder and its config.json; ConfigError where cells of other settings are.
    What of those has failed is removed."""
    folder = config.folder
    if config.fresh and folder.exists():
        _set_aside(folder)
    for job in refuse_other_settings(config):
        shutil.rmtree(job.folder(config))
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
    write_atomically(folder / "config.json", json.dumps(_dated(about, folder), indent=2))


def _dated(about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """With the time at which the comparison was first begun; and where nothing else has changed
    since, with the command that began it: then its page stays the same to the byte."""
    try:
        earlier = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return about
    dated = {**about, "created": earlier.get("created", about["created"])}
    told = {"command": "", "versions": ""}
    if {**earlier, **told} == {**json.loads(json.dumps(dated)), **told}:
        return {**dated, "command": earlier.get("command", about["command"])}
    return dated


def refuse_other_settings(config: Compare) -> list[Job]:
    """ConfigError where a cell of this comparison was trained with other settings before; returns
    those that failed with others, which are in no figure and must begin anew."""
    changed: dict[Job, str] = {}
    for job in jobs(config):
        path = job.folder(config) / "cell.json"
        if not path.exists():
            continue
        earlier = json.loads(path.read_text(encoding="utf-8"))["configuration"]
        changes = _changes(_named(earlier, job), _named(configuration(config, job), job))
        if changes:
            changed[job] = changes[0]
    failed = [job for job in changed if _has_failed(job.folder(config))]
    mended = {job.kind for job in failed}
    for job, change in changed.items():
        # Of a method that failed, a cell stopped in its first round was about to.
        begun = job.kind in mended and not _has_a_round(job.folder(config))
        if job not in failed and not begun:
            raise ConfigError(
                f"{config.folder} holds a run with other settings ({change}, for {job}): choose "
                "another --name, another label, or --fresh to start over"
            )
    return list(changed)


def _has_failed(folder: Path) -> bool:
    """Did the job fail when it was last at work, even if it was to be tried again since?"""
    done = folder / "done.json"
    path = done if done.exists() else folder / "cell.json"
    return bool(json.loads(path.read_text(encoding="utf-8"))["status"] == "failed")


def _has_a_round(folder: Path) -> bool:
    rounds = folder / "rounds.jsonl"
    return rounds.exists() and rounds.stat().st_size > 0


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
    return [figures_to_json({**_key(job), **json.loads(line)}) for line in text.splitlines()]


def _key(job: Job) -> dict[str, Any]:
    return {"env": job.env, "budget": job.budget, "method": job.kind, "seed": job.seed}
