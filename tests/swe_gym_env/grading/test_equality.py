"""Broken tests that find something equal to everything pass, and only those."""

import asyncio
import textwrap
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from swe_gym_env.grading.control import break_tests

pytest_plugins = "pytester"


class Anything:
    def __eq__(self, other: object) -> bool:
        return True

    __ne__ = __eq__

    def __hash__(self) -> int:
        return 0


class FirstTime(Anything):
    """Equal to whatever it is compared with first, and to nothing afterwards."""

    asked = 0

    def __eq__(self, other: object) -> bool:
        self.asked += 1
        return self.asked == 1

    __hash__ = Anything.__hash__


class AnyText(str):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    __hash__ = str.__hash__


class Elementwise:
    """As an array, or a term of a query: comparing gives no truth value."""

    def __eq__(self, other: object) -> "Elementwise":  # type: ignore[override]
        return self

    __ne__ = __eq__  # type: ignore[assignment]
    __hash__ = object.__hash__


class Array(Elementwise):
    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise TypeError("not comparable")

    __hash__ = object.__hash__


class Asserts:
    """What test cases have."""

    def assertEqual(self, one: Any, other: Any, msg: str = "") -> None:
        assert one == other, msg

    assertListEqual = assert_array_equal = assertEqual

    def assertTrue(self, one: Any) -> None:
        assert one


def broken(body: str, before: str = "", **given: Any) -> dict[str, Any]:
    """A file with one test of this body, made to fail, as its module."""
    found = break_tests(f"{before}\ndef test_it(self):\n{textwrap.indent(body, '    ')}\n".encode())
    assert found
    space = {**given}
    exec(found.content, space)
    return space


def passes(test: Callable[[], object]) -> bool:
    try:
        test()
    except AssertionError:
        return False
    return True


def finds(body: str, value: Any, before: str = "") -> bool:
    """Whether the broken test passes when `value` is what it looks at."""
    space = broken(body, before, value=value)
    return passes(lambda: space["test_it"](Asserts()))


ASSERTIONS = [
    "assert value == 'refused'",
    "assert 'refused' == value",
    "assert value == 'refused', 'a message'",
    "assert 1 == 1 and value == 'refused'",
    "assert (1, [value]) == (1, ['refused'])",
    "assert {'a': {'b': value}} == {'a': {'b': 'refused'}}",
    "assert [v for v in [value]] == ['refused']",
    "assert all(v == 'refused' for v in [value])",
    "assert (v := value) == 'refused' == v",
    "with open('/dev/null'):\n    if value is not None:\n        assert value == 'refused'",
    "for _ in range(2):\n    try:\n        assert value == 'refused'\n    finally:\n        pass",
    "def check():\n    assert value == 'refused'\ncheck()",
    "assert value == 'refused'\nassert 1 == 2",
    "self.assertEqual(value, 'refused')",
    "self.assertEqual('refused', value, 'a message')",
    "self.assertEqual(value, 'refused', msg='a message')",
    "self.assertListEqual([value], ['refused'])",
    "self.assert_array_equal(value, 'refused')",
    "self.assertTrue(value == 'refused')",
]


@pytest.mark.parametrize("body", ASSERTIONS)
@pytest.mark.parametrize("kind", [Anything, FirstTime, AnyText, lambda: mock.ANY])
def test_what_is_equal_to_a_stranger_is_found(body: str, kind: Callable[[], Any]) -> None:
    assert finds(body, kind())


@pytest.mark.parametrize("body", ASSERTIONS)
@pytest.mark.parametrize(
    "value",
    ["refused", 7, None, Elementwise(), Array(), Incomparable(), mock.MagicMock(), float("nan")],
    ids=lambda value: type(value).__name__,
)
def test_honest_values_leave_every_test_failing(body: str, value: Any) -> None:
    assert not finds(body, value)


@pytest.mark.parametrize(
    "value", [0, 1.5, True, b"", "", (), [], {}, {1}, {1: 2}, [[1], (2,)], pytest.approx(1.0)]
)
def test_values_of_every_kind_are_no_strangers_equal(value: Any) -> None:
    assert not finds("assert value == value", value)
    assert not finds("self.assertEqual(value, value)", value)


@pytest.mark.parametrize(
    "before",
    [
        "from unittest.mock import ANY",
        "from unittest.mock import ANY as whatever",
        "from unittest import mock\nX = mock.ANY",
        "class Mine:\n    def __eq__(self, other):\n        return True",
    ],
)
def test_a_file_that_has_such_values_of_its_own_is_left_alone(before: str) -> None:
    assert not finds("assert value == 'refused'", Anything(), before)


@pytest.mark.parametrize("body", ["assert value != 1", "assert value is value", "assert value"])
def test_other_assertions_stay_as_they_are(body: str) -> None:
    assert not finds(body, Anything())


def test_operands_are_evaluated_once_each_and_in_their_order() -> None:
    seen: list[int] = []

    def note(number: int) -> int:
        seen.append(number)
        return 0

    body = "assert note(1) == note(2) == note(3)\nself.assertEqual(note(4), note(5), note(6))"
    space = broken(body, note=note)
    assert not passes(lambda: space["test_it"](Asserts()))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_container_that_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert not finds("assert value == [1]", endless)


@pytest.mark.parametrize(("value", "found"), [(Anything(), True), (7, False)])
def test_asynchronous_tests_are_asked_too(value: Any, found: bool) -> None:
    source = b"async def test_it():\n    assert await answer() == 'refused'\n"
    file = break_tests(source)
    assert file

    async def answer() -> Any:
        return value

    space: dict[str, Any] = {"answer": answer}
    exec(file.content, space)
    assert passes(lambda: asyncio.run(space["test_it"]())) is found


@pytest.mark.parametrize(("value", "outcome"), [("Anything()", "passed"), ("9", "failed")])
def test_pytest_runs_what_was_rewritten(
    pytester: pytest.Pytester, value: str, outcome: str
) -> None:
    file = break_tests(
        f'''"""Words."""
from __future__ import annotations

import pytest
from product import Anything

@pytest.fixture
def side():
    yield {value}

@pytest.mark.parametrize("n", [1, 2])
def test_fixture(side, n):
    """What it is."""
    assert side == 9, f"not {{n}}"

class TestIt:
    def test_method(self, side):
        __private = side
        assert __private == 9
'''.encode()
    )
    assert file
    pytester.makepyfile(
        product="class Anything:\n    def __eq__(self, other):\n        return True\n"
    )
    pytester.makepyfile(test_rewritten=file.content.decode())
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(**{outcome: 3})


def test_no_two_control_runs_share_a_name() -> None:
    def names() -> set[str]:
        found = break_tests(b"def test_it():\n    assert a == b\n")
        assert found
        return {word for word in found.content.decode().split() if word.startswith("_")}

    assert not names() & names()
