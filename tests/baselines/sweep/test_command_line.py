"""What the command line says to plain mistakes, and to a reader that goes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from baselines import cli
from baselines.cli import main


@pytest.mark.parametrize("command", ["train", "diagnose"])
@pytest.mark.parametrize("words", [["--config", "x"], ["--config=x"], ["x.yaml"], ["x.yml"]])
def test_a_sweeps_file_is_for_compare(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *words]) == 2
    said = capsys.readouterr().err
    assert f"{command} takes no file ({words[0]}): a sweep's file is for" in said
    assert "python -m baselines compare FILE" in said and said.count("\n") == 1


def test_a_config_that_names_no_file_is_refused_in_the_name_of_compare(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--config"])
    said = capsys.readouterr().err
    assert stop.value.code == 2 and "usage: python -m baselines compare [--config CONFIG]" in said


def test_a_reader_that_goes_is_told_nothing_more() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "baselines", "compare", "--help"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_another_broken_pipe_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(config: Any) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(cli, "compare", broken)
    assert main(["compare"]) == 1
    assert "error: [Errno 32] Broken pipe" in capsys.readouterr().err


def test_a_report_of_a_file_is_refused_with_the_folder_that_was_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    assert main(["report", str(path)]) == 2
    said = capsys.readouterr().err
    assert said == f"error: {path} is a file: name the folder of a comparison, as {tmp_path}\n"
