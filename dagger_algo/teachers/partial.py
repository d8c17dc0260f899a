"""A weak teacher: one that knows only part of the state."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.policy import Policy

View = Callable[[Conversation], Conversation]


class Partial:
    """Asks `policy` about what `view` leaves of the state.

    Its errors come again whenever what it sees does, so that, unlike those of `Noisy`, more labels
    do not outvote them. A teacher that reads `info` (`ExpertTeacher`) is blinded by nothing that
    `view` does to the texts: such an expert is made to see less by its environment.
    """

    def __init__(self, policy: Policy, view: View) -> None:
        self.policy = policy
        self._view = view

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        return list(self.policy.act([self._view(conversation) for conversation in conversations]))


def newest(turns: int) -> View:
    """A view of the instruction and the newest `turns` turns: actions, and what each led to."""
    if turns < 0:
        raise ConfigError(f"a teacher sees the newest 0 or more turns, not {turns}")

    def view(conversation: Conversation) -> Conversation:
        forgotten = conversation.turn - turns
        if forgotten <= 0:
            return conversation
        first, *later = conversation.observations
        return replace(
            conversation,
            observations=(first, *later[forgotten:]),
            actions=conversation.actions[forgotten:],
        )

    return view
