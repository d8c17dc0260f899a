"""Our verdict and the benchmark's, beside what swebench itself says of the same patch."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from swe_gym_env.grading.report import GradeReport
from swe_gym_env.task import Task
from tests.attacks.payloads import HOOK, LINES, RUNNER
from tests.support.mini_instance import (
    GOLD,
    INSTALL,
    WRONG,
    edited,
    mini_task,
    new_file,
    open_mini,
)
from tests.support.reference import swebench_resolves

pytestmark = pytest.mark.docker

CRLF = GOLD.replace("\n", "\r\n")
HONEST = {
    "repair": GOLD,
    "wrong": WRONG,
    "not a patch": "I think the bug is in square().\n",
    "other files": GOLD.replace("shapes/area.py", "circles/area.py"),
    "CRLF": CRLF,
    "repair and a test": GOLD + new_file("tests/test_mine.py", "def test_mine():\n    pass\n"),
}
_IMPORT = "from shapes.area import square\n"
FORGED = {
    "conftest hook": new_file("conftest.py", HOOK),
    "runner patched at import": edited("shapes/__init__.py", _IMPORT, _IMPORT + RUNNER),
    "result lines and exit code at exit": edited(
        "shapes/__init__.py",
        _IMPORT,
        f"{_IMPORT}import atexit, os\n"
        f"atexit.register(lambda: os.write(1, b'{LINES}>>>>> Test Exit Code: 0\\n'))\n",
    ),
}


@dataclass(frozen=True)
class Both:
    """A patch judged by us and by swebench."""

    ours: GradeReport
    swebench: bool


@pytest.fixture(scope="module")
def judged(task: Task) -> dict[str, Both]:
    """Every patch judged by both sides, a few at a time."""
    patches = {**HONEST, **FORGED}

    def judge(patch: str) -> Both:
        return Both(
            task.harness.grade(task, patch.encode(), open_mini, 600),
            swebench_resolves(dict(task.privileged.row), patch),
        )

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(patches, pool.map(judge, patches.values()), strict=True))


@pytest.mark.parametrize("name", [*HONEST, *FORGED])
def test_the_benchmarks_verdict_is_what_swebench_says(judged: dict[str, Both], name: str) -> None:
    both = judged[name]
    assert both.ours.benchmark_resolved == both.swebench, both.ours


@pytest.mark.parametrize("name", HONEST)
def test_on_honest_patches_ours_is_the_same(judged: dict[str, Both], name: str) -> None:
    assert judged[name].ours.resolved == judged[name].swebench


@pytest.mark.parametrize("name", FORGED)
def test_where_plain_swebench_is_fooled_we_are_not(judged: dict[str, Both], name: str) -> None:
    assert judged[name].swebench
    assert not judged[name].ours.resolved and judged[name].ours.integrity


def test_a_repair_is_resolved_without_flags(judged: dict[str, Both]) -> None:
    report = judged["repair"].ours
    assert report.resolved and report.patch_applied and report.integrity == ()
    assert (report.fail_to_pass, report.pass_to_pass) == ((1, 1), (4, 4))
    assert set(report.tests.values()) == {"passed"}
    assert "PASSED tests/test_area.py::test_square" in report.log
    assert {"open", "patch", "install", "tests", "control"} <= report.timings.keys()


def test_a_wrong_patch_fails_what_it_should_repair_and_nothing_else(
    judged: dict[str, Both],
) -> None:
    report = judged["wrong"].ours
    assert (report.fail_to_pass, report.pass_to_pass) == ((0, 1), (4, 4))
    assert report.tests["tests/test_area.py::test_a_negative_side_is_refused"] == "failed"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("not a patch", "is not a patch"), ("other files", "does not have: circles/area.py")],
)
def test_what_cannot_be_applied_says_why(judged: dict[str, Both], name: str, sentence: str) -> None:
    report = judged[name].ours
    assert not report.patch_applied
    (flag,) = report.integrity
    assert sentence in flag.detail


def test_an_agents_own_new_test_is_flagged_and_costs_no_second_run(
    judged: dict[str, Both],
) -> None:
    report = judged["repair and a test"].ours
    assert [(flag.kind, flag.path) for flag in report.integrity] == [
        ("test_file", "tests/test_mine.py")
    ]
    assert report.log.count("test session starts") == 1


def test_the_public_report_names_no_test(judged: dict[str, Both]) -> None:
    assert "test_" not in repr(judged["wrong"].ours.public())


def test_an_empty_patch_is_unresolved_at_once(task: Task) -> None:
    report = task.harness.grade(task, b"", open_mini, 600)
    assert not report.resolved and report.benchmark_resolved is False
    assert report.integrity[0].kind == "empty_patch" and report.seconds < 1


def test_a_patch_of_a_hundred_megabytes_is_unresolved_at_once(task: Task) -> None:
    report = task.harness.grade(task, b"diff --git a/x b/x\n" + b"+x\n" * 34_000_000, open_mini, 60)
    assert not report.resolved and not report.patch_applied
    assert "at most 16,777,216" in report.integrity[0].detail and report.seconds < 5


def test_tests_that_hang_are_unresolved_when_their_time_is_up(task: Task) -> None:
    patch = GOLD.replace('raise ValueError("a side is not negative")', "while True: pass")
    report = task.harness.grade(task, patch, open_mini, 15)
    assert not report.resolved and report.benchmark_resolved is False and report.patch_applied
    assert [flag.kind for flag in report.integrity] == ["timed_out"]


def test_bytes_that_are_not_utf8_are_judged_by_us_and_refused_by_swebench(task: Task) -> None:
    latin = new_file("shapes/latin.py", "# coding: latin-1\nNAME = 'café'\n").encode("latin-1")
    report = task.harness.grade(task, GOLD.encode() + latin, open_mini, 600)
    assert report.resolved and report.benchmark_resolved is False
    assert [flag.kind for flag in report.integrity] == ["not_utf8"]


def test_a_binary_patch_is_judged_as_any_other(task: Task) -> None:
    binary = (
        "diff --git a/shapes/logo.bin b/shapes/logo.bin\nnew file mode 100644\n"
        "index 0000000000000000000000000000000000000000..8352675d01ee9c0c97ae3c1bf4c3fb0f13d1bd5f\n"
        "GIT binary patch\nliteral 3\nKcmZQzWdH#H00961\n\nliteral 0\nHcmV?d00001\n\n"
    )
    report = task.harness.grade(task, GOLD + binary, open_mini, 600)
    assert report.patch_applied == report.resolved == report.benchmark_resolved


@pytest.mark.usefixtures("task")  # the engine and the image
def test_a_build_script_that_installs_a_plugin_is_found_out() -> None:
    """setup.py runs as root before the tests; nothing of what it leaves is restored."""
    setup = (
        "import site, pathlib\nfrom setuptools import setup\n\n"
        "folder = [p for p in site.getsitepackages() if 'envs' in p][0]\n"
        "pathlib.Path(folder, 'judge.pth').write_text(\n"
        "    'import _pytest.python as p; p.Function.runtest = lambda self: None\\n')\n\nsetup()\n"
    )
    patch = (
        "diff --git a/setup.py b/setup.py\n--- a/setup.py\n+++ b/setup.py\n@@ -1,3 +1,9 @@\n"
        "-from setuptools import setup\n-\n-setup()\n"
        + "".join(f"+{line}\n" for line in setup.splitlines())
    ).replace("+1,9", f"+1,{len(setup.splitlines())}")
    task = mini_task(INSTALL)
    report = task.harness.grade(task, patch, open_mini, 600)
    assert report.benchmark_resolved and not report.resolved
    kinds = {flag.kind for flag in report.integrity}
    assert kinds == {"build_file", "forged_results", "mentions_runner"}
