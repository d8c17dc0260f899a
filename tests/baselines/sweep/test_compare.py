"""The comparison end to end, on a text toy and with transformers that take seconds to train."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from baselines.cli import main

SMALL = """
    --env swe_gym_env:Tightrope-v0 --env-options horizon=4 cues=4 pit_depth=1
    --seeds 1 --heldout-episodes 4 --envs 4 --student.tokenizer-episodes 4
    --student.tiny.vocab-size 300 --student.tiny.width 32 --student.tiny.layers 1
    --student.tiny.heads 2 --student.sampling.max-new-tokens 12
    --budget.env-steps 60 --budget.teacher-tokens 300 --warm-start.teacher-tokens 60
    --warm-start.epochs 1 --sft.rounds 2 --sft.epochs 1 --dagger.rounds 2 --dagger.epochs 1
    --grpo.group 2 --grpo.tasks 2 --grpo.evaluate 1
""".split()


def command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "baselines", "compare", "--out", str(out), *SMALL, *more]


def compare(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(out, *more), capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )


def rows(out: Path) -> list[dict[str, object]]:
    text = (out / "compare" / "results.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    done = compare(out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_every_method_is_trained_and_reported(finished: Path) -> None:
    found = rows(finished)
    assert {row["method"] for row in found} == {"sft", "dagger", "grpo"}
    for method in ("sft", "dagger", "grpo"):
        own = [row for row in found if row["method"] == method]
        assert own[0]["round"] == 0 and own[-1]["round"] >= 1
        assert len(own[-1]["eval_rewards"]) == 4  # type: ignore[arg-type]
    report = (finished / "compare" / "report.html").read_text()
    assert all(name in report for name in ("DAgger", "SFT", "GRPO"))


def test_budgets_and_starts_are_equal(finished: Path) -> None:
    found = rows(finished)
    first = [row for row in found if row["round"] == 0]
    assert len({(row["teacher_tokens"], row["env_steps"], row["success"]) for row in first}) == 1
    for row in found:
        assert row["teacher_tokens"] <= 300 + 4 * 12  # type: ignore[operator]
        assert row["env_steps"] <= 60 + 4  # type: ignore[operator]


def test_the_same_command_again_trains_nothing(finished: Path) -> None:
    before = (finished / "compare" / "results.jsonl").read_text()
    done = compare(finished)
    assert done.returncode == 0
    assert "3 of 3 cells were done before" in done.stdout
    assert (finished / "compare" / "results.jsonl").read_text() == before


def test_other_settings_under_the_same_name_are_refused(finished: Path) -> None:
    done = compare(finished, "--sft.epochs", "2")
    assert done.returncode == 2
    assert "sft.epochs was 1 and is now 2" in done.stderr and "--fresh" in done.stderr


def test_a_method_of_ones_own_joins_and_one_that_crashes_loses_nobody_else(
    finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from baselines.methods import method\n"
        "@method('mine', None)\n"
        "def train(run, config):\n"
        "    run.collect(1, run.share(1, 1), teacher=run.teacher)\n"
        "    run.report(1)\n"
    )
    (tmp_path / "crash.py").write_text(
        "from baselines.methods import method\n"
        "@method('crash', None)\n"
        "def train(run, config):\n"
        "    raise RuntimeError('on purpose')\n"
    )
    own = [str(tmp_path / "mine.py"), str(tmp_path / "crash.py")]
    done = compare(finished, "--methods", "sft", *own)
    assert done.returncode == 1
    assert "on purpose" in done.stdout + done.stderr
    found = rows(finished)
    assert any("mine" in str(row["method"]) and row.get("round") == 1 for row in found)
    assert any(row.get("status") == "failed" and "on purpose" in str(row["error"]) for row in found)
    assert "on purpose" in (finished / "compare" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--methods", "dager"], "did you mean 'dagger'"),
        (["--env-options", "horizont=3"], "horizon"),
        (["--env-options", "horizon"], "NAME=VALUE"),
        (["--env", "swe_gym_env:Nothing-v0"], "Nothing"),
        (["--student.checkpoint", "./no/such/place"], "no checkpoint at ./no/such/place"),
        (["--budget.teacher-tokens", "50"], "warm start alone"),
        (["--seeds", "0"], "at least 1"),
    ],
)
def test_what_cannot_work_is_refused_at_once_with_a_sentence(
    tmp_path: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(command(tmp_path, *arguments)[3:])
    except SystemExit as stop:  # what the command line's own library refuses
        code = stop.code  # type: ignore[assignment]
    assert code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert complaint in said
    assert not (tmp_path / "compare" / "results.jsonl").exists()


def test_an_unknown_option_is_refused_with_code_2(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--no-such-option", "1"])
    assert stop.value.code == 2


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_ctrl_c_leaves_no_process_and_the_next_start_goes_on(tmp_path: Path) -> None:
    started = subprocess.Popen(
        command(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    warm = tmp_path / "compare" / "seed-0" / "warm-start"
    deadline = time.monotonic() + 120
    while not (warm / "done.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    family = descendants(started.pid)
    assert family
    os.killpg(started.pid, signal.SIGINT)
    output, _ = started.communicate(timeout=60)
    assert started.returncode == 130 and "goes on from here" in output
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    done = compare(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["method"] for row in rows(tmp_path)} == {"sft", "dagger", "grpo"}


def test_a_killed_comparison_leaves_no_process_and_no_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Socket paths must be short: 108 bytes at most.
    temporary = Path(tempfile.mkdtemp(prefix="t-"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    started = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.glob("compare/seed-0/warm-start")):
        time.sleep(0.05)
    family = descendants(started.pid)
    started.kill()
    started.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    assert list(temporary.iterdir()) == []
    temporary.rmdir()


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.5, 2.5, 4.0])
def test_ctrl_c_at_any_time_ends_with_a_sentence(tmp_path: Path, seconds: float) -> None:
    started = subprocess.Popen(
        command(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    time.sleep(seconds)
    os.killpg(started.pid, signal.SIGINT)
    output, _ = started.communicate(timeout=60)
    # Python itself ends by the signal, as a shell's 130 too, when it came inside an exec().
    assert started.returncode in (130, -signal.SIGINT) and "stopped" in output
    assert "Traceback" not in output


def test_on_a_full_disk_it_fails_with_a_sentence_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    """On a file system of its own, which a user may mount in namespaces of their own."""
    small = tmp_path / "small"
    small.mkdir()
    again = shlex.join(command(small))
    # With both names `remount` leaves out the options that are: in a namespace of its own it cannot
    # say again which user of the host the mount is of.
    script = f"""
        mount -t tmpfs -o size=112k none {small} || exit 99
        {again}; echo "first: $?"; ls {small}/compare/seed-0/warm-start
        mount -o remount,size=50m none {small} || exit 98
        {again}; echo "second: $?"
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode == 99 or "unshare:" in done.stderr:
        pytest.skip("no user namespaces here")
    said = done.stdout + done.stderr
    assert "first: 1" in said and "second: 0" in said, said
    assert "No space left" in said and "what was written before is kept" in " ".join(said.split())
    assert "episodes.jsonl" in said
    assert "Traceback" not in said
