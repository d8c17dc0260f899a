"""R2E-Gym's grading: the image's own test script, every status as the row expects it.

The published images hold the repository in /testbed with a virtual environment .venv, the script
/testbed/run_tests.sh (`.venv/bin/python -m pytest -rA r2e_tests`) and the hidden tests in
/r2e_tests. R2E-Gym moves both to /root and links the tests back into the tree, where its agent can
read them; here the agent's sandbox does not have them at all.

The verdict is R2E-Gym's: the tests named in pytest's summary are those of `expected_output_json`,
no more and no fewer, each with the same status. Tests may be expected to fail. Source:
src/r2egym/agenthub/runtime/docker.py (`_calculate_reward_r2e`) and its log parser, read in public
copies; the published images could not be tried.
"""

import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.grading import pytest_run, repository
from swe_gym_env.grading.report import Flag, GradeReport
from swe_gym_env.grading.swebench.submission import Submission, record_start, take_patch
from swe_gym_env.history import cut_history
from swe_gym_env.sandbox.protocol import Sandbox
from swe_gym_env.task import Task

# What an image keeps beside the repository: the tests, and in older ones the answer itself.
_HIDDEN = (
    "run_tests.sh r2e_tests syn_issue.json expected_test_output.json execution_result.json "
    "parsed_commit.json modified_files.json modified_entities.json"
).split()
_ASIDE = "/var/tmp/r2e"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|\r")
_STATUSES = ("PASSED", "FAILED", "ERROR")


@dataclass(frozen=True)
class R2EHarness:
    """Sets up and judges R2E-Gym tasks."""

    def prepare(self, task: Task, sandbox: Sandbox) -> None:
        """The repository as one commit, without the hidden tests and whatever tells of the fix."""
        _take_aside(sandbox)
        sandbox.run(f"rm -rf {_ASIDE}", 60)
        repository.commit_state(sandbox)
        cut_history(sandbox, "HEAD")
        record_start(sandbox)
        tree = shlex.quote(sandbox.workdir)
        sandbox.run(f"export PATH={tree}/.venv/bin:/root/.local/bin:$PATH; cd {tree}", 30)

    def submission(self, task: Task, sandbox: Sandbox) -> Submission:
        """What the agent has changed, as a patch."""
        return take_patch(sandbox)

    def grade(
        self,
        task: Task,
        submission: Submission | bytes,
        open_sandbox: Callable[[], Sandbox],
        seconds: float,
    ) -> GradeReport:
        """Judge a patch on the image's tree with the image's tests."""
        begin = time.perf_counter()
        left = Submission(submission) if isinstance(submission, bytes) else submission
        expected = expected_statuses(task.privileged.row["expected_output_json"])
        known = repository.known_of(task.privileged.gold_patch, (), "pytest r2e_tests")
        with open_sandbox() as sandbox:
            _take_aside(sandbox)
            repository.commit_state(sandbox)
            cut_history(sandbox, "HEAD")
            laid = repository.lay_patch(sandbox, left.patch, known, _path(sandbox))
            _bring_back(sandbox)
            ready = time.perf_counter()
            script = _script(sandbox)
            ran = pytest_run.run_script(sandbox, script, seconds) if laid.ok else None
            found = parse(ran.log) if ran and not ran.timed_out else {}
            theirs = bool(expected) and found == expected
            forgery = _forgery(sandbox, script, seconds) if theirs else ()
        tests = {name: found.get(name, "missing").lower() for name in expected}
        return GradeReport(
            resolved=theirs and not (laid.plan.refused or left.refused or forgery),
            benchmark_resolved=theirs,
            tests=tests,
            fail_to_pass=pytest_run.count_passed(tests, task.privileged.fail_to_pass, "passed"),
            pass_to_pass=(0, 0),
            log=laid.output + (ran.log if ran else ""),
            seconds=time.perf_counter() - begin,
            integrity=(*filter(None, (left.refused,)), *laid.flags, *forgery),
            patch_applied=laid.ok,
            timings={"prepare": ready - begin, "tests": ran.seconds if ran else 0.0},
        )


def parse(log: str) -> dict[str, str]:
    """Test -> PASSED, FAILED or ERROR, as R2E-Gym names them: without the file, dots for "::"."""
    _, found, summary = _COLOUR.sub("", log).partition("short test summary info")
    said: dict[str, str] = {}
    for line in summary.split("\n") if found else ():
        status, _, rest = line.partition(" ")
        if status in _STATUSES:
            name = ".".join(rest.split("::")[1:]).split(" - ")[0]
            # A test of which two things are said has not simply passed.
            said[name] = status if said.get(name, "PASSED") == "PASSED" else said[name]
    return {name: status for name, status in said.items() if name}


def expected_statuses(expected: Mapping[str, str]) -> dict[str, str]:
    """The row's expectation, named as `parse` names tests."""
    plain = {_COLOUR.sub("", name).split(" - ")[0]: status for name, status in expected.items()}
    return {name: status for name, status in plain.items() if name}


def _forgery(sandbox: Sandbox, script: str, seconds: float) -> tuple[Flag, ...]:
    """Whether tests pass that were broken on purpose."""
    files = [path for path in sandbox.read_files("r2e_tests") if path.endswith(".py")]
    ran, broken = pytest_run.broken_run(sandbox, files, script, seconds)
    names = {name for file in broken.values() for name in file.tests}
    passed = [name for name, status in parse(ran.log).items() if status == "PASSED"]
    return pytest_run.forged_flag([name for name in passed if name.split("[")[0] in names])


def _take_aside(sandbox: Sandbox) -> None:
    """Move what only the grader may have out of the tree, wherever this image keeps it."""
    tree = shlex.quote(sandbox.workdir)
    places = " ".join(f"{where}/{name}" for where in (tree, "/root", "") for name in _HIDDEN)
    result = sandbox.run(
        f"( mkdir -p {_ASIDE}; for path in {places}; do "
        f'if [ -L "$path" ]; then rm -f "$path"; '
        f'elif [ -e "$path" ]; then rm -rf "{_ASIDE}/${{path##*/}}"; mv "$path" {_ASIDE}/; fi; '
        f"done; [ -f {_ASIDE}/run_tests.sh ] && [ -d {_ASIDE}/r2e_tests ] )",
        120,
    )
    if result.exit_code != 0:
        raise SandboxUnavailable(
            f"this image has no run_tests.sh and r2e_tests beside {sandbox.workdir}, "
            f"so it is none of R2E-Gym's: {result.output.strip()[-300:]}"
        )


def _bring_back(sandbox: Sandbox) -> None:
    tree = shlex.quote(sandbox.workdir)
    sandbox.run(f"( rm -rf {tree}/r2e_tests; mv {_ASIDE}/r2e_tests {tree}/r2e_tests )", 60)


def _script(sandbox: Sandbox) -> str:
    return f"{_path(sandbox)}\nbash {_ASIDE}/run_tests.sh\n"


def _path(sandbox: Sandbox) -> str:
    path = f"{sandbox.workdir}/.venv/bin:/root/.venv/bin:/root/.local/bin:/root/.cargo/bin"
    return f"export PATH={shlex.quote(path)}:$PATH"
