"""New modules of the work tree that Python would find before installed ones of the same name.

With `python -m pytest` the work tree comes first on the path, and `import numpy` finds a `numpy/`
that a patch has put there.
"""

import re
import secrets
import shlex
import sys
from collections.abc import Iterable
from typing import NamedTuple

from swe_gym_env.sandbox.protocol import Sandbox

_RUNNERS = {"pytest", "_pytest", "pluggy", "iniconfig", "py", "xdist", "pytest_cov", "tox", "nose"}
_MODULE = re.compile(r"(\w+)(\.[\w-]+)?\.(py|pyc|so)")
_SECONDS = 120.0

# Which of the names, one a line, Python finds outside of the work tree; what is installed into an
# environment that lies in it counts as outside. A namespace package has no place of its own.
_FIND = r"""
import importlib.util, os, sys
del sys.path[0]
tree = os.path.join(os.path.realpath(sys.argv[1]), '')
for name in sys.stdin.read().split():
    try:
        spec = importlib.util.find_spec(name)
        origin = spec.origin if spec.origin != 'namespace' else None
        for place in [origin] if origin else list(spec.submodule_search_locations):
            if not os.path.realpath(place).startswith(tree) or '-packages' in place:
                print('found', 'module' if origin else 'namespace', name)
    except Exception:
        pass
"""


class _Candidate(NamedTuple):
    """A path that may be new. module: what it is a module or a part of. new_if: this path is not
    there yet. whole: it is the module's own file, which any other module has to give way to; a
    folder without one hides parts of namespace packages only."""

    path: str
    module: str
    new_if: str
    whole: bool


def shadowing(sandbox: Sandbox, paths: Iterable[str], activate: str) -> frozenset[str]:
    """Those of `paths` that, once they are there, hide a module that is installed.

    Ask a fresh sandbox, before a patch goes on. activate: shell commands after which `python` is
    the one that runs the tests. Where no Python answers, known are the names of the standard
    library and of test runners.
    """
    candidates = [found for path in sorted(set(paths)) if (found := _candidate(path))]
    new = _new(sandbox, candidates)
    if not new:
        return frozenset()
    known = _RUNNERS | sys.stdlib_module_names
    modules, namespaces = _installed(sandbox, {one.module for one in new} - known, activate)
    return frozenset(
        one.path
        for one in new
        if (one.whole and one.module in known | modules) or one.module in namespaces
    )


def top_level(path: str) -> bool:
    """Whether `path`, where it is new, may be a module that `import` finds by its first name."""
    return _candidate(path) is not None


def _candidate(path: str) -> _Candidate | None:
    parts = path.split("/")
    root = f"{parts[0]}/" if parts[0] in ("src", "lib") and len(parts) > 1 else ""
    top = parts[1:] if root else parts
    file = _MODULE.fullmatch(top[-1])
    if not file:
        return None
    if len(top) == 1:
        return _Candidate(path, file[1], path, True)
    if not top[0].isidentifier():
        return None
    if len(top) == 2 and file[1] == "__init__":
        return _Candidate(path, top[0], path, True)
    return _Candidate(path, top[0], f"{root}{top[0]}", False)


def _new(sandbox: Sandbox, candidates: list[_Candidate]) -> list[_Candidate]:
    """The candidates that are not there yet."""
    places = sorted({one.new_if for one in candidates})
    looks = "\n".join(
        f"[ -e {shlex.quote(place)} ] || [ -L {shlex.quote(place)} ] || echo {number}"
        for number, place in enumerate(places)
    )
    if not looks:
        return []
    said = sandbox.run(f"( cd {shlex.quote(sandbox.workdir)} && {{ {looks}\n}} )", _SECONDS)
    missing = {places[int(number)] for number in said.output.split() if number.isdigit()}
    return [one for one in candidates if one.new_if in missing]


def _installed(sandbox: Sandbox, names: set[str], activate: str) -> tuple[set[str], set[str]]:
    """(modules, namespace packages) among the names that Python finds outside of the work tree."""
    if not names:
        return set(), set()
    file = f"/var/tmp/{secrets.token_hex(16)}"
    sandbox.write(file, "\n".join(sorted(names)).encode())
    said = sandbox.run(
        f"( {activate}; cd /; $(command -v python || command -v python3) "
        f"-c {shlex.quote(_FIND)} {shlex.quote(sandbox.workdir)} <{file}; rm -f {file} ) "
        "2>/dev/null",
        _SECONDS,
    )
    kinds: dict[str, set[str]] = {"module": set(), "namespace": set()}
    for line in said.output.splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[0] == "found" and words[1] in kinds and words[2] in names:
            kinds[words[1]].add(words[2])
    return kinds["module"], kinds["namespace"]
