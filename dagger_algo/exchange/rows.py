"""Episodes in: from rows of conversational data, our own export or anybody's.

What such data does not say is not made up: without a `reward` an episode ends with Outcome.CUT
(its labels are good, its return is unknown); who acted, where rows do not tell, the caller says.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.errors import StoreError
from dagger_algo.exchange.columns import Row
from dagger_algo.exchange.export import BATCH, SUFFIXES, arrow, message_row


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a .parquet or .jsonl file, a few at a time. Raises StoreError when it cannot be
    read, ConfigError where pyarrow is missing."""
    if path.suffix not in SUFFIXES:
        raise StoreError(f"{path} must end in {' or '.join(SUFFIXES)} to be read as rows")
    if not path.exists():
        raise StoreError(f"there is no file {path}")
    if path.suffix == ".jsonl":
        yield from _read_jsonl(path)
        return
    pa = arrow()
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"{path} cannot be read as parquet: {reason}") from error


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                raise StoreError(f"{path}, line {number} is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise StoreError(f"{path}, line {number} is not a JSON object")
            yield row


def episodes_of(
    found: Iterable[Mapping[str, Any]], actor: Actor = Actor.TEACHER, name: str = ""
) -> Iterator[Episode]:
    """The episodes in rows of `messages` or of `prompt` and `completion` (a datasets.Dataset is
    such an iterable).

    A row of our own `messages` export comes back as the very episode it was made from. Others:
    system text is put before the first observation; tools' messages are observations; messages of
    one side in a row are joined by a newline. actor: who acted in rows that do not say; the
    teacher's actions are its labels. Rows of `prompt` and `completion` that follow each other
    under one `key` become one episode, whose turns carry the completions as labels; the label is
    taken to be what was executed where the data do not say.
    Keys are made unique. name: the data's own, for errors. Raises StoreError for rows that are
    neither, and for a value that is not what its column holds, with the row's number.
    """
    used: set[str] = set()
    for number, episode in enumerate(_episodes(found, actor, name), 1):
        key = episode.key or f"import/{number}"
        unique = key if key not in used else f"{key}/{number}"
        used.add(unique)
        yield episode if episode.key == unique else replace(episode, key=unique)


def _episodes(found: Iterable[Mapping[str, Any]], actor: Actor, name: str) -> Iterator[Episode]:
    place = f"{name}, row" if name else "row"
    rows = (Row(f"{place} {number}", data) for number, data in enumerate(found, 1))
    for _, group in groupby(rows, lambda row: row.given("key") or row.where):
        together: list[tuple[list[Turn], Row]] = []
        for row in group:
            if row.given("messages") is not None:
                yield _of_messages(row, actor)
            elif row.given("prompt") is not None and row.given("completion") is not None:
                together.append((_of_label(row), row))
            else:
                there = [column for column in sorted(row.data) if row.given(column) is not None]
                raise StoreError(
                    f'{row.where} has neither "messages" nor "prompt" and "completion", but '
                    f"{', '.join(there) or 'nothing'}"
                )
        yield from _merge(together)


def _of_messages(row: Row, actor: Actor) -> Episode:
    messages = row.messages("messages", "user")
    if row.given("episode"):
        episode = row.record("episode")
        if messages != next(message_row(episode))["messages"]:
            raise StoreError(
                f'{row.where}: its "messages" were changed and no longer agree with its "episode" '
                "column; drop that column to import the messages as they are now"
            )
        return episode
    turns, last = _turns(messages, row.where)
    if actor is Actor.TEACHER:
        turns = [replace(turn, actor=actor, label=turn.action) for turn in turns]
    reward = row.number("reward")
    if reward is not None:
        turns[-1] = replace(turns[-1], reward=reward)
    known = row.member("outcome", Outcome) or Outcome.TERMINATED
    return _episode(row, turns, Outcome.CUT if reward is None else known, last)


def _of_label(row: Row) -> list[Turn]:
    """The turns up to and with the labelled one."""
    messages = [*row.messages("prompt", "user"), *row.messages("completion", "assistant")]
    turns, last = _turns(messages, row.where)
    if last:
        raise StoreError(f"{row.where}: its completion does not end with the assistant")
    label, executed = turns[-1].action, row.text("executed")
    done = label if executed is None else Action(executed)
    turns[-1] = replace(turns[-1], action=done, actor=_actor(row, done, label), label=label)
    return turns


def _actor(row: Row, done: Action, label: Action) -> Actor:
    usual = Actor.TEACHER if done == label else Actor.STUDENT
    return row.member("actor", Actor) or usual


def _merge(rows: Sequence[tuple[list[Turn], Row]]) -> Iterator[Episode]:
    """One episode of all rows whose states lie on one path, and so on."""
    left = sorted(rows, key=lambda item: -len(item[0]))
    while left:
        (trunk, row), *others = left
        turns, left = list(trunk), []
        for shorter, its_row in others:
            t = len(shorter) - 1
            same_state = [x.observation for x in shorter] == [x.observation for x in trunk[: t + 1]]
            same_path = [x.action for x in shorter[:t]] == [x.action for x in trunk[:t]]
            label = shorter[t].label
            if label is not None and same_state and same_path and turns[t].label is None:
                by = _actor(its_row, turns[t].action, label)
                turns[t] = replace(turns[t], actor=by, label=label)
            else:
                left.append((shorter, its_row))
        yield _episode(row, turns, Outcome.CUT, "")


def _episode(row: Row, turns: Sequence[Turn], outcome: Outcome, last: str) -> Episode:
    return Episode(
        str(row.given("key") or ""),
        row.whole("seed") or 0,
        str(row.given("task") or ""),
        row.whole("round") or 0,
        tuple(turns),
        outcome,
        last,
    )


def _turns(messages: Iterable[Mapping[str, Any]], where: str) -> tuple[list[Turn], str]:
    """(turns, acted by the student and without labels; what was seen after the last of them)."""
    sides: list[tuple[bool, str]] = []
    for message in messages:
        role, text = message.get("role"), message.get("content")
        if not isinstance(text, str):
            calls = "; write its tool_calls as text first" if message.get("tool_calls") else ""
            raise StoreError(f"{where}: a message of {role!r} has no text as content{calls}")
        acted = role == "assistant"
        if sides and sides[-1][0] == acted:
            sides[-1] = (acted, f"{sides[-1][1]}\n{text}")
        else:
            sides.append((acted, text))
    if len(sides) < 2 or sides[0][0]:
        raise StoreError(
            f"{where} does not begin with what the assistant saw followed by what it did"
        )
    texts = [text for _, text in sides]
    turns = [
        Turn(seen, Action(done), Actor.STUDENT, None, 0.0)
        for seen, done in zip(texts[::2], texts[1::2], strict=False)
    ]
    return turns, texts[-1] if len(texts) % 2 else ""
