"""What holds for all tests, whoever runs them, wherever."""

import functools
import os
import signal

import pytest

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.sandbox import engine


def pytest_configure() -> None:
    # In the background (nohup, a script's `&`) SIGINT is ignored, and so by every process that a
    # test starts: its Ctrl-C would do nothing.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@functools.cache
def _no_engine() -> str:
    try:
        engine.client()
    except SandboxUnavailable as error:
        if os.environ.get("REQUIRE_DOCKER") == "1":
            raise
        return str(error)
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") and (reason := _no_engine()):
        pytest.skip(reason)
