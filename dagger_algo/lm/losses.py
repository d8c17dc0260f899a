"""Losses of target tokens, as pure functions of log-probabilities in nats.

Shapes: every argument is (M,), one entry per target token of a minibatch, or (M, K) where it says
so; every result is (M,). A minibatch's loss is the sum of weight times token loss, over the number
of target tokens of the whole optimizer step, however that step is split.
"""

from typing import Literal

import torch

from dagger_algo.policy import Loss

TokenLoss = Loss | Literal["mixed_k3", "mixed_k2", "mixed_k1", "top_k_kl"]
"""cross_entropy: of the targets. policy_gradient: clipped, with the weights as advantages.
mixed_k3, mixed_k2, mixed_k1: the estimator of that name where a target carries `teacher_logprobs`,
cross-entropy elsewhere. top_k_kl: where a target carries `teacher_top`, cross-entropy elsewhere."""

Estimator = Literal["k3", "k2", "k1"]

_LEAST = 1e-6  # float32 cannot tell a smaller rest of probability from rounding


def cross_entropy(logprobs: torch.Tensor) -> torch.Tensor:
    """-log π. With weight 1 this is SFT and DAgger; with an advantage as weight and on-policy
    samples its gradient is the policy gradient."""
    return -logprobs


def clipped_policy_gradient(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    clip: float = 0.2,
) -> torch.Tensor:
    """-min(ρA, clip(ρ, 1-ε, 1+ε)A) with ρ = π/π_old: PPO-clip (Schulman et al. 2017, eq. 7).
    While ρ = 1 its gradient is that of A times `cross_entropy`."""
    ratio = torch.exp(logprobs - old_logprobs)
    clipped = ratio.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratio * advantages, clipped * advantages)


def k1(logprobs: torch.Tensor, teacher_logprobs: torch.Tensor) -> torch.Tensor:
    """log p_s - log p_t of a student's sample, as a detached reward: its value is that unbiased
    estimate of KL(p_s || p_t), its gradient -(log p_t - log p_s) ∇log p_s, in expectation that of
    the reverse KL. (Differentiated directly it would be ∇log p_s: in expectation nothing.)"""
    on_policy = torch.exp(logprobs - logprobs.detach())  # 1, with the gradient of log p_s
    return (logprobs - teacher_logprobs).detach() * on_policy


def k2(logprobs: torch.Tensor, teacher_logprobs: torch.Tensor) -> torch.Tensor:
    """r²/2 of a student's sample, r = log p_t - log p_s. A biased estimate of the KL whose gradient
    is that of `k1` sample by sample: in expectation that of the reverse KL(p_s || p_t)."""
    return (teacher_logprobs - logprobs).square() / 2


def k3(logprobs: torch.Tensor, teacher_logprobs: torch.Tensor) -> torch.Tensor:
    """e^r - r - 1 of a student's sample, r = log p_t - log p_s (Schulman 2020).

    Warning: its value is an unbiased, never negative estimate of the reverse KL(p_s || p_t), but
    differentiated directly, as here and in the paper's launcher, its expected gradient is that of
    the *forward* KL(p_t || p_s), and its variance is large where the teacher finds a sample
    likelier than the student does. To descend the reverse KL use `k2`, or `k1` as a detached
    reward.
    """
    r = teacher_logprobs - logprobs
    return torch.exp(r) - r - 1


ESTIMATORS = {"k1": k1, "k2": k2, "k3": k3}


def mixed(
    logprobs: torch.Tensor, teacher_logprobs: torch.Tensor, estimator: Estimator = "k3"
) -> torch.Tensor:
    """The released launcher's loss, per token by who executed it: a teacher's token (no
    `teacher_logprobs`: nan) gets cross-entropy, a student's token the estimator, by default `k3`
    with the warning that stands there."""
    unknown = teacher_logprobs.isnan()
    # A nan that `where` does not choose would still make the gradient nan.
    known = torch.where(unknown, logprobs.detach(), teacher_logprobs)
    return torch.where(unknown, cross_entropy(logprobs), ESTIMATORS[estimator](logprobs, known))


def top_k_kl(logprobs_MK: torch.Tensor, teacher_logprobs_MK: torch.Tensor) -> torch.Tensor:
    """Forward KL(p_t || p_s) over the teacher's K likeliest tokens and one more event: the rest.

    logprobs_MK: of the student, at the teacher's tokens; teacher_logprobs_MK: of the teacher, -inf
    in unused columns. A lower bound of the whole KL, and equal to it where the K tokens are all
    there are. The student's rest is taken as at least 1e-6.
    """
    used_MK = teacher_logprobs_MK > -torch.inf
    log_p_MK = torch.where(used_MK, teacher_logprobs_MK, 0.0)
    p_MK = torch.where(used_MK, log_p_MK.exp(), 0.0)
    q_MK = torch.where(used_MK, logprobs_MK.exp(), 0.0)
    p_rest = (1 - p_MK.sum(-1)).clamp(min=0.0)
    q_rest = (1 - q_MK.sum(-1)).clamp(min=_LEAST)
    rest = torch.xlogy(p_rest, p_rest) - p_rest * q_rest.log()
    return (p_MK * (log_p_MK - logprobs_MK)).sum(-1) + rest
