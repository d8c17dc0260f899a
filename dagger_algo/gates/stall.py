"""The teacher steps in where the episode goes in circles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagger_algo.conversation import Actor, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Decision, Moment, Sees


@dataclass(frozen=True)
class Stall:
    """The teacher acts, and a label is wanted, where the newest action, or what it brought about
    (an error, say), has come `times` times within the last `within` turns.

    One turn of the teacher's own, being another action with another result, ends the stall.
    """

    times: int = 3
    """How often the same thing makes a stall."""
    within: int = 6
    """Turns that are looked back on: more than `times`, so that going back and forth counts."""
    stuck: Callable[[Conversation], bool] | None = None
    """Your own sign of a stall, from the conversation alone; for example that the work tree has not
    changed for ten turns."""
    sees = Sees.STATE

    def __post_init__(self) -> None:
        if not 2 <= self.times <= self.within:
            raise ConfigError(
                f"a stall takes 2 or more times within as many turns or more, not "
                f"times={self.times} within={self.within}"
            )

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
            or (self.stuck is not None and self.stuck(state))
        )

    def _repeats(self, texts: Sequence[str]) -> bool:
        recent = [text.strip() for text in texts[-self.within :]]
        return recent.count(recent[-1]) >= self.times
