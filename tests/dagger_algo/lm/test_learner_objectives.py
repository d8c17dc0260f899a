"""Policy gradients through the learner: ratios, references, scales, sequences, scores."""

import copy
import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.adapters import Lora
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.lm.objectives import sampled_losses
from dagger_algo.lm.packing import Packed, collate, join, pack, together
from dagger_algo.objectives import CrossEntropy, Mixed, Objective, PolicyGradient
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.tabular import TabularPolicy


@pytest.fixture
def policy(tiny_checkpoint: Path) -> LMPolicy:
    return LMPolicy.load(tiny_checkpoint)


def rollout(policy: LMPolicy, turns: int, advantage: float, **fields: Any) -> Example:
    """An episode of the student's, with made-up log-probabilities when it was sampled."""
    some = torch.Generator().manual_seed(turns)
    actions = []
    for t in range(turns):
        ids = policy.codec.action_ids(Action(f"{t % 4} then"))
        old = (-4 - torch.rand(len(ids), generator=some)).tolist()
        actions.append(Action(f"{t % 4} then", tuple(ids), tuple(old)))
    targets = tuple(Target(t, action, advantage, **fields) for t, action in enumerate(actions))
    return Example(tuple(f"say {t % 4}\n" for t in range(turns)), tuple(actions), targets)


def logprobs(policy: LMPolicy, example: Example, target: Target) -> list[float]:
    """Of a target's tokens, from the model's own logits on its own prefix."""
    prefix = policy.codec.state(example.state(target))
    ids = policy.codec.action_ids(target.action)
    with torch.no_grad():
        logits = policy.model(torch.tensor([[*prefix, *ids]])).logits[0].double()
    rows = logits.log_softmax(-1)[len(prefix) - 1 : -1]
    return [float(row[i]) for row, i in zip(rows, ids, strict=True)]


def by_hand(policy: LMPolicy, examples: list[Example], objective: PolicyGradient) -> float:
    """The loss with one ratio for each whole trajectory, or for each token."""
    total, count = 0.0, 0
    for example in examples:
        new = [logprobs(policy, example, target) for target in example.targets]
        changes = [
            n - o
            for target, values in zip(example.targets, new, strict=True)
            for n, o in zip(values, target.action.logprobs or (), strict=True)
        ]
        whole = math.exp(sum(changes) / len(changes))
        for target, values in zip(example.targets, new, strict=True):
            references = target.reference_logprobs or values
            for n, o, q in zip(values, target.action.logprobs or (), references, strict=True):
                ratio = whole if objective.ratio == "sequence" else math.exp(n - o)
                clipped = min(max(ratio, 1 - objective.clip_low), 1 + objective.clip_high)
                assert isinstance(target.weight, float)
                loss = -min(ratio * target.weight, clipped * target.weight)
                loss += objective.kl * (math.exp(q - n) - (q - n) - 1)
                total += target.scale * loss
                count += 1
    return total / count


@pytest.mark.parametrize("ratio", ["token", "sequence"])
def test_the_policy_gradient_is_that_of_its_formula(policy: LMPolicy, ratio: Any) -> None:
    objective = PolicyGradient(0.05, 0.3, ratio=ratio, kl=0.3)
    examples = [
        rollout(policy, 3, 1.5, scale=2.0, sequence="a"),
        rollout(policy, 2, -0.5, sequence="b"),
    ]
    scores = policy.score(examples)
    examples = [
        replace(
            example,
            targets=tuple(
                replace(t, reference_logprobs=tuple(p - 0.3 for p in values or ()))
                for t, values in zip(example.targets, own, strict=True)
            ),
        )
        for example, own in zip(examples, scores, strict=True)
    ]
    batch = collate([pack(example, policy.codec) for example in examples], rows="joined")
    got = policy.learner.loss(batch, objective).item()
    assert got == pytest.approx(by_hand(policy, examples, objective), rel=1e-4)


def stopped(policy: LMPolicy, examples: list[Example], objective: Objective) -> dict[str, Any]:
    """One step at learning rate 0: its loss and gradient."""
    kept: dict[str, Any] = {}
    policy.learner.optimizer.register_step_pre_hook(
        lambda *_: kept.update({n: p.grad.clone() for n, p in policy.model.named_parameters()})
    )
    kept["loss"] = policy.update(examples, objective=objective, rate=0.0)["loss"]
    return kept


def test_a_sequence_in_pieces_has_one_ratio_however_the_step_is_split(
    tiny_checkpoint: Path,
) -> None:
    """Pieces that see less are another trajectory, so the pieces are compared with each other:
    in passes of a few tokens, and in one."""
    objective = PolicyGradient(0.02, 0.02, ratio="sequence")
    found = []
    for forward_tokens in (None, 30):
        config = LearnerConfig(batch_tokens=10**6, forward_tokens=forward_tokens)
        policy = LMPolicy.load(tiny_checkpoint, learner=config)
        examples = [rollout(policy, 9, 1.0, sequence="a"), rollout(policy, 8, -1.0, sequence="b")]
        stream = policy.codec.stream(examples[0].observations, examples[0].actions)
        policy.model.config.max_position_embeddings = stream.starts[4]
        found.append(stopped(policy, examples, objective))
    whole, split = found
    assert whole["loss"] == pytest.approx(split["loss"], rel=1e-5)
    for name, value in whole.items():
        if name != "loss":
            assert torch.allclose(value, split[name], atol=1e-6), name


def test_pieces_of_one_sequence_stay_together(policy: LMPolicy) -> None:
    ids = itertools.count()

    def item(*names: str) -> Packed:
        tokens = [next(ids) for _ in names]
        packed = Packed(tokens, positions=list(range(len(names))))
        packed.intervals = [(0, 0, 0)] * len(names)
        packed.sequences = list(names)
        return packed

    items = [item("a", "a"), item("b"), item("c"), item("a", "c"), item("d")]
    got = together(items)
    assert sorted(sorted(set(map(str, unit.sequences))) for unit in got) == [
        ["a", "c"],
        ["b"],
        ["d"],
    ]
    assert sum(map(len, got)) == sum(map(len, items))
    alone = [pack(rollout(policy, 2, 1.0), policy.codec) for _ in range(3)]
    assert together(alone) == alone
    assert len(set(join(alone).sequences)) == 6  # a target is one of its own


def test_scores_are_those_of_separate_samples(policy: LMPolicy) -> None:
    label = Target(1, Action("3 then"), 1.0)  # not what was executed: a branch
    example = rollout(policy, 4, 1.0)
    example = replace(example, targets=(*example.targets[2:], label, *example.targets[:1]))
    other = rollout(policy, 2, 1.0)
    for one, scores in zip([example, other], policy.score([example, other]), strict=True):
        for target, values in zip(one.targets, scores, strict=True):
            assert values == pytest.approx(logprobs(policy, one, target), abs=1e-4)


def test_a_target_that_does_not_fit_has_no_score(policy: LMPolicy) -> None:
    example = rollout(policy, 3, 1.0)
    policy.model.config.max_position_embeddings = 3
    with pytest.warns(UserWarning, match="left out"):
        assert policy.score([example]) == [[None, None, None]]


@pytest.mark.parametrize("lora", [None, Lora(rank=2)])
def test_a_frozen_copy_stays_as_it_was_and_shares_what_is_not_trained(
    tiny_checkpoint: Path, lora: Lora | None
) -> None:
    policy = LMPolicy.load(tiny_checkpoint, lora=lora)
    example = rollout(policy, 3, 1.0)
    before = policy.score([example])
    reference = policy.frozen()
    policy.update([example], epochs=20)
    assert reference.score([example]) == before
    assert policy.score([example]) != before
    own = {id(p) for p in policy.model.parameters()}
    shared = [id(p) in own for p in reference.model.parameters()]
    assert any(shared) is (lora is not None)


def test_the_rate_multiplies_the_students_own(tiny_checkpoint: Path) -> None:
    moved = []
    for rate, own in ((0.5, 1e-3), (1.0, 5e-4)):
        policy = LMPolicy.load(tiny_checkpoint, learner=LearnerConfig(learning_rate=own))
        policy.update([rollout(policy, 3, 1.0)], rate=rate)
        moved.append(copy.deepcopy(policy.model.state_dict()))
    assert all(torch.equal(moved[0][name], moved[1][name]) for name in moved[0])


@pytest.mark.parametrize(
    "objective",
    [
        CrossEntropy(),
        PolicyGradient(0.1, 0.3),
        PolicyGradient(0.1, 0.3, kl=0.7),
        PolicyGradient(0.1, 0.3, kl=0.7, kl_estimator="k2"),
        PolicyGradient(0.1, 0.3, kl=0.7, kl_corrected=True),
        Mixed("k1"),
        Mixed("k2"),
        Mixed("k3"),
    ],
    ids=str,
)
@pytest.mark.parametrize("weight", [2.0, -0.5])
@pytest.mark.parametrize("old", [-0.2, -0.7, -1.5])
def test_a_table_takes_the_step_that_torch_says(
    objective: Objective, weight: float, old: float
) -> None:
    action = Action("b", token_ids=(1,), logprobs=(old,))
    extra = {"teacher_logprobs": (-1.2,)} if isinstance(objective, Mixed) else {}
    target = Target(0, action, weight, reference_logprobs=(-0.3,), scale=1.5, **extra)
    table = TabularPolicy(["a", "b"])
    table.table["s"] = np.array([0.2, 0.1])
    logits = torch.tensor([0.2, 0.1], dtype=torch.float64, requires_grad=True)
    item = Packed(tokens=[1], positions=[0], intervals=[(0, 0, 0)])
    item.predict([0], (1,), target, action.logprobs)
    logprob = logits.log_softmax(-1)[1:]
    assert not isinstance(objective, Mixed) or not item.teacher_logprobs[0] > -1
    loss = sampled_losses(objective, logprob, collate([item]))  # type: ignore[arg-type]
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    table.update([Example(("s",), (action,), (target,))], objective=objective)
    moved = table.table["s"] - [0.2, 0.1]
    assert moved.tolist() == pytest.approx((-logits.grad).tolist(), rel=1e-5, abs=1e-9)


def test_objectives_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 <= clip_low <= 1"):
        PolicyGradient(clip_low=2.0)
    with pytest.raises(ConfigError, match="kl_corrected is about k3"):
        PolicyGradient(kl_corrected=True, kl_estimator="k1")
