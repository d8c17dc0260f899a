"""An objective (`dagger_algo.objectives`) as tensors: the losses of a minibatch's target tokens."""

from typing import Any

import torch

from dagger_algo.lm import losses
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.packing import Batch
from dagger_algo.objectives import (
    CrossEntropy,
    Jsd,
    Mixed,
    Objective,
    PolicyGradient,
    TopKKL,
)


def token_losses(objective: Objective, model: Any, batch: Batch) -> torch.Tensor:
    """(M,) scale times loss of every target token; their mean is what is minimised."""
    match objective:
        case TopKKL():
            return batch.scales * _top_k(model, batch, beta=0.0)
        case Jsd():
            return batch.scales * _top_k(model, batch, objective.beta)
    return sampled_losses(objective, target_logprobs(model, batch), batch)


def sampled_losses(
    objective: CrossEntropy | Mixed | PolicyGradient, logprobs: torch.Tensor, batch: Batch
) -> torch.Tensor:
    """The same of the objectives that need no more than the targets' own log-probabilities (M,)."""
    match objective:
        case CrossEntropy():
            loss = batch.weights * losses.cross_entropy(logprobs)
        case Mixed():
            loss = batch.weights * losses.mixed(
                logprobs, batch.teacher_logprobs, objective.estimator
            )
        case PolicyGradient():
            loss = _policy_gradient(objective, logprobs, batch)
    return batch.scales * loss


def _policy_gradient(
    objective: PolicyGradient, logprobs: torch.Tensor, batch: Batch
) -> torch.Tensor:
    known = ~batch.old_logprobs.isnan()
    ratios = losses.ratio(
        logprobs,
        torch.where(known, batch.old_logprobs, logprobs.detach()),
        batch.sequences if objective.ratio == "sequence" else None,
    )
    loss = losses.clipped_policy_gradient(
        ratios, batch.weights, objective.clip_low, objective.clip_high
    )
    if objective.kl:
        given = ~batch.reference_logprobs.isnan()
        # A nan that `where` does not choose would still make the gradient nan.
        reference = torch.where(given, batch.reference_logprobs, logprobs.detach())
        divergence = losses.ESTIMATORS[objective.kl_estimator](logprobs, reference)
        divergence = divergence * ratios if objective.kl_corrected else divergence
        loss = loss + objective.kl * torch.where(given, divergence, 0.0)
    return loss


def _top_k(model: Any, batch: Batch, beta: float) -> torch.Tensor:
    if batch.top_ids is None or batch.top_logprobs is None:
        return batch.weights * losses.cross_entropy(target_logprobs(model, batch))
    ids = torch.cat([batch.targets[:, None], batch.top_ids], 1)
    logprobs = target_logprobs(model, batch, ids=ids)
    given_M = (batch.top_logprobs > -torch.inf).any(1)
    divergence_M = losses.jsd(logprobs[:, 1:], batch.top_logprobs, beta)
    return batch.weights * torch.where(given_M, divergence_M, losses.cross_entropy(logprobs[:, 0]))
