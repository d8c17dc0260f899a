"""A Ctrl-C that somebody swallows is heard later; one that is ignored stays ignored."""

import subprocess
import sys

START = """
import os, signal
from baselines.interrupts import check, listen
listen()
check()
"""


def said(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + script], capture_output=True, text=True, timeout=60
    )
    assert not done.stderr, done.stderr
    return done.stdout


def test_what_was_swallowed_is_raised_again() -> None:
    script = """
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("raised")
for _ in range(2):
    try:
        check()
    except KeyboardInterrupt:
        print("again")
"""
    assert said(script) == "raised\nagain\nagain\n"


def test_an_ignored_one_stays_ignored() -> None:
    script = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
listen()
os.kill(os.getpid(), signal.SIGINT)
check()
print("ignored")
"""
    assert said(script) == "ignored\n"
