"""What a cell was made of and with: `cell.json` beside its results."""

import functools
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from baselines.sweep.config import Compare
from baselines.sweep.files import write_atomically
from baselines.sweep.plan import Job, configuration, stream_start

_PACKAGES = (
    *("gymnasium", "numpy", "scipy", "torch", "transformers", "tokenizers", "peft", "ray"),
    *("swebench", "textworld"),
)


@contextmanager
def provenance(config: Compare, job: Job, folder: Path) -> Iterator[None]:
    """Write `cell.json` at the beginning, and its end and outcome when the block is left."""
    path = folder / "cell.json"
    about: dict[str, Any] = {
        "env": job.env,
        "budget": job.budget,
        "method": job.kind,
        "seed": job.seed,
        "configuration": configuration(config, job),
        "code": {"package": version("swe-dagger"), "git": checkout()},
        "packages": packages(),
        "seeds": {
            "training": job.seed,
            "task_stream": stream_start(job.seed),
            "heldout": [0, config.heldout_episodes - 1],
        },
        "host": {
            "name": platform.node(),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "threads": config.threads,
        },
        "started": now(),
        "finished": None,
        "status": "running",
    }
    write_atomically(path, json.dumps(about, indent=1))
    try:
        yield
    except Exception:
        write_atomically(
            path, json.dumps({**about, "finished": now(), "status": "failed"}, indent=1)
        )
        raise
    write_atomically(path, json.dumps({**about, "finished": now(), "status": "ok"}, indent=1))


@functools.cache
def packages() -> dict[str, str]:
    """Versions of Python and of the packages that results may depend on, where installed."""
    found = {name: version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        **{name: number for name, number in found.items() if number is not None},
    }


def version(package: str) -> str | None:
    """Its installed version; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def checkout() -> str | None:
    """`git describe` of the checkout that this code is in; None outside one."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--tags"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def now() -> str:
    """The time, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
