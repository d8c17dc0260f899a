"""A student that was saved and loaded goes on as if it had not been, or says why it cannot."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import CheckpointError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.adapters import Lora
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
from dagger_algo.policies.lm import LMPolicy
from tests.dagger_algo.lm.test_codec_families import FAMILIES, make_tokenizer

SMALL_STEPS = LearnerConfig(batch_tokens=40)


def examples() -> list[Example]:
    return [
        Example((f"say {d}\n" * d,), (Action("x"),), (Target(0, Action(str(3 - d)), 1.0),))
        for d in range(4)
    ]


def plain(folder: Path, **options: Any) -> LMPolicy:
    return LMPolicy.load(folder, learner=SMALL_STEPS, seed=3, **options)


def with_adapters(folder: Path) -> LMPolicy:
    pytest.importorskip("peft")
    return plain(folder, lora=Lora(rank=2, dropout=0.2))


def with_dropout(folder: Path) -> LMPolicy:
    policy = plain(folder)
    for layer in policy.model.base_model.layers:
        layer.self_attn.attention_dropout = 0.3
    return policy


def weights(policy: LMPolicy) -> dict[str, torch.Tensor]:
    return copy.deepcopy(policy.model.state_dict())


@pytest.mark.parametrize("make", [plain, with_dropout, with_adapters])
def test_an_update_after_loading_is_bit_for_bit_that_of_an_uninterrupted_student(
    tiny_checkpoint: Path, tmp_path: Path, make: Callable[[Path], LMPolicy]
) -> None:
    uninterrupted = make(tiny_checkpoint)
    uninterrupted.update(examples(), epochs=2)
    uninterrupted.save_state(tmp_path / "state")
    torch.rand(7)  # the rest of the program draws as it likes
    want = [dict(uninterrupted.update(examples(), epochs=2)) for _ in range(2)]

    resumed = make(tiny_checkpoint)
    resumed.load_state(tmp_path / "state")
    got = [dict(resumed.update(examples(), epochs=2)) for _ in range(2)]
    assert got == want
    mine, theirs = weights(resumed), weights(uninterrupted)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert (
        resumed.fits == uninterrupted.fits and resumed.learner.steps == uninterrupted.learner.steps
    )


def test_dropout_is_at_work_and_leaves_torchs_random_stream_alone(tiny_checkpoint: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    losses = {
        make: make(tiny_checkpoint).update(examples())["loss"] for make in (plain, with_dropout)
    }
    assert losses[plain] != losses[with_dropout]
    assert torch.equal(before, torch.get_rng_state())


def test_the_state_of_another_model_is_refused_and_changes_nothing(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    policy = plain(tiny_checkpoint)
    wider = tiny_model(policy.tokenizer, TinyConfig(width=48, layers=2, heads=2), seed=0)
    deeper = tiny_model(policy.tokenizer, TinyConfig(width=32, layers=3, heads=2), seed=0)
    before = weights(policy)
    for name, other in {"wider": wider, "deeper": deeper}.items():
        LMPolicy(other, policy.tokenizer).save_state(tmp_path / name)
        with pytest.raises(CheckpointError, match=r"no state of this student but another model's"):
            policy.load_state(tmp_path / name)
    with pytest.raises(CheckpointError, match=r"embed_tokens.* is .*48.* there and .*32.* here"):
        policy.load_state(tmp_path / "wider")
    after = weights(policy)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("broken", ["training.pt", "model.safetensors"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
def test_a_state_that_is_cut_off_or_gone_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, broken: str, part: float
) -> None:
    policy = plain(tiny_checkpoint)
    folder = tmp_path / "state"
    policy.save_state(folder)
    data = (folder / broken).read_bytes()
    (folder / broken).write_bytes(data[: int(part * len(data))])
    with pytest.raises(CheckpointError, match="is no state of this student"):
        policy.load_state(folder)
    shutil.rmtree(folder)
    with pytest.raises(CheckpointError, match=f"there is no state of a student at {folder}; name"):
        policy.load_state(folder)


@pytest.mark.parametrize(
    ("without", "complaint"),
    [
        (["model.safetensors"], "no model and tokenizer to load"),
        (["tokenizer.json", "tokenizer_config.json"], "no model and tokenizer to load"),
        (["config.json"], "no model and tokenizer to load"),
    ],
)
def test_a_folder_without_weights_or_tokenizer_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, without: list[str], complaint: str
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    for name in without:
        (folder / name).unlink()
    with pytest.raises(CheckpointError, match=complaint):
        LMPolicy.load(folder)


def test_weights_of_another_model_are_not_filled_up_at_random(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(CheckpointError, match=r"'model\.layers\.2\.\S+' is missing"):
        LMPolicy.load(folder)
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 48}))
    with pytest.raises(CheckpointError, match="no model and tokenizer to load"):
        LMPolicy.load(folder)


def test_a_tokenizer_that_is_too_big_for_the_model_is_refused(tmp_path: Path) -> None:
    texts = ["say one two three four five", "six seven eight nine ten"] * 3
    big, small = train_tokenizer(texts, 400), train_tokenizer(texts, 265)
    assert len(big) > len(small)
    LMPolicy(tiny_model(small, TinyConfig(width=32, layers=1, heads=2), seed=0), small).save(
        tmp_path
    )
    big.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="they do not belong together"):
        LMPolicy.load(tmp_path)


def test_a_checkpoint_in_bfloat16_is_trained_in_float32(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    policy = LMPolicy.load(tiny_checkpoint, dtype="bfloat16")
    assert policy.model.dtype == torch.bfloat16
    policy.save(tmp_path)
    assert LMPolicy.load(tmp_path).model.dtype == torch.float32


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "runs/demo/student"])
def test_a_path_with_nothing_there_is_no_hub_id(name: str) -> None:
    with pytest.raises(CheckpointError, match=f"there is no model at {name}; name a folder or a"):
        LMPolicy.load(name)


def test_a_name_that_neither_a_folder_nor_the_hub_has_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="there is no folder nowhere/student, and no model"):
        LMPolicy.load("nowhere/student")


def test_variables_of_the_template_are_saved_and_others_are_refused(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(FAMILIES["qwen3"])
    model = tiny_model(tokenizer, TinyConfig(width=16, layers=1, heads=2), seed=0)
    silent = {"enable_thinking": False}
    policy = LMPolicy(model, tokenizer, template=silent)
    policy.save_state(tmp_path / "state")
    state = Conversation("", ("go",), ())
    ids = policy.codec.state(state)
    assert tokenizer.decode(ids).endswith("<think>\n\n</think>\n\n")
    again = LMPolicy.load(tmp_path / "state")
    assert again.codec.options == silent and again.codec.state(state) == ids
    again.load_state(tmp_path / "state")
    changed = LMPolicy.load(tmp_path / "state", template={})
    assert changed.codec.state(state) != ids
    with pytest.raises(
        CheckpointError, match=r"was given \{'enable_thinking': False\}, and .* \{\};"
    ):
        changed.load_state(tmp_path / "state")
    changed.save(tmp_path / "state")
    assert LMPolicy.load(tmp_path / "state").codec.options == {}
