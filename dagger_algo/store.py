"""The aggregated dataset on disk: one JSON line per episode, append-only, safe against crashes.

A record is on disk (fsynced) when `append` returns. A process killed while writing leaves at most
one torn last line, which the next opening cuts off; everything before it is as it was. One writes,
and a second is refused (an flock, which ends with its process); any number may `read` meanwhile.
"""

import fcntl
import os
import time
import warnings
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from dagger_algo.conversation import Episode, Outcome
from dagger_algo.errors import StoreError
from dagger_algo.records import decode_episode, decode_line, encode_line, plain

FORMAT = "dagger-episodes"
VERSION = 2
PATIENCE = 12.0
"""Seconds in which another writer may end: what is left of a killed run takes a moment."""


class EpisodeStore:
    """Episodes in a JSONL file, in the order they came. Iterating reads the file anew."""

    def __init__(self, path: Path, environment: str = "") -> None:
        """Open or create. environment: what the episodes are of, in any words; a store that was
        made for another one is refused, where both say.

        Raises StoreError when the file is another program's, another version's or environment's,
        damaged anywhere but in its last line, or being written by another.
        """
        _refuse_folder(path)
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._count = 0
        try:
            _lock(self._file.fileno(), path)
            if _only_a_torn_header(path):
                self._file.truncate(0)
                self._write([_HEADER])
            else:
                self._file.truncate(_sound_length(path))
            self._require(environment)
        except BaseException:
            self.close()
            raise
        _writing.add(self)

    def _require(self, environment: str) -> None:
        """Count what is there, and see that it is of this environment."""
        found = ""
        for _, record in _records(self.path):
            self._count += "episode" in record
            found = record.get("environment", found)
        if environment and not self._count and not found:
            self._write([encode_line({"environment": environment})])
        elif environment and found and found != environment:
            raise StoreError(
                f"{self.path} has episodes of another environment ({found}) than this run's "
                f"({environment}): choose another file, or move it away"
            )

    def append(self, episode: Episode) -> None:
        """Write one episode; on disk when this returns. Raises StoreError when it cannot be
        (a full disk, say), and then leaves the file as it was."""
        self._count += self._write([_line(episode)])

    def extend(self, episodes: Iterable[Episode]) -> None:
        """Write many and fsync once: all are on disk when this returns. When it raises, whatever
        that is, the file is as it was."""
        self._count += self._write(map(_line, episodes))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Episode]:
        return (episode for episode in self.all() if episode.outcome is not Outcome.INFRA)

    def all(self) -> Iterator[Episode]:
        """Every record, also of episodes in which the environment broke: those say nothing about
        the agent, and are kept only so that an interrupted run can be taken up again. Raises
        StoreError for a record that is no episode."""
        return _episodes(self.path)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, lines: Iterable[bytes]) -> int:
        """How many were written."""
        before, count = os.fstat(self._file.fileno()).st_size, 0
        try:
            for line in lines:
                left = memoryview(line)
                while left:
                    left = left[self._file.write(left) :]
                count += 1
            os.fsync(self._file.fileno())
        except BaseException as error:
            os.ftruncate(self._file.fileno(), before)
            if not isinstance(error, OSError):
                raise
            raise StoreError(
                f"cannot write to {self.path}: {error.strerror}; the {self._count} episodes "
                "already there are safe: make room and start the same command again"
            ) from error
        return count


_writing: weakref.WeakSet[EpisodeStore] = weakref.WeakSet()


def _only_the_parent_writes() -> None:
    """A forked process shares the lock; it would hold it when its parent has long been killed."""
    for store in list(_writing):
        store.close()


os.register_at_fork(after_in_child=_only_the_parent_writes)


def _lock(file: int, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise StoreError(
                    f"{path} is being written by another run at this moment; wait for that one to "
                    "end, or choose another folder (reading it is possible all the while)"
                ) from None
        except OSError:  # a file system without locks
            return
        time.sleep(0.1)


def _line(episode: Episode) -> bytes:
    return encode_line({"episode": plain(episode)})


def read(path: Path) -> Iterator[Episode]:
    """The episodes of a store that is not to be written to, and that another process may be writing
    at this moment: a record in flight is left out, and nothing is changed. Without those in which
    the environment broke. Raises StoreError as opening does, when there is no such file, and for a
    record that is no episode."""
    if not path.exists():
        raise StoreError(f"there is no episode store at {path}")
    _refuse_folder(path)
    if not _only_a_torn_header(path):
        for episode in _episodes(path, live=True):
            if episode.outcome is not Outcome.INFRA:
                yield episode


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not an episode store: name a file, such as {_FILE}")


def _episodes(path: Path, live: bool = False) -> Iterator[Episode]:
    for number, (_, record) in enumerate(_records(path, live), 1):
        if "episode" in record:
            try:
                yield decode_episode(record["episode"])
            except StoreError as error:
                raise StoreError(
                    f"{path}, line {number}: {error}, so another program or release wrote it: "
                    "install that one, or take the line out"
                ) from error


_FILE = "episodes.jsonl"
_HEADER = encode_line({"format": FORMAT, "version": VERSION})


def _only_a_torn_header(path: Path) -> bool:
    """Nothing is there but what a writer killed at its first line leaves behind."""
    with path.open("rb") as file:
        start = file.read(len(_HEADER))
    return len(start) < len(_HEADER) and _HEADER.startswith(start)


def _records(path: Path, live: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """(end offset, record) of every sound line, the header first; a torn last line is left out.
    live: its writer may be at work, so that a torn line is nothing to speak of."""
    with path.open("rb") as file:
        offset = 0
        for number, line in enumerate(file, 1):
            offset += len(line)
            record = decode_line(line)
            if number == 1:
                _check_header(path, record)
            if record is None:
                if live and not line.endswith(b"\n"):
                    return  # its writer may have ended it since it was read
                if file.read(1):
                    raise StoreError(
                        f"{path}, line {number} is no record whose checksum fits, so the file was "
                        "damaged after it was written; move it away, or cut it before that line"
                    )
                warnings.warn(
                    f"{path}: the last record (line {number}) was being written when its writer "
                    "was killed; it is left out",
                    stacklevel=2,
                )
                return
            assert record is not None
            yield offset, record


def _check_header(path: Path, record: dict[str, Any] | None) -> None:
    if record is None or record.get("format") != FORMAT:
        raise StoreError(f"{path}, line 1: this is not an episode store; choose another file")
    version = record.get("version", "unknown")
    if version != VERSION:
        raise StoreError(
            f"{path}, line 1: it was written by store version {version}, and this is version "
            f"{VERSION}: choose another file, or install the release that wrote it"
        )


def _sound_length(path: Path) -> int:
    length = 0
    for offset, _ in _records(path):
        length = offset
    return length
