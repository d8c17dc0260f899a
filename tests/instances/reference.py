"""The benchmark's own verdict: swebench's `run_instance` on a local image, without network."""

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.instances.cache import InstanceError, home
from tests.support.reference import Offline

SECONDS = 600


@dataclass(frozen=True)
class Reference:
    """What swebench says of one patch."""

    report: Mapping[str, Any]  # of report.json: resolved, patch_successfully_applied, tests_status
    statuses: Mapping[str, str]  # by test: "PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL"
    log: str


def reference_verdict(row: Mapping[str, Any], patch: str) -> dict[str, Any]:
    """swebench's report on this patch: "resolved", "tests_status", ...; see `reference_run`."""
    return dict(reference_run(row, patch).report)


def reference_run(row: Mapping[str, Any], patch: str) -> Reference:
    """Run swebench's `run_instance` on the row's image.

    An empty patch is not run by `swebench eval` (it counts as unresolved); here it is run with
    `skip_patch`, swebench's own mode for that. A patch that does not apply gets the report that
    `swebench eval` then counts: nothing resolved. Raises InstanceError if there is no verdict.
    """
    import docker
    from swebench.harness import run_evaluation
    from swebench.harness.grading import get_logs_eval
    from swebench.harness.utils import make_test_spec

    spec = make_test_spec(dict(row))
    run_id, model = uuid.uuid4().hex[:12], "reference"
    prediction = {
        "instance_id": spec.instance_id,
        "model_name_or_path": model,
        "model_patch": patch,
    }
    client = docker.from_env(timeout=SECONDS)
    harness: Any = run_evaluation
    # A constant of its module, below the working directory.
    logs = harness.RUN_EVALUATION_LOG_DIR = home() / "logs"
    folder = logs / run_id / model / spec.instance_id
    try:
        done = harness.run_instance(
            spec, prediction, Offline(client), run_id, SECONDS, skip_patch=not patch.strip()
        )
        output = folder / "test_output.txt"
        if done is None:
            story = (folder / "run_instance.log").read_text()
            if run_evaluation.APPLY_PATCH_FAIL in story and not output.exists():
                return Reference({"resolved": False, "patch_successfully_applied": False}, {}, "")
            raise InstanceError(f"swebench gave no verdict on {spec.instance_id}:\n{story[-3000:]}")
        statuses, _ = get_logs_eval(spec, str(output))
        return Reference(done[1][spec.instance_id], statuses, output.read_text())
    finally:
        client.close()
        shutil.rmtree(logs / run_id, ignore_errors=True)
