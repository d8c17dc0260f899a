"""Which new modules hide installed ones, asked of a real Python in a real container."""

import pytest

from swe_gym_env.grading.integrity import Known
from swe_gym_env.grading.repository import ACTIVATE, commit_state, lay_patch
from swe_gym_env.grading.shadows import shadowing, top_level
from swe_gym_env.sandbox import Sandbox
from tests.support.mini_instance import GOLD, new_file

HIDING = {
    "packaging/__init__.py",
    "src/iniconfig.py",
    "lib/pip/__init__.py",
    "pytest.py",
    "argparse.py",
    "unittest/__init__.py",
    "packaging.cpython-311-x86_64-linux-gnu.so",
}
HARMLESS = {
    "packaging/version.py",  # without __init__.py the installed package comes first
    "repro.py",
    "shapes/token.py",
    "setup.py",
    "shapes/__init__.py",
    "a-b/__init__.py",
    "docs/conf.py",
    "pytest.txt",
    "\udcff.py",
    "'; echo found module x; '.py",
}


@pytest.mark.docker
def test_new_modules_that_hide_installed_ones_are_told_from_others(sandbox: Sandbox) -> None:
    assert shadowing(sandbox, HIDING | HARMLESS, ACTIVATE) == HIDING


@pytest.mark.docker
def test_modules_that_the_work_tree_has_already_are_its_own(sandbox: Sandbox) -> None:
    sandbox.run("mkdir packaging; touch token.py packaging/__init__.py", 60)
    assert shadowing(sandbox, {"token.py", "packaging/__init__.py"}, ACTIVATE) == frozenset()


@pytest.mark.docker
def test_a_part_of_a_namespace_package_is_hidden_by_a_folder(sandbox: Sandbox) -> None:
    sandbox.run(
        f"( {ACTIVATE}; cd $(python -c 'import site; print(site.getsitepackages()[0])'); "
        "mkdir -p spaces/part; touch spaces/part/__init__.py )",
        60,
    )
    paths = {"spaces/part/__init__.py", "spaces/part/deep.py"}
    assert shadowing(sandbox, paths, ACTIVATE) == paths


@pytest.mark.docker
def test_without_python_the_names_that_everyone_knows_are_known(sandbox: Sandbox) -> None:
    assert shadowing(sandbox, {"pytest.py", "packaging.py"}, "PATH=") == {"pytest.py"}


def test_what_import_may_find_by_its_first_name() -> None:
    assert top_level("numpy.py") and top_level("src/numpy/__init__.py")
    assert not top_level("README.md") and not top_level("a-b/c.py")


KNOWN = Known(frozenset(), frozenset(), frozenset(), "pytest tests")


@pytest.mark.docker
def test_what_a_patch_really_wrote_is_put_back_in_any_repository(sandbox: Sandbox) -> None:
    commit_state(sandbox)
    hidden = {
        "packaging/__init__.py": "packaging",
        "conftest.py": "a file of which no line begins with a header",
        "judge.egg-info/PKG-INFO": "a file that git ignores",
    }
    lines = "".join(
        f"  --- /dev/null\n  +++ b/{path}\n  @@ -0,0 +1 @@\n  +# {text}\n"
        for path, text in hidden.items()
    )
    laid = lay_patch(sandbox, lines.encode(), KNOWN)
    assert laid.ok and set(laid.plan.restore) == set(hidden)
    assert {flag.kind for flag in laid.flags} == {"shadowed_module", "test_config", "metadata"}
    assert not sandbox.run(f"ls {' '.join(hidden)} 2>/dev/null", 60).output


@pytest.mark.docker
def test_a_module_that_hides_a_library_is_taken_out_and_a_repair_stays(sandbox: Sandbox) -> None:
    commit_state(sandbox)
    patch = GOLD + new_file("packaging.py", "x = 1\n") + new_file("mine.py", "import atexit\n")
    laid = lay_patch(sandbox, patch.encode(), KNOWN)
    assert laid.ok and laid.plan.restore == ("packaging.py",)
    assert [flag.kind for flag in laid.flags] == ["shadowed_module", "mentions_runner"]
    assert sandbox.run("grep -c negative shapes/area.py; ls mine.py", 60).exit_code == 0


@pytest.mark.docker
def test_what_the_gold_patch_has_is_no_shadow(sandbox: Sandbox) -> None:
    commit_state(sandbox)
    known = Known(frozenset({"packaging.py"}), frozenset(), frozenset(), "pytest tests")
    laid = lay_patch(sandbox, new_file("packaging.py", "x = 1\n").encode(), known)
    assert laid.ok and laid.flags == () and laid.plan.restore == ()
