"""The teacher steps in where the episode goes in circles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Actor, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.stage_rules import Stage, shell_rules
from dagger_algo.stages import split_stage


@dataclass(frozen=True)
class Stall:
    """The teacher acts, and a label is wanted, where the newest action, or what it brought about
    (an error, say), has come `times` times within the last `within` turns; or, where `unchanged` is
    given, where nothing was changed for so many turns.

    One turn of the teacher's own, being another action with another result, ends the first kind of
    stall; the second lasts until somebody changes something.
    """

    times: int = 3
    """How often the same thing makes a stall."""
    within: int = 6
    """Turns that are looked back on: more than `times`, so that going back and forth counts."""
    unchanged: int = 0
    """So many turns on end without a step of implementation, by the rules of `stage_rules.py` for
    tools and shell commands, are a stall: the work tree has not changed. 0: they are not."""
    stuck: Callable[[Conversation], bool] | None = None
    """Your own sign of a stall, from the conversation alone (in Python; a text cannot give it)."""
    sees = Sees.STATE

    def __post_init__(self) -> None:
        if not 2 <= self.times <= self.within:
            raise ConfigError(
                f"a stall takes 2 or more times within as many turns or more, not "
                f"times={self.times} within={self.within}"
            )
        if self.unchanged < 0:
            raise ConfigError(f"unchanged is a number of turns, 0 or more, not {self.unchanged}")

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        stalled = (self._stalled(moment.state) for moment in moments)
        return [Decision(Actor.TEACHER if now else Actor.STUDENT, now) for now in stalled]

    def _stalled(self, state: Conversation) -> bool:
        if not state.actions:
            return False
        # The first observation is the instruction: no action brought it about.
        actions = [action.text for action in state.actions]
        return (
            self._repeats(actions)
            or self._repeats(state.observations[1:])
            or self._changes_nothing(actions)
            or (self.stuck is not None and self.stuck(state))
        )

    def _changes_nothing(self, actions: Sequence[str]) -> bool:
        if not 0 < self.unchanged <= len(actions):
            return False
        return not any(map(_changes, actions[-self.unchanged :]))

    def _repeats(self, texts: Sequence[str]) -> bool:
        recent = [text.strip() for text in texts[-self.within :]]
        return recent.count(recent[-1]) >= self.times


def _changes(action: str) -> bool:
    return Stage.IMPLEMENTATION in shell_rules(split_stage(action)[1])
