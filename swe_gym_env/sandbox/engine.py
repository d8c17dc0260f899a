"""The Docker engine: one client per process, and the removal of what earlier runs left behind."""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from swe_gym_env.errors import SandboxUnavailable

OWNER = "swe-gym.owner"
DEADLINE = "swe-gym.deadline"
_SECONDS = 120

_Key = tuple[int, str | None]
_clients: dict[_Key, Any] = {}
_lock = threading.Lock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)
# Containers that could not be removed when they should have been, by engine.
_owed: dict[str | None, set[str]] = {}


def client() -> Any:
    """The docker.DockerClient of this process; at its first use what killed runs left is reaped.

    Raises SandboxUnavailable when no engine answers.
    """
    try:
        import docker
        import docker.errors
    except ImportError as error:
        raise SandboxUnavailable(
            'backend="docker" needs the Python package docker: pip install "swe-dagger[docker]".'
        ) from error
    with _lock:
        key = _key()
        if key not in _clients:
            try:
                fresh = docker.from_env(timeout=_SECONDS, max_pool_size=64)
                fresh.ping()
                _reap(fresh)
            except (docker.errors.DockerException, OSError) as error:
                raise SandboxUnavailable(
                    "No Docker engine answers (is it running, may this user reach it, is "
                    f'DOCKER_HOST right?): {error}. Or use backend="isolated", without Docker.'
                ) from error
            _clients[key] = fresh
        return _clients[key]


def forget(api: Any) -> None:
    """The engine behind `api` was lost: the next `client` asks anew, and reaps."""
    with _lock:
        for key, known in list(_clients.items()):
            if known.api is api:
                del _clients[key]


def labels(lifetime: float) -> dict[str, str]:
    """Labels by which a container's owner and its last hour are known."""
    return {OWNER: identity(os.getpid()), DEADLINE: str(time.time() + lifetime)}


def remove(api: Any, container: str) -> None:
    """Remove a container and its anonymous volumes; what fails is done with the next removal, or by
    a later `reap`."""
    # Only once the engine answers: one that is silent costs each call its whole time-out.
    if _remove(api, container):
        for owed in _owed.pop(os.environ.get("DOCKER_HOST"), ()):
            _remove(api, owed)


def _remove(api: Any, container: str) -> bool:
    """Is it gone? Else it is owed."""
    import docker.errors

    try:
        try:
            api.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code != 409:
                raise
            # It is ending by itself.
            api.wait(container, timeout=_SECONDS, condition="removed")
    except docker.errors.APIError as error:
        if error.status_code != 404:
            _owe(container)
            return False
    except OSError:
        _owe(container)
        return False
    return True


def _owe(container: str) -> None:
    _owed.setdefault(os.environ.get("DOCKER_HOST"), set()).add(container)


def reap() -> int:
    """Remove containers of ours whose owner on this host is dead or whose deadline has passed.

    Returns how many. Called at the first use of docker in a process.
    """
    return _reap(client())


def _reap(engine: Any) -> int:
    import docker.errors

    removed = 0
    owed = _owed.pop(os.environ.get("DOCKER_HOST"), set())
    for container in engine.api.containers(all=True, filters={"label": OWNER}):
        if container["Id"] in owed or _is_left_over(container["Labels"]):
            # One that an engine has just found again may refuse.
            try:
                engine.api.remove_container(container["Id"], force=True, v=True)
                removed += 1
            except docker.errors.APIError as error:
                if error.status_code != 404:
                    _owe(container["Id"])
    # Imported here, since it imports this module.
    from swe_gym_env.sandbox.committed import reap_images

    reap_images(engine.api)
    return removed


def _is_left_over(labels: dict[str, str]) -> bool:
    with contextlib.suppress(ValueError):
        if float(labels.get(DEADLINE, "inf")) < time.time():
            return True
        return is_dead(labels[OWNER])
    return False


def is_dead(owner: str) -> bool:
    """Whether the process of this `identity` is known to have ended."""
    with contextlib.suppress(ValueError):
        place, pid, _ = owner.rsplit(":", 2)
        return place == _place() and identity(int(pid)) != owner
    return False


def _key() -> _Key:
    return os.getpid(), os.environ.get("DOCKER_HOST")


def _place() -> str:
    """Where process ids mean something: this host since it started, this process namespace."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text()[:8])
        parts.append(os.readlink("/proc/self/ns/pid").strip("pid:[]"))  # noqa: PTH115 - no path
    return "/".join(parts)


def identity(pid: int) -> str:
    """Place, process and when it started: a process id alone is used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
        started = "dead" if stat[0] in b"ZX" else stat[19].decode()
    except OSError:
        started = "dead"
        try:
            os.kill(pid, 0)
            started = "unknown"
        except ProcessLookupError:
            pass
        except OSError:
            started = "unknown"
    return f"{_place()}:{pid}:{started}"
