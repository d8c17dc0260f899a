"""A shell's transport over a child process of ours, and how such children are started."""

import functools
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from swe_gym_env.errors import SandboxDied
from swe_gym_env.sandbox.transport import DATA, OUTPUT

_CHUNK = 1 << 18
_DEFAULT_SIGNALS = """import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])"""


class PipeTransport:
    """A child process whose stdin, stdout and stderr are ours.

    child: the process, started by `spawn`.
    shell_pid: finds the host's process id of the bash in it (it may be a grandchild).
    cleanup: called once after the processes are gone.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        shell_pid: Callable[[int], int],
        cleanup: Callable[[int], None] = lambda pid: None,
        owner: int | None = None,
        files: Sequence[int] = (),
        cwd: str = "/",
    ) -> None:
        ours, theirs = socket.socketpair()
        output, output_end = os.pipe()
        data, data_end = os.pipe()
        try:
            # `echo > /dev/stderr` opens the pipe again, which its owner alone may do.
            if owner is not None:
                os.fchown(output_end, owner, owner)
            self._child = spawn(
                argv,
                stdin=theirs.fileno(),
                stdout=output_end,
                stderr=data_end,
                pass_fds=files,
                env=environment,
                cwd=cwd,
            )
        except BaseException:
            ours.close()
            os.close(output)
            os.close(data)
            raise
        finally:
            theirs.close()
            os.close(output_end)
            os.close(data_end)
        self.silence_seconds = 15.0
        self._control = ours
        self._control.setblocking(False)
        self._channels = {output: OUTPUT, data: DATA}
        self._poll = select.poll()
        for descriptor in self._channels:
            os.set_blocking(descriptor, False)
            self._poll.register(descriptor, select.POLLIN)
        self._shell_pid = shell_pid
        self._cleanup = cleanup
        self._owner = os.getpid()
        self._closing = threading.Lock()
        self._pumping = threading.Lock()
        self._closed = False

    def pump(self, outgoing: memoryview, seconds: float) -> tuple[int, list[tuple[int, bytes]]]:
        with self._pumping:
            if self._closed:
                raise EOFError
            return self._pump(outgoing, seconds)

    def _pump(self, outgoing: memoryview, seconds: float) -> tuple[int, list[tuple[int, bytes]]]:
        sent = 0
        came: list[tuple[int, bytes]] = []
        if outgoing:
            try:
                sent = self._control.send(outgoing[:_CHUNK])
            except BlockingIOError:
                self._poll.register(self._control, select.POLLOUT)
            except OSError as gone:
                raise EOFError from gone
        if sent:
            return sent, []
        try:
            ready = self._poll.poll(max(0.0, seconds) * 1000)
        finally:
            if outgoing:
                self._poll.unregister(self._control)
        for descriptor, _ in ready:
            if descriptor in self._channels:
                chunk = os.read(descriptor, _CHUNK)
                if not chunk:
                    raise EOFError
                came.append((self._channels[descriptor], chunk))
        return 0, came

    def signal(self, name: str) -> None:
        if self._child.poll() is None and (pid := self._shell_pid(self._child.pid)):
            _kill(pid, getattr(signal, f"SIG{name}"))

    def bind(self, pid: int) -> None:
        """Nothing to learn: the host's own number counts here."""

    def reopen(self, *, force: int = 0) -> None:
        self.close()
        raise SandboxDied(
            "The sandbox's first process is gone, and everything in it; open a new sandbox."
        )

    def close(self) -> None:
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if self._owner != os.getpid():
            return  # A forked child inherits this object but not the sandbox.
        # The shell's end takes the whole process namespace along; waiting for it first means that
        # nothing is left when this returns.
        if self._child.poll() is None and (pid := self._shell_pid(self._child.pid)):
            _kill(pid, signal.SIGKILL)
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.kill()
        self._child.wait()
        self._cleanup(self._child.pid)
        # Another thread may be waiting for output: it sees the end first, then lets go.
        if self._pumping.acquire(timeout=5):
            self._control.close()
            for descriptor in self._channels:
                os.close(descriptor)
            self._pumping.release()


def spawn(
    argv: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: int,
    pass_fds: Sequence[int],
    env: Mapping[str, str],
    cwd: str,
) -> "subprocess.Popen[bytes]":
    """Start a child from the one thread that lives as long as this process.

    PR_SET_PDEATHSIG, which ends sandboxes with their owner, fires when the *thread* that forked
    ends: a sandbox opened by a pool's worker would die with it.
    """
    answer: Future[subprocess.Popen[bytes]] = Future()

    def start() -> None:
        try:
            answer.set_result(
                subprocess.Popen(
                    [*_with_default_signals(), *argv],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=pass_fds,
                    env=env,
                    cwd=cwd,
                    start_new_session=True,
                )
            )
        except BaseException as error:
            answer.set_exception(error)

    _spawner().put(start)
    return answer.result()


def _with_default_signals() -> list[str]:
    """What to start a program with so that it heeds signals that this process ignores.

    Those are inherited (under nohup, or of a script's `&`), and a bash can neither trap them nor
    give them back to the commands that it runs.
    """
    # Those that Python itself ignores Popen sets right.
    pythons = {signal.SIGPIPE, signal.SIGXFSZ}
    ignored = (signal.getsignal(n) is signal.SIG_IGN for n in signal.valid_signals() - pythons)
    return _resetter() if any(ignored) else []


@functools.cache
def _resetter() -> list[str]:
    """A program that gives all signals their default and becomes another one."""
    quick = ["env", "--default-signal"]  # of coreutils, a twentieth of Python's time
    try:
        subprocess.run([*quick, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return [sys.executable, "-I", "-S", "-c", _DEFAULT_SIGNALS]
    return quick


_spawners: dict[int, "queue.SimpleQueue[Callable[[], None]]"] = {}
_spawners_lock = threading.Lock()
os.register_at_fork(
    before=_spawners_lock.acquire,
    after_in_parent=_spawners_lock.release,
    after_in_child=_spawners_lock.release,
)


def _spawner() -> "queue.SimpleQueue[Callable[[], None]]":
    with _spawners_lock:
        jobs = _spawners.get(os.getpid())
        if jobs is None:
            jobs = queue.SimpleQueue()
            threading.Thread(target=_work, args=(jobs,), daemon=True, name="spawner").start()
            _spawners[os.getpid()] = jobs
        return jobs


def _work(jobs: "queue.SimpleQueue[Callable[[], None]]") -> None:
    while True:
        jobs.get()()


def first_of_innermost_namespace(pid: int, levels: int) -> int:
    """The descendant of `pid` that many only children down, 0 when there is none."""
    for _ in range(levels):
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return 0
        if not children:
            return 0
        pid = int(children[0])
    return pid


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
