"""The control experiment: a verdict counts only if the same run fails once its tests are broken.

Code under test shares a process with the test runner, so it can print results, patch the runner or
leave early, and no marker or plugin is out of its reach. What it cannot know is whether a test
ought to pass. So the test functions are made to fail, each after it has done all that it does, and
the same command runs again: a test that still "passes" was never judged by what it says.
A test that compares something with what is equal to everything (grading/equality.py) is let pass.
"""

import ast
import re
import secrets
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from swe_gym_env.grading.equality import probe_equality

_PYTEST = re.compile(r"(?P<path>[^\s:]+\.py)::(?P<name>[^\[]+)")
_UNITTEST = re.compile(r"(?P<test>\w+) \((?P<place>[\w.]+)\)")
_EXPECTED = re.compile(rb"xfail|expectedFailure")


@dataclass(frozen=True)
class Broken:
    """A test file in which every test fails, unless it finds something equal to everything.

    content: its text. tests: what was broken, as "Class.function" or "function"; docstrings: the
    first lines of those tests' docstrings, by which unittest may call them. expects_failure: those
    of the tests that the file marks as expected to fail.
    """

    content: bytes
    tests: frozenset[str]
    docstrings: frozenset[str]
    expects_failure: frozenset[str]


def break_tests(content: bytes) -> Broken | None:
    """Make every test function of a Python file fail; None where none is found."""
    try:
        tree = ast.parse(content)
        found = list(_tests(tree, ""))
        if not found:
            return None
        expected = _expected_failures(content, found)
        seen = probe_equality(tree)
        for _, function in found:
            _break(function, seen)
        broken = ast.unparse(ast.fix_missing_locations(tree)).encode()
        ast.parse(broken)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    docstrings = (ast.get_docstring(function) or "" for _, function in found)
    return Broken(
        broken,
        frozenset(name for name, _ in found),
        frozenset(first for text in docstrings if (first := text.strip().split("\n")[0].strip())),
        expected,
    )


def forged(
    before: Mapping[str, str], after: Mapping[str, str], broken: Mapping[str, Broken]
) -> tuple[str, ...]:
    """The tests that pass although they are broken, or fail as only the code under test expects.

    before, after: test name -> swebench's status, of the run that is judged and of the control.
    broken: path -> the file as it was in the control run.
    """
    found = []
    for name in {**before, **after}:
        place = _place_of(name, broken)
        if place is None:
            continue
        file, test = place
        # A docstring does not tell which test it is.
        expected = test in file.expects_failure if test else bool(file.expects_failure)
        first, second = before.get(name), after.get(name)
        unmarked = not expected and "XFAIL" in (first, second)
        if second == "PASSED" or unmarked or (first == "PASSED" and second == "XFAIL"):
            found.append(name)
    return tuple(found)


def judged(names: Iterable[str], broken: Mapping[str, Broken]) -> Set[str]:
    """Those of the tests that a control run can say something about."""
    return {name for name in names if _place_of(name, broken) is not None}


def test_files_of(names: Iterable[str]) -> set[str]:
    """The Python files that tests name."""
    return {match["path"] for name in names if (match := _PYTEST.match(name))}


def _place_of(name: str, broken: Mapping[str, Broken]) -> tuple[Broken, str] | None:
    """The broken file that surely holds the test of this name, and what it is called there."""
    if match := _PYTEST.match(name):
        file, test = broken.get(match["path"]), match["name"].replace("::", ".")
        return (file, test) if file and test in file.tests else None
    if match := _UNITTEST.fullmatch(name):
        place = match["place"].removesuffix(f".{match['test']}")
        module, _, case = place.rpartition(".")
        test = f"{case}.{match['test']}"
        for path, file in broken.items():
            if f"/{path}".endswith(f"/{module.replace('.', '/')}.py"):
                return (file, test) if test in file.tests else None
        return None
    for file in broken.values():
        if name in file.tests:
            return file, name
        if name in file.docstrings:
            return file, ""
    return None


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _tests(node: ast.Module | ast.ClassDef, prefix: str) -> Iterable[tuple[str, _Function]]:
    for child in node.body:
        if isinstance(child, ast.ClassDef):
            yield from _tests(child, f"{prefix}{child.name}.")
        elif isinstance(child, _Function) and child.name.startswith("test"):
            yield f"{prefix}{child.name}", child


_BROKEN = """
try:
    pass
except BaseException:
    assert {seen}
finally:
    assert {seen} or {number} == {other}
"""


def _break(function: _Function, seen: str) -> None:
    """Let the body do what it does, and fail after it, whatever came of it.

    seen: a list that is empty unless the test has to pass, whatever came of it.
    """
    body = function.body
    words = body[:1] if ast.get_docstring(function, clean=False) is not None else []
    # Numbers that are new each time: a text to look for would give the control run away.
    number = secrets.randbelow(10**6)
    (wrong,) = ast.parse(_BROKEN.format(seen=seen, number=number, other=number + 1)).body
    assert isinstance(wrong, ast.Try)
    wrong.body = body[len(words) :] or wrong.body
    function.body = [*words, wrong]


def _expected_failures(content: bytes, found: list[tuple[str, _Function]]) -> frozenset[str]:
    """The tests that the file marks, or may mark, as expected to fail."""
    outside = content.splitlines()
    own: dict[str, bytes] = {}
    for name, function in found:
        first = min([function.lineno, *(mark.lineno for mark in function.decorator_list)]) - 1
        last = function.end_lineno or first + 1
        own[name] = b"\n".join(outside[first:last])
        outside[first:last] = [b""] * (last - first)
    if _EXPECTED.search(b"\n".join(outside)):
        return frozenset(own)
    return frozenset(name for name, text in own.items() if _EXPECTED.search(text))
