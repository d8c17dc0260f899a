"""A dropout ensemble of one transformer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from dagger_algo.conversation import Action, Conversation
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.gates.gate import Moment
from dagger_algo.gates.spec import make_gate
from dagger_algo.lm.dropout import dropout
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.lm.sampling import Sampling
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import Scripted
from dagger_algo.policies.tabular import TabularPolicy

STATES = [Conversation(f"1/{n}/{n}", (f"say {n % 4}\n" * (n + 1),)) for n in range(6)]


@pytest.fixture
def student(tiny_checkpoint: Path) -> LMPolicy:
    # Checkpointing drops keys and values of a model in training mode: members must not be in it.
    learner = LearnerConfig(gradient_checkpointing=True)
    return LMPolicy.load(tiny_checkpoint, learner=learner, sampling=Sampling(max_new_tokens=6))


def said(member: Any, states: list[Conversation] = STATES) -> list[Any]:
    return [action.token_ids for action in member.act(states)]


def standing(model: Any) -> tuple[list[bool], list[Any], list[Any]]:
    """Modes, rates and weights."""
    rates = [getattr(m, "attention_dropout", getattr(m, "p", None)) for m in model.modules()]
    return (
        [module.training for module in model.modules()],
        rates,
        [weight.clone() for weight in model.state_dict().values()],
    )


def test_members_differ_from_the_student_and_each_other_and_stay_the_same(
    student: LMPolicy,
) -> None:
    modes, rates, weights = standing(student.model)
    random, plain = torch.get_rng_state(), said(student)
    one, two = student.dropping(0.5, 1), student.dropping(0.5, 2)
    assert said(one) != plain and said(two) != plain and said(one) != said(two)
    assert said(one) == said(student.dropping(0.5, 1))
    # What is dropped hangs on (seed, key, turn): not on who stands beside it, nor on what was said.
    assert said(one, STATES[::-1]) == said(one)[::-1]
    other = [Conversation(f"{state.key}x", state.observations) for state in STATES]
    assert said(one, other) != said(one)
    assert said(student) == plain  # its own keys and values are none of a member's
    assert torch.equal(torch.get_rng_state(), random)
    now = standing(student.model)
    assert now[:2] == (modes, rates) and not any(modes)
    assert all(torch.equal(a, b) for a, b in zip(now[2], weights, strict=True))


def test_with_next_to_no_dropout_a_member_says_what_the_student_says(student: LMPolicy) -> None:
    assert said(student.dropping(1e-9, 1)) == said(student)


def test_members_follow_the_student(student: LMPolicy) -> None:
    member = student.dropping(0.5, 1)
    before = said(member)
    targets = (Target(0, Action("3"), 1.0),)
    student.update([Example(state.observations, (), targets) for state in STATES], epochs=5)
    assert said(member) != before


def test_an_ensemble_of_them_is_a_gate_by_its_text(student: LMPolicy) -> None:
    gate = make_gate("ensemble:dropout=0.5,members=3,above=0.3", student=student)
    proposals = student.act(STATES)
    moments = [Moment(s, (), p) for s, p in zip(STATES, proposals, strict=True)]
    scores = [decision.score for decision in gate(moments)]
    assert set(scores) <= {0.0, 1 / 3, 2 / 3, 1.0} and max(s or 0.0 for s in scores) > 0
    calm = make_gate("ensemble:dropout=1e-9,members=3,above=0.3", student=student)
    assert [decision.score for decision in calm(moments)] == [0.0] * 6


def test_dropout_layers_and_attention_of_another_family_drop_and_nothing_else(
    student: LMPolicy,
) -> None:
    config = GPT2Config(
        vocab_size=len(student.tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=512
    )
    model = GPT2LMHeadModel(config).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        plain = model(ids).logits
        with dropout(model, 0.5):
            on = {type(m).__name__ for m in model.modules() if m.training}
            assert on == {"Dropout", "GPT2Attention"}
            assert not torch.allclose(model(ids).logits, plain)
        assert torch.equal(model(ids).logits, plain)


def test_who_has_no_dropout_is_told_so(student: LMPolicy) -> None:
    text = "ensemble:dropout=0.1"
    DaggerConfig(gate=text)  # of whom it will be is not known yet
    for other in (TabularPolicy(["a"]), Scripted(lambda conversation: "a")):
        with pytest.raises(ConfigError, match=f"dropout, and {type(other).__name__} has none"):
            make_gate(text, student=other)
    for module in student.model.modules():
        module.__dict__.pop("attention_dropout", None)
    with pytest.raises(ConfigError, match="LlamaForCausalLM has no dropout to switch on"):
        make_gate(text, student=student)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 3.0])
def test_a_rate_that_is_no_share_is_refused_before_anything_runs(rate: float) -> None:
    with pytest.raises(ConfigError, match=f"between 0 and 1, not {rate}"):
        DaggerConfig(gate=f"ensemble:dropout={rate}")
