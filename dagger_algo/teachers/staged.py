"""Labels that name the stage of the work before the step itself."""

from collections.abc import Sequence

from dagger_algo.conversation import Action, Conversation
from dagger_algo.policy import Policy
from dagger_algo.stage_rules import shell_rules
from dagger_algo.stages import Rules, name_stage


class Staged:
    """A teacher that says before every action what kind of step it is, so that a student learns to
    tell which kind is due before it takes it. A stage that the answer names itself is kept.

    The environment must allow for words before a call: the formats for tool calls do, an
    environment of bare words does not.
    """

    def __init__(self, policy: Policy, rules: Rules = shell_rules) -> None:
        self.policy = policy
        self._rules = rules

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        """The policy's own answers, with names; None stays None."""
        found = self.policy.act(conversations)
        return [None if action is None else name_stage(action, self._rules) for action in found]
