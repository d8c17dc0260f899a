"""Jobs of a comparison on the machines of a Ray cluster, in place of processes on this one."""

import json
import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from baselines.sweep.cell import run_job
from baselines.sweep.config import Compare
from baselines.sweep.files import write_atomically
from baselines.sweep.linted import LINTED
from baselines.sweep.plan import Job
from dagger_algo.errors import ConfigError

_RETRIES = 2  # of a job whose machine was lost; it goes on after its last whole round
_VISIBLE = 30.0  # seconds that a shared file system may take to show what another machine wrote
_QUIET = 0.5  # seconds between two messages about the progress of one job


@dataclass
class RayWorkers:
    """At most `config.workers` jobs at a time, wherever Ray finds room for `config.threads` cores.

    The folder of the run, and files of methods, must lie where all machines see them; this package
    must be installed on each. A context manager: leaving it ends the running jobs. Raises
    ConfigError when Ray is not installed or there is no cluster at the address.
    """

    config: Compare
    running: dict[Job, Any] = field(default_factory=dict)  # Any: Ray's references have no types

    def __enter__(self) -> Self:
        ray = _ray()
        self._own = not ray.is_initialized()
        if self._own:
            local = self.config.ray == "local"
            cores = {"num_cpus": self.config.workers * self.config.threads} if local else {}
            address = None if local else self.config.ray
            try:
                if address is not None and address != "auto":
                    _knock(address)
                ray.init(address, log_to_driver=False, include_dashboard=False, **cores)
            except (OSError, ValueError, RuntimeError) as error:
                raise ConfigError(
                    f"there is no Ray cluster at {self.config.ray!r} ({error}): start one with "
                    "`ray start --head`, or use --ray local"
                ) from error
        from ray.util.queue import Queue

        self._queue: Any = Queue(actor_options={"num_cpus": 0})
        self._do: Any = ray.remote(_do)
        return self

    def __exit__(self, *_: object) -> None:
        ray = _ray()
        for reference in self.running.values():
            ray.cancel(reference, force=True)
        self._queue.shutdown(force=True)
        if self._own:
            ray.shutdown()

    @property
    def free(self) -> bool:
        """Whether one more may start."""
        return len(self.running) < self.config.workers

    def start(self, job: Job) -> None:
        """Hand a job to the cluster."""
        task = self._do.options(num_cpus=self.config.threads, max_retries=_RETRIES, name=str(job))
        self.running[job] = task.remote(self.config, job, self._queue, str(Path.cwd()))

    def messages(self) -> list[tuple[Job, dict[str, Any]]]:
        """What the jobs said since the last call; waits a moment for one of them to end."""
        if self.running:
            _ray().wait(list(self.running.values()), timeout=0.2)
        heard: list[tuple[Job, dict[str, Any]]] = self._queue.get_nowait_batch(self._queue.qsize())
        return heard

    def finished(self) -> list[Job]:
        """Jobs that have ended since the last call. What Ray itself has to say about one that
        failed becomes its error."""
        ray = _ray()
        if not self.running:
            return []
        references = list(self.running.values())
        ended, _ = ray.wait(references, num_returns=len(references), timeout=0)
        jobs = [job for job, reference in self.running.items() if reference in ended]
        for job in jobs:
            path = job.folder(self.config) / "done.json"
            try:
                ray.get(self.running.pop(job))
                _await(path)
            except Exception as error:  # whatever was raised there, and the loss of a machine
                said = " ".join(str(error).split())[-2_000:]
                path.parent.mkdir(parents=True, exist_ok=True)
                status = {"status": "failed", "error": f"{type(error).__name__}: {said}"}
                write_atomically(path, json.dumps(status))
        return jobs


def _do(config: Compare, job: Job, to_parent: Any, cwd: str) -> None:
    """A job on whatever machine it came to."""
    missing = [path for path in (Path(cwd), Path(cwd) / config.folder) if not path.is_dir()]
    if missing:
        raise ConfigError(
            f"the machine {os.uname().nodename} sees no folder {missing[0]}: start the comparison "
            "in, and give --out in, a file system that all machines of the cluster share"
        )
    os.chdir(cwd)
    told = 0.0

    def tell(message: dict[str, Any]) -> None:
        nonlocal told
        if message["phase"] in ("round", LINTED) or time.monotonic() - told > _QUIET:
            told = time.monotonic()
            to_parent.put_nowait((job, message))

    run_job(config, job, tell)


def _knock(address: str) -> None:
    """OSError where nobody listens: Ray itself would try for minutes."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    socket.create_connection((parts.hostname or "", parts.port or 6379), timeout=10).close()


def _await(path: Path) -> None:
    deadline = time.monotonic() + _VISIBLE
    while not path.exists():
        if time.monotonic() > deadline:
            raise ConfigError(
                f"a machine of the cluster says that it wrote {path}, and it is not seen here: "
                "give --out in a file system that all machines share"
            )
        time.sleep(0.1)


def _ray() -> Any:  # Any: Ray is optional and untyped here
    try:
        import ray
    except ImportError:
        raise ConfigError('--ray needs Ray: pip install "swe-dagger[ray]"') from None
    return ray
