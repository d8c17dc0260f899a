"""Processes that do the jobs of a comparison. Whatever happens to it, none outlives it."""

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.process
import multiprocessing.util
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, Self

from baselines.sweep.cell import run_job
from baselines.sweep.config import Compare
from baselines.sweep.plan import Job

_PRELOAD = ["torch", "transformers.models.llama.modeling_llama", "baselines.sweep.cell"]
_SOCKETS = "swe-dagger-compare-"


class Pool(Protocol):
    """Whoever does jobs; a context manager that ends the running ones when it is left."""

    @property
    def running(self) -> Collection[Job]:
        """Jobs under way."""
        ...

    @property
    def free(self) -> bool:
        """Whether one more may start."""
        ...

    def start(self, job: Job) -> None:
        """Begin a job."""
        ...

    def messages(self) -> list[tuple[Job, dict[str, Any]]]:
        """What the jobs said since the last call; waits a moment for something to happen."""
        ...

    def finished(self) -> list[Job]:
        """Jobs that have ended since the last call, well or not."""
        ...


@dataclass
class Workers:
    """At most `config.workers` processes, one per job, forked from a server that has torch loaded.

    A context manager: leaving it ends the running ones.
    """

    config: Compare
    running: dict[Job, BaseProcess] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._sockets = _socket_folder()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOAD)
        self._queue: Any = self._context.Queue()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + 10
        for process in self.running.values():
            process.join(max(0.1, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        self._queue.cancel_join_thread()
        self._queue.close()

    @property
    def free(self) -> bool:
        """Whether one more may start."""
        return len(self.running) < self.config.workers

    def start(self, job: Job) -> None:
        """Begin a job in a process of its own."""
        process = self._context.Process(
            target=_work,
            args=(self.config, job, self._queue, self._sockets),
            name=str(job),
        )
        with _no_interrupt():
            process.start()
        self.running[job] = process

    def messages(self) -> list[tuple[Job, dict[str, Any]]]:
        """What the jobs said since the last call; waits a moment for one of them to end."""
        sentinels = [process.sentinel for process in self.running.values()]
        multiprocessing.connection.wait(sentinels, timeout=0.2)
        heard = []
        with contextlib.suppress(queue.Empty):
            while True:
                heard.append(self._queue.get_nowait())
        return heard

    def finished(self) -> list[Job]:
        """Jobs whose process has ended since the last call."""
        ended = [job for job, process in self.running.items() if not process.is_alive()]
        for job in ended:
            self.running.pop(job).join()
        return ended


def _work(config: Compare, job: Job, to_parent: Any, sockets: Path) -> None:
    # Ctrl-C reaches the whole process group; the parent alone decides what it means. Its
    # terminate() becomes an exception here, so that environments close and sandboxes end.
    # (A handler, unlike SIG_IGN, is not inherited by the sandboxes.)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _die_with_parent(sockets)
    run_job(config, job, lambda message: to_parent.put((job, message)))


def _die_with_parent(sockets: Path) -> None:
    """End this process when the comparison is killed. The fork server is no help: it outlives the
    comparison for as long as one of its children lives."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        shutil.rmtree(sockets, ignore_errors=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back: the fork server inherits that, else it would die of it with a traceback
    while it loads torch. The comparison itself gets it a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _socket_folder() -> Path:
    """Where multiprocessing keeps its sockets: under a name that tells whose they are, so that
    others can remove them when this process is killed and cannot do it itself."""
    for left in Path(tempfile.gettempdir()).glob(f"{_SOCKETS}*"):
        if not _alive(int(left.name.split("-")[-2])):
            shutil.rmtree(left, ignore_errors=True)
    # There is no public way to choose it; get_temp_dir() reads this, else makes /tmp/pymp-*.
    config: dict[str, Any] = multiprocessing.process.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir") is None:
        config["tempdir"] = tempfile.mkdtemp(prefix=f"{_SOCKETS}{os.getpid()}-")
        multiprocessing.util.Finalize(
            None, shutil.rmtree, args=(config["tempdir"], True), exitpriority=-100
        )
    return Path(config["tempdir"])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
