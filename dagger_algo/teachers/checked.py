"""A teacher whose answers must be of use before they are labels."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from dagger_algo.conversation import Action, Conversation, Usage
from dagger_algo.policy import Policy
from dagger_algo.teachers.bills import Bills, add


class Checked:
    """Loses the answers that `error` finds fault with, such as those in another tool syntax.

    error: from an answer's text to a sentence that says what is wrong with it, or None. again: the
    teacher then reads its answer and that sentence, and may answer once more; what both cost is
    counted on the second. losses: by reason, here `reason`. bills: what lost answers cost.
    """

    def __init__(
        self,
        policy: Policy,
        error: Callable[[str], str | None],
        *,
        again: bool = False,
        reason: str = "unparseable",
    ) -> None:
        self.policy = policy
        self.losses: Counter[str] = Counter()
        self.bills = Bills()
        self._error = error
        self._again = again
        self._reason = reason

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        answers = self.policy.act(conversations)
        faults = [
            (i, answer, fault)
            for i, answer in enumerate(answers)
            if answer is not None and (fault := self._error(answer.text)) is not None
        ]
        seconds: list[Action | None] = [None] * len(faults)
        if self._again and faults:
            seconds = self.policy.act([_told(conversations[i], a, fault) for i, a, fault in faults])
        for (i, first, _), second in zip(faults, seconds, strict=True):
            answers[i] = self._second(conversations[i].key, first, second)
        return answers

    def _second(self, key: str, first: Action, second: Action | None) -> Action | None:
        usage = first.usage or Usage()
        if second is not None:
            usage = add(usage, second.usage or Usage())
            if self._error(second.text) is None:
                return replace(second, usage=usage)
        # A second answer that never came is counted by whoever lost it.
        self.losses[self._reason] += second is not None or not self._again
        self.bills.add(key, usage)
        return None


def _told(conversation: Conversation, answer: Action, fault: str) -> Conversation:
    """The state in which the teacher hears of its fault; with a key of its own, so that its draws
    are not those of the episode's next turn."""
    told = conversation.after(answer, fault, conversation.info)
    return replace(told, key=f"{conversation.key}/again")
