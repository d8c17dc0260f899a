"""A store that cannot be read is refused in a sentence, with file, line and field."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.errors import StoreError
from dagger_algo.records import decode_episode, encode_line
from dagger_algo.store import EpisodeStore, read
from tests.dagger_algo.conftest import make_episode

HEADER = {"format": "dagger-episodes", "version": 2}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([{"format": "dagger-episodes"}], "line 1: it was written by store version unknown"),
        ([["dagger-episodes", 2]], "line 1: this is not an episode store"),
        ([7], "line 1: this is not an episode store"),
        ([HEADER, [1], HEADER], "line 2 is no record whose checksum fits"),
        ([HEADER, {"episode": {"key": "1/0/0"}}], 'line 2: the episode has no "seed"'),
        ([HEADER, {"episode": 7}], "line 2: the episode is 7, not an object"),
        ([HEADER, {"episode": {"turns": [{}]}}], 'line 2: the episode has no "key"'),
    ],
)
def test_what_another_release_wrote_is_named_by_file_and_line_and_left_alone(
    tmp_path: Path, lines: list[Any], says: str
) -> None:
    path = tmp_path / "s.jsonl"
    before = b"".join(map(encode_line, lines))
    path.write_bytes(before)
    with pytest.raises(StoreError, match=f"{re.escape(str(path))}, {says}"):
        list(read(path))
    with (
        pytest.raises(StoreError, match=f"{re.escape(str(path))}, {says}"),
        EpisodeStore(path) as s,
    ):
        list(s)
    assert path.read_bytes() == before


YOUNGER = ("lost", "again", "lost_again")  # than the format: older records have none
RECORD = asdict(make_episode())
PLACES = [
    *[(name,) for name in RECORD],
    *[("turns", 0, name) for name in RECORD["turns"][0] if name not in YOUNGER],
    *[("turns", 0, "action", name) for name in RECORD["turns"][0]["action"]],
    *[("turns", 0, "label", name) for name in RECORD["turns"][0]["label"]],
]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_record_with_a_field_missing_or_of_another_kind_is_refused_by_its_name(
    place: tuple[Any, ...],
) -> None:
    *way, name = place
    for change in ("missing", "of another kind"):
        record: Any = json.loads(json.dumps(RECORD))
        inner = record
        for step in way:
            inner = inner[step]
        if change == "missing":
            del inner[name]
        else:
            inner[name] = True if name != "asked" else "yes"
        with pytest.raises(StoreError, match=f'"{name}"'):
            decode_episode(record)


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    for opening in (EpisodeStore, lambda path: list(read(path))):
        with pytest.raises(StoreError, match="is a folder, not an episode store"):
            opening(tmp_path)
