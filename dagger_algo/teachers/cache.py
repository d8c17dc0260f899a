"""Answers that were paid for once, kept on disk: asked the same again, a teacher costs nothing."""

import fcntl
import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

from dagger_algo.conversation import Action, Conversation, Usage
from dagger_algo.errors import StoreError
from dagger_algo.policy import Policy
from dagger_algo.records import decode_action, decode_line, encode_line

FORMAT = "dagger-answers"
VERSION = 1
_HEADER = encode_line({"format": FORMAT, "version": VERSION})


@dataclass(frozen=True)
class Identity:
    """Who answers, and how: where this is the same, one answer may stand for another.

    model: name and version. settings: everything else an answer depends on besides the
    conversation: system prompt, temperature, seed; plain JSON values. sampled: answers are drawn,
    and so another one is due at another turn or in another episode.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    sampled: bool = False

    def digest(self, conversation: Conversation) -> str:
        """The question, hashed (SHA-256): identity, texts, and where it draws the stream too."""
        question = [
            self.model,
            dict(self.settings),
            list(conversation.observations),
            [action.text for action in conversation.actions],
            [conversation.key, conversation.turn] if self.sampled else None,
        ]
        return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


class Cached:
    """Asks `policy` only what no answer is kept for; for policies that go by the conversation
    alone (not by `info`). What is lost is not kept, and so asked again another time.

    The file is JSONL, append-only, checksummed; an answer is on disk (fsynced) when `act` returns.
    Several processes may use it at once. Raises StoreError when it is another program's, or cannot
    be written.
    """

    def __init__(self, policy: Policy, path: Path, identity: Identity) -> None:
        self.policy = policy
        self.path = path
        self.identity = identity
        self._where: dict[str, tuple[int, int]] = {}
        self._end = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b", buffering=0)
        except OSError as error:
            raise StoreError(f"no cache can be kept at {path}: {error}") from error
        self._append({})

    def __len__(self) -> int:
        return len(self._where)

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        self._catch_up()
        digests = [self.identity.digest(conversation) for conversation in conversations]
        new = {
            digest: conversation
            for digest, conversation in zip(digests, conversations, strict=True)
            if digest not in self._where
        }
        fresh = dict(zip(new, self.policy.act(list(new.values())), strict=True)) if new else {}
        self._append({digest: answer for digest, answer in fresh.items() if answer is not None})
        # Of several who ask the same at once the first one pays.
        return [fresh.pop(digest) if digest in fresh else self._kept(digest) for digest in digests]

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kept(self, digest: str) -> Action | None:
        if digest not in self._where:
            return None
        offset, length = self._where[digest]
        record = decode_line(os.pread(self._file.fileno(), length, offset))
        if record is None:
            raise StoreError(
                f"{self.path} was changed by another program while it was in use; start again, and "
                "what is sound in it is used"
            )
        answer = decode_action(record["answer"])
        usage = answer.usage or Usage()
        kept = replace(usage, seconds=0.0, cached=True, saved=usage.money)
        return replace(answer, usage=kept)

    def _catch_up(self) -> None:
        """Learn what was appended since, by whatever process. A last line without its end is one
        that is being written, or whose writer was killed: it is left alone."""
        if os.fstat(self._file.fileno()).st_size <= self._end:
            return
        with self.path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                if self._end == 0:
                    self._check_header(line)
                if not line.endswith(b"\n"):
                    return
                self._learn(line)

    def _learn(self, line: bytes) -> None:
        record = decode_line(line)
        if record is None:
            warnings.warn(
                f"{self.path}: the answer at byte {self._end} was damaged after it was written; it "
                "is left out, and asked for again when it is needed",
                stacklevel=2,
            )
        elif "question" in record:
            self._where.setdefault(record["question"], (self._end, len(line)))
        self._end += len(line)

    def _check_header(self, line: bytes) -> None:
        record = decode_line(line)
        if _HEADER.startswith(line):  # the header, or what a killed writer left of it
            return
        if record is None or record.get("format") != FORMAT:
            raise StoreError(f"{self.path} is not a cache of answers; choose another file")
        raise StoreError(
            f"{self.path} was written by cache version {record['version']}, and this is version "
            f"{VERSION}: choose another file, or delete it and pay anew"
        )

    def _append(self, answers: Mapping[str, Action]) -> None:
        """Write what was answered, at the end of what is sound."""
        file = self._file.fileno()
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            self._catch_up()
            os.ftruncate(file, self._end)
            lines = [] if self._end else [_HEADER]
            for digest, answer in answers.items():
                lines.append(encode_line({"question": digest, "answer": asdict(answer)}))
            left = memoryview(b"".join(lines))
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        except OSError as error:
            os.ftruncate(file, self._end)
            raise StoreError(
                f"cannot write to {self.path}: {error.strerror}; the {len(self)} answers already "
                "there are safe: make room and start the same command again"
            ) from error
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
        for line in lines:
            self._learn(line)
