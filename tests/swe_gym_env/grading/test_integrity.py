"""Which paths of a patch are guarded, and what is done about each."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_gym_env.grading.integrity import Known, Plan, make_plan, mentions, test_roots
from swe_gym_env.grading.patch_text import is_patch, read_patch
from swe_gym_env.grading.report import Flag
from swe_gym_env.grading.settings import test_settings as settings_of
from tests.support.mini_instance import new_file

test_roots.__test__ = False  # type: ignore[attr-defined]
KNOWN = Known(
    gold=frozenset({"pkg/core.py", "pkg/conftest.py"}),
    tests=frozenset({"tests/unit/test_core.py", "tests/unit/test_new.py"}),
    reset=frozenset({"tests/unit/test_core.py"}),
    command="pytest -rA tests/unit/test_core.py tests/unit/test_new.py",
)


def change(path: str) -> str:
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n"


def plan(patch: str, known: Known = KNOWN) -> Plan:
    return make_plan(read_patch(patch.encode()), known)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("conftest.py", "test_config"),
        ("deep/down/conftest.py", "test_config"),
        ("pytest.ini", "test_config"),
        ("tests/unit/test_other.py", "test_file"),
        ("tests/helpers.py", "test_file"),
        ("pkg/test_inline.py", "test_file"),
        ("sitecustomize.py", "startup_file"),
        ("evil.pth", "startup_file"),
        ("pkg.egg-info/entry_points.txt", "metadata"),
        ("pkg.Dist-Info/entry_points.txt", "metadata"),
        ("pkg.egg/EGG-INFO/entry_points.txt", "metadata"),
    ],
)
def test_what_could_speak_for_the_tests_is_put_back_and_flagged(path: str, kind: str) -> None:
    found = plan(change(path))
    assert found.restore == (path,) and found.separate
    assert [(flag.kind, flag.path) for flag in found.flags] == [(kind, path)]


@pytest.mark.parametrize("path", ["pkg/core.py", "pkg/conftest.py", "pkg/other.py", "README.md"])
def test_the_package_and_what_the_gold_patch_touches_is_free(path: str) -> None:
    assert plan(change(path)) == Plan((), (), (), False, False)


def test_a_test_file_that_the_eval_script_resets_needs_no_run_of_its_own() -> None:
    found = plan(change("tests/unit/test_core.py"))
    assert not found.separate and found.flags[0].kind == "test_file"


def test_a_file_in_the_place_of_a_new_hidden_test_is_removed() -> None:
    assert plan(new_file("tests/unit/test_new.py", "x\n")).restore == ("tests/unit/test_new.py",)


@pytest.mark.parametrize(
    ("command", "inert"),
    [
        ("pytest -rA tests/unit/test_core.py", True),
        ("./tests/runtests.py --verbosity 2 unit.test_core", True),
        ("pytest -rA tests/unit", False),
        ("pytest -rA", False),
        ("pytest -rA tests/unit/test_core.py tests/unit/test_mine.py", False),
    ],
)
def test_a_new_test_beside_those_that_are_named_is_left_alone(command: str, inert: bool) -> None:
    known = Known(KNOWN.gold, KNOWN.tests, KNOWN.reset, command)
    found = plan(new_file("tests/unit/test_mine.py", "x\n"), known)
    assert found.flags and found.separate is not inert


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", ".git/hooks/post-checkout", "a/.GIT/x"]
)
def test_what_no_repair_needs_is_refused(path: str) -> None:
    assert plan(new_file(path, "x\n")).refused


@pytest.mark.parametrize("target", ["/etc", "../../x", "../.."])
def test_a_link_out_of_the_work_tree_is_taken_out(target: str) -> None:
    assert plan(new_file("pkg/data", target, "120000")).restore == ("pkg/data",)
    assert plan(new_file("pkg/data", "core.py", "120000")).restore == ()


def test_a_link_in_the_place_of_the_tests_is_taken_out() -> None:
    assert "tests" in plan(new_file("tests", "pkg", "120000")).restore


def test_a_module_that_hides_an_installed_one_is_taken_out() -> None:
    found = plan(new_file("numpy.py", "x\n"), replace(KNOWN, shadowing=frozenset({"numpy.py"})))
    assert found.restore == ("numpy.py",) and found.flags[0].kind == "shadowed_module"
    assert plan(new_file("numpy.py", "x\n")).restore == ()


@pytest.mark.parametrize(
    "path",
    [
        "sympy/testing/pytest.py",
        "numpy/testing/_private/utils.py",
        "xarray/testing.py",
        "sklearn/utils/_testing.py",
        "django/test/client.py",
        "astropy/tests/helper.py",
        "lib/matplotlib/testing/compare.py",
        "pylint/testutils/unittest_linter.py",
        "pkg/test_utils/fixtures.py",
        "pkg/unittest_tools.py",
        "src/_pytest/pytester.py",
    ],
)
def test_helpers_for_tests_that_ship_with_the_package_are_flagged_and_stay(path: str) -> None:
    found = plan(change(path))
    assert [flag.kind for flag in found.flags] == ["test_helper"]
    assert not found.separate and not found.refused
    assert plan(change(path), replace(KNOWN, gold=frozenset({path}))).flags == ()


@pytest.mark.parametrize(
    "path", ["pkg/latest.py", "pkg/attest/core.py", "src/pytest/__init__.py", "docs/testing.md"]
)
def test_product_code_with_a_name_like_that_is_no_helper(path: str) -> None:
    assert plan(change(path)).flags == ()


def test_folders_of_tests_are_known_by_their_names() -> None:
    assert test_roots(["tests/a/test_b.py", "sympy/core/tests/test_c.py", "src/test_d.py"]) == {
        "tests",
        "sympy/core/tests",
    }


def test_settings_are_watched_by_what_they_tell_the_runner() -> None:
    assert plan(change("setup.cfg")).compare == ("setup.cfg",)
    one, other = b"[metadata]\nname = x\n", b"[metadata]\nname = y\n[flake8]\na = b\n"
    assert settings_of("setup.cfg", one) == settings_of("setup.cfg", other)
    assert settings_of("setup.cfg", one) == settings_of("setup.cfg", None)
    hook = b"[tool:pytest]\naddopts = -p evil\n"
    assert settings_of("setup.cfg", one) != settings_of("setup.cfg", one + hook)
    toml = b'[project]\nname = "x"\n'
    for table in (
        b"[tool.pytest.ini_options]\naddopts = 1",
        b"[project.entry-points.pytest11]\na = 'b'",
    ):
        assert settings_of("pyproject.toml", toml) != settings_of("pyproject.toml", toml + table)
    assert settings_of("tox.ini", b"\xff") == b"\xff"


@pytest.mark.parametrize(
    "text",
    [
        "[tool]\nx = 1\f[pytest]\naddopts = -p evil\n",
        "[tool]\nx = 1\u2028[pytest]\naddopts = -p evil\n",
        "[pytest] #]\naddopts = -p evil\n",
        "\ufeff[pytest];\naddopts = -p evil\n",
    ],
)
def test_settings_are_read_as_pytest_reads_them_too(text: str) -> None:
    assert settings_of("tox.ini", text.encode()) not in (None, settings_of("tox.ini", b""))


@pytest.mark.parametrize("text", [f"a = {'1' * 5000}", f"a = {'[' * 50_000}"])
def test_settings_that_cannot_be_read_are_compared_as_a_whole(text: str) -> None:
    assert settings_of("pyproject.toml", text.encode()) == text.encode()


def test_a_flag_is_text_whatever_a_file_is_called() -> None:
    flag = Flag("test_file", "a\udcff", "It is \udcfe.")
    assert (flag.path, flag.detail) == ("a\\udcff", "It is \\udcfe.")


@pytest.mark.parametrize(
    ("path", "line", "kinds"),
    [
        ("pkg/core.py", "import sys, atexit", ["mentions_runner"]),
        ("pkg/core.py", "return 1", []),
        ("pkg/core.py", "def __eq__(self, other):", ["mentions_equality"]),
        ("tests/unit/test_core.py", "import pytest", []),
        ("pyproject.toml", 'backend-path = ["."]', ["build_file"]),
        ("pyproject.toml", "name = 'x'", []),
    ],
)
def test_words_that_repairs_seldom_need_are_flagged(path: str, line: str, kinds: list[str]) -> None:
    patch = change(path).replace("+b\n", f"+{line}\n").encode()
    assert [flag.kind for flag in mentions(patch, read_patch(patch), KNOWN)] == kinds


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("diff --git a/x y b/x y\n", {"x y"}),
        ('diff --git "a/\\303\\274\\n" "b/\\303\\274\\n"\n', {"ü\n"}),
        ("--- a/one\t2020-01-01\n+++ b/two\n", {"one", "two"}),
        ("--- /dev/null\n+++ b/conftest.py\n", {"conftest.py"}),
        ("diff --git a/p b/q\nrename from p\nrename to q\n", {"p", "q"}),
        ("diff --git a/x b/x\nrename old p\nrename new q\n", {"x", "p", "q"}),
        (
            "*** old/conftest.py\n--- new/conftest.py\n",
            {"conftest.py", "old/conftest.py", "new/conftest.py"},
        ),
        ("Index: conftest.py\n", {"conftest.py"}),
        ("--- a/one\r\n+++ b/one\r\n", {"one"}),
    ],
)
def test_every_way_of_naming_a_path_is_read(text: str, paths: set[str]) -> None:
    assert read_patch(text.encode()).paths >= paths
    assert read_patch(text.encode()).paths <= paths | {"", *(f"{p}" for p in paths)}


def test_a_patch_is_told_from_prose() -> None:
    assert is_patch(change("x").encode()) and is_patch(b"--- a\n+++ b\n")
    assert not is_patch(b"--- a list\n- of things\n") and not is_patch(b"")


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    make_plan(read_patch(data), KNOWN)
    make_plan(read_patch(b"diff --git " + data), KNOWN)


@given(
    st.lists(
        st.sampled_from(
            ["--- ", "+++ ", '"', "a/", "conftest.py", "\\3", "\n", "diff --git ", "120000"]
        )
    )
)
def test_no_text_of_headers_makes_the_reader_fail(pieces: list[str]) -> None:
    make_plan(read_patch("".join(pieces).encode()), KNOWN)
