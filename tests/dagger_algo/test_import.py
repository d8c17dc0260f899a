"""Rows of somebody else's data that are no episodes are refused by file, row and column."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.cli import main
from dagger_algo.errors import StoreError
from dagger_algo.exchange.rows import read_rows

TALK = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": TALK, "reward": 1, "outcome": "win"}, "\"outcome\" is 'win', not one of"),
        ({"prompt": "x", "completion": "y", "actor": "robot"}, "\"actor\" is 'robot', not one of"),
        ({"messages": None}, 'has neither "messages" nor'),
        ({"messages": "hello"}, "\"messages\" is 'hello', not a list of messages"),
        ({"messages": ["hello"]}, '"messages" is .*each with "role" and "content"'),
        ({"prompt": 5, "completion": "y"}, '"prompt" is 5, not a list of messages'),
        ({"prompt": "x", "completion": "y", "executed": 3}, '"executed" is 3, not text'),
        ({"messages": TALK, "reward": "good"}, "\"reward\" is 'good', not a finite number"),
        ({"messages": TALK, "reward": float("nan")}, '"reward" is nan, not a finite number'),
        ({"messages": TALK, "seed": "x"}, "\"seed\" is 'x', not a whole number"),
        ({"messages": TALK, "round": 1.5}, '"round" is 1.5, not a whole number'),
        ({"messages": TALK, "episode": "7"}, "\"episode\" is '7', not an episode's record"),
        ({"messages": TALK, "episode": 7}, '"episode" is 7, not an episode\'s record'),
        ({"messages": TALK, "episode": "{}"}, 'record .the episode has no "key".; drop or'),
    ],
)
def test_a_value_that_no_episode_has_is_named_with_file_row_and_column_and_nothing_is_written(
    tmp_path: Path, row: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "e.jsonl", tmp_path / "out.jsonl"
    path.write_text(json.dumps({"messages": TALK}) + "\n" + json.dumps(row) + "\n")
    assert main(["import", str(path), str(out)]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(f"error: {re.escape(str(path))}, row 2.*{says}.*\n", said), said
    assert list(tmp_path.iterdir()) == [path]


def test_rows_that_are_no_unicode_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'{"messages": "\xff"}\n')
    with pytest.raises(StoreError, match="line 1 is not JSON"):
        list(read_rows(path))
