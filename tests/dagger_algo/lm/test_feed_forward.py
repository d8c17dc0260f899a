"""Feed-forward layers that keep less: same outputs, same gradients, less memory, less work."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MixtralConfig,
    Qwen3Config,
)

from dagger_algo.conversation import Action
from dagger_algo.examples import Target
from dagger_algo.lm import feed_forward
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.feed_forward import WHERE, only_at, prepare_feed_forward
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.packing import Batch, Packed, collate

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
    "initializer_range": 0.2,
}
FAMILIES: dict[str, Callable[..., Any]] = {
    "llama": LlamaConfig,
    "qwen3": Qwen3Config,
    "gemma3, another activation": Gemma3TextConfig,
}


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_forward, "SMALL", 0)


def make(family: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    config = FAMILIES[family](**SIZES, **settings)
    model: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        config, attn_implementation="sdpa"
    )
    return model.train()


def batch(length: int = 700) -> Batch:
    """Two labels at the same turn, so that one token predicts twice, and one later on."""
    packed = Packed(tokens=[n % 60 for n in range(length)], positions=list(range(length)))
    packed.intervals = [(0, 0, 0)] * length
    for row, token in ((length // 2, 3), (length // 2, 4), (length - 1, 5)):
        packed.predict([row], (token,), Target(0, Action(""), 1.0))
    return collate([packed])


def gradients(model: Any, of: Batch) -> tuple[float, list[torch.Tensor]]:
    model.zero_grad()
    loss = -target_logprobs(model, of).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item(), [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("small", [0, 2**19])
@pytest.mark.parametrize("family", list(FAMILIES))
def test_loss_and_gradient_stay_the_same(
    family: str, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_forward, "SMALL", small)
    plain, lean = make(family), make(family)
    assert prepare_feed_forward(lean) == 3
    want_loss, want = gradients(plain, batch())
    got_loss, got = gradients(lean, batch())
    assert got_loss == pytest.approx(want_loss, rel=1e-5)
    for ours, theirs in zip(got, want, strict=True):
        assert (ours - theirs).norm() < 1e-5 * theirs.norm()


@pytest.mark.parametrize("checkpointing", [False, True])
def test_two_passes_before_their_backward_do_not_mix(checkpointing: bool) -> None:
    model = make("llama")
    prepare(model)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    first, second = batch(40), batch(60)
    each = gradients(model, first)[1], gradients(model, second)[1]
    want = [a + b for a, b in zip(*each, strict=True)]
    model.zero_grad()
    loss: Any = -target_logprobs(model, first).sum() - target_logprobs(model, second).sum()
    loss.backward()
    for parameter, theirs in zip(model.parameters(), want, strict=True):
        assert parameter.grad is not None
        assert (parameter.grad - theirs).norm() < 1e-5 * theirs.norm()


def test_in_bfloat16_autocast_it_computes_what_autocast_would() -> None:
    found = []
    for lean in (False, True):
        model = make("llama")
        if lean:
            prepare_feed_forward(model)
        with torch.autocast("cpu", torch.bfloat16):
            loss: Any = -target_logprobs(model, batch(60)).sum()
        loss.backward()
        found.append(
            torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        )
    assert found[1].dtype == torch.float32
    assert (found[1] - found[0]).norm() < 0.02 * found[0].norm()


def test_less_is_kept_and_the_last_layer_works_only_where_something_is_predicted() -> None:
    plain, lean = make("llama"), make("llama")
    prepare_feed_forward(lean)
    kept = []
    for model in (plain, lean):
        storages: dict[int, int] = {}

        def keep(tensor: torch.Tensor, storages: dict[int, int] = storages) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = target_logprobs(model, batch())
        kept.append(sum(storages.values()))
        del loss
    assert kept[1] < 0.75 * kept[0]
    widths: list[int] = []
    for layer in (lean.base_model.layers[0], lean.base_model.layers[-1]):
        layer.mlp.up_proj.register_forward_hook(
            lambda module, args, output: widths.append(output.flatten(0, -2).shape[0])
        )
    target_logprobs(lean, batch())
    assert widths == [700, 2]


def test_every_other_use_of_the_model_gets_all_hidden_states() -> None:
    plain, lean = make("llama"), make("llama")
    prepare(lean)
    target_logprobs(lean, batch(40))
    tokens = torch.arange(40)[None]
    assert torch.allclose(lean(tokens).logits, plain(tokens).logits, atol=1e-5)


def test_a_copy_of_a_prepared_model_has_its_own_weights() -> None:
    model = make("llama")
    prepare(model)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    loss, gradient = gradients(twin, batch(40))
    want_loss, want = gradients(make("llama"), batch(40))
    assert loss == pytest.approx(want_loss, rel=1e-5)
    assert all((a - b).norm() <= 1e-5 * b.norm() for a, b in zip(gradient, want, strict=True))


def test_frozen_weights_get_no_gradient() -> None:
    model = make("llama")
    prepare(model)
    frozen = model.base_model.layers[1].mlp
    frozen.requires_grad_(False)
    loss: Any = target_logprobs(model, batch(40)).sum()
    loss.backward()
    assert all(p.grad is None for p in frozen.parameters())
    first = model.base_model.layers[0].mlp.up_proj.weight
    assert first.grad is not None and first.grad.abs().sum() > 0


def test_a_layer_that_computes_something_else_is_left_as_it_is() -> None:
    other = make("llama")
    mlp = other.base_model.layers[0].mlp

    class Doubled(type(mlp)):  # type: ignore[misc]
        def forward(self, hidden: torch.Tensor) -> Any:
            return 2 * super().forward(hidden)

    for layer in other.base_model.layers:
        layer.mlp.__class__ = Doubled
    assert prepare_feed_forward(other) == 0
    experts = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        MixtralConfig(**SIZES, num_local_experts=2, num_experts_per_tok=1)
    )
    assert prepare_feed_forward(experts) == 0
    of = batch(40)
    for model in (other, experts):
        assert WHERE not in only_at(model, of.tokens, of.batch_index, of.rows)
