"""The packed update is the update of one sample per label: same loss, same gradient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GptOssConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    Qwen3Config,
    Qwen3NextConfig,
)

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.learner import Learner
from dagger_algo.lm.logprobs import head_logprobs, target_logprobs, verify
from dagger_algo.lm.packing import Packed, collate, join, minibatches, pack, rows_for, shared
from dagger_algo.lm.supervision import prefixes
from dagger_algo.policies.lm import LMPolicy

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "tie_word_embeddings": False,
    "bos_token_id": None,
    "eos_token_id": None,
    "initializer_range": 0.2,
}
WINDOW = {"sliding_window": 24}
FAMILIES: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (LlamaConfig, {}),
    "qwen3": (Qwen3Config, {}),
    "mistral, every layer with a window": (MistralConfig, WINDOW),
    "qwen3, half the layers with a window": (
        Qwen3Config,
        {**WINDOW, "use_sliding_window": True, "max_window_layers": 1},
    ),
    "gemma2, soft caps and windows": (Gemma2Config, {**WINDOW, "query_pre_attn_scalar": 8}),
    "gemma3, windows and two rotations": (
        Gemma3TextConfig,
        {**WINDOW, "layer_types": ["sliding_attention", "full_attention"]},
    ),
}


@pytest.fixture(scope="module")
def codec(tiny_checkpoint: Any) -> ChatCodec:
    return LMPolicy.load(tiny_checkpoint).codec


def make(family: str, vocabulary: int, attention: str) -> PreTrainedModel:
    kind, extra = FAMILIES[family]
    torch.manual_seed(0)
    config = kind(vocab_size=vocabulary, pad_token_id=None, **SIZES, **extra)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    return model


def trajectory(turns: int, different: int) -> Example:
    """`turns` turns, every `different`-th label not what was executed; uneven weights."""
    actions = tuple(Action(f"{t % 4}") for t in range(turns))
    labels = [
        Action(f"{(t + 1) % 4} then") if t % different == 0 else actions[t] for t in range(turns)
    ]
    targets = [Target(t, label, 1.0 + 0.5 * t) for t, label in enumerate(labels)]
    observations = tuple(f"say {t % 4}\nwith\tcare\n" for t in range(turns))
    return Example(observations, actions, tuple(targets))


TRAJECTORIES = [trajectory(9, 2), trajectory(4, 1), trajectory(30, 3), trajectory(5, 100)]


def gradient(model: PreTrainedModel) -> torch.Tensor:
    flat = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return flat


def expanded(
    model: PreTrainedModel, codec: ChatCodec, examples: Sequence[Example]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and gradient of one sample per label, each alone and through the model's own head."""
    total = torch.zeros(())
    count = 0
    for example in examples:
        for target in example.targets:
            assert isinstance(target.weight, float)
            prefix = codec.state(example.state(target))
            label = codec.action_ids(target.action)
            ids = torch.tensor([[*prefix, *label]])
            logprobs = torch.log_softmax(model(ids, use_cache=False).logits[0, :-1].float(), -1)
            rows = range(len(prefix) - 1, len(prefix) + len(label) - 1)
            total = total - target.weight * sum(
                logprobs[row, token] for row, token in zip(rows, label, strict=True)
            )
            count += len(label)
    loss = total / count
    loss.backward()
    return loss.detach(), gradient(model)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", ["intervals", "dense", "eager", "checkpointed"])
def test_packed_loss_and_gradient_equal_one_sample_per_label(
    family: str, how: str, codec: ChatCodec
) -> None:
    plain = "eager" if how == "eager" or family.startswith("gemma2") else "sdpa"
    model = make(family, len(codec.tokenizer), plain)
    want_loss, want = expanded(model, codec, TRAJECTORIES)
    if how in ("intervals", "checkpointed"):
        prepare(model)
    if how == "checkpointed":
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
    items = [pack(example, codec) for example in TRAJECTORIES]
    loss = Learner(model, codec).loss(collate(items, rows=rows_for(model)))
    loss.backward()
    got = gradient(model)
    assert torch.allclose(loss, want_loss, rtol=1e-5)
    assert (got - want).norm() / want.norm() < 1e-5


def group(*lengths: int) -> list[Example]:
    """Episodes from one state, each of so many turns: the same words at first, then others."""
    return [
        Example(
            ("say 1\nwith\tcare\n" * 3, *(f"say {t}" for t in range(turns - 1))),
            tuple(Action(f"{(n * t) % 4} then") for t in range(turns)),
            tuple(Target(t, Action(f"{(n * t) % 4} then"), 0.5 + n) for t in range(turns)),
        )
        for n, turns in enumerate(lengths)
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_trajectories_begin_with_is_laid_down_once_and_nothing_else_changes(
    family: str, codec: ChatCodec
) -> None:
    model = make(family, len(codec.tokenizer), "eager" if family.startswith("gemma2") else "sdpa")
    examples = [*group(1, 2, 3, 1), *TRAJECTORIES, *group(30, 2)]
    want_loss, want = expanded(model, codec, examples)
    prepare(model)
    items = [pack(example, codec) for example in examples]
    batch = collate(items, rows=rows_for(model))
    assert batch.tokens.numel() < sum(map(len, items)) - 3 * 15
    loss = Learner(model, codec).loss(batch)
    loss.backward()
    assert torch.allclose(loss, want_loss, rtol=1e-5)
    assert (gradient(model) - want).norm() / want.norm() < 1e-5


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 1), min_size=2, max_size=40), st.booleans())))
def test_joined_trajectories_see_their_own_tokens_and_no_others(
    given_items: list[tuple[list[int], bool]],
) -> None:
    items = []
    for tokens, forked in given_items:
        length = len(tokens)
        item = Packed(list(tokens), list(range(length)), [(0, 0, 0)] * length, branches=int(forked))
        item.predict(range(length), tuple(tokens), Target(0, Action(""), 1.0))
        if forked:
            item.tokens.append(7)
            item.positions.append(1)
            item.intervals.append((0, 1, length))
        items.append(item)
    joined = join(items)
    assert joined.targets == [token for tokens, _ in given_items for token in tokens]
    seen, rows = prefixes(joined), iter(joined.rows)
    for item in items:
        alone = prefixes(item)
        for row in item.rows:
            at = next(rows)
            assert seen[at] == alone[row] and joined.positions[at] == item.positions[row]
    for at, (first, second, third) in enumerate(joined.intervals):
        visible = [*range(first, second), *range(third, at + 1)]
        assert [joined.positions[place] for place in visible] == list(range(len(visible)))
        assert joined.positions[at] == len(visible) - 1


def test_without_its_window_a_long_row_would_have_been_wrong(codec: ChatCodec) -> None:
    """The trap in transformers: a finished mask is taken as it is, window or not."""
    model = make("mistral, every layer with a window", len(codec.tokenizer), "sdpa")
    batch = collate([pack(TRAJECTORIES[0], codec)])
    right = target_logprobs(model, batch)
    hidden = model.base_model(
        input_ids=batch.tokens,
        attention_mask=batch.mask,
        position_ids=batch.positions,
        use_cache=False,
    ).last_hidden_state
    rows = hidden[batch.batch_index, batch.rows]
    wrong = head_logprobs(model.get_output_embeddings(), rows, batch.targets, model.config)
    assert (right - wrong).abs().max() > 1e-2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prepared_model_still_gives_its_own_logits_and_generates(
    family: str, codec: ChatCodec
) -> None:
    plain = "eager" if family.startswith("gemma2") else "sdpa"
    model = make(family, len(codec.tokenizer), plain).eval()
    ids = torch.randint(0, len(codec.tokenizer), (2, 40), generator=torch.manual_seed(0))
    before = model(ids).logits
    wrote = model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=0)
    prepare(model)
    assert torch.allclose(model(ids).logits, before, atol=1e-5)
    again = model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=0)
    assert torch.equal(again, wrote)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_passes_the_check_of_a_model(family: str) -> None:
    model = make(family, 300, "eager")
    prepare(model)
    verify(model)


def test_a_model_that_lets_packed_text_leak_is_refused() -> None:
    model = make("llama", 300, "sdpa")
    layers = model.base_model.layers
    forward = layers[0].forward
    layers[0].forward = lambda *given, **named: forward(*given, **{**named, "attention_mask": None})
    with pytest.raises(ConfigError, match="differ by"):
        verify(model)


def test_a_model_whose_logits_are_made_in_another_way_is_refused() -> None:
    model = make("llama", 300, "sdpa")
    twice = model.forward

    def forward(*given: Any, **named: Any) -> Any:
        out = twice(*given, **named)
        out.logits = 2 * out.logits
        return out

    model.forward = forward
    with pytest.raises(ConfigError, match="differ by"):
        verify(model)


def test_a_model_with_linear_attention_is_refused_with_a_sentence() -> None:
    config = Qwen3NextConfig(num_hidden_layers=4, layer_types=["linear_attention"] * 4)

    class Model:
        pass

    model = Model()
    model.config = config  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="layers of kind linear_attention"):
        prepare(model)


def test_a_model_with_attention_sinks_is_refused_with_a_sentence() -> None:
    config = GptOssConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=2,
        num_experts_per_tok=1,
    )
    with pytest.raises(ConfigError, match="attention sinks"):
        prepare(AutoModelForCausalLM.from_config(config))


def test_an_attention_that_takes_no_mask_is_refused_with_a_sentence(codec: ChatCodec) -> None:
    model = make("llama", len(codec.tokenizer), "sdpa")
    model.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigError, match="takes no mask of single tokens"):
        target_logprobs(model, collate([pack(TRAJECTORIES[0], codec)]))


def test_labels_that_were_executed_need_no_branch_and_no_mask(codec: ChatCodec) -> None:
    packed = pack(trajectory(6, 100), codec)
    assert packed.branches == 1
    teacher_only = pack(Example(("say 1",), (Action("1"),), (Target(0, Action("1"), 1.0),)), codec)
    assert teacher_only.branches == 0 and collate([teacher_only]).intervals is None


def test_what_a_label_shares_with_the_executed_action_is_laid_down_once(codec: ChatCodec) -> None:
    executed, label = Action("3 then\twith care"), Action("3 then\twith 2")
    apart = pack(Example(("say 1",), (Action("2"),), (Target(0, label, 1.0),)), codec)
    close = pack(Example(("say 1",), (executed,), (Target(0, label, 1.0),)), codec)
    prefix = len(codec.stream(["say 1"], []).ids)
    ids = codec.action_ids(label)
    same = shared(ids, codec.action_ids(executed))
    assert same > 0
    assert apart.targets == close.targets and len(close) == len(apart) == prefix + len(ids) - 1
    assert close.rows[: same + 1] == list(range(prefix - 1, prefix + same))
    assert close.intervals.count((0, 0, 0)) == prefix + same


def test_only_the_labels_tokens_and_their_end_are_trained_on(codec: ChatCodec) -> None:
    packed = pack(trajectory(3, 1), codec)
    labels = [codec.action_ids(Action(f"{(t + 1) % 4} then")) for t in range(3)]
    assert packed.targets == [token for label in labels for token in label]
    assert all(label[-1] == codec.end_of_turn for label in labels)


def test_sampled_ids_are_the_ids_trained_on(codec: ChatCodec) -> None:
    odd = Action("1 then", (50, 51, 52, codec.end_of_turn), (-1.0, -2.0, -3.0, -4.0))
    packed = pack(Example(("say 1",), (odd,), (Target(0, odd, 2.0),)), codec)
    assert tuple(packed.targets) == odd.token_ids
    assert tuple(packed.old_logprobs) == odd.logprobs
    assert packed.branches == 0


def test_the_cost_of_labels_is_their_own_tokens(codec: ChatCodec) -> None:
    example = trajectory(30, 1)
    packed = pack(example, codec)
    stream = codec.stream(example.observations, example.actions)
    labels = sum(len(codec.action_ids(target.action)) for target in example.targets)
    assert len(packed) <= len(stream.ids) + labels


@pytest.mark.parametrize("rows", ["joined", "padded"])
def test_minibatches_hold_every_trajectory_once_and_keep_to_the_budget(
    rows: Any, codec: ChatCodec
) -> None:
    items = [pack(trajectory(1 + n % 7, 2), codec) for n in range(40)]
    batches = list(minibatches(items, 150, rows, np.random.default_rng(0)))
    assert sorted(id(item) for batch in batches for item in batch) == sorted(map(id, items))
    for batch in batches:
        assert len(batch) == 1 or collate(batch, rows=rows).tokens.numel() <= 150
    least = sum(map(len, items)) / 150
    assert len(batches) < (1.5 if rows == "joined" else 2.5) * least
