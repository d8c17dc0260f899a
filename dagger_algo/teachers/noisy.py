"""A weak teacher: a good one that errs now and then."""

from collections.abc import Callable, Sequence

import numpy as np

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.policy import Policy
from dagger_algo.randomness import stream

Wrong = Callable[[Conversation, str, np.random.Generator], str]


class Noisy:
    """Answers as `policy` does, but with probability `p`, independently at every turn, what `wrong`
    makes of the state and the right text.

    Draws depend on (seed, episode, turn) alone, and not on the coins of a mixture with the same
    seed: a teacher that erred only where it acts, or only where it does not, would be another one.
    """

    def __init__(self, policy: Policy, wrong: Wrong, p: float, *, seed: int = 0) -> None:
        if not 0.0 <= p <= 1.0:
            raise ConfigError(f"a teacher errs with a probability between 0 and 1, not {p}")
        self.policy = policy
        self._wrong = wrong
        self._p = p
        self._seed = seed

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        answers = self.policy.act(conversations)
        return [self._err(c, a) for c, a in zip(conversations, answers, strict=True)]

    def _err(self, conversation: Conversation, answer: Action | None) -> Action | None:
        draws = stream(self._seed, f"{conversation.key}/noise", conversation.turn)
        if answer is None or draws.random() >= self._p:
            return answer
        return Action(self._wrong(conversation, answer.text, draws), usage=answer.usage)
