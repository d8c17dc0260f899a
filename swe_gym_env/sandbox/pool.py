"""Containers started ahead of their use, so that an episode begins in milliseconds.

A container serves one episode and is then removed, in the background; none is used again. Clean
would be provable of one with new mounts and a new process 1 (root inside may have traced the old
one) whose top layer the engine's `diff` says to be empty. After an episode it never is empty, as
laying out the task writes files; putting back what `diff` lists means trusting programs of the very
container; and stopping it and starting it again costs half of what a fresh one does. That cost is
paid here while nobody waits.
"""

import os
import threading
import time
from collections import deque

from swe_gym_env.errors import SWEGymError
from swe_gym_env.sandbox import departure
from swe_gym_env.sandbox.docker_backend import Kind, start
from swe_gym_env.sandbox.shell_sandbox import ShellSandbox

_FILLERS = 2
_IDLE_SECONDS = 600.0
_RETRY_SECONDS = 5.0
_LEAST_ROOM = 16


class _Shelf:
    """Sandboxes of one kind.

    wanted: how many to keep ready. making: being started. asked: when one was last taken.
    pause_until: when to try again after a failure. ready: with the time at which each was started.
    """

    def __init__(self) -> None:
        self.wanted = 0
        self.making = 0
        self.asked = 0.0
        self.pause_until = 0.0
        self.ready: deque[tuple[float, ShellSandbox]] = deque()

    def lacks(self, now: float) -> bool:
        return len(self.ready) + self.making < self.wanted and now >= self.pause_until


class Pool:
    """Keeps sandboxes of several kinds ready, filled by threads of its own.

    Of kinds that were not asked for lately, those over the room for all are closed, and all after
    ten minutes: with one image per task, most will not be asked for again.
    """

    def __init__(self) -> None:
        self._shelves: dict[Kind, _Shelf] = {}
        self._change = threading.Condition()
        self._stopped = False
        self._fillers: list[threading.Thread] = []

    def take(self, kind: Kind, warm: int) -> ShellSandbox:
        """A sandbox of this kind, started ahead if one is ready; from now on keep `warm` ready.

        Raises as `open_docker`.
        """
        sandbox = self._pop(kind, warm)
        while sandbox is not None and not _answers(sandbox):
            sandbox.close()
            sandbox = self._pop(kind, warm)
        return sandbox or start(kind, departure.remove_later)

    def expect(self, kind: Kind, warm: int) -> None:
        """Keep `warm` of this kind ready from now on; returns at once."""
        with self._change:
            self._expect(kind, warm)

    def ready(self, kind: Kind) -> int:
        """How many could be taken now."""
        with self._change:
            return len(self._shelves[kind].ready) if kind in self._shelves else 0

    def full(self) -> bool:
        """Whether of every kind as many are ready as are wanted."""
        with self._change:
            return all(len(s.ready) >= s.wanted for s in self._shelves.values())

    def close(self) -> None:
        """Close what was not taken; what is being started is waited for."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
            fillers, self._fillers = self._fillers, []
        for filler in fillers:
            filler.join(60)
        for shelf in self._shelves.values():
            while shelf.ready:
                shelf.ready.popleft()[1].close()
        self._shelves.clear()

    def _expect(self, kind: Kind, warm: int) -> _Shelf:
        shelf = self._shelves.setdefault(kind, _Shelf())
        shelf.wanted = max(shelf.wanted, warm)
        shelf.asked = time.monotonic()
        for number in range(len(self._fillers), _FILLERS):
            filler = threading.Thread(target=self._fill, daemon=True, name=f"filler-{number}")
            self._fillers.append(filler)
            filler.start()
        self._change.notify_all()
        return shelf

    def _pop(self, kind: Kind, warm: int) -> ShellSandbox | None:
        with self._change:
            shelf = self._expect(kind, warm)
            return shelf.ready.popleft()[1] if shelf.ready else None

    def _fill(self) -> None:
        while True:
            with self._change:
                while not self._stopped and (kind := self._next()) is None:
                    self._change.wait(1.0)
                    for surplus in self._surplus():
                        surplus.close()
                if self._stopped:
                    return
                assert kind is not None
                shelf = self._shelves[kind]
                shelf.making += 1
            sandbox: ShellSandbox | None = None
            try:
                sandbox = start(kind, departure.remove_later)
                sandbox.run("true")
            except (SWEGymError, OSError):
                # Whoever takes one will meet the error and be told.
                shelf.pause_until = time.monotonic() + _RETRY_SECONDS
            with self._change:
                shelf.making -= 1
                if sandbox is not None:
                    shelf.ready.append((time.monotonic(), sandbox))

    def _next(self) -> Kind | None:
        now = time.monotonic()
        lacking = [kind for kind, shelf in self._shelves.items() if shelf.lacks(now)]
        return max(lacking, key=lambda kind: self._shelves[kind].asked, default=None)

    def _surplus(self) -> list[ShellSandbox]:
        """Take out what waited too long, and whole kinds that nobody asks for."""
        now = time.monotonic()
        found = []
        for kind in sorted(self._shelves, key=lambda kind: self._shelves[kind].asked):
            shelf = self._shelves[kind]
            held = sum(other.wanted for other in self._shelves.values())
            crowded = len(self._shelves) > 1 and held > max(_LEAST_ROOM, 2 * shelf.wanted)
            if shelf.making == 0 and (crowded or now - shelf.asked > _IDLE_SECONDS):
                del self._shelves[kind]
                found += [sandbox for _, sandbox in shelf.ready]
            while shelf.ready and now - shelf.ready[0][0] > _IDLE_SECONDS:
                found.append(shelf.ready.popleft()[1])
        return found


def take(kind: Kind, warm: int) -> ShellSandbox:
    """A sandbox from the one pool of this process; see Pool.take."""
    return shared().take(kind, warm)


def shared() -> Pool:
    """The one pool of this process."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Pool()
            departure.first(_shared.close)
        return _shared


def _answers(sandbox: ShellSandbox) -> bool:
    try:
        result = sandbox.run("true", 10.0)
    except SWEGymError:
        return False
    return result.exit_code == 0 and not result.shell_restarted


_lock = threading.Lock()
_shared: Pool | None = None


def _after_fork() -> None:
    """A forked child has neither the threads nor the containers."""
    global _lock, _shared
    _lock = threading.Lock()
    _shared = None


os.register_at_fork(after_in_child=_after_fork)
