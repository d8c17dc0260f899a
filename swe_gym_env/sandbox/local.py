"""No isolation at all: commands run as you, on your files, with your network.

By explicit wish only.

What it does keep: a temporary work tree, the persistent shell with its time limits, and cleaning
up; processes that leave the session and clear their environment escape it.
"""

import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.sandbox.processes import PipeTransport
from swe_gym_env.sandbox.protocol import Limits
from swe_gym_env.sandbox.shell import PersistentShell
from swe_gym_env.sandbox.shell_sandbox import ENVIRONMENT, ShellSandbox
from swe_gym_env.sandbox.transport import BOOTSTRAP

_MARK = "SWE_GYM_SANDBOX"
# What `_clean` does, for the supervisor to do when this process was killed.
_LAST_WORDS = """for file in /proc/[0-9]*/environ; do
  pid=${{file#/proc/}} pid=${{pid%/environ}}
  while IFS= read -r -d '' entry; do
    [[ $entry != {mark}={root} || $pid == "$$" ]] || kill -KILL "$pid"
  done <"$file"
done
rm -rf -- {root} {state} || {{
  find {root} -type d -exec chmod u+rwx {{}} ';'
  rm -rf -- {root}
}}"""


def open_local(*, limits: Limits | None = None) -> ShellSandbox:
    """Open a shell in a temporary folder. Of `limits` only time and output bind.

    Raises SandboxUnavailable where bash is missing.
    """
    limits = limits or Limits()
    bash = shutil.which("bash")
    if bash is None:
        raise SandboxUnavailable('backend="local" needs bash, which is not on PATH: install it.')
    root = Path(tempfile.mkdtemp(prefix="swe-gym-local-"))
    workdir = root / "work"
    for folder in (workdir, root / "home", root / "tmp"):
        folder.mkdir()
    # In memory where there is such a place: a journaling file system takes milliseconds for the
    # small file that is rewritten after each command.
    memory = Path("/dev/shm")
    state = (memory if os.access(memory, os.W_OK) else root) / f"{root.name}-state"
    last_words = _LAST_WORDS.format(mark=_MARK, root=shlex.quote(str(root)), state=state)
    environment = ENVIRONMENT | {
        "PATH": f"{sys.base_prefix}/bin:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "SWE_GYM_LAST_WORDS": last_words,
        _MARK: str(root),
    }
    setpriv = shutil.which("setpriv")
    dies_along = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    try:
        transport = PipeTransport(
            [*dies_along, bash, *BOOTSTRAP],
            environment=environment,
            shell_pid=lambda pid: pid,
            cleanup=lambda pid: _clean(pid, root, state),
        )
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    try:
        shell = PersistentShell(
            transport,
            state=str(state),
            setup=f"ulimit -c 0; cd {shlex.quote(str(workdir))}",
            output_bytes=limits.output_bytes,
        )
    except EOFError as error:
        transport.close()
        raise SandboxUnavailable(
            'backend="local": bash ended at once; check that `bash -c true` works.'
        ) from error
    except BaseException:
        transport.close()
        raise
    return ShellSandbox(transport, shell, workdir=str(workdir), limits=limits, description="local")


def _clean(session: int, root: Path, state: Path) -> None:
    # A process may fork between being listed and being killed: look again until none is left.
    for _ in range(20):
        if not _kill_all(session, root):
            break
    remove_folder(root)
    shutil.rmtree(state, ignore_errors=True)


def remove_folder(root: Path) -> None:
    """Remove what a sandbox left, also folders that a command has closed to their owner."""
    shutil.rmtree(root, ignore_errors=True)
    if not root.exists():
        return
    for folder, inner, _ in os.walk(root):
        for path in (Path(folder, name) for name in inner):
            # A link may lead anywhere.
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


def _kill_all(session: int, root: Path) -> int:
    mark = f"{_MARK}={root}".encode()
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_bytes().rpartition(b") ")[2].split()
            ours = int(fields[3]) == session or mark in (folder / "environ").read_bytes()
            if ours and fields[0] != b"Z":
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
        except (OSError, IndexError):
            continue
    return killed
