"""How unsure the student is of what it is about to do."""

from collections.abc import Sequence

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Moment, Sees


class Entropy:
    """Mean entropy of the student's distributions over its proposal, nats per token; where the
    student tells only log-probabilities their negative mean, which estimates the same."""

    sees = Sees.PROPOSAL

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        return [self._of(moment.proposal) for moment in moments]

    def _of(self, proposal: Action | None) -> float:
        found = None if proposal is None else uncertainty(proposal)
        if found is None:
            raise ConfigError(
                "the student tells neither entropies nor log-probabilities of its actions, which "
                "an entropy gate goes by: choose another gate"
            )
        return found


def uncertainty(proposal: Action) -> float | None:
    """Nats per token, 0 or more; None where the student does not tell."""
    if proposal.entropy is not None:
        return max(0.0, proposal.entropy)
    if not proposal.logprobs:
        return None
    return max(0.0, -sum(proposal.logprobs) / len(proposal.logprobs))
