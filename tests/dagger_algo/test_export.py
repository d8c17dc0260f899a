"""Episodes as rows of conversational data, and back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagger_algo.cli import main
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.errors import ConfigError, StoreError
from dagger_algo.examples import imitate
from dagger_algo.exchange import minari
from dagger_algo.exchange.export import Format, rows, to_dataset, whole, write
from dagger_algo.exchange.rows import episodes_of, read_rows
from dagger_algo.store import EpisodeStore, read
from tests.dagger_algo.conftest import make_episode

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
actions = st.builds(
    Action, TEXTS, st.none() | st.tuples(st.integers(0, 9)), st.none() | st.tuples(st.just(-0.5))
)
turns = st.builds(
    Turn,
    TEXTS,
    actions,
    st.sampled_from(Actor),
    st.none() | actions,
    st.floats(0, 1),
    st.booleans(),
    st.none() | actions,
    st.none() | st.floats(0, 1),
)
episodes = st.lists(
    st.builds(
        Episode,
        TEXTS,
        st.integers(0, 99),
        TEXTS,
        st.integers(0, 5),
        st.lists(turns, min_size=1, max_size=4).map(tuple),
        st.sampled_from(Outcome),
        TEXTS,
    ),
    max_size=3,
    unique_by=lambda episode: episode.key,
).map(lambda found: [replace(e, key=e.key or "k") for e in found])

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def through(found: Iterable[Episode], path: Path, format: Format) -> list[Episode]:
    path.unlink(missing_ok=True)
    write(found, path, format)
    return list(episodes_of(read_rows(path)))


@quick
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@given(found=episodes)
def test_messages_bring_back_the_very_episodes(
    tmp_path: Path, suffix: str, found: list[Episode]
) -> None:
    back = through(found, tmp_path / f"e{suffix}", "messages")
    assert [replace(e, key="") for e in back] == [replace(e, key="") for e in found]


@quick
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
@given(found=episodes)
def test_prompts_and_completions_bring_back_every_label_at_its_state(
    tmp_path: Path, suffix: str, found: list[Episode]
) -> None:
    def learnt(of: Iterable[Episode]) -> list[object]:
        pairs = []
        for example in imitate(of):
            for target in example.targets:
                state = example.state(target)
                seen = tuple(whole(text) for text in state.observations)
                done = tuple(whole(action.text) for action in state.actions)
                pairs.append((seen, done, whole(target.action.text)))
        return sorted(pairs)

    assert learnt(through(found, tmp_path / f"e{suffix}", "prompt_completion")) == learnt(found)


def mixed() -> Episode:
    """Student, teacher, student; the last turn is not labelled."""
    steps = [
        ("look", "a", Actor.STUDENT, "b"),
        ("then", "c", Actor.TEACHER, "c"),
        ("end", "d", Actor.STUDENT, None),
    ]
    made = tuple(
        Turn(seen, Action(done), actor, label and Action(label), float(i == 2), label is not None)
        for i, (seen, done, actor, label) in enumerate(steps)
    )
    return Episode("1/7/0", 7, "t", 1, made, Outcome.TERMINATED, "over")


def test_an_episode_of_labels_keeps_who_acted_and_what_was_executed() -> None:
    (back,) = episodes_of(rows([mixed()], "prompt_completion"))
    assert back.turns == tuple(replace(turn, reward=0.0, asked=False) for turn in mixed().turns[:2])
    assert (back.key, back.seed, back.task, back.outcome) == ("1/7/0", 7, "t", Outcome.CUT)


def test_a_dataset_has_the_columns_that_a_trainer_reads() -> None:
    """What TRL does first: a chat template over messages; prompt and completion apart. None of our
    own columns has a name that its collators would take for something else."""
    data = to_dataset([mixed()], "messages")
    assert data[0]["messages"] == [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "then"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "end"},
        {"role": "assistant", "content": "d"},
    ]
    rendered = data.map(
        lambda row: {"text": "".join(f"<{m['role']}>{m['content']}" for m in row["messages"])}
    )
    assert (
        rendered[0]["text"] == "<user>look<assistant>a<user>then<assistant>c<user>end<assistant>d"
    )
    labels = to_dataset([mixed()], "prompt_completion")
    assert labels["completion"] == [
        [{"role": "assistant", "content": "b"}],
        [{"role": "assistant", "content": "c"}],
    ]
    assert labels[1]["prompt"][-1] == {"role": "user", "content": "then"}
    assert [len(prompt) for prompt in labels["prompt"]] == [1, 3]
    taken = {"input_ids", "labels", "text", "tools", "images", "chosen", "rejected", "position_ids"}
    assert not taken & {*data.column_names, *labels.column_names}


def test_an_empty_export_still_has_its_columns(tmp_path: Path) -> None:
    write([], tmp_path / "none.parquet", "prompt_completion")
    assert list(read_rows(tmp_path / "none.parquet")) == []
    assert "completion" in to_dataset([], "prompt_completion").column_names


def test_other_peoples_messages_become_demonstrations_whose_return_is_unknown() -> None:
    row = {
        "messages": [
            {"role": "system", "content": "rules"},
            {"role": "user", "content": "task"},
            {"role": "assistant", "content": "act"},
            {"role": "tool", "content": "result"},
            {"role": "assistant", "content": "done"},
            {"role": "user", "content": "thanks"},
        ]
    }
    (ours,) = episodes_of([row])
    assert [turn.observation for turn in ours.turns] == ["rules\ntask", "result"]
    assert [turn.label for turn in ours.turns] == [Action("act"), Action("done")]
    assert ours.outcome is Outcome.CUT and ours.final_observation == "thanks"
    (theirs,) = episodes_of([row | {"reward": 1.0}], Actor.STUDENT)
    assert theirs.success and theirs.outcome is Outcome.TERMINATED
    assert [turn.label for turn in theirs.turns] == [None, None]


def test_rows_without_keys_get_keys_of_their_own() -> None:
    row = {"prompt": "say 1", "completion": "1"}
    found = list(episodes_of([row, row, row | {"key": "k"}, row, row | {"key": "k"}]))
    assert len({episode.key for episode in found}) == 5
    assert found[0].turns[0].label == Action("1")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"text": "all in one"}, 'neither "messages" nor "prompt"'),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "does not begin with"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "does not begin with"),
        (
            {"messages": [{"role": "user", "content": "x"}]}
            | {"messages": [{"role": "assistant", "content": None, "tool_calls": [{}]}]},
            "write its tool_calls as text first",
        ),
        ({"prompt": "x", "completion": [{"role": "user", "content": "y"}]}, "row 1"),
    ],
)
def test_a_row_that_cannot_be_an_episode_is_named(row: dict[str, Any], says: str) -> None:
    with pytest.raises(StoreError, match=says):
        list(episodes_of([row]))


def test_messages_that_were_changed_are_not_taken_for_the_record() -> None:
    (row,) = rows([mixed()])
    row["messages"][1]["content"] = "better"
    with pytest.raises(StoreError, match="drop that column"):
        list(episodes_of([row]))
    del row["episode"]
    assert next(episodes_of([row])).turns[0].action.text == "better"


def test_the_commands_take_a_store_out_and_in_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out, back = (tmp_path / name for name in ("e.jsonl", "e.parquet", "back.jsonl"))
    failed = replace(make_episode("1/1/0"), turns=make_episode().turns[:1])
    with EpisodeStore(path) as made:
        made.append(make_episode("1/0/0"))
        made.append(failed)
    assert main(["export", str(path), str(out), "--keep", "success"]) == 0
    assert "1 rows" in capsys.readouterr().out
    assert main(["import", str(out), str(back)]) == 0
    assert list(read(back)) == [make_episode("1/0/0")]
    assert main(["export", str(path), str(out)]) == 2, "an existing file is kept"
    assert main(["import", str(out), str(back)]) == 2
    assert main(["export", str(tmp_path / "none.jsonl"), str(tmp_path / "x.parquet")]) == 1
    (tmp_path / "bad.jsonl").write_text('{"messages": 1\n')
    assert main(["import", str(tmp_path / "bad.jsonl"), str(tmp_path / "y.jsonl")]) == 1
    assert "line 1 is not JSON" in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {
        "e.jsonl",
        "e.parquet",
        "back.jsonl",
        "bad.jsonl",
    }


def test_the_command_line_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "export" in capsys.readouterr().out
    for command in ("export", "import"):
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0
        assert f"python -m dagger_algo {command} " in capsys.readouterr().out
    assert main(["exprot"]) == 2


@dataclass
class Recorded:
    """Shaped as minari.EpisodeData is."""

    observations: Any
    actions: Any
    id: int = 3
    rewards: Any = (0.0, 1.0)
    terminations: Any = (False, True)
    truncations: Any = (False, False)
    infos: dict[str, Any] = field(default_factory=dict)


def test_minari_episodes_of_texts_are_demonstrations() -> None:
    (ours,) = minari.episodes_of([Recorded(["a", "b", "c"], ["x", "y"])], name="mine")
    assert [turn.label for turn in ours.turns] == [Action("x"), Action("y")]
    assert (ours.key, ours.reward, ours.final_observation) == ("mine/3", 1.0, "c")
    assert ours.outcome is Outcome.TERMINATED


def test_minari_episodes_with_an_expert_are_labelled_by_it() -> None:
    infos = {"expert_action": [b"x", b"z", b""], "task": ["t1", "t1", "t1"]}
    data = Recorded(["a", "b", "c"], ["x", "y"], infos=infos)
    (ours,) = minari.episodes_of([data], Actor.STUDENT)
    assert [turn.label for turn in ours.turns] == [Action("x"), Action("z")]
    assert ours.task == "t1" and ours.turns[0].actor is Actor.STUDENT


def test_minari_episodes_of_numbers_are_refused() -> None:
    with pytest.raises(StoreError, match="only episodes of texts"):
        list(minari.episodes_of([Recorded([[0.1], [0.2]], [1])]))


def test_without_minari_it_is_said_how_to_get_it(tmp_path: Path, capsys: Any) -> None:
    try:
        import minari as installed  # noqa: F401
    except ImportError:
        assert main(["import", "minari:a/b-v0", str(tmp_path / "e.jsonl")]) == 2
        assert 'pip install "minari' in capsys.readouterr().err
    else:
        assert main(["import", "minari:a/b-v0", str(tmp_path / "e.jsonl")]) == 1
        assert "no Minari dataset 'a/b-v0'" in capsys.readouterr().err


def test_only_known_endings_are_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must end in"):
        write([], tmp_path / "e.csv")
    assert json.loads(json.dumps(whole("\ud83d\ude00 \ud800"))) == "\U0001f600 \ufffd"
