"""Losses of target tokens, as pure functions of log-probabilities in nats.

Shapes: every argument is (M,), one entry per target token of a minibatch, or (M, K) where it says
so; every result is (M,). `lm/objectives.py` puts them together.
"""

import math

import torch

from dagger_algo.objectives import Estimator

_LEAST = 1e-6  # float32 cannot tell a smaller rest of probability from rounding
_TINY = 1e-30  # a teacher's rest of nothing, which then weighs nothing


def cross_entropy(logprobs: torch.Tensor) -> torch.Tensor:
    """-log π. With weight 1 this is SFT and DAgger; with an advantage as weight and on-policy
    samples its gradient is the policy gradient."""
    return -logprobs


def ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, sequences: torch.Tensor | None = None
) -> torch.Tensor:
    """ρ = π/π_old of each token.

    sequences: (M,) the number of each token's sequence, which are then given one ratio, the
    geometric mean of its tokens' (GSPO, 2507.18071, eq. 7). Its gradient reaches each token through
    that token alone, GSPO-token (eq. 13), which is the same wherever a sequence has one advantage.
    """
    log_ratio = logprobs - old_logprobs
    if sequences is not None:
        size = int(sequences.max()) + 1 if len(sequences) else 0
        count = log_ratio.new_zeros(size).index_add(0, sequences, torch.ones_like(log_ratio))
        total = log_ratio.new_zeros(size).index_add(0, sequences, log_ratio.detach())
        log_ratio = (total / count)[sequences] + logprobs - logprobs.detach()
    return torch.exp(log_ratio)


def clipped_policy_gradient(
    ratios: torch.Tensor, advantages: torch.Tensor, low: float = 0.2, high: float = 0.2
) -> torch.Tensor:
    """-min(ρA, clip(ρ, 1-low, 1+high)A): PPO-clip (Schulman et al. 2017, eq. 7). While ρ = 1 its
    gradient is that of A times `cross_entropy`."""
    clipped = ratios.clamp(1 - low, 1 + high)
    return -torch.minimum(ratios * advantages, clipped * advantages)


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
    return jsd(logprobs_MK, teacher_logprobs_MK, 0.0)


def jsd(logprobs_MK: torch.Tensor, teacher_logprobs_MK: torch.Tensor, beta: float) -> torch.Tensor:
    """β KL(p_t || m) + (1-β) KL(p_s || m), m = β p_t + (1-β) p_s: GKD (2306.13649, eq. 1), over the
    events of `top_k_kl` and with its arguments. β = 0 is that one; β = 1 is the reverse
    KL(p_s || p_t), where the teacher's rest, too, is at least 1e-6."""
    used_MK = teacher_logprobs_MK > -torch.inf
    used = torch.cat([used_MK, torch.ones_like(used_MK[:, :1])], 1)
    log_p = _with_rest(torch.where(used_MK, teacher_logprobs_MK, 0.0), used_MK, beta and _LEAST)
    log_q = _with_rest(torch.where(used_MK, logprobs_MK, 0.0), used_MK, _LEAST)
    if beta == 0:
        each = torch.exp(log_p) * (log_p - log_q)
    elif beta == 1:
        each = torch.exp(log_q) * (log_q - log_p)
    else:
        log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1 - beta))
        each = beta * torch.exp(log_p) * (log_p - log_m)
        each = each + (1 - beta) * torch.exp(log_q) * (log_q - log_m)
    return torch.where(used, each, 0.0).sum(-1)


def _with_rest(log_MK: torch.Tensor, used_MK: torch.Tensor, least: float) -> torch.Tensor:
    """(M, K+1): the events, and the logarithm of the probability that they leave."""
    rest = 1 - torch.where(used_MK, log_MK.exp(), 0.0).sum(-1, keepdim=True)
    return torch.cat([log_MK, rest.clamp(min=max(least, _TINY)).log()], 1)
