"""A git work tree in a sandbox, for datasets whose rows do not tell the commit to start from."""

import secrets
import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.grading.changes import changed_paths, mark_time
from swe_gym_env.grading.integrity import Known, Plan, make_plan, mentions
from swe_gym_env.grading.patch_text import read_patch
from swe_gym_env.grading.report import Flag
from swe_gym_env.grading.settings import test_settings
from swe_gym_env.grading.shadows import shadowing, top_level
from swe_gym_env.sandbox.protocol import CommandResult, Sandbox

_WHO = " ".join(
    f"GIT_{role}_NAME=environment GIT_{role}_EMAIL=environment@localhost "
    f"GIT_{role}_DATE=2000-01-01T00:00:00Z"
    for role in ("AUTHOR", "COMMITTER")
)
# SWE-bench-like images keep their Python in a conda environment; others have it on the path.
ACTIVATE = (
    "if [ -f /opt/miniconda3/bin/activate ]; then "
    "source /opt/miniconda3/bin/activate; conda activate testbed; fi"
)


def commit_state(sandbox: Sandbox, new_files: Iterable[str] = ()) -> None:
    """Commit what is tracked as it is now, and `new_files`; what is untracked stays out for good.

    Raises SandboxUnavailable when the image's work tree is no git repository.
    """
    listed = _git(sandbox, "ls-files --others --exclude-standard --directory")
    if listed.exit_code != 0:
        raise SandboxUnavailable(
            f"{sandbox.workdir} in this image is not the git repository that the task needs: "
            f"{listed.output.strip()[-300:]}"
        )
    names = set(new_files)
    exclude = "".join(_pattern(p) for p in listed.output.splitlines() if p and p not in names)
    sandbox.write("/var/tmp/swe-gym-exclude", exclude.encode())
    add = " ".join(map(shlex.quote, sorted(names)))
    done = _run(
        sandbox,
        "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'; "
        "set -e; git add -u; "
        + (f"git add -A -f -- {add}; " if add else "")
        + f"{_WHO} git commit -q --no-verify --no-gpg-sign --allow-empty -m environment; "
        'folder=$(git rev-parse --git-dir); mkdir -p "$folder/info"; '
        'cat /var/tmp/swe-gym-exclude >> "$folder/info/exclude"; rm /var/tmp/swe-gym-exclude',
    )
    if done.exit_code != 0:
        raise SandboxUnavailable(
            f"the state of {sandbox.workdir} cannot be committed: {done.output.strip()[-300:]}"
        )


class Laid(NamedTuple):
    """How a patch went on. ok: the whole of it is in the tree. output: what was said. plan: what
    was put back. flags: what a reader of the score should know."""

    ok: bool
    output: str
    plan: Plan
    flags: tuple[Flag, ...]


def lay_patch(sandbox: Sandbox, patch: bytes, known: Known, activate: str = ACTIVATE) -> Laid:
    """Lay a patch over the work tree, all of it or nothing, and put back, from the last commit,
    the tests and what else the integrity rules say.

    activate: shell commands after which `python` is the one that runs the tests.
    """
    text = read_patch(patch)
    hiding = shadowing(sandbox, text.paths - known.gold, activate)
    mark = f"/var/tmp/{secrets.token_hex(16)}"
    mark_time(sandbox, mark)
    ok, output = _apply(sandbox, patch)
    # An indented patch, say, whose headers `patch` reads and we do not. Tests are put back anyway.
    unnamed = changed_paths(sandbox, mark) - text.paths - known.tests
    plan = make_plan(
        replace(text, paths=text.paths | unnamed),
        replace(known, shadowing=hiding | frozenset(filter(top_level, unnamed))),
    )
    _guard(sandbox, plan, known.tests)
    return Laid(ok, output, plan, (*plan.flags, *mentions(patch, text, known)))


def known_of(gold: str, tests: Iterable[str], command: str) -> Known:
    """What the integrity rules need to know; `tests` are the files of the hidden tests."""
    files = frozenset(tests)
    return Known(read_patch(gold.encode()).paths, files, files, command)


def _apply(sandbox: Sandbox, patch: bytes) -> tuple[bool, str]:
    if not patch.strip():
        return True, "The patch is empty.\n"
    name = "/var/tmp/swe-gym-apply"
    sandbox.write(name, patch)
    loosely = f"patch --batch --forward --fuzz=5 -p1 -i {name}"
    result = _run(
        sandbox,
        f"git apply --verbose {name} || {{ {loosely} --dry-run && {loosely}; }}; "
        f"status=$?; rm -f {name}; exit $status",
    )
    return result.exit_code == 0, result.output


def _guard(sandbox: Sandbox, plan: Plan, tests: Iterable[str]) -> None:
    changed = {path for path in plan.compare if _settings_changed(sandbox, path)}
    paths = [
        path
        for path in sorted({*plan.restore, *changed, *tests})
        if not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts
    ]
    if not paths:
        return
    quoted = " ".join(shlex.quote(f"./{path}") for path in paths)
    _run(
        sandbox,
        f'for path in {quoted}; do rm -rf -- "$path"; '
        'git -c safe.directory="*" checkout -q HEAD -- "$path" 2>/dev/null; done; true',
    )


def _settings_changed(sandbox: Sandbox, path: str) -> bool:
    name = PurePosixPath(path).name
    shown = _git(sandbox, f"show {shlex.quote(f'HEAD:./{path}')} > /var/tmp/swe-gym-before")
    before = sandbox.read("/var/tmp/swe-gym-before") if shown.exit_code == 0 else None
    try:
        after = sandbox.read(path)
    except OSError:
        after = None
    return bool(test_settings(name, before) != test_settings(name, after))


def _git(sandbox: Sandbox, arguments: str) -> CommandResult:
    return _run(sandbox, f"git -c safe.directory='*' -c core.quotePath=false {arguments}")


def _run(sandbox: Sandbox, command: str) -> CommandResult:
    """In the work tree, in a shell of its own: `set` and `cd` do not outlive the command."""
    return sandbox.run(f"( cd {shlex.quote(sandbox.workdir)} && {{ {command}; }} )", 300)


def _pattern(path: str) -> str:
    """A line of .git/info/exclude that means this path and no other."""
    return "/" + "".join(f"\\{c}" if c in "\\*?[]!# " else c for c in path) + "\n"
