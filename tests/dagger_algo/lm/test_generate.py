from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    MistralConfig,
    Qwen3Config,
    Qwen3NextConfig,
)

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.generate import CachedGenerator
from dagger_algo.lm.sampling import Sampling, draw, sample
from dagger_algo.policies.lm import LMPolicy


@pytest.fixture(scope="module")
def policy(tiny_checkpoint: Any) -> LMPolicy:
    return LMPolicy.load(tiny_checkpoint)


def advance(state: Conversation, action: Action, turn: int) -> Conversation:
    return state.after(action, f"say {turn % 4}\n" * (1 + len(state.key) % 3), {})


def rollout(policy: LMPolicy, states: list[Conversation], turns: int, **how: Any) -> list[Action]:
    """All actions of a few episodes; cached: with one generator for all turns."""
    sampling = Sampling(how.get("temperature", 0.0), how.get("max_new_tokens", 8))
    generator = CachedGenerator(policy.model, policy.codec, seed=5)
    said = []
    for turn in range(turns):
        if not how.get("cached", True):
            generator.forget()
        actions = generator.act(states, sampling)
        said += actions
        states = [advance(s, a, turn) for s, a in zip(states, actions, strict=True)]
    return said


def starts() -> list[Conversation]:
    return [Conversation("k" * i, (f"say {i}\n" * i,)) for i in (1, 2, 5)]


def test_cached_generation_says_what_encoding_everything_anew_says(policy: LMPolicy) -> None:
    cached = rollout(policy, starts(), 4)
    anew = rollout(policy, starts(), 4, cached=False)
    assert [a.token_ids for a in cached] == [a.token_ids for a in anew]
    for one, other in zip(cached, anew, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


PAPER = Sampling(temperature=0.7, max_new_tokens=8, top_p=0.9)


def by_key(
    policy: LMPolicy, groups: list[list[str]], sampling: Sampling, **how: Any
) -> dict[tuple[str, int], Any]:
    """Token ids by (episode, turn), acted in these groups, three turns."""
    generator = CachedGenerator(policy.model, policy.codec, seed=5, **how)
    states = {key: Conversation(key, (f"say {n}\n" * (n + 1),)) for n, key in enumerate("abcdefg")}
    said = {}
    for turn in range(3):
        for group in groups:
            actions = generator.act([states[key] for key in group], sampling)
            for key, action in zip(group, actions, strict=True):
                said[key, turn] = action.token_ids
                states[key] = advance(states[key], action, turn)
    return said


@pytest.mark.parametrize("sampling", [Sampling(1.0, 8), PAPER, Sampling(0.0, 8)])
@pytest.mark.parametrize(
    "groups",
    [list("abcdefg"), ["gfedcba"], ["ab", "cde", "f", "g"], ["ag", "bdf", "ce"]],
    ids="alone reversed neighbours strangers".split(),
)
def test_what_is_sampled_does_not_depend_on_the_batch(
    policy: LMPolicy, sampling: Sampling, groups: list[str]
) -> None:
    together = by_key(policy, [list("abcdefg")], sampling)
    assert by_key(policy, [list(group) for group in groups], sampling) == together


def test_a_batch_that_is_too_big_goes_in_several(policy: LMPolicy) -> None:
    whole = by_key(policy, [list("abcdefg")], PAPER)
    assert by_key(policy, [list("abcdefg")], PAPER, batch_tokens=150) == whole
    with counting(policy) as calls:
        by_key(policy, [list("abcdefg")], PAPER, batch_tokens=150)
    assert all(tokens <= 150 for tokens in calls)


def test_other_seeds_episodes_and_turns_draw_otherwise(policy: LMPolicy) -> None:
    state = Conversation("k", ("say 1",))
    said = {
        CachedGenerator(policy.model, policy.codec, seed=seed)
        .act([Conversation(key, state.observations)], Sampling(1.0, 8))[0]
        .token_ids
        for seed in (1, 2)
        for key in ("k", "l")
    }
    assert len(said) == 4


def test_logprobs_are_those_of_the_model(policy: LMPolicy) -> None:
    (state,) = starts()[:1]
    action = CachedGenerator(policy.model, policy.codec, seed=1).act([state], Sampling(1.0, 6))[0]
    prefix = policy.codec.state(state)
    assert action.token_ids is not None
    ids = torch.tensor([[*prefix, *action.token_ids]])
    with torch.no_grad():
        logprobs = torch.log_softmax(policy.model(ids).logits[0], -1)
    want = [float(logprobs[len(prefix) - 1 + n, token]) for n, token in enumerate(action.token_ids)]
    assert action.logprobs == pytest.approx(want, abs=1e-4)


def test_greedy_agrees_with_transformers_own_generate(policy: LMPolicy) -> None:
    for state in starts():
        own = CachedGenerator(policy.model, policy.codec).act([state], Sampling(0.0, 8))[0]
        prefix = torch.tensor([policy.codec.state(state)])
        theirs = policy.model.generate(
            prefix, max_new_tokens=8, do_sample=False, attention_mask=torch.ones_like(prefix)
        )[0, prefix.shape[1] :]
        assert own.token_ids == tuple(theirs.tolist())


def assert_same(got: list[Action], want: list[Action]) -> None:
    for one, other in zip(got, want, strict=True):
        assert one.token_ids == other.token_ids
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_a_changed_history_is_noticed(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    generator.act([Conversation("k", ("say 1",))], Sampling(0.0, 4))
    other = Conversation("k", ("say 2",))
    again = generator.act([other], Sampling(0.0, 4))
    assert_same(again, CachedGenerator(policy.model, policy.codec).act([other], Sampling(0.0, 4)))


def test_an_episode_where_the_teacher_acted_goes_on_from_its_words(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    state = Conversation("k", ("say 1",))
    generator.act([state], Sampling(0.0, 4))
    after = state.after(Action("2"), "say 3", {}).after(Action("0"), "say 1", {})
    fresh = CachedGenerator(policy.model, policy.codec).act([after], Sampling(0.0, 4))
    assert_same(generator.act([after], Sampling(0.0, 4)), fresh)


@contextmanager
def counting(policy: LMPolicy) -> Iterator[list[int]]:
    """Columns of every forward pass, padding included."""
    calls: list[int] = []
    hook = policy.model.base_model.register_forward_pre_hook(
        lambda *given: calls.append(given[2]["input_ids"].numel()), with_kwargs=True
    )
    try:
        yield calls
    finally:
        hook.remove()


def test_only_what_is_new_is_encoded(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    state = Conversation("k", ("say 1\n" * 50,))
    action = generator.act([state], Sampling(0.0, 4))[0]
    after = state.after(action, "say 3", {})
    new = len(policy.codec.state(after)) - len(policy.codec.state(state))
    with counting(policy) as calls:
        generator.act([after], Sampling(0.0, 4))
    assert sum(calls) <= new + 4


def test_a_proposal_that_was_not_executed_costs_no_second_prefill(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    state = Conversation("k", ("say 1\n" * 50,))
    generator.act([state], Sampling(0.0, 4))
    after = state.after(Action("2"), "say 3", {})
    with counting(policy) as calls:
        generator.act([after], Sampling(0.0, 1))
    assert sum(calls) <= len(policy.codec.state(after)) - len(policy.codec.state(state)) + 1


def test_entropy_is_the_mean_of_the_untempered_distributions(policy: LMPolicy) -> None:
    state = Conversation("k", ("say 1",))
    action = CachedGenerator(policy.model, policy.codec).act([state], PAPER)[0]
    assert action.token_ids is not None
    prefix = policy.codec.state(state)
    with torch.no_grad():
        logits = policy.model(torch.tensor([[*prefix, *action.token_ids]])).logits[0]
    drawn_from = torch.distributions.Categorical(logits=logits[len(prefix) - 1 : -1])
    assert action.entropy == pytest.approx(float(drawn_from.entropy().mean()), abs=1e-4)


def test_features_are_the_last_tokens_hidden_state_and_free_after_acting(
    policy: LMPolicy,
) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    states = [*starts(), Conversation("unseen", ("say 2",))]
    generator.act(states[:3], PAPER)
    with counting(policy) as calls:
        features = generator.features(states[:3])
    assert calls == []
    features = generator.features(states)
    assert features.dtype == np.float32 and features.shape == (4, 32)
    for state, feature in zip(states, features, strict=True):
        with torch.no_grad():
            ids = torch.tensor([policy.codec.state(state)])
            want = policy.model.base_model(ids).last_hidden_state[0, -1]
        assert np.allclose(feature, want.numpy(), atol=1e-4)
    assert generator.features([]).shape == (0, 32)


def test_acting_where_features_were_asked_encodes_one_token_again(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    state = Conversation("k", ("say 1\n" * 50,))
    generator.features([state])
    with counting(policy) as calls:
        again = generator.act([state], Sampling(0.0, 4))
    assert sum(calls) <= 1 + 4
    assert_same(again, CachedGenerator(policy.model, policy.codec).act([state], Sampling(0.0, 4)))


def test_the_nucleus_is_the_smallest_set_of_that_mass() -> None:
    chances = torch.tensor([[0.1, 0.4, 0.05, 0.3, 0.15]], dtype=torch.float64).repeat(1000, 1)
    uniform = torch.linspace(0, 1, 1001, dtype=torch.float64)[:-1]
    drawn = draw(chances, uniform, 0.69)
    counts = torch.bincount(drawn, minlength=5).tolist()
    assert counts == pytest.approx([0, 4000 / 7, 0, 3000 / 7, 0], abs=2)
    assert set(draw(chances, uniform, 0.71).tolist()) == {1, 3, 4}
    assert torch.bincount(draw(chances, uniform)).tolist() == pytest.approx(
        [100, 400, 50, 300, 150], abs=2
    )


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_draws_are_tempered_and_their_figures_are_not(temperature: float) -> None:
    logits = torch.log(torch.tensor([[0.1, 0.4, 0.5]])).repeat(1000, 1)
    uniform = torch.linspace(0, 1, 1001, dtype=torch.float64)[:-1]
    ids, logprobs, entropies = sample(logits, uniform, Sampling(temperature))
    shares = {0.0: [0, 0, 1000], 0.5: [1000 / 42, 16000 / 42, 25000 / 42], 1.0: [100, 400, 500]}
    counts = torch.bincount(ids, minlength=3).tolist()
    assert counts == pytest.approx(shares[temperature], abs=2)
    assert torch.allclose(logprobs, logits[0, ids])
    assert entropies.tolist() == pytest.approx([float(-(logits[0].exp() * logits[0]).sum())] * 1000)


def test_what_a_group_begins_with_is_encoded_once(policy: LMPolicy) -> None:
    sampling = Sampling(max_new_tokens=6)
    text = "say 1\n" * 30
    group = [Conversation(f"episode {n}", (text,)) for n in range(4)]
    others = [Conversation(f"other {n}", (f"{text} {n}",)) for n in range(2)]
    generator = CachedGenerator(policy.model, policy.codec)
    with counting(policy) as calls:
        said = generator.act([*group, *others], sampling)
    whole = len(policy.codec.state(group[0]))
    assert sum(calls) < 3 * whole + 6 * 6 + 12  # each text once, and what they say
    for conversation, action in zip([*group, *others], said, strict=True):
        alone = CachedGenerator(policy.model, policy.codec).act([conversation], sampling)
        assert_same([action], alone)
    assert len({action.text for action in said[:4]}) > 1  # draws of their own
    later = [advance(c, a, 0) for c, a in zip(group, said, strict=False)]
    again = generator.act(later, sampling)
    for conversation, action in zip(later, again, strict=True):
        alone = CachedGenerator(policy.model, policy.codec).act([conversation], sampling)
        assert_same([action], alone)


@pytest.mark.parametrize("wrong", [{"temperature": -1.0}, {"top_p": 0.0}, {"max_new_tokens": 0}])
def test_sampling_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sampling needs"):
        Sampling(**wrong)


SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
}


def model_of(config: Any, codec: ChatCodec, **options: Any) -> Any:
    torch.manual_seed(0)
    sizes = SMALL | options
    return AutoModelForCausalLM.from_config(config(vocab_size=len(codec.tokenizer), **sizes)).eval()


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (Qwen3Config, {}),
        (MistralConfig, {"sliding_window": 9}),
        (
            Gemma3TextConfig,
            {
                "sliding_window": 9,
                "final_logit_softcapping": 5.0,
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            },
        ),
    ],
    ids=["qwen3", "mistral with a sliding window", "gemma 3: both kinds, capped logits"],
)
def test_other_families_agree_with_the_model_run_on_the_whole_text(
    policy: LMPolicy, config: Any, options: dict[str, Any]
) -> None:
    model = model_of(config, policy.codec, **options)
    generator = CachedGenerator(model, policy.codec)
    states = starts()
    for turn in range(3):
        actions = generator.act(states, Sampling(0.0, 8))
        for state, action in zip(states, actions, strict=True):
            assert action.token_ids is not None and action.logprobs is not None
            prefix = policy.codec.state(state)
            with torch.no_grad():
                logits = model(torch.tensor([[*prefix, *action.token_ids]])).logits[0]
            logits = logits[len(prefix) - 1 : -1]
            assert tuple(logits.argmax(-1).tolist()) == action.token_ids
            want = torch.log_softmax(logits, -1).max(-1).values.tolist()
            assert action.logprobs == pytest.approx(want, abs=1e-4)
        states = [advance(s, a, turn) for s, a in zip(states, actions, strict=True)]


def test_attention_written_out_gives_the_same(policy: LMPolicy) -> None:
    model = model_of(Qwen3Config, policy.codec)
    want = CachedGenerator(model, policy.codec, seed=2).act(starts(), PAPER)
    model.set_attn_implementation("eager")
    assert_same(CachedGenerator(model, policy.codec, seed=2).act(starts(), PAPER), want)


def test_attention_that_takes_no_mask_is_refused(policy: LMPolicy) -> None:
    model = model_of(Qwen3Config, policy.codec)
    model.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ConfigError, match="flash_attention_2"):
        CachedGenerator(model, policy.codec)


def test_layers_whose_state_cannot_be_kept_are_refused(policy: LMPolicy) -> None:
    config = Qwen3NextConfig(vocab_size=50, num_hidden_layers=4, hidden_size=32)
    model = torch.nn.Linear(1, 1)
    model.config = config  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="linear_attention"):
        CachedGenerator(model, policy.codec)


def test_an_action_is_cut_where_the_context_ends(policy: LMPolicy) -> None:
    state = Conversation("k", ("say 1",))
    length = len(policy.codec.state(state))
    model = model_of(Qwen3Config, policy.codec, max_position_embeddings=length + 3)
    short = Conversation("l", ("",))
    generator = CachedGenerator(model, policy.codec, seed=3)
    cut, other = generator.act([state, short], Sampling(1.0, 8))
    assert cut.token_ids is not None and other.token_ids is not None
    assert len(cut.token_ids) <= 3 < len(other.token_ids)
    assert_same(
        [other], CachedGenerator(model, policy.codec, seed=3).act([short], Sampling(1.0, 8))
    )


def test_the_cache_is_bounded_and_keeps_the_newest(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    states = [Conversation(f"k{n}", ("say 1",)) for n in range(6)]
    generator.act(states, Sampling(0.0, 4))
    room = generator.rows.size // 2
    small = CachedGenerator(policy.model, policy.codec, cache_bytes=room)
    assert_same(small.act(states, Sampling(0.0, 4)), generator.act(states, Sampling(0.0, 4)))
    assert 0 < small.rows.size <= room and len(small.rows) == 3
    assert small.rows.get("k5").ids and not small.rows.get("k0").ids
    small.forget()
    assert small.rows.size == 0 == len(small.rows)


def test_after_training_greedy_uses_the_new_weights(tiny_checkpoint: Any) -> None:
    from dagger_algo.examples import Example, Target
    from dagger_algo.lm.learner import LearnerConfig

    policy = LMPolicy.load(tiny_checkpoint, learner=LearnerConfig(learning_rate=1e-2))
    greedy = policy.greedy()
    states = [Conversation(f"k{d}", (f"say {d}",)) for d in range(4)]
    greedy.act(states)
    examples = [
        Example((f"say {d}",), (Action("x"),), (Target(0, Action(str(3 - d)), 1.0),))
        for d in range(4)
    ]
    policy.update(examples, epochs=60)
    assert [a.text for a in greedy.act(states) if a] == ["3", "2", "1", "0"]
