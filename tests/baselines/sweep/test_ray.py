"""A sweep on a Ray cluster gives what processes of one machine give."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from baselines.cli import main
from tests.baselines.sweep.sweeps import LOCK, ROPE, results, run, toys

ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
pytestmark = pytest.mark.slow

WIDE: dict[str, Any] = {"environments": {"rope": ROPE, "lock": LOCK}, "methods": ["sft", "grpo"]}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two nodes of one core each, on this machine."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield str(made.address)
    ray.shutdown()
    made.shutdown()


def test_two_nodes_give_what_one_machine_gives_and_nothing_is_run_twice(
    cluster: str, tmp_path: Path
) -> None:
    alone = run(toys(tmp_path / "alone", **WIDE))
    config = toys(tmp_path / "nodes", **WIDE, ray=cluster)
    assert run(config) == alone
    stamps = {path: path.stat().st_mtime_ns for path in config.folder.rglob("done.json")}
    assert run(config) == alone
    assert {path: path.stat().st_mtime_ns for path in config.folder.rglob("done.json")} == stamps


def test_both_nodes_work(cluster: str, tmp_path: Path) -> None:
    path = tmp_path / "who.py"
    path.write_text(
        "import time, ray\n"
        "from baselines.methods import method\n"
        '@method("who", None, needs_teacher=False)\n'
        "def train(run, config):\n"
        "    time.sleep(2)\n"
        "    run.collect(1, run.share(1, 1))\n"
        "    node = int(ray.get_runtime_context().get_node_id()[:8], 16)\n"
        "    run.report(1, node=node)\n"
    )
    rows = run(toys(tmp_path, methods=[str(path)], seeds=4, ray=cluster))
    assert len({row["node"] for row in rows if row["round"] == 1}) == 2


def test_a_worker_that_dies_is_tried_again_and_one_that_raises_fails_alone(
    cluster: str, tmp_path: Path
) -> None:
    path = tmp_path / "shaky.py"
    path.write_text(
        "import os, signal, pathlib\n"
        "from baselines.methods import method\n"
        "from baselines.sft import SFTConfig, train as sft\n"
        '@method("shaky", SFTConfig(rounds=2, epochs=1))\n'
        "def train(run, config):\n"
        "    mark = pathlib.Path(__file__).with_suffix('.died')\n"
        "    if run.seed == 0 and not mark.exists():\n"
        "        mark.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    if run.seed == 1:\n"
        "        raise RuntimeError('on purpose')\n"
        "    sft(run, config)\n"
    )
    config = toys(tmp_path, methods=["sft", str(path)], ray=cluster)
    run(config)
    found = results(config)
    assert path.with_suffix(".died").exists()
    failed = [row for row in found if row.get("status") == "failed"]
    assert [(row["method"], row["seed"]) for row in failed] == [("shaky", 1)]
    assert "on purpose" in failed[0]["error"]
    again = {row["round"] for row in found if (row["method"], row["seed"]) == ("shaky", 0)}
    assert again == {0, 1, 2}


def test_no_cluster_at_the_address_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ray.is_initialized():
        ray.shutdown()
    arguments = ["--ray", "127.0.0.1:1", "--out", str(tmp_path), "--seeds", "1"]
    assert main(["compare", *arguments]) == 2
    assert "no Ray cluster at '127.0.0.1:1'" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.rglob("done.json"))
