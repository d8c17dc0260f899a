"""What is optimised, and what stops it."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.learner import Learner, LearnerConfig, NonFiniteLoss
from dagger_algo.lm.packing import collate, pack
from dagger_algo.objectives import CrossEntropy, Jsd, Mixed, Objective, TopKKL
from dagger_algo.policies.lm import LMPolicy


@pytest.fixture
def policy(tiny_checkpoint: Path) -> LMPolicy:
    return LMPolicy.load(tiny_checkpoint)


def configured(tiny_checkpoint: Path, **settings: Any) -> LMPolicy:
    return LMPolicy.load(tiny_checkpoint, learner=LearnerConfig(**settings))


def dialogue(turns: int, **fields: Any) -> Example:
    """Labels at every turn, every second one not what was executed."""
    actions = tuple(Action(str(t % 4)) for t in range(turns))
    labels = [actions[t] if t % 2 else Action(f"{(t + 1) % 4} then") for t in range(turns)]
    targets = tuple(Target(t, label, 1.0, **fields) for t, label in enumerate(labels))
    return Example(tuple(f"say {t % 4}\nwith\tcare\n" for t in range(turns)), actions, targets)


def opinions(policy: LMPolicy, example: Example, k: int = 3) -> Example:
    """The same with what a made-up teacher thinks of each token, in every field; the second
    target has none."""
    targets = []
    for n, target in enumerate(example.targets):
        count = len(policy.codec.action_ids(target.action))
        some = torch.Generator().manual_seed(n)
        fields: dict[str, Any] = {
            "weight": tuple((0.5 + torch.rand(count, generator=some)).tolist())
        }
        if n != 1:
            odds = torch.rand((count, 40), generator=some).mul(3).log_softmax(-1)
            fields["teacher_logprobs"] = tuple(odds[:, 0].tolist())
            fields["teacher_top"] = tuple(
                tuple((5 * i, float(row[i])) for i in range(1, k + 1 - t % 2))
                for t, row in enumerate(odds)
            )
        targets.append(Target(target.turn, target.action, **fields))
    return Example(example.observations, example.actions, tuple(targets))


def by_hand(policy: LMPolicy, example: Example, objective: Objective) -> float:
    """The loss, a label at a time, from the model's own logits."""
    total, count = 0.0, 0
    for target in example.targets:
        prefix = policy.codec.state(example.state(target))
        ids = policy.codec.action_ids(target.action)
        with torch.no_grad():
            logits = policy.model(torch.tensor([[*prefix, *ids]])).logits[0].double()
        logprobs = logits.log_softmax(-1)[len(prefix) - 1 : -1]
        for n, token in enumerate(ids):
            s = float(logprobs[n, token])
            value = -s
            if isinstance(objective, Mixed) and target.teacher_logprobs:
                r = target.teacher_logprobs[n] - s
                estimates = {"k1": -r, "k2": r * r / 2, "k3": math.exp(r) - r - 1}
                value = estimates[objective.estimator]
            if isinstance(objective, TopKKL | Jsd) and target.teacher_top:
                pairs = [
                    (math.exp(p), math.exp(float(logprobs[n, i]))) for i, p in target.teacher_top[n]
                ]
                pairs.append((1 - sum(p for p, _ in pairs), 1 - sum(q for _, q in pairs)))
                b = objective.beta if isinstance(objective, Jsd) else 0.0
                means = [b * p + (1 - b) * q for p, q in pairs]
                forward = sum(p * math.log(p / m) for (p, _), m in zip(pairs, means, strict=True))
                backward = sum(q * math.log(q / m) for (_, q), m in zip(pairs, means, strict=True))
                value = b * forward + (1 - b) * backward if b else forward
            assert isinstance(target.weight, tuple)
            total += target.weight[n] * value
            count += 1
    return total / count


@pytest.mark.parametrize(
    "objective",
    [CrossEntropy(), Mixed("k3"), Mixed("k2"), Mixed("k1"), TopKKL(), Jsd(0.5), Jsd(0.1)],
    ids=str,
)
def test_every_loss_is_that_of_its_formula_on_each_labels_own_prefix(
    policy: LMPolicy, objective: Objective
) -> None:
    examples = [opinions(policy, dialogue(4)), opinions(policy, dialogue(3))]
    batch = collate([pack(example, policy.codec) for example in examples])
    tokens = [sum(len(policy.codec.action_ids(t.action)) for t in e.targets) for e in examples]
    each = [by_hand(policy, example, objective) for example in examples]
    want = sum(n * loss for n, loss in zip(tokens, each, strict=True)) / sum(tokens)
    assert policy.learner.loss(batch, objective).item() == pytest.approx(want, rel=1e-4)


def test_a_weight_per_token_must_be_as_long_as_the_action(policy: LMPolicy) -> None:
    example = Example(("say 1",), (Action("1"),), (Target(0, Action("1"), (1.0, 1.0, 1.0)),))
    with pytest.raises(ConfigError, match=r"turn 0 gives 3 values.*'1' has 2 tokens"):
        policy.update([example])


def test_a_token_of_weight_zero_is_not_learnt(policy: LMPolicy) -> None:
    ids = policy.codec.action_ids(Action("1 then"))
    weights = (0.0,) * (len(ids) - 1) + (1.0,)
    both = [
        pack(
            Example(("say 1",), (Action("1 then"),), (Target(0, Action("1 then"), w),)),
            policy.codec,
        )
        for w in (weights, 1.0)
    ]
    masked = policy.learner.loss(collate([both[0]])) * len(ids)
    batch = collate([both[1]])
    with torch.no_grad():
        logits = policy.model(batch.tokens).logits[0, -1]
    assert masked.item() == pytest.approx(float(-logits.log_softmax(-1)[ids[-1]]), rel=1e-5)


def after_update(policy: LMPolicy, **options: Any) -> tuple[torch.Tensor, dict[str, float]]:
    figures = policy.update([dialogue(n) for n in (3, 1, 6, 2, 5)], epochs=2, **options)
    flat = torch.cat([p.detach().flatten() for p in policy.model.parameters()])
    return flat, dict(figures)


def test_a_step_in_many_small_passes_is_the_step_in_one(tiny_checkpoint: Path) -> None:
    whole, figures = after_update(configured(tiny_checkpoint, batch_tokens=400))
    passes = configured(tiny_checkpoint, batch_tokens=400, forward_tokens=60)
    widths: list[int] = []
    passes.model.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: widths.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    split, same = after_update(passes)
    assert len(widths) > figures["steps"] and min(widths) < 60
    assert torch.allclose(whole, split, atol=1e-5)
    assert same == pytest.approx(figures, rel=1e-4)


def test_gradient_checkpointing_changes_memory_and_not_the_gradient(tiny_checkpoint: Path) -> None:
    kept = {}
    weights = {}
    for on in (False, True):
        policy = configured(tiny_checkpoint, gradient_checkpointing=on)
        policy.model.train()
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            policy.learner.loss(collate([pack(dialogue(6), policy.codec)]))
        kept[on] = sum(sizes)
        weights[on], _ = after_update(policy)
    assert kept[True] < kept[False] / 2
    assert torch.allclose(weights[True], weights[False], atol=1e-6)


def test_bf16_computes_in_bfloat16_and_keeps_the_weights_in_float32(tiny_checkpoint: Path) -> None:
    full, plain = after_update(configured(tiny_checkpoint))
    policy = configured(tiny_checkpoint, bf16=True)
    dtypes = set()
    policy.model.base_model.layers[0].mlp.down_proj.register_forward_hook(
        lambda module, args, output: dtypes.add(output.dtype)
    )
    half, figures = after_update(policy)
    assert dtypes == {torch.bfloat16}
    assert {p.dtype for p in policy.model.parameters()} == {torch.float32}
    assert figures["loss"] == pytest.approx(plain["loss"], rel=0.02)
    assert not torch.equal(full, half)


def test_the_figures_say_what_was_processed_and_what_was_learnt(policy: LMPolicy) -> None:
    examples = [dialogue(n) for n in (3, 1)]
    packed = [pack(example, policy.codec) for example in examples]
    figures = policy.update(examples, epochs=3)
    assert figures["tokens"] == 3 * sum(map(len, packed))
    assert figures["target_tokens"] == 3 * sum(len(item.targets) for item in packed)
    assert figures["left_out"] == 0 and figures["grad_norm"] > 0


def test_there_must_be_something_to_learn_from(policy: LMPolicy) -> None:
    for nothing in ([], [Example(("say 1",), (Action("1"),), ())]):
        with pytest.raises(ConfigError, match="nothing to learn from: no trajectory"):
            policy.update(nothing)


def test_a_trajectory_beyond_the_context_is_learnt_in_pieces(tiny_checkpoint: Path) -> None:
    policy = LMPolicy.load(tiny_checkpoint)
    example = dialogue(9)
    whole = sum(len(policy.codec.action_ids(target.action)) for target in example.targets)
    policy.model.config.max_position_embeddings = policy.codec.stream(
        example.observations, example.actions
    ).starts[5]
    figures = policy.update([example])
    assert figures["left_out"] == 0 and figures["target_tokens"] == whole
    assert figures["shortened"] == 6  # half of the context is kept for what it may say


def test_what_does_not_fit_even_alone_is_left_out_aloud(tiny_checkpoint: Path) -> None:
    policy = LMPolicy.load(tiny_checkpoint)
    policy.model.config.max_position_embeddings = 3
    with (
        pytest.warns(UserWarning, match="left out: .*trajectory 1.* and 8 more targets"),
        pytest.raises(ConfigError, match="within the model's context"),
    ):
        policy.update([dialogue(9)])


def test_a_loss_that_is_not_finite_stops_before_its_step(policy: LMPolicy) -> None:
    good = [dialogue(2)] * 3
    policy.update(good)
    before = copy.deepcopy(policy.model.state_dict())
    infinite = (-math.inf,) * len(policy.codec.action_ids(Action("1")))
    target = Target(0, Action("1"), 1.0, teacher_logprobs=infinite)
    with pytest.raises(NonFiniteLoss, match=r"step 1 of 1 .*\(the student's step 2\) has loss inf"):
        policy.update([Example(("say 1",), (Action("1"),), (target,))], objective=Mixed("k3"))
    after = policy.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not policy.model.training
    policy.update(good)  # and training can go on


def test_the_learning_rate_rises_and_falls_within_each_fit(tiny_checkpoint: Path) -> None:
    policy = configured(
        tiny_checkpoint, learning_rate=1.0, warmup_steps=2, final_rate=0.0, batch_tokens=1
    )
    rates: list[float] = []

    class Tracker(type(policy.processes)):  # type: ignore[misc]
        def log(self, figures: dict[str, float], step: int) -> None:
            rates.append(figures["learning_rate"])

    policy.learner = Learner(policy.model, policy.codec, policy.learner.config, 0, Tracker())
    policy.update([dialogue(1)] * 4)
    half = 0.5 + math.sqrt(0.5) / 2
    assert rates == pytest.approx([0.5, half, 0.5, 1 - half])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", -1.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("warmup_steps", -1),
        ("final_rate", 1.5),
        ("final_rate", -0.1),
        ("batch_tokens", 0),
        ("forward_tokens", 0),
        ("weight_decay", -0.01),
        ("max_grad_norm", 0.0),
        ("max_grad_norm", math.nan),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"the learner's {field} must be .*, not {value}"):
        LearnerConfig(**{field: value})  # type: ignore[arg-type]
