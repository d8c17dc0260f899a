"""Episodes out: as rows of the conversational formats that TRL's SFTTrainer and others accept.

    messages            one row per episode: what was executed, whoever acted
    prompt_completion   one row per label: the state, and the teacher's action there

Beside the columns that a trainer reads stand those that say where a row is from. A row of
`messages` also carries the whole record as JSON, column `episode`, so that nothing is lost.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError

Format = Literal["messages", "prompt_completion"]
Message = dict[str, str]
Row = dict[str, Any]
SUFFIXES = (".parquet", ".jsonl")
# Rows held in memory at a time: a row may be a whole conversation of megabytes.
BATCH = 64


def rows(episodes: Iterable[Episode], format: Format = "messages") -> Iterator[Row]:
    """The rows of `episodes`, in their order.

    Text is Unicode: a lone surrogate, which a broken decoder may have let in, becomes U+FFFD in
    the messages (parquet can hold no such thing) and is kept in the record.
    """
    of = message_row if format == "messages" else _label_rows
    for episode in episodes:
        yield from of(episode)


def message_row(episode: Episode) -> Iterator[Row]:
    """The one row of an episode. Its last message is the last action; what came after is in the
    record alone."""
    yield {
        "messages": _conversation(episode, len(episode.turns)),
        **_origin(episode),
        "outcome": episode.outcome.value,
        "reward": float(episode.reward),
        "episode": json.dumps(asdict(episode), separators=(",", ":")),
    }


def _label_rows(episode: Episode) -> Iterator[Row]:
    for t, turn in enumerate(episode.turns):
        if turn.label is not None:
            state = [*_conversation(episode, t), _message("user", turn.observation)]
            yield {
                "prompt": state,
                "completion": [_message("assistant", turn.label.text)],
                **_origin(episode),
                "turn": t,
                "actor": turn.actor.value,
                "executed": whole(turn.action.text),
            }


def _conversation(episode: Episode, turns: int) -> list[Message]:
    """The first `turns` turns as they were executed."""
    return [
        message
        for turn in episode.turns[:turns]
        for message in (
            _message("user", turn.observation),
            _message("assistant", turn.action.text),
        )
    ]


def _message(role: str, text: str) -> Message:
    return {"role": role, "content": whole(text)}


def whole(text: str) -> str:
    """`text` with every lone surrogate replaced: what UTF-8 can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _origin(episode: Episode) -> Row:
    return {
        "key": whole(episode.key),
        "seed": episode.seed,
        "task": whole(episode.task),
        "round": episode.round,
    }


def to_dataset(episodes: Iterable[Episode], format: Format = "messages") -> Any:
    """The rows as a `datasets.Dataset`, in memory. Raises ConfigError without that library."""
    try:
        from datasets import Dataset
    except ImportError as error:
        raise ConfigError("this needs the datasets library: pip install datasets") from error
    pa = arrow()
    return Dataset(pa.Table.from_pylist(list(rows(episodes, format)), _schema(pa, format)))


def write(episodes: Iterable[Episode], path: Path, format: Format = "messages") -> int:
    """Write the rows to a new .parquet or .jsonl file; how many there were.

    The file is there when it is whole. Raises ConfigError for another ending, for a file that
    exists, and where parquet is asked for and pyarrow is missing.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"the file must end in {' or '.join(SUFFIXES)}, not {path.name!r}")
    if path.exists():
        raise ConfigError(f"{path} exists: move it away, or choose another name")
    put: Callable[[Iterable[Row], Path, Format], int] = (
        _write_parquet if path.suffix == ".parquet" else _write_jsonl
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        count = put(rows(episodes, format), part, format)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _write_parquet(found: Iterable[Row], path: Path, format: Format) -> int:
    pa = arrow()
    from pyarrow import parquet

    schema, count, left = _schema(pa, format), 0, iter(found)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(left, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


def _write_jsonl(found: Iterable[Row], path: Path, format: Format) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in found:
            file.write(json.dumps(row) + "\n")
            count += 1
    return count


def arrow() -> Any:
    """The module pyarrow; ConfigError where it is not installed."""
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError("parquet needs pyarrow: pip install pyarrow, or use .jsonl") from error
    return pyarrow


def _schema(pa: Any, format: Format) -> Any:
    """Stated, not inferred: an empty export still has its columns."""
    text, number = pa.string(), pa.int64()
    messages = pa.list_(pa.struct([("role", text), ("content", text)]))
    origin = [("key", text), ("seed", number), ("task", text), ("round", number)]
    if format == "messages":
        last = [("outcome", text), ("reward", pa.float64()), ("episode", text)]
        return pa.schema([("messages", messages), *origin, *last])
    first = [("prompt", messages), ("completion", messages)]
    return pa.schema([*first, *origin, ("turn", number), ("actor", text), ("executed", text)])
