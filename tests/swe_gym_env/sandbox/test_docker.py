"""What only containers have: an engine, images, a life of their own."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from swe_gym_env.errors import OptionError, SandboxDied, SandboxUnavailable
from swe_gym_env.sandbox import Limits, open_sandbox
from swe_gym_env.sandbox import engine as engine_module
from swe_gym_env.sandbox.docker_backend import open_docker, reap

from .conftest import IMAGE, missing

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    if reason := missing("docker"):
        pytest.skip(reason)
    import docker

    client = docker.from_env()
    yield client
    client.close()


def gone(engine: Any, container: str, seconds: float) -> bool:
    import docker.errors

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            engine.api.inspect_container(container)
        except docker.errors.NotFound:
            return True
        time.sleep(0.1)
    return False


def identity(sandbox: Any) -> str:
    return str(sandbox.description.split()[1])


def test_a_container_is_limited_cut_off_and_removed(engine: Any) -> None:
    with open_sandbox("docker", image=IMAGE, workdir="/a b", limits=Limits(processes=50)) as box:
        details = engine.api.inspect_container(identity(box))["HostConfig"]
        assert details["NetworkMode"] == "none"
        assert details["Memory"] == 1024 * 2**20
        assert details["PidsLimit"] >= 50
        assert box.run("pwd").output == "/a b\n"
        assert box.run("echo >/dev/tcp/1.1.1.1/53", timeout=5).exit_code == 1
    assert gone(engine, identity(box), 20)


def test_orphans_are_reaped(engine: Any) -> None:
    with open_docker(IMAGE) as box:
        box.run("for i in 1 2 3 4 5; do (sleep 0.05 &); done; sleep 2")
        assert "Z" not in box.run("ps -A -o stat=").output


def test_a_fork_bomb_is_bounded_and_the_episode_goes_on(engine: Any) -> None:
    with open_docker(IMAGE, limits=Limits(processes=40)) as box:
        box.write("kept", b"1")
        box.run("python3 -c 'import os\nwhile 1:\n try: os.fork()\n except OSError: 0'", timeout=1)
        box.run("true", timeout=2)
        assert box.run("cat kept; echo ok", timeout=20).output.endswith("1ok\n")


def test_when_the_supervisor_is_killed_a_new_stream_is_opened(engine: Any) -> None:
    with open_docker(IMAGE) as box:
        box.run("export kept=1; cd /tmp")
        box.run("kill -9 $PPID; kill -9 $$", timeout=3)
        assert box.run("echo $kept $PWD", timeout=20).output == "1 /tmp\n"


def test_a_container_removed_meanwhile_is_reported(engine: Any) -> None:
    with open_docker(IMAGE) as box:
        engine.api.remove_container(identity(box), force=True)
        with pytest.raises(SandboxDied, match="open a new"):
            box.run("true")


def test_a_container_ends_at_its_deadline(engine: Any) -> None:
    with open_docker(IMAGE, lifetime=2) as box:
        assert gone(engine, identity(box), 30)


def test_reaping_spares_the_living(engine: Any) -> None:
    with open_docker(IMAGE) as box:
        reap()
        assert box.run("echo ok").output == "ok\n"


def test_a_missing_image_says_how_to_get_it(engine: Any) -> None:
    with pytest.raises(SandboxUnavailable, match="docker pull no-such-image"):
        open_docker("no-such-image:none")
    with pytest.raises(OptionError, match="image="):
        open_sandbox("docker")


def test_what_no_one_will_end_is_reaped(engine: Any) -> None:
    """Created but not started: there is no process yet that could notice its owner's death."""
    dead = engine_module.labels(100)
    dead[engine_module.OWNER] = dead[engine_module.OWNER].rpartition(":")[0] + ":1"
    late = engine_module.labels(-1)
    strange = {engine_module.OWNER: "somebody"}
    made = [
        engine.api.create_container(IMAGE, ["true"], labels=labels)["Id"]
        for labels in (dead, late, strange)
    ]
    try:
        assert reap() >= 2
        assert gone(engine, made[0], 1)
        assert gone(engine, made[1], 1)
        assert not gone(engine, made[2], 0.1)
    finally:
        engine.api.remove_container(made[2], force=True)


def test_what_could_not_be_removed_goes_with_the_next_one(engine: Any) -> None:
    left = engine.api.create_container(IMAGE, ["true"], labels=engine_module.labels(100))["Id"]
    engine_module._owe(left)
    with open_docker(IMAGE) as box:
        assert not gone(engine, left, 0.1)
    assert gone(engine, left, 5)
    assert gone(engine, identity(box), 20)


def test_an_engine_out_of_reach_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    monkeypatch.setattr(engine_module, "_clients", {})
    with pytest.raises(SandboxUnavailable, match="No Docker engine answers"):
        open_docker(IMAGE)
    assert not engine_module._clients
