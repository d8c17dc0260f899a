"""SWE-bench rows: the agent works in the image, its patch alone is judged in a fresh one."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from swe_gym_env.errors import TaskError
from swe_gym_env.grading.control import forged, judged
from swe_gym_env.grading.integrity import Plan, make_plan, mentions
from swe_gym_env.grading.patch_text import read_patch
from swe_gym_env.grading.report import Flag, GradeReport
from swe_gym_env.grading.shadows import top_level
from swe_gym_env.grading.swebench.apply import is_utf8
from swe_gym_env.grading.swebench.evaluation import EndedByPatch, Evaluation, Order, evaluate
from swe_gym_env.grading.swebench.spec import cut_script, known_tests, make_spec, python_tests
from swe_gym_env.grading.swebench.submission import (
    MAX_PATCH_BYTES,
    Submission,
    record_start,
    take_patch,
)
from swe_gym_env.grading.swebench.verdict import (
    Verdict,
    benchmark_log,
    judged_log,
    read_log,
    surplus_marks,
    test_status,
)
from swe_gym_env.history import cut_history
from swe_gym_env.sandbox.protocol import Limits, Sandbox
from swe_gym_env.task import Task

GRADING_LIMITS = Limits(command_seconds=1800.0, memory_mb=16_384, processes=4096)
"""What swebench's verdicts were made with comes near to no limits at all."""

_ACTIVATE = """if [ -f /opt/miniconda3/bin/activate ]; then
  . /opt/miniconda3/bin/activate && conda activate testbed
fi &&
git config --global --replace-all safe.directory "$PWD" "^$PWD$"
"""


@dataclass(frozen=True)
class SWEBenchHarness:
    """Judges repository tasks with the benchmark's own verdict, and with ours beside it.

    The benchmark's: swebench's chain of patch commands, the row's eval script, swebench's parser
    and report. Ours: the same, with tests and their configuration as the benchmark has them, with
    an exit code and a frame of the output that nothing inside the sandbox can fake, and a control
    experiment (grading/control.py). A patch that touches nothing of that kind is run once for both.

    keep_ancestors: leave the agent the commits before the base commit and their tags.
    max_patch_bytes: a larger patch is refused unseen.

    The sandboxes for `grade` should have the network on, since eval scripts install packages, and
    GRADING_LIMITS: both as swebench has it.
    """

    keep_ancestors: bool = False
    max_patch_bytes: int = MAX_PATCH_BYTES

    def prepare(self, task: Task, sandbox: Sandbox) -> None:
        """Cut the history to the base commit, note the work tree's state, activate its environment.

        Raises TaskError when the image does not hold the task's repository and base commit.
        """
        cut_history(sandbox, _base(task) or "HEAD", ancestors=self.keep_ancestors)
        record_start(sandbox)
        result = sandbox.run(f"cd -- {shlex.quote(sandbox.workdir)}\n{_ACTIVATE}", 120.0)
        if result.exit_code != 0:
            raise TaskError(
                f"{task.id}: the conda environment `testbed` of {task.image} cannot be activated: "
                f"{result.output.strip()[-500:]}"
            )

    def submission(self, task: Task, sandbox: Sandbox) -> Submission:
        """The agent's work as a patch, or the reason why there is none."""
        return take_patch(sandbox, self.max_patch_bytes)

    def grade(
        self,
        task: Task,
        submission: Submission | bytes | str,
        open_sandbox: Callable[[], Sandbox],
        seconds: float,
    ) -> GradeReport:
        """Judge a patch. seconds: of the eval script, as swebench counts them (its own: 1800).

        Raises TaskError for a row that swebench cannot grade or an image without the base commit,
        SandboxDied and SandboxUnavailable when a sandbox fails. Whatever is wrong with the patch,
        and tests that hang, end as a verdict with a flag that says so.
        """
        began = time.perf_counter()
        spec = make_spec(task)
        if not isinstance(submission, Submission):
            data = (
                submission.encode(errors="surrogateescape")
                if isinstance(submission, str)
                else submission
            )
            submission = Submission(data)
        if refused := submission.refused or self._unusable(submission.patch):
            return _unjudged(task, refused, time.perf_counter() - began)
        report = _Grading(task, spec, submission.patch, open_sandbox, seconds).report()
        return replace(report, seconds=time.perf_counter() - began)

    def _unusable(self, patch: bytes) -> Flag | None:
        if not patch:
            return Flag("empty_patch", "", "The patch is empty: nothing was changed.")
        if len(patch) > self.max_patch_bytes:
            size = f"{len(patch):,} bytes; at most {self.max_patch_bytes:,} are graded"
            return Flag("no_patch", "", f"The patch has {size}.")
        return None


class _Grading:
    """One patch on its way to a report."""

    def __init__(
        self,
        task: Task,
        spec: Any,
        patch: bytes,
        open_sandbox: Callable[[], Sandbox],
        seconds: float,
    ) -> None:
        self.task, self.spec, self.patch = task, spec, patch
        self.open_sandbox, self.seconds = open_sandbox, seconds
        self.script = cut_script(spec)
        self.timings: dict[str, float] = {}
        self.flags: list[Flag] = []

    def report(self) -> GradeReport:
        text = read_patch(self.patch)
        known = known_tests(self.task, self.script, _base(self.task))
        plan = make_plan(text, known)
        self.flags += (*plan.flags, *mentions(self.patch, text, known))
        order = Order(
            self.patch,
            self.script,
            text,
            compare=plan.compare,
            base="" if plan.separate or plan.refused else _base(self.task),
            watched=python_tests(self.task),
            modules=text.paths - known.gold,
        )
        first, control = self._run(order, judge=not plan.separate and not plan.refused)
        benchmark = self._benchmark(first)
        run, settings = first, first.changed
        if first.appeared or first.shadowing:
            whole = replace(text, paths=text.paths | first.appeared)
            hidden = frozenset(filter(top_level, first.appeared))
            plan = make_plan(whole, replace(known, shadowing=first.shadowing | hidden))
            self.flags += plan.flags
        again = first.applied.ok and not plan.refused and (plan.separate or bool(settings))
        if again:
            for path in settings:
                detail = f"The patch changes what {path} tells the test runner."
                self.flags.append(Flag("test_config", path, detail))
            restore = tuple(sorted({*plan.restore, *settings}))
            order = replace(
                order, restore=restore, compare=(), base=_base(self.task), modules=frozenset()
            )
            run, control = self._run(order, judge=True)
        return self._compose(plan, benchmark, run, control)

    def _run(self, order: Order, judge: bool) -> tuple[Evaluation, bytes | None]:
        try:
            run, control = self._run_once(order, judge)
        except EndedByPatch:
            # Once may be the machine's fault. Twice at the same point, while others live, is not.
            try:
                run, control = self._run_once(order, judge)
            except EndedByPatch as end:
                with self.open_sandbox() as sandbox:
                    sandbox.run("true", 60.0)
                run, control = end.evaluation, None
        for stage, spent in run.seconds.items():
            self._add(stage, spent)
        return run, control

    def _run_once(self, order: Order, judge: bool) -> tuple[Evaluation, bytes | None]:
        began = time.perf_counter()
        with self.open_sandbox() as sandbox:
            self._add("open", time.perf_counter() - began)
            return evaluate(
                sandbox,
                order,
                self.seconds,
                lambda run: judge and not run.doubtful and self._ours(run).resolved,
            )

    def _add(self, stage: str, spent: float) -> None:
        self.timings[stage] = self.timings.get(stage, 0.0) + spent

    def _benchmark(self, run: Evaluation) -> bool:
        """swebench's verdict; whatever ends its run early is not resolved."""
        if run.applied.ok and not run.late and not (run.readable and is_utf8(self.patch)):
            detail = "swebench reads only UTF-8 here, and ends without a verdict: not resolved."
            self.flags.append(Flag("not_utf8", "", detail))
            return False
        if not run.applied.ok or run.late:
            return False
        log = benchmark_log(run)
        for mark in surplus_marks(log):
            detail = f"The output has more of swebench's marks {mark!r} than its script prints."
            self.flags.append(Flag("forged_mark", "", detail))
        verdict = read_log(self.spec, log)
        if verdict.suspect:
            detail = f"swebench takes this for a fault of the environment: {verdict.suspect}."
            self.flags.append(Flag("environment_suspected", "", detail))
        return verdict.resolved

    def _ours(self, run: Evaluation) -> Verdict:
        if not run.applied.ok or run.late:
            return Verdict(False)
        verdict = read_log(self.spec, judged_log(run))
        # Who takes the shell down that runs the tests has not let them end.
        return verdict if run.code is not None else replace(verdict, resolved=False)

    def _compose(
        self, plan: Plan, benchmark: bool, run: Evaluation, control: bytes | None
    ) -> GradeReport:
        ours = self._ours(run)
        resolved = ours.resolved and not plan.refused
        if not run.applied.ok:
            self.flags.append(Flag("patch_not_applied", "", run.why_not))
        if run.late:
            detail = (
                f"The tests did not end within {self.seconds:g} s, or printed more than 256 MB."
            )
            self.flags.append(Flag("timed_out", "", detail))
        elif run.applied.ok and run.code is None:
            self.flags.append(Flag("killed", "", "The tests took down the shell that ran them."))
        for path in run.rewritten:
            resolved = False
            self.flags.append(Flag("test_file", path, f"{path} changed while its tests ran."))
        if resolved:
            resolved = self._believed(ours, run, control)
        privileged = self.task.privileged
        names = (*privileged.fail_to_pass, *privileged.pass_to_pass)
        return GradeReport(
            resolved=resolved,
            benchmark_resolved=benchmark,
            integrity=tuple(dict.fromkeys(self.flags)),
            tests={name: test_status(name, ours) for name in names},
            fail_to_pass=_fraction(privileged.fail_to_pass, ours.fail_to_pass),
            pass_to_pass=_fraction(privileged.pass_to_pass, ours.pass_to_pass),
            log=benchmark_log(run) or run.applied.output.decode(errors="replace"),
            seconds=0.0,
            timings=self.timings,
            patch_applied=run.applied.ok,
        )

    def _believed(self, ours: Verdict, run: Evaluation, control: bytes | None) -> bool:
        """What the control experiment says about a run in which everything passed."""
        names = (*self.task.privileged.fail_to_pass, *self.task.privileged.pass_to_pass)
        if not judged(names, run.broken):
            detail = "No test of this task can be broken on purpose, so no control run was made."
            self.flags.append(Flag("no_control", "", detail))
            return True
        if control is None:
            self.flags.append(
                Flag("control_late", "", "The control run, of broken tests, did not end.")
            )
            return False
        after = read_log(self.spec, judged_log(replace(run, tests=control, code=0))).statuses
        fakes = forged(ours.statuses, after, run.broken)
        if fakes:
            detail = f"{len(fakes)} tests pass even when they are broken on purpose: forged."
            self.flags.append(Flag("forged_results", "", detail))
        return not fakes


def _unjudged(task: Task, why: Flag, seconds: float) -> GradeReport:
    """The report on a submission with which nothing can be run."""
    privileged = task.privileged
    names = (*privileged.fail_to_pass, *privileged.pass_to_pass)
    return GradeReport(
        resolved=False,
        benchmark_resolved=False,
        integrity=(why,),
        tests=dict.fromkeys(names, "missing"),
        fail_to_pass=(0, len(privileged.fail_to_pass)),
        pass_to_pass=(0, len(privileged.pass_to_pass)),
        log="",
        seconds=seconds,
        patch_applied=False,
    )


def _base(task: Task) -> str:
    return task.tags.get("base_commit") or str(task.privileged.row.get("base_commit", ""))


def _fraction(names: tuple[str, ...], succeeded: frozenset[str]) -> tuple[int, int]:
    return sum(name in succeeded for name in names), len(names)
