"""Long trajectories are cut at turn boundaries: no label lost, none counted twice."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, LlamaConfig

from dagger_algo.conversation import Action
from dagger_algo.examples import Example, Target
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.history import History
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.packing import Batch, collate, pack
from dagger_algo.lm.splitting import LabelTooLong, Limits, split
from dagger_algo.policies.lm import LMPolicy


@pytest.fixture(scope="module")
def codec(tiny_checkpoint: Any) -> ChatCodec:
    return LMPolicy.load(tiny_checkpoint).codec


def trajectory(turns: int, long_at: int = -1) -> Example:
    actions = tuple(Action(f"do {t}") for t in range(turns))
    targets = tuple(
        Target(t, Action(f"do {t}" if t % 3 == 0 else f"done {t} ways"), 1.0 + t)
        for t in range(turns)
    )
    observations = tuple(
        f"the task is {t}" if t == 0 else f"seen {t}\n" * (40 if t == long_at else 1 + t % 4)
        for t in range(turns)
    )
    return Example(observations, actions, targets)


def prefix(example: Example, turn: int, codec: ChatCodec) -> list[int]:
    return codec.stream(example.observations[: turn + 1], example.actions[:turn]).ids


def longest(example: Example, codec: ChatCodec) -> int:
    return max(
        len(prefix(example, target.turn, codec)) + len(codec.action_ids(target.action)) - 1
        for target in example.targets
    )


def labels(examples: list[Example]) -> list[tuple[str, Any]]:
    return [(target.action.text, target.weight) for e in examples for target in e.targets]


def test_a_trajectory_that_fits_is_left_as_it_is(codec: ChatCodec) -> None:
    example = trajectory(6)
    assert split(example, codec, Limits()) == [example]
    assert split(example, codec, Limits(longest(example, codec), len(pack(example, codec)))) == [
        example
    ]


def test_a_row_budget_alone_changes_neither_loss_nor_gradient(codec: ChatCodec) -> None:
    example = trajectory(20)
    room = longest(example, codec) + 12
    pieces = split(example, codec, Limits(row=room))
    assert len(pieces) > 1 and max(len(pack(piece, codec)) for piece in pieces) <= room
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        LlamaConfig(
            vocab_size=len(codec.tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            initializer_range=0.2,
        )
    )
    prepare(model)

    def loss(batch: Batch) -> torch.Tensor:
        return -(batch.weights * target_logprobs(model, batch)).sum()

    results = []
    for parts in ([example], pieces):
        model.zero_grad()
        value = sum(loss(collate([pack(part, codec)])) for part in parts)
        assert isinstance(value, torch.Tensor)
        value.backward()
        flat = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        results.append((value.detach(), flat))
    (whole, want), (cut, got) = results
    assert torch.allclose(whole, cut, rtol=1e-5) and (got - want).norm() / want.norm() < 1e-5


def test_beyond_the_context_a_label_keeps_the_task_and_the_latest_turns(codec: ChatCodec) -> None:
    example = trajectory(30)
    limit = longest(example, codec) // 3
    pieces = split(example, codec, Limits(context=limit))
    assert labels(pieces) == labels([example])
    assert all(max(pack(piece, codec).positions) < limit for piece in pieces)
    for piece in pieces:
        assert piece.observations[0] == example.observations[0]
        latest = piece.observations[1:]
        at = example.observations.index(latest[0], 1)
        assert latest == example.observations[at : at + len(latest)]
    # Carried context is bounded work: far fewer tokens than one sample per label.
    spent = sum(len(pack(piece, codec)) for piece in pieces)
    assert spent < 0.4 * sum(
        min(limit, len(prefix(example, t.turn, codec))) for t in example.targets
    )


def test_a_label_longer_than_an_action_may_be_has_fewer_turns_before_it(codec: ChatCodec) -> None:
    example = trajectory(30)
    label = Target(29, Action("done\n" * 40), 1.0)
    last = Example(example.observations, example.actions, (label,))
    limit = longest(last, codec) // 2
    seen = History(codec, example.observations, example.actions).cuts(limit, 4)[-1]
    (piece,) = split(last, codec, Limits(context=limit, room=4))
    assert longest(piece, codec) <= limit and piece.observations[0] == example.observations[0]
    assert 1 < len(piece.observations) < len(seen.kept(29))


def test_where_the_task_does_not_fit_the_latest_turns_stand_alone(codec: ChatCodec) -> None:
    example = trajectory(8)
    example = Example(("a long task " * 30, *example.observations[1:]), *astuple(example)[1:])
    pieces = split(
        Example(example.observations, example.actions, example.targets[1:]),
        codec,
        Limits(context=60),
    )
    assert labels(pieces) == labels([example])[1:]
    assert all("long" not in "".join(piece.observations) for piece in pieces)


def astuple(example: Example) -> tuple[Any, ...]:
    return example.observations, example.actions, example.targets


def test_a_label_that_cannot_fit_raises_a_sentence_and_the_others_can_be_kept(
    codec: ChatCodec,
) -> None:
    example = trajectory(9, long_at=5)
    own = len(codec.stream([example.observations[5]], []).ids)
    with pytest.raises(LabelTooLong) as caught:
        split(example, codec, Limits(context=60), "episode 'e7'")
    assert f"episode 'e7', turn 5: the observation takes {own:,} tokens" in str(caught.value)
    assert "the model's context is 60" in str(caught.value)
    told: list[LabelTooLong] = []
    pieces = split(example, codec, Limits(context=60), unfit=told.append)
    assert len(told) == 1
    assert labels(pieces) == [label for n, label in enumerate(labels([example])) if n != 5]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_label_is_in_one_piece_once_and_every_piece_fits(
    codec: ChatCodec, data: st.DataObject
) -> None:
    words = st.sampled_from(["a", "see 1", "see 1\nand 2\n", "1 then 2 then 3 then 4"])
    turns = data.draw(st.integers(1, 12))
    observations = tuple(data.draw(words) for _ in range(turns))
    actions = tuple(Action(data.draw(words)) for _ in range(turns))
    at = data.draw(st.lists(st.integers(0, turns - 1), min_size=1, max_size=14))
    targets = tuple(Target(t, Action(data.draw(words)), float(n)) for n, t in enumerate(at))
    example = Example(observations, actions, targets)
    limits = Limits(
        data.draw(st.none() | st.integers(5, 120)), data.draw(st.none() | st.integers(5, 200))
    )
    told: list[LabelTooLong] = []
    pieces = split(example, codec, limits, unfit=told.append)
    weights = [target.weight for piece in pieces for target in piece.targets]
    assert len(set(weights)) == len(weights) == len(targets) - len(told)
    by_weight = {target.weight: target for target in targets}
    for piece in pieces:
        packed = pack(piece, codec)
        assert limits.context is None or max(packed.positions) < limits.context
        assert limits.row is None or len(packed) <= limits.row
        for target in piece.targets:
            original = by_weight[target.weight]
            assert target.action == original.action
            assert piece.observations[target.turn] == observations[original.turn]
            need = len(prefix(example, original.turn, codec))
            need += len(codec.action_ids(original.action)) - 1
            if need <= min(limits.context or need, limits.row or need):
                assert prefix(piece, target.turn, codec) == prefix(example, original.turn, codec)
