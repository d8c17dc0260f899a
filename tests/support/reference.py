"""What plain swebench says of a patch, for tests: its own `run_instance`, in a hurry."""

import contextlib
import io
import shutil
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

_LOGS = Path(tempfile.gettempdir())
_lock = threading.Lock()


class Offline:
    """A docker client whose containers have no network: engines for tests may have none to give."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @property
    def containers(self) -> "Offline":
        return Offline(self.inner.containers)

    def create(self, **options: Any) -> Any:
        return self.inner.create(**options, network_mode="none")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def swebench_resolves(row: dict[str, Any], patch: str, seconds: int = 600) -> bool:
    """Whether `swebench eval` counts this patch as resolved; what it gives no verdict on is not.

    Its containers are removed at once instead of being asked to stop for 15 seconds.
    """
    import docker
    from swebench.harness import run_evaluation
    from swebench.harness.utils import make_test_spec

    harness: Any = run_evaluation
    with _lock:
        harness.RUN_EVALUATION_LOG_DIR = _LOGS
        harness.cleanup_container = lambda _, container, __: (
            container.remove(force=True) if container else None
        )
    prediction = {
        "instance_id": row["instance_id"],
        "model_name_or_path": "reference",
        "model_patch": patch,
    }
    run = f"swe-gym-reference-{uuid.uuid4().hex[:12]}"
    client = docker.from_env(timeout=seconds + 60)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            done = harness.run_instance(
                make_test_spec(row), prediction, Offline(client), run, seconds
            )
        return bool(done and done[1][row["instance_id"]]["resolved"])
    finally:
        client.close()
        shutil.rmtree(_LOGS / run, ignore_errors=True)
