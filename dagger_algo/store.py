"""The aggregated dataset on disk: one JSON line per episode, append-only, safe against crashes.

A record is on disk (fsynced) when `append` returns. A process killed while writing leaves at most
one torn last line, which the next opening cuts off; everything before it is as it was.
"""

import json
import os
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn, Usage
from dagger_algo.errors import StoreError

FORMAT = "dagger-episodes"
VERSION = 2


class EpisodeStore:
    """Episodes in a JSONL file, in the order they came. Iterating reads the file anew."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises StoreError when the file is another program's, another version's,
        or damaged anywhere but in its last line."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists() or path.stat().st_size == 0
        self._file = path.open("ab", buffering=0)
        self._count = 0
        if fresh:
            self._write(_line({"format": FORMAT, "version": VERSION}))
        else:
            self._file.truncate(_sound_length(path))
            self._count = sum(1 for _ in self.all())

    def append(self, episode: Episode) -> None:
        """Write one episode; on disk when this returns. Raises StoreError when it cannot be
        (a full disk, say), and then leaves the file as it was."""
        self._write(_line({"episode": asdict(episode)}))
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
                yield _episode(record["episode"])

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


def _line(record: dict[str, Any]) -> bytes:
    body = json.dumps(record, ensure_ascii=True, separators=(",", ":"))
    return b"%08x %s\n" % (zlib.crc32(body.encode()), body.encode())


def _parse(line: bytes) -> dict[str, Any] | None:
    """The record of a whole, undamaged line; None for any other."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    record: dict[str, Any] = json.loads(body)
    return record


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(end offset, record) of every sound line, the header first; a torn last line is left out."""
    with path.open("rb") as file:
        offset = 0
        for number, line in enumerate(file, 1):
            offset += len(line)
            record = _parse(line)
            if number == 1:
                _check_header(path, record)
            if record is None:
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


def _action(data: dict[str, Any] | None) -> Action | None:
    if data is None:
        return None
    ids, logprobs, usage = data["token_ids"], data["logprobs"], data["usage"]
    return Action(
        data["text"],
        None if ids is None else tuple(ids),
        None if logprobs is None else tuple(logprobs),
        data["entropy"],
        None if usage is None else Usage(**usage),
    )


def _episode(data: dict[str, Any]) -> Episode:
    turns = []
    for turn in data["turns"]:
        action = _action(turn["action"])
        assert action is not None
        turns.append(
            Turn(
                turn["observation"],
                action,
                Actor(turn["actor"]),
                _action(turn["label"]),
                turn["reward"],
                turn["asked"],
                _action(turn["proposal"]),
                turn["score"],
            )
        )
    return Episode(
        data["key"],
        data["seed"],
        data["task"],
        data["round"],
        tuple(turns),
        Outcome(data["outcome"]),
        data["final_observation"],
    )
