"""Every loss against numbers worked out by hand, and their gradients against what they claim."""

import math

import pytest
import torch

from dagger_algo.lm import losses
from dagger_algo.objectives import Estimator

NAN = float("nan")
ESTIMATORS = sorted(losses.ESTIMATORS)


def log(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).log()


def test_cross_entropy_is_minus_the_logarithm() -> None:
    assert losses.cross_entropy(log(0.5, 0.25)).tolist() == pytest.approx([0.693147, 1.386294])


def test_the_clipped_objective_by_hand() -> None:
    # Ratios 1.5, 1.5, 0.5, 0.5, 1.1; clipped to 1.2, 1.2, 0.8, 0.8, 1.1.
    new, old = log(0.6, 0.6, 0.2, 0.2, 0.44), log(0.4, 0.4, 0.4, 0.4, 0.4)
    advantages = torch.tensor([2.0, -2.0, 2.0, -2.0, 1.0], dtype=torch.float64)
    got = losses.clipped_policy_gradient(losses.ratio(new, old), advantages, low=0.2, high=0.2)
    assert got.tolist() == pytest.approx([-2.4, 3.0, -1.0, 1.6, -1.1])


def test_the_two_sides_of_the_clip_are_apart() -> None:
    new, old = log(0.6, 0.2), log(0.4, 0.4)  # ratios 1.5 and 0.5
    advantages = torch.tensor([1.0, -1.0], dtype=torch.float64)
    ratios = losses.ratio(new, old)
    got = losses.clipped_policy_gradient(ratios, advantages, low=0.3, high=0.28)
    assert got.tolist() == pytest.approx([-1.28, 0.7])


def test_tokens_of_a_sequence_share_the_geometric_mean_of_their_ratios() -> None:
    # Ratios 2 and 1/8 in the first sequence, 3 alone in the second.
    new, old = log(0.8, 0.3, 0.1), log(0.4, 0.1, 0.8)
    got = losses.ratio(new, old, torch.tensor([0, 1, 0]))
    assert got.tolist() == pytest.approx([0.5, 3.0, 0.5])


def test_a_sequences_ratio_is_differentiated_through_all_of_its_tokens() -> None:
    """GSPO's gradient of one sequence: ρA times the mean of its tokens' ∇ log π."""
    new = log(0.8, 0.1, 0.3).requires_grad_()
    ratios = losses.ratio(new, log(0.4, 0.8, 0.3), torch.tensor([0, 0, 1]))
    loss = losses.clipped_policy_gradient(ratios, torch.tensor([2.0, 2.0, 1.0]), 0.9, 0.9)
    (loss[:2].mean() + loss[2]).backward()  # type: ignore[no-untyped-call]
    assert new.grad is not None
    assert new.grad.tolist() == pytest.approx([-0.5, -0.5, -1.0])


def test_the_jensen_shannon_divergence_by_hand() -> None:
    # Teacher 0.5, 0.25, rest 0.25; student 0.25, 0.25, rest 0.5; their mean 0.375, 0.25, 0.375.
    student, teacher = log(0.25, 0.25)[None], log(0.5, 0.25)[None]
    to_mean = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3)
    assert losses.jsd(student, teacher, 0.5).tolist() == pytest.approx([to_mean])
    assert losses.jsd(student, teacher, 1.0).tolist() == pytest.approx([0.25 * math.log(2)])
    small = float(losses.jsd(student, teacher, 1e-4)) / 1e-4
    assert small == pytest.approx(float(losses.top_k_kl(student, teacher)), rel=1e-3)


@pytest.mark.parametrize("beta", [0.0, 0.1, 0.5, 1.0])
def test_the_jensen_shannon_divergence_stays_finite_far_apart(beta: float) -> None:
    logits = torch.tensor([[300.0, 0.0, -300.0]], requires_grad=True)
    teacher = torch.tensor([[-math.inf, -0.7, -0.7]])
    loss = losses.jsd(logits.log_softmax(-1), teacher, beta)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite().all() and loss.item() >= 0
    assert logits.grad is not None and logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "want"),
    # r = log(0.5) - log(0.25) = log 2, and its negative.
    [
        ("k1", [-math.log(2), math.log(2)]),
        ("k2", [math.log(2) ** 2 / 2, math.log(2) ** 2 / 2]),
        ("k3", [2 - math.log(2) - 1, 0.5 + math.log(2) - 1]),
    ],
)
def test_the_estimators_by_hand(name: str, want: list[float]) -> None:
    got = losses.ESTIMATORS[name](log(0.25, 0.5), log(0.5, 0.25))
    assert got.tolist() == pytest.approx(want)


def student_and_teacher() -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.tensor([0.3, -1.0, 0.8, 0.1], dtype=torch.float64, requires_grad=True)
    return logits, log(0.1, 0.4, 0.2, 0.3)


def gradient(loss: torch.Tensor, logits: torch.Tensor) -> list[float]:
    (found,) = torch.autograd.grad(loss, logits)
    values: list[float] = found.tolist()
    return values


def divergence(direction: str) -> list[float]:
    logits, log_t = student_and_teacher()
    log_s = logits.log_softmax(-1)
    if direction == "reverse":
        return gradient((log_s.exp() * (log_s - log_t)).sum(), logits)
    return gradient((log_t.exp() * (log_t - log_s)).sum(), logits)


def expected_gradient(name: str) -> list[float]:
    """Of an estimator on the student's own samples: the exact expectation over all four tokens."""
    logits, log_t = student_and_teacher()
    log_s = logits.log_softmax(-1)
    each = losses.ESTIMATORS[name](log_s, log_t)
    return gradient((log_s.exp().detach() * each).sum(), logits)


def test_k3_differentiated_directly_descends_the_forward_kl_and_not_the_reverse() -> None:
    assert expected_gradient("k3") == pytest.approx(divergence("forward"))
    assert expected_gradient("k3") != pytest.approx(divergence("reverse"), abs=0.05)


@pytest.mark.parametrize("name", ["k1", "k2"])
def test_k2_and_k1_as_a_reward_descend_the_reverse_kl_and_not_the_forward(name: str) -> None:
    assert expected_gradient(name) == pytest.approx(divergence("reverse"))
    assert expected_gradient(name) != pytest.approx(divergence("forward"), abs=0.05)


@pytest.mark.parametrize("name", ["k1", "k3"])
def test_the_values_of_k1_and_k3_are_unbiased_estimates_of_the_reverse_kl(name: str) -> None:
    logits, log_t = student_and_teacher()
    log_s = logits.log_softmax(-1).detach()
    value = (log_s.exp() * losses.ESTIMATORS[name](log_s, log_t)).sum()
    assert float(value) == pytest.approx(float((log_s.exp() * (log_s - log_t)).sum()))


def test_k1_differentiated_directly_would_teach_nothing() -> None:
    logits, log_t = student_and_teacher()
    log_s = logits.log_softmax(-1)
    naive = (log_s.exp().detach() * (log_s - log_t)).sum()
    assert gradient(naive, logits) == pytest.approx([0.0] * 4, abs=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_mixed_loss_takes_each_token_by_who_executed_it(name: Estimator) -> None:
    student = log(0.25, 0.5, 0.5).requires_grad_()
    teacher = torch.tensor([math.log(0.5), NAN, math.log(0.25)], dtype=torch.float64)
    got = losses.mixed(student, teacher, name)
    own = losses.ESTIMATORS[name](log(0.25, 0.5), log(0.5, 0.25)).tolist()
    assert got.tolist() == pytest.approx([own[0], math.log(2), own[1]])
    got.sum().backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None and student.grad.isfinite().all()
    assert student.grad[1] == -1.0  # cross-entropy's


def test_the_top_k_divergence_by_hand() -> None:
    # Teacher 0.5, 0.25, rest 0.25; student 0.25, 0.25, rest 0.5: 0.5 log 2 + 0 - 0.25 log 2.
    got = losses.top_k_kl(log(0.25, 0.25)[None], log(0.5, 0.25)[None])
    assert got.tolist() == pytest.approx([0.25 * math.log(2)])


def test_the_top_k_divergence_over_everything_is_the_whole_forward_kl() -> None:
    logits, log_t = student_and_teacher()
    loss = losses.top_k_kl(logits.log_softmax(-1)[None], log_t[None])
    assert gradient(loss.sum(), logits) == pytest.approx(divergence("forward"))


def test_the_top_k_divergence_is_zero_only_where_both_agree_and_a_lower_bound() -> None:
    logits, log_t = student_and_teacher()
    log_s = logits.log_softmax(-1).detach()
    whole = float((log_t.exp() * (log_t - log_s)).sum())
    for k in (1, 2, 3):
        part = float(losses.top_k_kl(log_s[None, :k], log_t[None, :k]))
        assert 0 < part <= whole
        assert float(losses.top_k_kl(log_t[None, :k], log_t[None, :k])) == pytest.approx(0)


def test_unused_columns_of_the_top_k_change_nothing() -> None:
    student = torch.cat([log(0.25, 0.25), torch.tensor([-0.1], dtype=torch.float64)])
    student.requires_grad_()
    teacher = torch.cat([log(0.5, 0.25), torch.tensor([-math.inf], dtype=torch.float64)])
    loss = losses.top_k_kl(student[None], teacher[None])
    assert loss.tolist() == pytest.approx([0.25 * math.log(2)])
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None and student.grad.isfinite().all() and student.grad[2] == 0


def test_a_student_that_is_certain_keeps_the_top_k_divergence_finite() -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    loss = losses.top_k_kl(logits.log_softmax(-1)[:, :1], torch.tensor([[math.log(0.5)]]))
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite().all() and logits.grad is not None and logits.grad.isfinite().all()
