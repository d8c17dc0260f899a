import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Conversation, Usage
from dagger_algo.errors import StoreError
from dagger_algo.ledger import Ledger, TeacherBudget
from dagger_algo.records import encode_line
from dagger_algo.teachers.cache import Cached, Identity

GREEDY = Identity("m", {"temperature": 0.0})
SAMPLED = Identity("m", {"temperature": 1.0}, sampled=True)


class Counting:
    """Says how many questions came before, and keeps them."""

    def __init__(self, answer: Callable[[int], Action | None] | None = None) -> None:
        self.asked: list[Conversation] = []
        self._answer = answer or (lambda n: Action(f"answer {n}", usage=Usage(10, 2, 0.5, 3.0)))

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        start = len(self.asked)
        self.asked += conversations
        return [self._answer(start + i) for i in range(len(conversations))]


def state(key: str = "k", *texts: str) -> Conversation:
    seen = texts or ("first",)
    return Conversation(key, seen, tuple(Action(f"did {i}") for i in range(len(seen) - 1)))


def test_the_same_question_is_paid_for_once(tmp_path: Path) -> None:
    teacher, ledger = Counting(), Ledger()
    with Cached(teacher, tmp_path / "c.jsonl", GREEDY) as cached:
        first = cached.act([state("a"), state("b"), state("a", "other")])
        again = cached.act([state("z", "other"), state("y")])
    assert [a and a.text for a in first] == ["answer 0", "answer 0", "answer 1"]
    assert [a and a.text for a in again] == ["answer 1", "answer 0"]
    assert len(teacher.asked) == 2
    for answer in [*first, *again]:
        ledger.answered(answer, len)
    assert (ledger.teacher_queries, ledger.cache_hits) == (5, 3)
    assert (ledger.teacher_money, ledger.teacher_paid) == (2.5, 1.0)
    hit = again[0]
    assert hit is not None and hit.usage == Usage(10, 2, 0.5, 0.0, cached=True, saved=0.5)


def test_what_answers_cost_does_not_depend_on_who_asked_first(tmp_path: Path) -> None:
    """Two cells of a comparison share a cache; a teacher's budget of money ends both alike."""
    ledgers = [Ledger(), Ledger()]
    for ledger in ledgers:
        with Cached(Counting(), tmp_path / "c.jsonl", GREEDY) as cached:
            for answer in cached.act([state("a"), state("b", "other")]):
                ledger.answered(answer, len)
    assert [ledger.teacher_money for ledger in ledgers] == [1.0, 1.0]
    assert [ledger.teacher_paid for ledger in ledgers] == [1.0, 0.0]
    assert [ledger.may_ask(TeacherBudget(money=1.0)) for ledger in ledgers] == [0, 0]


def test_answers_outlive_the_process_and_lost_ones_are_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.jsonl"
    whole = Action("é \ud83d", (1, 2), (-0.5, -1.5), 0.25, Usage(1, 1))
    with Cached(Counting(lambda n: whole if n else None), path, GREEDY) as cached:
        assert cached.act([state("k", "lost"), state("k", "kept")]) == [None, whole]
    teacher = Counting()
    with Cached(teacher, path, GREEDY) as cached:
        assert len(cached) == 1
        lost, kept = cached.act([state("k", "lost"), state("k", "kept")])
    assert kept == whole and lost is not None and lost.text == "answer 0"
    assert [c.observations for c in teacher.asked] == [("lost",)]


def test_a_greedy_answer_holds_in_every_episode() -> None:
    assert GREEDY.digest(state("k")) == GREEDY.digest(state("other key"))


def test_what_differs_in_anything_is_another_question() -> None:
    questions = [
        GREEDY.digest(state("k")),
        GREEDY.digest(state("k", "first ")),
        GREEDY.digest(state("k", "first", "second")),
        GREEDY.digest(Conversation("k", ("first", "second"), (Action("did"),))),
        Identity("n", {"temperature": 0.0}).digest(state("k")),
        Identity("m", {"temperature": 0.0, "system": "Be brief."}).digest(state("k")),
        SAMPLED.digest(state("k")),
        SAMPLED.digest(state("other key")),
    ]
    assert len(set(questions)) == len(questions)


def test_texts_do_not_run_into_each_other() -> None:
    one = Conversation("k", ("a", "b"), (Action("c"),))
    others = [
        Conversation("k", ("a", "c"), (Action("b"),)),
        Conversation("k", ("ab", ""), (Action("c"),)),
        Conversation("k", ('a","b', ""), (Action("c"),)),
    ]
    digests = {GREEDY.digest(c) for c in [one, *others]}
    assert len(digests) == 4


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_torn_last_answer_is_asked_again_and_the_rest_is_kept(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "c.jsonl"
    with Cached(Counting(), path, GREEDY) as cached:
        cached.act([state("k", str(i)) for i in range(3)])
    path.write_bytes(path.read_bytes()[:-cut])
    teacher = Counting()
    with Cached(teacher, path, GREEDY) as cached:
        found = cached.act([state("k", str(i)) for i in range(3)])
    assert [a and a.text for a in found] == ["answer 0", "answer 1", "answer 0"]
    assert [c.observations for c in teacher.asked] == [("2",)]
    with Cached(Counting(), path, GREEDY) as cached:
        assert len(cached) == 3


def test_a_damaged_answer_is_left_out_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Cached(Counting(), path, GREEDY) as cached:
        cached.act([state("k", str(i)) for i in range(3)])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"answer", b"ANSWER"), lines[3]]))
    with (
        pytest.warns(UserWarning, match="damaged"),
        Cached(Counting(), path, GREEDY) as cached,
    ):
        found = cached.act([state("k", str(i)) for i in range(3)])
    assert [a and a.text for a in found] == ["answer 0", "answer 0", "answer 2"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"hello", "not a cache"),
        (b"hello\nworld\n", "not a cache"),
        (encode_line({"format": "dagger-episodes", "version": 2}), "not a cache"),
        (encode_line({"format": "dagger-answers", "version": 99}), "version 99"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, match: str
) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=match):
        Cached(Counting(), path, GREEDY)
    assert path.read_bytes() == content


def test_a_cache_killed_at_its_very_first_byte_opens_again(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Cached(Counting(), path, GREEDY):
        header = path.read_bytes()
    for length in range(len(header)):
        path.write_bytes(header[:length])
        with Cached(Counting(), path, GREEDY) as cached:
            assert len(cached) == 0 and path.read_bytes() == header


WRITER = """
import sys
from pathlib import Path
from tests.dagger_algo.teachers.test_cache import GREEDY, Cached, Counting, state
mine = sys.argv[2]
with Cached(Counting(), Path(sys.argv[1]), GREEDY) as cached:
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(60):
        cached.act([state("k", f"{mine} {i}", "x" * 5000), state("k", f"shared {i}")])
"""


def test_several_processes_fill_one_cache_and_killed_ones_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "killed")
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdin is not None
        writer.stdout.readline()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    give_up = time.monotonic() + 30
    while path.read_bytes().count(b"\n") < 60 and time.monotonic() < give_up:
        time.sleep(0.005)
    writers[2].kill()
    assert [writer.wait(60) for writer in writers] == [0, 0, -9]
    teacher = Counting()
    with Cached(teacher, path, GREEDY) as cached:
        asked = [state("k", f"{name} {i}", "x" * 5000) for name in "ab" for i in range(60)]
        asked += [state("k", f"shared {i}") for i in range(60)]
        assert None not in cached.act(asked)
    assert teacher.asked == []


def test_what_another_process_has_paid_for_is_seen_while_in_use(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    mine, theirs = Counting(), Counting()
    with Cached(mine, path, GREEDY) as one, Cached(theirs, path, GREEDY) as other:
        for i in range(4):
            one.act([state("k", str(i))])
            other.act([state("k", str(i)), state("k", f"more {i}")])
            one.act([state("k", f"more {i}")])
    assert len(mine.asked) == len(theirs.asked) == 4


def test_a_full_disk_loses_nothing_already_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    script = f"""
import resource, signal
from pathlib import Path
from tests.dagger_algo.teachers.test_cache import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path({str(path)!r})
cached = Cached(Counting(), path, GREEDY)
cached.act([state("k", "kept")])
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, size + 50))
try:
    cached.act([state("k", "new")])
except StoreError as error:
    print(error)
assert path.stat().st_size == size
assert cached.act([state("k", "kept")])[0].usage.cached
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 answers already there are safe" in done.stdout


TEXT = st.text(st.characters())


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3), TEXT, st.none() | st.tuples(st.integers(0, 9)))
def test_any_question_and_answer_come_back_from_the_file(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], said: str, ids: Any
) -> None:
    path = tmp_path_factory.mktemp("cache") / "c.jsonl"
    question = state("k", *texts)
    answer = Action(said, ids, ids and (-0.1,))
    with Cached(Counting(lambda _: answer), path, SAMPLED) as cached:
        assert cached.act([question]) == [answer]
    with Cached(Counting(lambda _: None), path, SAMPLED) as cached:
        assert cached.act([question]) == [answer]
    assert all(json.loads(line[9:]) for line in path.read_bytes().splitlines())
