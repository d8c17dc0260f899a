"""Our verdicts and their cost beside `swebench eval` on the same predictions.

Peer: swebench's `run_instance`, which is what `swebench eval` does for every prediction.
Work: for each instance its repair, a wrong patch, a patch that does not apply, and the repair
    together with a test of the agent's own; each judged by both sides in turn, in containers of the
    same image. Instances: `--rows FILE` (rows of swebench 5 whose images are on the engine), else
    the small one of tests/support.
Target: every verdict identical, and our time at most swebench's. That includes the 15 seconds for
    which swebench waits for each container to stop; they are counted apart, and the ratio without
    them is printed too. Ours includes what swebench does not do: history, and the control run.
"""

import argparse
import contextlib
import io
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.grading.swebench import GRADING_LIMITS
from swe_gym_env.sandbox import open_sandbox
from swe_gym_env.task import Task
from swe_gym_env.tasks.swebench import swebench_task

# The instances and the offline client are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[1]))
SECONDS = 1800
MALFORMED = "--- a/nowhere.py\n+++ b/nowhere.py\n@@ -1 +1 @@\n-one\n+two\n"


@dataclass(frozen=True)
class Sample:
    """One prediction judged by one side. stopping: seconds that swebench waited for a container."""

    verdict: bool
    seconds: float
    stopping: float = 0.0


class Peer:
    """swebench's run_instance, with the time it spends on stopping containers noted."""

    def __init__(self, folder: Path, network: bool) -> None:
        import docker
        from swebench.harness import run_evaluation

        self.harness: Any = run_evaluation
        self.client: Any = docker.from_env(timeout=SECONDS)
        if not network:
            from tests.support.reference import Offline

            self.client = Offline(self.client)
        self.stopping = 0.0
        self.cleanup = run_evaluation.cleanup_container
        run_evaluation.cleanup_container = self._timed_cleanup
        run_evaluation.RUN_EVALUATION_LOG_DIR = folder

    def judge(self, row: dict[str, Any], patch: str) -> Sample:
        from swebench.harness.utils import make_test_spec

        prediction = {
            "instance_id": row["instance_id"],
            "model_name_or_path": "benchmark",
            "model_patch": patch,
        }
        self.stopping = 0.0
        began = time.perf_counter()
        # It prints what it thinks of a patch that does not apply.
        with contextlib.redirect_stdout(io.StringIO()):
            done = self.harness.run_instance(
                make_test_spec(row), prediction, self.client, uuid.uuid4().hex[:8], SECONDS
            )
        spent = time.perf_counter() - began
        resolved = bool(done and done[1][row["instance_id"]]["resolved"])
        return Sample(resolved, spent, self.stopping)

    def _timed_cleanup(self, *arguments: Any) -> None:
        began = time.perf_counter()
        self.cleanup(*arguments)
        self.stopping += time.perf_counter() - began


def judge(task: Task, patch: str, network: bool) -> Sample:
    """Our side."""
    began = time.perf_counter()
    report = task.harness.grade(
        task,
        patch.encode(),
        lambda: open_sandbox("docker", image=task.image, limits=GRADING_LIMITS, network=network),
        SECONDS,
    )
    return Sample(bool(report.benchmark_resolved), time.perf_counter() - began)


def has_network(image: str) -> bool:
    """Whether this engine has a network for containers, which swebench's then have too."""
    try:
        open_sandbox("docker", image=image, network=True).close()
    except SandboxUnavailable:
        return False
    return True


def predictions(row: dict[str, Any]) -> dict[str, str]:
    """What is judged, by name."""
    gold = str(row["patch"])
    lines = gold.splitlines(keepends=True)
    added = [i for i, line in enumerate(lines) if line.startswith("+") and line[:3] != "+++"]
    # Same shape, other meaning: every added line becomes a comment at its place.
    wrong = [f"+# {line[1:]}" if i in added else line for i, line in enumerate(lines)]
    own_test = "diff --git a/test_mine.py b/test_mine.py\nnew file mode 100644\n--- /dev/null\n"
    own_test += "+++ b/test_mine.py\n@@ -0,0 +1,2 @@\n+def test_mine():\n+    assert True\n"
    return {
        "repair": gold,
        "wrong": "".join(wrong),
        "malformed": MALFORMED,
        "repair and a test": gold + own_test,
    }


def read_rows(path: Path | None) -> list[dict[str, Any]]:
    """The instances to judge."""
    if path is not None:
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    from tests.support.mini_instance import INSTALL, mini_instance

    return [mini_instance(INSTALL).row]


def measure(
    rows: list[dict[str, Any]], repeats: int
) -> Iterator[tuple[str, str, list[Sample], list[Sample]]]:
    """Instance, prediction, our samples, swebench's samples."""
    with tempfile.TemporaryDirectory(prefix="swe-gym-benchmark-") as folder:
        network = has_network(rows[0]["image"])
        peer = Peer(Path(folder), network)
        # Imports and the engine's first look at an image are nobody's.
        judge(swebench_task(rows[0]), MALFORMED, network)
        peer.judge(rows[0], MALFORMED)
        for row in rows:
            task = swebench_task(row)
            for name, patch in predictions(row).items():
                ours, theirs = [], []
                for _ in range(repeats):
                    ours.append(judge(task, patch, network))
                    theirs.append(peer.judge(row, patch))
                yield row["instance_id"], name, ours, theirs


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="each prediction once")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument("--rows", type=Path, help="JSONL of instances whose images are here")
    options = parser.parse_args()
    header = f"{'instance':28}{'prediction':20}{'verdicts':>12}{'ours s':>9}{'swebench s':>12}"
    print(f"{header}{'+ stopping':>12}")
    cases, same = [], True
    for instance, name, ours, theirs in measure(read_rows(options.rows), 1 if options.quick else 3):
        verdicts = {sample.verdict for sample in (*ours, *theirs)}
        same &= len(verdicts) == 1
        case = {
            "instance": instance,
            "prediction": name,
            "resolved": ours[0].verdict,
            "identical": len(verdicts) == 1,
            "ours_s": round(statistics.median(sample.seconds for sample in ours), 3),
            "swebench_s": round(
                statistics.median(sample.seconds - sample.stopping for sample in theirs), 3
            ),
            "stopping_s": round(statistics.median(sample.stopping for sample in theirs), 3),
        }
        cases.append(case)
        shown = f"{case['resolved']!s:>6}{'' if case['identical'] else ' DIFFER':>6}"
        figures = f"{case['ours_s']:9.2f}{case['swebench_s']:12.2f}{case['stopping_s']:12.2f}"
        print(f"{instance:28}{name:20}{shown}{figures}", flush=True)
    ours_s = sum(float(case["ours_s"]) for case in cases)
    theirs_s = sum(float(case["swebench_s"]) for case in cases)
    waited = sum(float(case["stopping_s"]) for case in cases)
    met = same and ours_s <= theirs_s + waited
    print(
        f"{'together':60}{ours_s:9.2f}{theirs_s:12.2f}{waited:12.2f}\n"
        f"ours takes {ours_s / (theirs_s + waited):.2f} of swebench's time, "
        f"{ours_s / theirs_s:.2f} without its waiting for containers to stop"
    )
    figures = {
        "benchmark": "grading",
        "cases": cases,
        "verdicts_identical": same,
        "ours_s": round(ours_s, 2),
        "swebench_s": round(theirs_s, 2),
        "swebench_stopping_s": round(waited, 2),
        "ours_over_swebench": round(ours_s / (theirs_s + waited), 2),
        "ours_over_swebench_without_stopping": round(ours_s / theirs_s, 2),
        "target": {"verdicts_identical": True, "ours_over_swebench": 1.0},
        "met": met,
    }
    print(json.dumps(figures))
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
