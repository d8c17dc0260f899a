"""LoRA: what is trained, what is written, and that it comes back."""

from pathlib import Path

import pytest
import torch

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import CheckpointError, ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.adapters import Lora
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.policies.lm import LMPolicy

pytest.importorskip("peft")

STATES = [Conversation(f"k{d}", (f"say {d}",)) for d in range(4)]
EXAMPLES = [
    Example((f"say {d}",), (Action("x"),), (Target(0, Action(str(3 - d)), 1.0),)) for d in range(4)
]


def adapted(folder: Path, **settings: bool) -> LMPolicy:
    learner = LearnerConfig(learning_rate=2e-2, **settings)  # type: ignore[arg-type]
    return LMPolicy.load(folder, lora=Lora(rank=8), learner=learner, seed=1)


def said(policy: LMPolicy) -> list[str]:
    return [action.text for action in policy.greedy().act(STATES) if action]


def test_fresh_adapters_change_nothing_and_are_the_same_for_the_same_seed(
    tiny_checkpoint: Path,
) -> None:
    policy, again = adapted(tiny_checkpoint), adapted(tiny_checkpoint)
    assert said(policy) == said(LMPolicy.load(tiny_checkpoint))
    for mine, other in zip(policy.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("settings", [{}, {"gradient_checkpointing": True, "bf16": True}])
def test_only_the_adapters_are_trained_saved_and_loaded_again(
    tiny_checkpoint: Path, tmp_path: Path, settings: dict[str, bool]
) -> None:
    policy = adapted(tiny_checkpoint, **settings)
    base = {n: p.clone() for n, p in policy.model.named_parameters() if "lora" not in n}
    policy.update(EXAMPLES, epochs=60)
    assert said(policy) == ["3", "2", "1", "0"]
    for name, parameter in policy.model.named_parameters():
        assert ("lora" in name) == parameter.requires_grad
        assert "lora" in name or torch.equal(parameter, base[name])

    policy.save(tmp_path / "adapters")
    names = {path.name for path in (tmp_path / "adapters").iterdir()}
    assert "adapter_model.safetensors" in names and "model.safetensors" not in names
    again = LMPolicy.load(tmp_path / "adapters")
    assert said(again) == ["3", "2", "1", "0"]
    assert any(p.requires_grad for p in again.model.parameters())
    before = again.update(EXAMPLES)["loss"]
    assert again.update(EXAMPLES, epochs=5)["loss"] != before


def test_a_base_that_moved_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    moved = tmp_path / "base"
    LMPolicy.load(tiny_checkpoint).save(moved)
    policy = adapted(moved)
    policy.update(EXAMPLES, epochs=60)
    policy.save(tmp_path / "adapters")
    moved.rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="no model and tokenizer to load"):
        LMPolicy.load(tmp_path / "adapters")
    again = LMPolicy.load(tmp_path / "adapters", base=tmp_path / "elsewhere")
    assert said(again) == said(policy)


def test_adapters_of_another_model_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from dagger_algo.lm.tiny import TinyConfig, tiny_model

    policy = adapted(tiny_checkpoint)
    policy.save_state(tmp_path / "adapters")
    other = tiny_model(policy.tokenizer, TinyConfig(width=48, layers=2, heads=2), seed=0)
    LMPolicy(other, policy.tokenizer).save(tmp_path / "other")
    with pytest.raises(CheckpointError, match="do not fit their base"):
        LMPolicy.load(tmp_path / "adapters", base=tmp_path / "other")
    with pytest.raises(CheckpointError, match="another model's"):
        adapted(tmp_path / "other").load_state(tmp_path / "adapters")


def test_adapters_on_adapters_and_on_unknown_layers_are_refused(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapted(tiny_checkpoint).save(tmp_path)
    with pytest.raises(ConfigError, match="has adapters already"):
        LMPolicy.load(tmp_path, lora=Lora())
    with pytest.raises(ConfigError, match=r"no adapters for this model: .*no_such_layer"):
        LMPolicy.load(tiny_checkpoint, lora=Lora(targets=("no_such_layer",)))


def test_adapters_of_a_model_without_a_folder_say_so_when_loaded(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from dagger_algo.lm.tiny import TinyConfig, tiny_model

    tokenizer = LMPolicy.load(tiny_checkpoint).tokenizer
    fresh = tiny_model(tokenizer, TinyConfig(width=32, layers=2, heads=2), seed=0)
    LMPolicy(fresh, tokenizer, lora=Lora()).save(tmp_path)
    with pytest.raises(CheckpointError, match="does not say of which model"):
        LMPolicy.load(tmp_path)
