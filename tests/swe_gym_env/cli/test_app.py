"""The command as a whole: help, exit codes, sentences instead of tracebacks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from swe_gym_env.cli.app import _COMMANDS
from tests.swe_gym_env.cli.conftest import Command

PYTHON_M = [sys.executable, "-m", "swe_gym_env"]
ROOT = Path(__file__).parents[3]


def test_the_command_teaches_itself(command: Command) -> None:
    for arguments in ((), ("--help",)):
        done = command(*arguments)
        assert done.code == 0
        assert all(name in done.out for name in _COMMANDS)
        assert "$ swe-gym doctor" in done.out


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_teaches_itself_by_examples(command: Command, name: str) -> None:
    done = command(name, "--help")
    assert done.code == 0
    assert f"$ swe-gym {name}" in done.out or name == "images"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "lst"),
        (["list", "--colour"], "colour"),
        (["list", "RepairTy-v0"], "did you mean RepairToy-v0?"),
        (["list", "no_such_module:Env-v0"], "there is no module 'no_such_module'"),
        (["list", "Tightrope-v0"], "has no tasks"),
        (["list", "RepairToy-v0", "--where", "repo"], "TAG=PATTERN"),
        (["list", "RepairToy-v0", "--where", "repo=x"], "there are kind, module, site, split"),
        (["list", "RepairToy-v0", "--tasks", "bank-x*"], "no task matches 'bank-x*'"),
        (["list", "RepairToy-v0", "--env-options", "modules"], "NAME=VALUE"),
        (["list", "RepairToy-v0", "--env-options", "modles=2"], "did you mean 'modules'?"),
        (["list", "Harbor-v0"], "needs dataset=PATH"),
        (["list", "SWELocal-v0"], "needs dataset=PATH"),
        (["show", "bank-0000"], "did you mean 'bank-000'?"),
        (["validate", "--times", "0"], "--times must be at least 1"),
        (["validate", "--workers", "-1"], "--workers must be at least 1"),
        (["eval"], "PREDICTIONS"),
    ],
)
def test_wrong_usage_is_code_2_and_a_sentence(
    command: Command, arguments: list[str], said: str
) -> None:
    done = command(*arguments)
    assert done.code == 2
    assert said in done.text
    assert "Traceback" not in done.text


def test_a_broken_dataset_is_code_1_and_names_file_and_line(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "broken.jsonl").write_text('{"id": "a"}\n')
    done = command("list", "RepairToy-v0", "--dataset", "broken.jsonl")
    assert done.code == 1
    assert "broken.jsonl, line 1: field 'statement' is missing" in done.err


def test_a_folder_that_may_not_be_written_is_a_sentence(command: Command) -> None:
    done = command("validate", "--tasks", "bank-000", "--out", "/proc/nowhere/results.jsonl")
    assert done.code == 1
    assert done.err.startswith("error: ") and "/proc/nowhere" in done.err


@pytest.mark.parametrize("package", ["tyro", "rich"])
def test_a_missing_package_is_a_sentence(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from swe_gym_env.cli import main; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(main(['list']))"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'pip install "swe-dagger[cli]"' in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    arguments = [*PYTHON_M, "list", "RepairToy-v0", "--json"]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as listing:
        assert listing.stdout is not None and listing.stderr is not None
        listing.stdout.readline()
        listing.stdout.close()
        assert listing.stderr.read() == b""
    assert listing.returncode == 0


def test_ctrl_c_is_one_sentence_and_leaves_no_process(tmp_path: Path) -> None:
    out = tmp_path / "validation.jsonl"
    arguments = [*PYTHON_M, "validate", "--tasks", "calc-*", "--workers", "3", "--out", str(out)]
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    limit = time.monotonic() + 60
    while time.monotonic() < limit and not (out.exists() and out.stat().st_size):
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "stopped; the same command again goes on from here"
    assert "Traceback" not in errors
    assert not psutil.wait_procs(children, timeout=5)[1]
