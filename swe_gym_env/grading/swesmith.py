"""SWE-smith's grading: lay the bug down, then the repair, run the tests, compare.

A row's `patch` is the bug; its reverse is the repair. The published images hold the repository
before the bug. Its branch INSTANCE_ID has two commits on top, the bug and "Remove F2P Tests",
which takes away the files of the failing tests; here both are made from the row, so neither
network nor branch is needed. A test file that holds failing tests is thus not there for the agent.

SWE-smith counts a test that is not reported as passed (its issue 24), and runs the whole suite or
parts of it. We run the files of the named tests, a missing test has not passed, and both verdicts
are in the report. Sources: swesmith/harness/{gather,grading,utils}.py and profiles/python.py, read
in their public repository; the published images could not be tried.
"""

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.grading import pytest_run, repository
from swe_gym_env.grading.control import forged
from swe_gym_env.grading.patch_text import read_patch
from swe_gym_env.grading.report import Flag, GradeReport
from swe_gym_env.grading.swebench.submission import Submission, record_start, take_patch
from swe_gym_env.history import cut_history
from swe_gym_env.sandbox.protocol import Sandbox
from swe_gym_env.task import Task

PYTEST = "pytest --disable-warnings --color=no --tb=no -rA"


@dataclass(frozen=True)
class SWESmithHarness:
    """Sets up and judges SWE-smith tasks. command: how pytest is run; test files are appended."""

    command: str = PYTEST

    def prepare(self, task: Task, sandbox: Sandbox) -> None:
        """The tree with the bug, without the files of the failing tests, as one commit."""
        _lay_bug(task, sandbox)
        _remove(sandbox, files_of(task.privileged.fail_to_pass))
        repository.commit_state(sandbox, _paths(task.privileged.row["patch"]))
        cut_history(sandbox, "HEAD")
        record_start(sandbox)
        sandbox.run(f"{repository.ACTIVATE}; cd {shlex.quote(sandbox.workdir)}", 60)

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
        """Judge a patch on the tree with the bug and with its tests as they were."""
        begin = time.perf_counter()
        left = Submission(submission) if isinstance(submission, bytes) else submission
        answer = task.privileged
        names = (*answer.fail_to_pass, *answer.pass_to_pass)
        command = f"{self.command} {' '.join(map(shlex.quote, files_of(names)))}"
        known = repository.known_of(answer.gold_patch, files_of(names), command)
        with open_sandbox() as sandbox:
            _lay_bug(task, sandbox)
            repository.commit_state(sandbox, _paths(answer.row["patch"]))
            cut_history(sandbox, "HEAD")
            _remove(sandbox, files_of(answer.fail_to_pass))
            laid = repository.lay_patch(sandbox, left.patch, known)
            ready = time.perf_counter()
            script = f"{repository.ACTIVATE}\n{command}\n"
            ran = pytest_run.run_script(sandbox, script, seconds) if laid.ok else None
            statuses = pytest_run.statuses(ran.log) if ran else {}
            tests = {name: statuses.get(name, "missing") for name in names}
            doubt = pytest_run.contradiction(ran, statuses) if ran else None
            f2p = pytest_run.count_passed(tests, answer.fail_to_pass, "passed")
            p2p = pytest_run.count_passed(tests, answer.pass_to_pass, "passed", "skipped")
            finished = ran is not None and not ran.timed_out
            passed = finished and f2p[0] == f2p[1] and p2p[0] == p2p[1]
            forgery: tuple[Flag, ...] = ()
            if passed:
                files = files_of(names)
                again, broken = pytest_run.broken_run(sandbox, files, script, seconds)
                after = _upper(pytest_run.statuses(again.log))
                forgery = pytest_run.forged_flag(forged(_upper(statuses), after, broken))
        flags = (*filter(None, (left.refused, doubt)), *laid.flags, *forgery)
        return GradeReport(
            resolved=passed and not (laid.plan.refused or doubt or left.refused or forgery),
            benchmark_resolved=finished and _theirs(tests),
            integrity=flags,
            tests=tests,
            fail_to_pass=f2p,
            pass_to_pass=p2p,
            log=laid.output + (ran.log if ran else ""),
            seconds=time.perf_counter() - begin,
            patch_applied=laid.ok,
            timings={"prepare": ready - begin, "tests": ran.seconds if ran else 0.0},
        )


def _upper(statuses: Mapping[str, str]) -> dict[str, str]:
    """swebench's words for them."""
    return {name: status.upper() for name, status in statuses.items()}


def _theirs(tests: Mapping[str, str]) -> bool:
    """SWE-smith's rule: no named test is reported as failed; what is not reported has passed."""
    return not any(status in ("failed", "error") for status in tests.values())


def files_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Files of these tests, in order of first mention."""
    return tuple(dict.fromkeys(name.partition("::")[0] for name in names))


def _paths(patch: str) -> list[str]:
    """The files that the bug brings in, which no `git add -u` would see."""
    return sorted(read_patch(patch.encode()).created)


def _remove(sandbox: Sandbox, files: tuple[str, ...]) -> None:
    names = " ".join(shlex.quote(f"./{path}") for path in files)
    sandbox.run(f"( cd {shlex.quote(sandbox.workdir)} && rm -f -- {names} )", 60)


def _lay_bug(task: Task, sandbox: Sandbox) -> None:
    """Apply the row's bug; a tree that has it already is taken as it is."""
    name = "/var/tmp/swe-gym-bug"
    sandbox.write(name, task.privileged.row["patch"].encode())
    result = sandbox.run(
        f"( cd {shlex.quote(sandbox.workdir)} && {{ git apply --verbose {name} || "
        f"git apply --check --reverse {name} || patch --batch --forward --fuzz=5 -p1 -i {name}; "
        f"}}; status=$?; rm -f {name}; exit $status )",
        120,
    )
    if result.exit_code != 0:
        raise SandboxUnavailable(
            f"task {task.id}: the image's work tree takes neither the bug nor its reverse, so it "
            f"is not the tree of this row: {result.output.strip()[-300:]}"
        )
