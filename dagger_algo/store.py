"""The aggregated dataset on disk: one JSON line per episode, append-only, safe against crashes.

A record is on disk (fsynced) when `append` returns. A process killed while writing leaves at most
one torn last line, which the next opening cuts off; everything before it is as it was. One process
writes; any number may `read` meanwhile.
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from dagger_algo.conversation import Actor, Episode, Outcome, Turn
from dagger_algo.errors import StoreError
from dagger_algo.records import decode_action, decode_line, encode_line

FORMAT = "dagger-episodes"
VERSION = 2


class EpisodeStore:
    """Episodes in a JSONL file, in the order they came. Iterating reads the file anew."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StoreError when the file is another program's, another version's,
        or damaged anywhere but in its last line."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists() or _only_a_torn_header(path)
        self._file = path.open("ab", buffering=0)
        self._count = 0
        if fresh:
            self._file.truncate(0)
            self._write(_HEADER)
        else:
            self._file.truncate(_sound_length(path))
            self._count = sum(1 for _ in self.all())

    def append(self, episode: Episode) -> None:
        """Write one episode; on disk when this returns. Raises StoreError when it cannot be
        (a full disk, say), and then leaves the file as it was."""
        self._write(encode_line({"episode": asdict(episode)}))
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Episode]:
        return (episode for episode in self.all() if episode.outcome is not Outcome.INFRA)

    def all(self) -> Iterator[Episode]:
        """Every record, also of episodes in which the environment broke: those say nothing about
        the agent, and are kept only so that an interrupted run can be taken up again."""
        for _, record in _records(self.path):
            if "episode" in record:
                yield decode(record["episode"])

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        before = os.fstat(self._file.fileno()).st_size
        try:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            os.ftruncate(self._file.fileno(), before)
            raise StoreError(
                f"cannot write to {self.path}: {error.strerror}; the {self._count} episodes "
                "already there are safe: make room and start the same command again"
            ) from error


def read(path: Path) -> Iterator[Episode]:
    """The episodes of a store that is not to be written to, and that another process may be writing
    at this moment: a record in flight is left out, and nothing is changed. Without those in which
    the environment broke. Raises StoreError as opening does, or when there is no such file."""
    if not path.exists():
        raise StoreError(f"there is no episode store at {path}")
    if _only_a_torn_header(path):
        return
    for _, record in _records(path, live=True):
        if "episode" in record:
            episode = decode(record["episode"])
            if episode.outcome is not Outcome.INFRA:
                yield episode


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
                        f"{path}, line {number}: the checksum does not fit, so the file was "
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
        raise StoreError(f"{path} is not an episode store; choose another file")
    if record["version"] != VERSION:
        raise StoreError(
            f"{path} was written by store version {record['version']}, and this is version "
            f"{VERSION}: choose another file, or install the release that wrote it"
        )


def _sound_length(path: Path) -> int:
    length = 0
    for offset, _ in _records(path):
        length = offset
    return length


def decode(data: dict[str, Any]) -> Episode:
    """The episode that `dataclasses.asdict` made into `data`, perhaps by way of JSON."""
    turns = tuple(
        Turn(
            turn["observation"],
            decode_action(turn["action"]),
            Actor(turn["actor"]),
            turn["label"] and decode_action(turn["label"]),
            turn["reward"],
            turn["asked"],
            turn["proposal"] and decode_action(turn["proposal"]),
            turn["score"],
        )
        for turn in data["turns"]
    )
    return Episode(
        data["key"],
        data["seed"],
        data["task"],
        data["round"],
        turns,
        Outcome(data["outcome"]),
        data["final_observation"],
    )
