"""The store when its writer dies, and while it lives."""

import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from dagger_algo import store
from dagger_algo.errors import StoreError
from dagger_algo.store import EpisodeStore
from tests.dagger_algo.conftest import make_episode

WRITER = """
import itertools, sys
from pathlib import Path
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.store import EpisodeStore
turn = Turn("x" * 50_000, Action("a"), Actor.STUDENT, None, 0.0)
with EpisodeStore(Path(sys.argv[1])) as store:
    for i in itertools.count(len(store)):
        store.append(Episode(f"1/{i}/0", i, "", 1, (turn,), Outcome.TERMINATED))
        print(i, flush=True)
"""


def writer(path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )


def test_killed_at_twenty_moments_nothing_is_lost_but_the_record_in_flight(tmp_path: Path) -> None:
    path, chance = tmp_path / "s.jsonl", random.Random(0)
    acknowledged = -1
    for _ in range(20):
        process = writer(path)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        said = [first, *process.stdout]
        process.wait()
        acknowledged = max([acknowledged, *(int(line) for line in said if line.endswith("\n"))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with EpisodeStore(path) as kept:
                keys = [episode.key for episode in kept]
        assert keys == [f"1/{i}/0" for i in range(len(keys))]
        assert acknowledged + 1 <= len(keys) <= acknowledged + 2


def test_a_file_that_ends_at_any_byte_opens_with_every_whole_record(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    with EpisodeStore(whole) as out:
        for i in range(2):
            out.append(make_episode(f"1/{i}/0"))
    data = whole.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    path = tmp_path / "cut.jsonl"
    header = ends[0]
    opened_at = {*range(header + 2), *range(header, len(data), 41), *ends}
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        records = max(0, sum(end <= cut for end in ends) - 1)
        assert len(list(store.read(path))) == records
        assert path.stat().st_size == cut, "reading changes nothing"
        if cut in opened_at:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with EpisodeStore(path) as opened:
                    assert len(opened) == records
                    opened.append(make_episode("1/9/0"))
                    assert [e.key for e in opened][-1] == "1/9/0"


def test_a_store_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    process = writer(path)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        counts = []
        until = time.monotonic() + 2
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            while time.monotonic() < until:
                keys = [episode.key for episode in store.read(path)]
                assert keys == [f"1/{i}/0" for i in range(len(keys))]
                counts.append(len(keys))
        assert process.poll() is None, "the readers did not disturb the writer"
        assert counts == sorted(counts) and 0 < counts[0] < counts[-1]
    finally:
        process.kill()
        said = process.stdout.read().splitlines()
        process.wait()
    assert len(list(store.read(path))) >= len(said)


def test_reading_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no episode store at"):
        list(store.read(tmp_path / "none.jsonl"))
    assert not (tmp_path / "none.jsonl").exists()
