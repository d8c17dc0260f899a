"""A work tree with a bit of everything in it, and what is there, told file by file."""

import shlex

from swe_gym_env.sandbox import Sandbox
from swe_gym_env.sandbox.protocol import Limits
from swe_gym_env.sandbox.snapshots import Snapshots

LIMITS = Limits(command_seconds=60, memory_mb=2048, disk_mb=64)

# A user other than root has to open what is closed, and closes it again.
WALK = r"""
import hashlib, os, stat
closed = []
def look(path):
    s = os.lstat(path)
    what = ""
    if stat.S_ISLNK(s.st_mode):
        what = os.readlink(path)
    elif stat.S_ISREG(s.st_mode) or stat.S_ISDIR(s.st_mode):
        needed = 0o700 if stat.S_ISDIR(s.st_mode) else 0o400
        if s.st_mode & needed != needed and os.geteuid():
            closed.append((path, stat.S_IMODE(s.st_mode)))
            os.chmod(path, s.st_mode | needed)
    if stat.S_ISREG(s.st_mode):
        what = (s.st_mtime_ns, hashlib.sha256(open(path, "rb").read()).hexdigest())
    print(path, oct(s.st_mode), s.st_uid, s.st_gid, what)
    if stat.S_ISDIR(s.st_mode):
        for name in sorted(os.listdir(path)):
            look(os.path.join(path, name))
look(b".")
for path, mode in reversed(closed):
    os.chmod(path, mode)
"""
SNAPSHOT_OF_GIT = "git log --all --oneline; git status --short; git stash list; git diff | cat"


def tree_of(sandbox: Sandbox, unit: int = 1) -> str:
    """Names, kinds, modes, owners, link targets, contents and times of files, told by Python.

    unit: nanoseconds to which times are told."""
    walk = WALK.replace("mtime_ns", f"mtime_ns // {unit}")
    result = sandbox.run(f"(cd {sandbox.workdir} && python3 -c {shlex.quote(walk)})")
    assert result.exit_code == 0, result.output
    return result.output


SECONDS = 10**9
"""The engine keeps times in images to the second."""


def same_again(sandbox: Sandbox) -> Snapshots:
    """Snapshots of a sandbox that another fixture closes."""

    def no_other(image: str | None) -> Sandbox:
        raise AssertionError("no other sandbox is wanted here")

    return Snapshots(sandbox, no_other)


def make_repository(sandbox: Sandbox) -> None:
    """In the work tree; $AWAY is a folder outside of it, with a folder `far` that links lead to."""
    made = sandbox.run(
        f"""export AWAY=${{TMPDIR:-/tmp}}/away
        cd {sandbox.workdir} && mkdir -p "$AWAY" && {{
          chmod -R u+rwx . "$AWAY" 2>/dev/null
          find . "$AWAY" -mindepth 1 -delete
        }}
        mkdir -p "$AWAY/far/sub" && echo far >"$AWAY/far/a.py"
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q . && mkdir -p pkg/sub docs && ln -s pkg/a.py link && : >docs/index.rst
        echo 'x = 1' >pkg/a.py && echo 'y = 2' >pkg/sub/b.py
        echo '*.o' >.gitignore && echo built >pkg/c.o && git add -A && git commit -qm base"""
    )
    assert made.exit_code == 0, made.output
