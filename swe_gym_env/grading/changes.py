"""What a program really changed in a work tree, whatever it was told to."""

import shlex

from swe_gym_env.sandbox.protocol import Sandbox

_SECONDS = 120.0
# What git itself writes while it tries a patch.
_OWN = "! -path './.git/index*' ! -path './.git/objects/??/*' ! -path './.git/objects/pack/*'"


def mark_time(sandbox: Sandbox, mark: str) -> None:
    """Note in the file `mark`, outside of the work tree, that what comes now is to be seen."""
    # A pause, since ctime has a coarse clock.
    sandbox.run(f"touch {mark}; sleep 0.02", _SECONDS)


def changed_paths(sandbox: Sandbox, mark: str) -> frozenset[str]:
    """What differs from the last commit, or was written to since `mark`: what git sees, and what
    it does not, such as ignored files and those of the repository's own folder."""
    # Of untracked files `find` knows better: a line taken from .gitignore makes old ones appear.
    status = (
        "git -c core.quotePath=false -c safe.directory='*' "
        "status --porcelain --no-renames -z --untracked-files=no"
    )
    find = f"find . ! -type d -cnewer {mark} {_OWN} -print0"
    where = shlex.quote(sandbox.workdir)
    sandbox.run(f"( cd {where} && {{ {status}; {find}; }} ) >{mark}.list 2>/dev/null", _SECONDS)
    seen = sandbox.read(f"{mark}.list").split(b"\0")
    paths = [entry[2:] if entry.startswith(b"./") else entry[3:] for entry in seen]
    return frozenset(path.decode(errors="surrogateescape") for path in paths if path)
