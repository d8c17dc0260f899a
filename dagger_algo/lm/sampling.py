"""How the next token is drawn: temperature and nucleus, reproducible whatever the batch."""

from dataclasses import dataclass

import torch

from dagger_algo.errors import ConfigError


@dataclass(frozen=True)
class Sampling:
    """How actions are drawn."""

    temperature: float = 1.0
    """0 is greedy. The paper's agents sample at 0.7 with top_p 0.9."""
    max_new_tokens: int = 256
    """Longest action; a longer one is cut there."""
    top_p: float = 1.0
    """Draw from the most likely tokens that together have at least this probability, at that
    temperature (nucleus sampling, Holtzman et al. 2020)."""

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and 0 < self.top_p <= 1 and self.max_new_tokens >= 1):
            raise ConfigError(
                "sampling needs temperature >= 0, 0 < top_p <= 1 and max_new_tokens >= 1; it got "
                f"{self.temperature}, {self.top_p} and {self.max_new_tokens}"
            )


def sample(
    logits_BV: torch.Tensor, uniform_B: torch.Tensor, sampling: Sampling
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B,) token ids, their log-probabilities, and entropies in nats: both of the untempered and
    uncut distribution, because that is the one that is trained.

    uniform_B: one number in [0, 1) per row, which decides that row's draw.
    """
    logprobs_BV = torch.log_softmax(logits_BV, -1)
    p_BV = logprobs_BV.exp()
    entropy_B = -(p_BV * logprobs_BV).nansum(-1)
    if sampling.temperature == 0:
        ids_B = logits_BV.argmax(-1)
    else:
        if sampling.temperature != 1:
            p_BV = torch.softmax(logits_BV / sampling.temperature, -1)
        ids_B = draw(p_BV.double(), uniform_B, sampling.top_p)
    return ids_B, logprobs_BV.gather(1, ids_B[:, None]).squeeze(1), entropy_B


def draw(p_BV: torch.Tensor, uniform_B: torch.Tensor, top_p: float = 1.0) -> torch.Tensor:
    """(B,) token ids from probabilities in float64.

    The draw inverts the distribution function in the order of the ids, not of the probabilities:
    two nearly equal probabilities may change places with the batch's rounding, ids do not.
    """
    if top_p < 1:
        ranked_BV = p_BV.sort(-1, descending=True).values
        needed_BV = ranked_BV.cumsum(-1) - ranked_BV < top_p
        least_B1 = ranked_BV.masked_fill(~needed_BV, torch.inf).min(-1, keepdim=True).values
        p_BV = p_BV.masked_fill(p_BV < least_B1, 0.0)
    below_BV = p_BV.cumsum(-1)
    at_B1 = uniform_B[:, None] * below_BV[:, -1:]
    ids = torch.searchsorted(below_BV, at_B1, right=True).squeeze(1)
    return ids.clamp(max=p_BV.shape[1] - 1)
