"""An engine that is killed under load: every call ends with an error, the next episode works."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swe_gym_env.errors import SandboxDied, SandboxUnavailable
from swe_gym_env.sandbox import Limits, departure, pool
from swe_gym_env.sandbox.docker_backend import open_docker
from swe_gym_env.sandbox.engine import client, reap

from .conftest import IMAGE, missing

pytestmark = pytest.mark.docker

NO_SERVER = "an engine of its own needs root, dockerd and containerd"


class Engine:
    """A second dockerd with its own socket and folders, that may be killed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = f"unix://{root}/s"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # In a network of its own: --bridge=none would remove the docker0 of the first engine.
        argv = ["unshare", "--net", "dockerd", "--host", self.host, "--bridge=none"]
        argv += ["--iptables=false"]
        for name in ("data-root", "exec-root", "pidfile"):
            argv += [f"--{name}", str(self.root / name[0])]
        # A new containerd may take too long over what a killed one left: systemd tries again, too.
        for _ in range(3):
            (self.root / "p").unlink(missing_ok=True)
            with (self.root / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    argv, stdout=log, stderr=log, start_new_session=True, cwd="/"
                )
            while self._process.poll() is None:
                if not self.docker("version", check=False).returncode:
                    return
                time.sleep(0.1)
        raise RuntimeError(f"dockerd does not start: {(self.root / 'log').read_text()[-2000:]}")

    def docker(self, *argv: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        command = ["docker", "--host", self.host, *argv]
        return subprocess.run(command, check=check, capture_output=True, timeout=120)

    def kill(self) -> None:
        """As a crash or the out-of-memory killer does, with the containerd that belongs to it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            with contextlib.suppress(OSError, ValueError):
                os.kill(int((self.root / "e/containerd/containerd.pid").read_text()), 9)

    def stop(self) -> None:
        """As an operator does."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def containers(self) -> list[str]:
        return self.docker("ps", "-aq").stdout.decode().split()


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if reason := missing("docker"):
        pytest.skip(reason)
    if os.geteuid() or not shutil.which("dockerd") or not shutil.which("docker"):
        pytest.skip(NO_SERVER)
    root = Path(f"/var/tmp/swe-gym-engine-{os.getpid()}")
    root.mkdir()
    engine = Engine(root)
    try:
        try:
            engine.start()
        except RuntimeError as error:
            if os.environ.get("REQUIRE_DOCKER") == "1":
                raise
            pytest.skip(str(error))
        save = subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE)
        load = ["docker", "--host", engine.host, "load"]
        subprocess.run(load, stdin=save.stdout, check=True, capture_output=True, timeout=300)
        assert save.wait(60) == 0
        yield engine
        for container in engine.containers():
            engine.docker("rm", "-f", container, check=False)
    finally:
        engine.stop()
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{root}/e/".encode() in arguments.read_bytes():
                    os.kill(int(arguments.parent.name), signal.SIGKILL)
        for mount in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (place := mount.split()[1]).startswith(str(root)):
                subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(autouse=True)
def use(second: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", second.host)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_every_command_under_way_ends_with_an_error_and_the_next_episode_works(
    second: Engine, how: str
) -> None:
    limits = Limits(command_seconds=5)
    boxes = [open_docker(IMAGE, limits=limits) for _ in range(4)]
    commands = [
        "sleep 100",
        "while :; do echo x; done",
        "true",
        "head -c 1M /dev/zero | tr '\\0' x",
    ]
    ends: dict[int, object] = {}

    def work(number: int) -> None:
        expected = {2: "", 3: "x" * 2**20}
        try:
            while True:
                result = boxes[number].run(commands[number], timeout=60)
                if number in expected:
                    assert (result.output, result.exit_code) == (expected[number][: 10**6], 0) or (
                        number == 3 and result.omitted_bytes == 2**20 - 10**6
                    )
        except Exception as error:
            ends[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    getattr(second, how)()
    for thread in threads:
        thread.join(30)
    assert {number: type(end) for number, end in ends.items()} == dict.fromkeys(
        range(4), SandboxDied
    )
    with pytest.raises(SandboxUnavailable, match="No Docker engine answers"):
        open_docker(IMAGE)
    for box in boxes[:2]:
        box.close()
    second.start()
    with open_docker(IMAGE) as box:
        assert box.run("echo ok").output == "ok\n"
    for box in boxes[2:]:
        with pytest.raises(SandboxDied):
            box.run("true")
        box.close()
    # What an engine that has just come back refuses to remove is owed, and a later reap does it.
    deadline = time.monotonic() + 60
    while second.containers() and time.monotonic() < deadline:
        time.sleep(0.5)
        reap()
    left = second.docker("ps", "-a").stdout.decode()
    assert second.containers() == [], left


def test_a_warm_pool_recovers(second: Engine) -> None:
    own = pool.Pool()
    try:
        from .test_pool import kind, wait_for

        own.expect(kind(), 2)
        wait_for(own, kind(), 2)
        second.kill()
        with pytest.raises(SandboxUnavailable):
            own.take(kind(), 2)
        second.start()
        with own.take(kind(), 2) as box:
            assert box.run("echo ok").output == "ok\n"
    finally:
        own.close()
        departure.settle()


def test_a_silent_engine_does_not_hang_a_command(second: Engine) -> None:
    """Stopped, not ended: nothing answers and nothing is closed."""
    box = open_docker(IMAGE)
    api = client().api
    api.timeout = 3
    assert second._process is not None
    os.kill(second._process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(SandboxDied):
            box.run("true", timeout=1)
        assert time.monotonic() - started < 30
    finally:
        os.kill(second._process.pid, signal.SIGCONT)
    box.close()
    with open_docker(IMAGE) as box:
        assert box.run("echo ok").output == "ok\n"
