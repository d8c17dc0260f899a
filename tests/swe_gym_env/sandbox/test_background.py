"""A process that ignores signals, as one in the background does, has sandboxes like any other's."""

import signal
import time
from collections.abc import Iterator

import pytest

from swe_gym_env.sandbox import Sandbox

from .conftest import Opener

IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def box(open_one: Opener) -> Iterator[Sandbox]:
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
