"""Ctrl-C that is not lost: some libraries swallow what is raised while they are imported or ask."""

import signal
import threading
from types import FrameType

_heard = threading.Event()


def listen() -> None:
    """Remember Ctrl-C beside raising it. One that is ignored, as under nohup, stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _hear)


def check() -> None:
    """Raise the KeyboardInterrupt again that was raised and did not arrive."""
    if _heard.is_set():
        raise KeyboardInterrupt


def _hear(number: int, frame: FrameType | None) -> None:
    _heard.set()
    signal.default_int_handler(number, frame)
