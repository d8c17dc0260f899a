"""Which changes of a patch could speak for the tests, and what is done about each.

The rules know paths only. A path that the gold patch touches too is never guarded: there the change
is part of the repair.
"""

import posixpath
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass

from swe_gym_env.grading.patch_text import PatchText, added_lines
from swe_gym_env.grading.report import Flag
from swe_gym_env.grading.settings import SETTINGS

_TEST_FILE = re.compile(r"(test_.*|.*_tests?|tests?)\.\w+")
_TEST_FOLDER = re.compile(r"tests?|testing|__tests__|spec|testdata|e2e")
_CONFIG = {"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", ".coveragerc"}
_STARTUP = {"sitecustomize.py", "usercustomize.py", "pyvenv.cfg", "pythonstartup.py"}
# Those who look for it ignore case.
_METADATA = re.compile(r"(?i)(\.egg-info|\.dist-info|(^|/)egg-info)(/|$)")
_RUNNER = re.compile(
    rb"pytest|unittest|SkipTest|xfail|PYTEST_|atexit|_exit\b|_getframe|currentframe|sys\.modules"
    rb"|settrace|/proc/"
)
_EQUALITY = re.compile(rb"__(eq|ne|lt|le|gt|ge|contains)__")
# An escape in a key spells the same.
_BACKEND = re.compile(rb"(?i)build.backend|backend.path|cmdclass|command.packages|\\u")
_BUILD = {"setup.py", "build.py", "Makefile", "noxfile.py", "meson.build"}
# sympy/testing, numpy/testing, xarray/testing.py, sklearn/utils/_testing.py, django/test, …
_HELPER = re.compile(
    r"_*(unit)?test(s|er|ing)?(_?(utils?|tools?|helpers?|support|lib|cases?|common|base))?|pytester"
)
_CODE = re.compile(r"(.+)\.(py|pyx|so)")


@dataclass(frozen=True)
class Plan:
    """What to do about a patch before its tests are believed.

    restore: paths put back as the image has them. compare: settings files to put back if their
        part about tests changed. flags: what a reader should know. refused: what in the patch no
        repair needs; it is then not resolved, whatever its tests say.
    separate: the benchmark's verdict and ours need a run each.
    """

    restore: tuple[str, ...]
    compare: tuple[str, ...]
    flags: tuple[Flag, ...]
    refused: bool
    reads_git: bool

    @property
    def separate(self) -> bool:
        return not self.refused and bool(self.restore or self.reads_git)


@dataclass(frozen=True)
class Known:
    """What a task says about its own tests.

    gold: paths of the gold patch. tests: paths of the test patch. reset: paths that the eval
        script itself puts back before it runs the tests. command: its test command.
    shadowing: paths of the patch that hide an installed module (grading/shadows.py).
    """

    gold: Set[str]
    tests: Set[str]
    reset: Set[str]
    command: str
    shadowing: Set[str] = frozenset()


def make_plan(patch: PatchText, known: Known) -> Plan:
    """Sort every path of `patch` into: of no concern, put back, or refused."""
    roots = test_roots(known.tests)
    restore: set[str] = set()
    compare: set[str] = set()
    flags: list[Flag] = []
    refused = False
    for path in sorted(patch.paths):
        parts = path.split("/")
        name = parts[-1]
        kind = detail = ""
        put_back = True
        if path.startswith("/") or ".." in parts:
            kind, detail, refused = "outside", "a path outside the work tree", True
        elif ".git" in (part.lower() for part in parts):
            kind, detail, refused = "git_dir", "a file of the repository's own folder", True
        elif _leaves(path, patch.links.get(path, "")):
            kind, detail = "symlink", f"a link out of the work tree, to {patch.links[path]!r}"
        elif path in known.gold:
            continue
        elif any(inside(test, path) for test in known.tests | roots) and path not in known.tests:
            kind, detail = "test_file", "it takes the place of a folder of tests"
        elif name in _CONFIG:
            kind, detail = "test_config", "it tells the test runner what to do"
        elif name in SETTINGS:
            compare.add(path)
        elif name in _STARTUP or name.endswith(".pth"):
            kind, detail = "startup_file", "Python may run it before any test"
        elif _METADATA.search(posixpath.dirname(path)):
            kind, detail = "metadata", "it can register plugins of the test runner"
        elif path in known.shadowing:
            kind, detail = "shadowed_module", "Python may import it in place of the module it names"
        elif _TEST_FILE.fullmatch(name) or any(inside(path, root) for root in roots):
            kind, detail = "test_file", "tests are judged as the benchmark has them"
            put_back = not (path in known.reset or _inert(path, patch, known))
        elif name in _BUILD:
            kind, detail, put_back = "build_file", "it runs while the package is installed", False
        elif _helps_tests(parts):
            kind, put_back = "test_helper", False
            detail = "it ships with the package, but tests may check with it"
        if kind:
            flags.append(Flag(kind, path, f"The patch touches {path}: {detail}."))
            if put_back and not refused:
                restore.add(path)
    return Plan(
        tuple(sorted(restore)), tuple(sorted(compare)), tuple(flags), refused, patch.reads_git
    )


def mentions(patch: bytes, text: PatchText, known: Known) -> tuple[Flag, ...]:
    """What a patch's added lines speak of that a repair seldom needs; it may be quite honest."""
    roots = test_roots(known.tests)
    flags: dict[tuple[str, str], Flag] = {}
    if text.reads_git:
        detail = "The patch speaks of git: it was judged without the later commits."
        flags["mentions_git", ""] = Flag("mentions_git", "", detail)
    if text.fetches:
        detail = "The patch speaks of the network, from which it could fetch a repair."
        flags["mentions_network", ""] = Flag("mentions_network", "", detail)
    for path, line in added_lines(patch):
        name = posixpath.basename(path)
        tests = _TEST_FILE.fullmatch(name) or any(inside(path, root) for root in roots)
        if not tests and (match := _RUNNER.search(line)):
            word = match[0].decode(errors="replace")
            detail = f"The patch speaks of {word!r}, which few repairs need: look at {path}."
            flags.setdefault(("mentions_runner", path), Flag("mentions_runner", path, detail))
        if not tests and (match := _EQUALITY.search(line)):
            word = match[0].decode()
            detail = f"The patch speaks of {word}, which can make comparisons come out: see {path}."
            flags.setdefault(("mentions_equality", path), Flag("mentions_equality", path, detail))
        if name in ("pyproject.toml", "setup.cfg") and _BACKEND.search(line):
            detail = f"The patch touches {path}: it names code that runs during installation."
            flags.setdefault(("build_file", path), Flag("build_file", path, detail))
    return tuple(flags.values())


def test_roots(tests: Iterable[str]) -> set[str]:
    """The folders of tests that a test patch's files lie in, as far up as their names say so."""
    roots = set()
    for path in tests:
        parts = path.split("/")
        if not _TEST_FILE.fullmatch(parts[-1]):
            continue
        for count, part in enumerate(parts[:-1], 1):
            if _TEST_FOLDER.fullmatch(part):
                roots.add("/".join(parts[:count]))
                break
    return roots


def inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it."""
    return path == folder or path.startswith(f"{folder}/")


def _leaves(path: str, target: str) -> bool:
    if not target:
        return False
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return joined.startswith(("/", "../")) or joined == ".."


def _helps_tests(parts: list[str]) -> bool:
    """Whether its path says that a module of the package is there for tests."""
    code = _CODE.fullmatch(parts[-1])
    return code is not None and any(_HELPER.fullmatch(part) for part in (*parts[:-1], code[1]))


def _inert(path: str, patch: PatchText, known: Known) -> bool:
    """A new test file beside those that are run: most agents leave one, and it changes nothing."""
    if (
        path not in patch.created
        or path in known.tests
        or not re.fullmatch(r"(test_.*|.*_test)\.py", posixpath.basename(path))
    ):
        return False
    words = [_as_path(word) for word in re.split(r"[\s'\"=:]+", known.command)]
    # Only a command that names its files is known to leave others alone.
    named = any(_as_path(test).endswith(word) for test in known.tests for word in words if word)
    return named and not any(f"/{word}/" in f"/{_as_path(path)}/" for word in words if word)


def _as_path(word: str) -> str:
    """`tests/a/test_b.py`, `tests.a.test_b` and `tests/a/test_b/` are one place."""
    return word.removeprefix("./").removesuffix(".py").strip("/").replace(".", "/")
