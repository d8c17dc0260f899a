"""The backend without isolation: that it at least cleans up."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from swe_gym_env.sandbox.local import open_local


def gone(process: Path) -> bool:
    """Whether it has ended within a while; a zombie has."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if ") Z " in (process / "stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_closing_removes_the_folder_and_every_process() -> None:
    sandbox = open_local()
    pid = int(sandbox.run("(setsid sleep 1000 &); sleep 1000 & echo $!").output)
    folder = Path(sandbox.workdir)
    assert folder.is_dir()
    sandbox.close()
    assert not folder.parent.exists()
    assert gone(Path("/proc") / str(pid))


CLOSED = "mkdir -p a/b c/d; touch a/b/x c/d/y; ln -s {outside} a/b/link; chmod 555 a/b c; chmod 0 a"


def test_closing_removes_folders_closed_to_their_owner_and_nothing_elsewhere(
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    with open_local() as sandbox:
        folder = Path(sandbox.workdir).parent
        assert sandbox.run(CLOSED.format(outside=outside)).exit_code == 0
    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o500


def owner(then: str) -> tuple["subprocess.Popen[bytes]", Path, Path]:
    program = (
        "from swe_gym_env.sandbox.local import open_local\n"
        "s = open_local(); pid = s.run('sleep 1000 & echo $!').output.strip()\n"
        "print(s.workdir, pid, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program + then], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        workdir, pid = process.stdout.readline().decode().split()
    return process, Path(workdir), Path("/proc") / pid


def test_leaving_without_closing_removes_both() -> None:
    process, workdir, child = owner("")
    assert process.wait(30) == 0
    assert not workdir.exists()
    assert gone(child)


def test_killing_the_owner_removes_both() -> None:
    closed = CLOSED.format(outside="/")
    process, workdir, child = owner(f"s.run({closed + '; sleep 1000'!r}, timeout=500)")
    while not ((workdir / "a").is_dir() and (workdir / "a").stat().st_mode & 0o777 == 0):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(child)
    deadline = time.monotonic() + 10
    while workdir.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workdir.exists()
