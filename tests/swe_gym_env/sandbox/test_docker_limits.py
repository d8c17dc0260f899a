"""What a container may use, each limit met for real."""

import os
import resource
import threading
import time

import pytest

from swe_gym_env.errors import SandboxDied
from swe_gym_env.sandbox import Limits, open_sandbox
from swe_gym_env.sandbox.docker_backend import open_docker

from .conftest import IMAGE, missing

pytestmark = pytest.mark.docker


@pytest.fixture(autouse=True)
def engine() -> None:
    if reason := missing("docker"):
        pytest.skip(reason)


def test_a_memory_hog_is_killed_and_the_shell_goes_on() -> None:
    with open_docker(IMAGE, limits=Limits(memory_mb=64)) as box:
        box.run("kept=1")
        result = box.run("python3 -c 'x = bytearray(500 << 20); print(len(x))'")
        assert result.exit_code == 137
        assert box.run("echo $kept").output == "1\n"


def test_processors_are_limited() -> None:
    spin = "for i in 1 2 3; do (while :; do :; done) & done; sleep 1.5; kill -9 $(jobs -p); wait"
    with open_sandbox("docker", image=IMAGE, limits=Limits(cpus=0.25)) as box:
        counts = [0]
        for _ in range(10):  # a busy machine throttles it late
            box.run(f"({spin}) 2>/dev/null", timeout=30)
            used = box.run("cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu*/cpu.stat 2>/dev/null")
            lines = [line.split() for line in used.output.splitlines()]
            counts = [int(count) for name, count in lines if name == "nr_throttled"]
            if max(counts) > 3:
                break
        assert max(counts) > 3


def test_processes_are_limited() -> None:
    with open_docker(IMAGE, limits=Limits(processes=30)) as box:
        count = (
            "import os,time\nn=0\ntry:\n while n<500:\n  if os.fork()==0: time.sleep(60)\n  n+=1\n"
        )
        count += "except OSError: print('refused', n, flush=True)\nos.killpg(0, 9)"
        said = box.run(f'python3 -c "{count}"').output.split()
        assert said[0] == "refused"
        assert int(said[1]) <= 30 + 16


def test_a_bomb_in_the_background_is_ended_by_the_next_time_limit() -> None:
    with open_docker(IMAGE, limits=Limits(processes=40)) as box:
        box.run("export kept=1; bomb() { bomb | bomb & }; bomb")
        box.run("sleep 30", timeout=2)
        box.run("sleep 30", timeout=2)
        assert box.run("ls / >/dev/null && echo $kept", timeout=30).output.endswith("1\n")


def test_a_full_disk_is_an_error_message_and_nothing_more() -> None:
    with open_docker(IMAGE, limits=Limits(disk_mb=8)) as box:
        box.run("export kept=1; mkdir -p /testbed/deep; cd /testbed/deep")
        for place in ("/tmp", "/dev/shm"):
            result = box.run(f"head -c 20M /dev/zero >{place}/full")
            assert "No space left" in result.output
        with pytest.raises(OSError, match="No space left"):
            box.write("/tmp/more", b"x" * 1_000_000)
        box.write("elsewhere", b"1")
        assert box.run("kill -9 $$").shell_restarted
        assert box.run("echo $kept $PWD").output == "1 /testbed/deep\n"
        box.run("rm /tmp/full")
        box.write("/tmp/more", b"1")
        assert box.run("cp /bin/true /tmp/true && /tmp/true").exit_code == 0


def test_tmp_can_be_left_to_the_image() -> None:
    with open_docker(IMAGE, limit_tmp=False) as box:
        assert "tmpfs" not in box.run("stat -f -c %T /tmp").output
    with open_docker(IMAGE, workdir="/tmp/work") as box:
        assert "tmpfs" not in box.run("stat -f -c %T .").output


def test_a_hundred_megabytes_of_output_are_counted_in_little_memory() -> None:
    with open_docker(IMAGE, limits=Limits(output_bytes=10_000)) as box:
        box.run("head -c 5M /dev/zero")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = box.run(
            "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last", 120
        )
        assert result.omitted_bytes == 100_000_012 - 10_000
        assert result.output.startswith("first\nxxx")
        assert result.output.endswith("x\nlast\n")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


def test_nothing_inside_writes_into_the_engines_logs() -> None:
    with open_docker(IMAGE) as box:
        box.run("head -c 1M /dev/zero >/proc/1/fd/1 & sleep 0.5; kill $!")
        assert box.run("echo ok").output.endswith("ok\n")


def test_a_forked_child_neither_uses_nor_holds_the_container() -> None:
    with open_docker(IMAGE) as box:
        box.run("true")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                box.run("echo child")
            except SandboxDied:
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert box.run("echo ok").output == "ok\n"


def test_many_threads_have_many_containers() -> None:
    said: list[str] = []

    def episode(number: int) -> None:
        with open_docker(IMAGE) as box:
            said.extend(box.run(f"echo {number} {turn}").output for turn in range(20))

    threads = [threading.Thread(target=episode, args=(number,)) for number in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == sorted(f"{n} {t}\n" for n in range(4) for t in range(20))
    assert time.monotonic() - started < 60
