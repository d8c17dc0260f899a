"""Laying a patch over a fresh work tree exactly as swebench does, and saying why where it fails."""

import shlex
from dataclasses import dataclass

from swe_gym_env.grading.changes import mark_time
from swe_gym_env.grading.patch_text import is_patch
from swe_gym_env.grading.swebench.session import Session

_SECONDS = 120.0


@dataclass(frozen=True)
class Applied:
    """How a patch went on.

    ok: the patch is in the tree. by: the command that did it. output: what that command, or the
    last one, said. clear: swebench can read that output; what is not UTF-8 ends its run.
    """

    ok: bool
    by: str
    output: bytes
    clear: bool


def apply_patch(session: Session, patch: bytes) -> Applied:
    """Try swebench's commands in turn, with its resets between them."""
    from swebench.harness.constants import CONTAINER_PATCH_FILE
    from swebench.harness.run_evaluation import GIT_APPLY_CMDS

    session.sandbox.write(CONTAINER_PATCH_FILE, patch)
    output = b""
    for attempt, command in enumerate(GIT_APPLY_CMDS):
        if attempt:
            session.run("git checkout -- . ; git clean -fd", _SECONDS)
        # Here, since the reset may write every file anew.
        mark_time(session.sandbox, f"{session.folder}/mark")
        said = session.run(f"{command} {CONTAINER_PATCH_FILE}", _SECONDS)
        output = said.output
        if said.code == 0:
            return Applied(True, command, output, is_utf8(output))
    said = session.run(f"git apply --check --reverse {CONTAINER_PATCH_FILE}", _SECONDS)
    if said.code == 0:
        return Applied(True, "git apply --check --reverse", output, True)
    return Applied(False, "", output, is_utf8(output))


def why_not(patch: bytes, applied: Applied, missing: tuple[str, ...]) -> str:
    """One sentence on a patch that did not apply. missing: paths it names that there are not."""
    if not is_patch(patch):
        return "The submission is not a patch: it has no header such as `diff --git a/FILE b/FILE`."
    if missing:
        return f"The patch is for a file that this repository does not have: {missing[0]}."
    if b"\r\n" in patch and b"\n" in patch.replace(b"\r\n", b""):
        return (
            "The patch does not apply: it mixes CRLF and LF line ends, and some differ from those "
            f"of the file. {_last_words(applied.output)}"
        )
    said = _last_words(applied.output)
    return f"The patch does not apply: its lines are not those of the file. {said}"


def is_utf8(data: bytes) -> bool:
    """Whether swebench, which decodes all output strictly, can go on with this."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def missing_paths(session: Session, paths: frozenset[str]) -> tuple[str, ...]:
    """Those of `paths` that the work tree does not have."""
    tests = "\n".join(
        f"[ -e {shlex.quote('./' + path)} ] || echo {number}"
        for number, path in enumerate(sorted(paths))
    )
    said = session.run(tests, _SECONDS) if paths else None
    known = sorted(paths)
    numbers = said.output.split() if said else []
    return tuple(known[int(number)] for number in numbers if number.isdigit())


def _last_words(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return f"git and patch say: {'; '.join(lines[-3:])[:300]}" if lines else ""
