"""A process that ignores signals, as one in the background does, has sandboxes like any other's."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swe_gym_env.sandbox import Sandbox, processes

from .conftest import Opener

IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture(params=["coreutils", "busybox"])
def box(
    request: pytest.FixtureRequest,
    open_one: Opener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Sandbox]:
    if request.param == "busybox":  # whose env knows no such option
        (tmp_path / "env").write_text("#!/bin/sh\necho >&2 unrecognized option\nexit 1\n")
        (tmp_path / "env").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(processes, "_resetter", processes._resetter.__wrapped__)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED}
    try:
        opened = open_one()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    with opened:
        yield opened


@pytest.mark.parametrize("number", [*IGNORED, signal.SIGPIPE])
def test_commands_end_by_the_signals_that_its_owner_ignores(
    box: Sandbox, number: signal.Signals
) -> None:
    killed = box.run(f"sleep 2 & sleep 0.1; kill -{number.value} $!; wait $!")
    assert killed.exit_code == 128 + number


def test_a_command_that_never_ends_returns_within_its_limit(box: Sandbox) -> None:
    started = time.monotonic()
    assert box.run("export kept=1; sleep 600", timeout=0.5).timed_out
    assert time.monotonic() - started < 10
    assert box.run("echo $kept").output == "1\n"
