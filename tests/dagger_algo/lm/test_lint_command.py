"""`python -m dagger_algo lint`: what it shows of a store, what it fails on, what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.cli import main
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.tiny import TinyConfig, tiny_model
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.store import EpisodeStore
from tests.dagger_algo.lm.test_codec_families import FAMILIES, make_tokenizer


@pytest.fixture(scope="module")
def codec(tiny_checkpoint: Any) -> ChatCodec:
    return LMPolicy.load(tiny_checkpoint).codec


def store_with(path: Path, label: Action, shown: int = 1) -> Path:
    turns = (
        *[Turn("say 1\n", Action("1"), Actor.TEACHER, Action("1"), 0.0)] * shown,
        Turn("say 2\n", Action("0"), Actor.STUDENT, label, 1.0),
    )
    with EpisodeStore(path) as store:
        store.append(Episode("7/0/1", 7, "", 1, turns, Outcome.TERMINATED))
    return path


def test_the_command_shows_and_judges_a_store(
    tiny_checkpoint: Any, codec: ChatCodec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = store_with(tmp_path / "sound.jsonl", Action("2"))
    assert main(["lint", "--model", str(tiny_checkpoint), "--store", str(sound)]) == 0
    assert "⟦2<|end|>⟧" in capsys.readouterr().out
    cut = Action("2", codec.action_ids(Action("2"))[:-1])
    bad = store_with(tmp_path / "bad.jsonl", cut)
    assert main(["lint", "--model", str(tiny_checkpoint), "--store", str(bad)]) == 1
    assert "FAILED: label cut off: episode '7/0/1', turn 1" in capsys.readouterr().out


def test_the_command_names_what_is_missing(
    tmp_path: Path, tiny_checkpoint: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_with(tmp_path / "s.jsonl", Action("2"))
    assert main(["lint", "--model", str(tmp_path), "--store", str(store)]) == 1
    assert "no model and tokenizer" in capsys.readouterr().err
    gone = str(tmp_path / "gone.jsonl")
    assert main(["lint", "--model", str(tiny_checkpoint), "--store", gone]) == 1
    assert "no episode store" in capsys.readouterr().err


def model_with_context(tiny_checkpoint: Path, folder: Path, context: int) -> str:
    policy = LMPolicy.load(tiny_checkpoint)
    policy.model.config.max_position_embeddings = context
    policy.save(folder)
    return str(folder)


def test_a_label_beyond_the_models_context_is_a_failure(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(store_with(tmp_path / "s.jsonl", Action("2 then " * 9)))
    short = model_with_context(tiny_checkpoint, tmp_path / "short", 16)
    assert main(["lint", "--model", short, "--store", store]) == 1
    said = capsys.readouterr().out
    assert "FAILED: left out: episode '7/0/1', turn 1: the observation takes" in said
    assert "the model's context is 16" in said and "⟦1<|end|>⟧" in said


def test_labels_that_are_learnt_after_fewer_turns_are_told(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(store_with(tmp_path / "s.jsonl", Action("2"), shown=3))
    short = model_with_context(tiny_checkpoint, tmp_path / "short", 32)
    command = ["lint", "--model", short, "--store", store]
    assert main(command) == 0
    assert "learnt after fewer turns" in capsys.readouterr().out
    assert main([*command, "--max-new-tokens", "2"]) == 0
    assert "fewer turns" not in capsys.readouterr().out


def test_the_template_is_given_what_it_was_given_in_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = make_tokenizer(FAMILIES["qwen3"])
    model = tiny_model(tokenizer, TinyConfig(width=16, layers=1, heads=2), seed=0)
    LMPolicy(model, tokenizer, template={"enable_thinking": False}).save(tmp_path / "model")
    store = str(store_with(tmp_path / "s.jsonl", Action("2")))
    command = ["lint", "--model", str(tmp_path / "model"), "--store", store]
    silent = "<|im_start|>assistant\n<think>\n\n</think>\n\n⟦"
    assert main(command) == 0
    said = capsys.readouterr().out
    assert silent in said and "note: the template drops or changes <think>" in said
    assert main([*command, "--template", json.dumps({"enable_thinking": True})]) == 0
    assert silent not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("[1]", "--template takes a JSON object of variables by name"),
        ("{bad", "--template is not JSON"),
    ],
)
def test_what_is_no_object_is_no_template(
    given: str, complaint: str, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["lint", "--model", str(tiny_checkpoint), "--store", "s.jsonl"]
    assert main([*command, "--template", given]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("name", ["./nowhere", "runs/demo/student", "nowhere/student"])
def test_a_model_that_is_not_there_is_told_in_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    store = str(store_with(tmp_path / "s.jsonl", Action("2")))
    assert main(["lint", "--model", name, "--store", store]) == 1
    said = capsys.readouterr().err
    assert f"there is no model at {name}; name a folder or a Hub id" in said or (
        f"there is no folder {name}, and no model of that name came from the Hub" in said
    )


def test_the_help_names_paths_that_a_run_has(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["lint", "--help"])
    said = capsys.readouterr().out
    assert "--model runs/demo/seed-0/dagger/checkpoint" in said
    assert "--store runs/demo/seed-0/dagger/episodes.jsonl" in said
