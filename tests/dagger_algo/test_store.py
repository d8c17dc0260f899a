import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from dagger_algo.conversation import Episode, Usage
from dagger_algo.errors import StoreError
from dagger_algo.records import decode_episode, encode_line
from dagger_algo.store import EpisodeStore, read
from tests.dagger_algo.conftest import make_episode


def filled(path: Path, count: int = 3) -> list[object]:
    with EpisodeStore(path) as store:
        for i in range(count):
            store.append(make_episode(f"1/{i}/0"))
        return list(store)


def test_what_is_appended_comes_back_equal(tmp_path: Path) -> None:
    episodes = filled(tmp_path / "s.jsonl")
    with EpisodeStore(tmp_path / "s.jsonl") as store:
        assert list(store) == episodes == [make_episode(f"1/{i}/0") for i in range(3)]
        assert len(store) == 3


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_torn_last_record_is_cut_off_and_the_rest_is_kept(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "s.jsonl"
    filled(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(UserWarning, match="line 4"):
        store = EpisodeStore(path)
    with store:
        assert len(store) == 2
        store.append(make_episode("1/9/0"))
        assert [e.key for e in store] == ["1/0/0", "1/1/0", "1/9/0"]


def test_damage_in_the_middle_is_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    filled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"first", b"FIRST")
    path.write_bytes(b"".join(lines))
    with pytest.raises(StoreError, match="line 3"):
        EpisodeStore(path)


def test_a_store_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    before = encode_line({"format": "dagger-episodes", "version": 99})
    path.write_bytes(before)
    with pytest.raises(StoreError, match="version 99"):
        EpisodeStore(path)
    assert path.read_bytes() == before


def test_a_store_of_another_environment_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    with EpisodeStore(path, "Tightrope-v0 horizon=20") as store:
        store.append(make_episode())
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"another environment \(Tightrope-v0 horizon=20\)"):
        EpisodeStore(path, "Tightrope-v0 horizon=30")
    assert path.read_bytes() == before
    for same in ("Tightrope-v0 horizon=20", ""):
        with EpisodeStore(path, same) as store:
            assert list(store) == [make_episode()] == list(read(path)) and len(store) == 1
    # One that never said may be gone on with, and is not renamed.
    filled(tmp_path / "old.jsonl")
    for other in ("A-v0", "B-v0"):
        with EpisodeStore(tmp_path / "old.jsonl", other) as store:
            assert len(store) == 3


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\nworld\n")
    with pytest.raises(StoreError, match="not an episode store"):
        EpisodeStore(path)


def test_a_full_disk_loses_nothing_already_stored(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    filled(path, 2)
    script = f"""
import resource, signal
from pathlib import Path
from dagger_algo.store import EpisodeStore
from dagger_algo.errors import StoreError
from tests.dagger_algo.conftest import make_episode
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = EpisodeStore(Path({str(path)!r}))
size = store.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, size + 50))
try:
    store.append(make_episode("1/9/0"))
except StoreError as error:
    print(error)
assert store.path.stat().st_size == size
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 episodes already there are safe" in done.stdout
    with EpisodeStore(path) as store:
        assert len(store) == 2


HOLD = """
import sys, time
from pathlib import Path
from dagger_algo.store import EpisodeStore
store = EpisodeStore(Path(sys.argv[1]))
{more}
print("open", flush=True)
time.sleep(60)
"""
FORK = """
import os
if child := os.fork():
    print(child, flush=True)
else:
    time.sleep(60)
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagger_algo.store.PATIENCE", 0.1)


def test_the_rest_of_a_killed_run_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(more=""), path], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None and writer.stdout.readline() == "open\n"
    threading.Timer(0.5, writer.kill).start()
    with EpisodeStore(path) as store:
        assert len(store) == 0
    assert writer.wait() == -signal.SIGKILL


@pytest.mark.usefixtures("impatient")
def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    filled(path)
    before = path.read_bytes()
    writer = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(more=""), path], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None and writer.stdout.readline() == "open\n"
    with pytest.raises(StoreError, match="written by another run at this moment"):
        EpisodeStore(path)
    assert path.read_bytes() == before and len(list(read(path))) == 3
    writer.kill()
    writer.wait()
    with EpisodeStore(path) as store:
        with pytest.raises(StoreError, match="another run"):
            EpisodeStore(path)
        store.append(make_episode("1/9/0"))
    with EpisodeStore(path) as store:
        assert len(store) == 4


@pytest.mark.usefixtures("impatient")
def test_a_forked_process_does_not_hold_the_store_of_its_killed_parent(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(more=FORK), path], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    child = int(writer.stdout.readline())
    assert writer.stdout.readline() == "open\n"
    with pytest.raises(StoreError):
        EpisodeStore(path)
    writer.kill()
    writer.wait()
    try:
        os.kill(child, 0)
        EpisodeStore(path).close()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_store_that_could_not_be_opened_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\nworld\n")
    for _ in range(2):
        with pytest.raises(StoreError, match="not an episode store"):
            EpisodeStore(path)


def test_where_files_cannot_be_locked_the_store_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(file: int, how: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    assert len(filled(tmp_path / "s.jsonl")) == 3


def test_many_are_written_with_one_fsync_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def counted(file: int) -> None:
        synced.append(file)
        fsync(file)

    monkeypatch.setattr("os.fsync", counted)
    with EpisodeStore(tmp_path / "s.jsonl") as store:
        synced.clear()
        store.extend(make_episode(f"1/{i}/0") for i in range(50))
        assert len(store) == 50 == len(list(store)) and len(synced) == 1

        def broken() -> Iterator[Episode]:
            yield make_episode("1/50/0")
            raise ValueError("a bad row")

        with pytest.raises(ValueError, match="a bad row"):
            store.extend(broken())
        assert len(store) == 50
        store.append(make_episode("1/51/0"))
    with EpisodeStore(tmp_path / "s.jsonl") as store:
        assert [e.key for e in store][-2:] == ["1/49/0", "1/51/0"]


def test_what_was_lost_comes_back_and_older_records_have_none(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    episode = make_episode()
    lost = replace(episode.turns[0], lost=Usage(7, 3, 0.5, 1.0), lost_again=Usage(1, 2, 0.1))
    with EpisodeStore(path) as store:
        store.append(replace(episode, turns=(lost, episode.turns[1])))
        (found,) = store
    assert [turn.lost for turn in found.turns] == [Usage(7, 3, 0.5, 1.0), None]
    assert [turn.lost_again for turn in found.turns] == [Usage(1, 2, 0.1), None]
    old = asdict(episode)
    for turn in old["turns"]:
        del turn["lost"], turn["lost_again"]
    assert decode_episode(old) == episode


def test_killed_while_writing_the_store_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    script = f"""
from pathlib import Path
from dagger_algo.store import EpisodeStore
from tests.dagger_algo.conftest import make_episode
store = EpisodeStore(Path({str(path)!r}))
for i in range(100000):
    store.append(make_episode(f"1/{{i}}/0"))
    print(i, flush=True)
"""
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    last = 0
    for line in writer.stdout:
        last = int(line)
        if last >= 20:
            break
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    with EpisodeStore(path) as store:
        assert len(store) > last
        assert [e.key for e in store][: last + 1] == [f"1/{i}/0" for i in range(last + 1)]
