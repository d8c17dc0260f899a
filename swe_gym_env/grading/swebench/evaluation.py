"""One run of a task's tests over a patch in a fresh sandbox."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from swe_gym_env.errors import SandboxDied
from swe_gym_env.grading.changes import changed_paths
from swe_gym_env.grading.control import Broken, break_tests
from swe_gym_env.grading.patch_text import PatchText
from swe_gym_env.grading.repository import ACTIVATE
from swe_gym_env.grading.settings import test_settings
from swe_gym_env.grading.shadows import shadowing
from swe_gym_env.grading.swebench.apply import (
    Applied,
    apply_patch,
    is_utf8,
    missing_paths,
    why_not,
)
from swe_gym_env.grading.swebench.session import Said, Session
from swe_gym_env.grading.swebench.spec import EvalScript
from swe_gym_env.history import cut_history
from swe_gym_env.sandbox.protocol import Sandbox

_DIFF = "git -c core.fileMode=false diff"


@dataclass(frozen=True)
class Order:
    """What one run is to do.

    restore: paths put back after the patch, before anything of it runs. compare: settings files
    whose part about tests is watched. base: the commit to which the repository is cut before
    anything of the patch runs; "" leaves the history. watched: Python files of tests.
    modules: paths of which is asked whether they hide an installed module.
    """

    patch: bytes
    script: EvalScript
    text: PatchText
    restore: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    base: str = ""
    watched: tuple[str, ...] = ()
    modules: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Evaluation:
    """What one run brought about.

    applied: how the patch went on; why_not: one sentence when it did not.
    before, tests, after: output before the test command, of it, and after it.
    code: the test command's exit status, taken by the host; None when it did not end by itself.
    late: the time limit ended the run. readable: every output that swebench decodes is UTF-8.
    changed: settings files whose part about tests the patch changed; appeared: paths that changed
    although the patch's text does not name them; shadowing: those that hide an installed module.
    rewritten: test files that changed while they ran.
    broken: the test files, made to fail. seconds: stage -> wall-clock.
    """

    applied: Applied
    why_not: str = ""
    before: bytes = b""
    tests: bytes = b""
    after: bytes = b""
    code: int | None = None
    late: bool = False
    readable: bool = True
    changed: tuple[str, ...] = ()
    appeared: frozenset[str] = frozenset()
    shadowing: frozenset[str] = frozenset()
    rewritten: tuple[str, ...] = ()
    broken: Mapping[str, Broken] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def doubtful(self) -> bool:
        """Whether something of the patch may have spoken for the tests, so that no control run is
        needed to know that this one cannot be believed."""
        return bool(self.changed or self.rewritten or self.shadowing)


class EndedByPatch(SandboxDied):
    """The sandbox died while code of the patch could run. evaluation: what is known of the run."""

    def __init__(self, message: str, evaluation: Evaluation) -> None:
        super().__init__(message)
        self.evaluation = evaluation


def evaluate(
    sandbox: Sandbox,
    order: Order,
    seconds: float,
    control: Callable[[Evaluation], bool] = lambda _: False,
) -> tuple[Evaluation, bytes | None]:
    """Run the tests over the patch; then, where `control` asks for it, over broken tests as well.

    seconds: of the eval script, as swebench counts them; the control run has its own.
    Returns the run, and the control's test output (None: not run, or it did not end).
    Raises EndedByPatch when the sandbox dies after the patch is in, SandboxDied when before.
    """
    timings: dict[str, float] = {}
    session = Session(sandbox, time.monotonic() + 3600.0)
    with _Clock(timings, "patch"):
        hiding = shadowing(sandbox, order.modules, ACTIVATE)
        session.keep(order.restore)
        settings = {path: _settings(session, path) for path in order.compare}
        applied = apply_patch(session, order.patch)
        if not applied.ok:
            missing = missing_paths(session, order.text.paths - order.text.created)
            reason = why_not(order.patch, applied, missing)
            return Evaluation(applied, reason, readable=applied.clear, seconds=timings), None
        appeared = changed_paths(sandbox, f"{session.folder}/mark") - order.text.paths
        changed = tuple(path for path in settings if settings[path] != _settings(session, path))
        session.put_back(order.restore)
        first_diff = session.run(_DIFF, 300.0).output
    patched = Evaluation(
        applied, changed=changed, appeared=appeared, shadowing=hiding, seconds=timings
    )
    try:
        return _run_script(session, order, seconds, control, patched, first_diff)
    except SandboxDied as death:
        raise EndedByPatch(str(death), patched) from death


def _run_script(
    session: Session,
    order: Order,
    seconds: float,
    control: Callable[[Evaluation], bool],
    patched: Evaluation,
    first_diff: bytes,
) -> tuple[Evaluation, bytes | None]:
    """What comes after the patch; the patch's code runs in it."""
    sandbox, timings = session.sandbox, dict(patched.seconds)
    session.deadline = time.monotonic() + seconds
    parts: list[Said] = []
    with _Clock(timings, "install"):
        parts.append(session.run(order.script.look))
    if order.base and parts[0].code is not None:
        with _Clock(timings, "history"):
            session.run("set +ux")
            cut_history(sandbox, order.base, ancestors=True)
            session.run("set -ux")
    if parts[0].code is not None:
        with _Clock(timings, "install"):
            parts.append(session.run(order.script.install))
    tests = {path: session.exact(path) for path in order.watched}
    marks = session.marks(order.watched)
    region = Said(None, b"", False, 0.0)
    after = b""
    # A part that takes the shell down ends the script, as it does in swebench.
    if parts[-1].code is not None:
        with _Clock(timings, "tests"):
            region = session.run(order.script.tests)
    again = {} if region.code is None else session.marks(order.watched)
    rewritten = tuple(
        path
        for path in tests
        if tests[path] != session.exact(path) or again.get(path, marks.get(path)) != marks.get(path)
    )
    if region.code is not None:
        parts.append(session.run(order.script.finish_with(region.code)))
        after = parts[-1].output
    late = any(part.late for part in (*parts, region))
    session.deadline = time.monotonic() + 300.0
    session.run("set +ux")
    last_diff = b"" if late else session.run(_DIFF, 300.0).output
    broken = {path: found for path, text in tests.items() if text and (found := break_tests(text))}
    evaluation = replace(
        patched,
        before=b"".join(part.output for part in parts[:2]),
        tests=region.output,
        after=after,
        code=region.code,
        late=late,
        readable=patched.applied.clear and is_utf8(first_diff) and is_utf8(last_diff),
        rewritten=rewritten,
        broken=broken,
        seconds=timings,
    )
    if not broken or not control(evaluation):
        return evaluation, None
    with _Clock(timings, "control"):
        sandbox.write_files({path: file.content for path, file in broken.items()})
        # The tests run as long as in the first run; starting the runner may take a little longer.
        session.deadline = time.monotonic() + min(seconds, 60.0 + 3 * timings["tests"])
        control_run = session.run(f"set -uo pipefail\n{order.script.tests}")
    return evaluation, None if control_run.late else control_run.output


def _settings(session: Session, path: str) -> object:
    return test_settings(path, session.exact(path))


class _Clock:
    """Adds the wall-clock of a with-block to `timings[stage]`."""

    def __init__(self, timings: dict[str, float], stage: str) -> None:
        self._timings, self._stage = timings, stage

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        spent = time.perf_counter() - self._began
        self._timings[self._stage] = self._timings.get(self._stage, 0.0) + spent
