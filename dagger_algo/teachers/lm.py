"""A language model in this process as a teacher."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagger_algo.conversation import Action, Conversation, Usage
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example
from dagger_algo.policy import Opinion
from dagger_algo.teachers.bills import Bills

if TYPE_CHECKING:
    from dagger_algo.lm.codec import ChatCodec
    from dagger_algo.policies.lm import LMPolicy


class LMTeacher:
    """Answers as `model` does, but as text alone: a label is read by the student's tokenizer, and
    ids of another one's would be learnt as if they were its own. Of a conversation longer than the
    model's context it sees the first turn and the latest ones (`lm/history.py`).

    losses: "cut" (no end of turn within max_new_tokens), "too long" (a single observation, for the
    model's context), "empty". bills: what those cost.
    """

    def __init__(self, model: "LMPolicy", *, greedy: bool = False) -> None:
        self.losses: Counter[str] = Counter()
        self.bills = Bills()
        self._model = model
        self._acting = model.greedy() if greedy else model

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        start = time.perf_counter()
        lengths = [self._length(conversation) for conversation in conversations]
        fits = [i for i, length in enumerate(lengths) if length is not None]
        self.losses["too long"] += len(lengths) - len(fits)
        found = self._acting.act([conversations[i] for i in fits]) if fits else []
        seconds = (time.perf_counter() - start) / max(1, len(fits))
        answers: list[Action | None] = [None] * len(conversations)
        for i, answer in zip(fits, found, strict=True):
            answers[i] = answer and self._spoken(
                answer, conversations[i].key, lengths[i] or 0, seconds
            )
        return answers

    @property
    def codec(self) -> "ChatCodec":
        """How the model's conversations are laid out in tokens."""
        return self._model.codec

    def score(self, examples: Sequence[Example]) -> list[list[tuple[float, ...] | None]]:
        """Its log-probabilities of others' actions, in its own tokens."""
        return self._model.score(examples)

    def opinions(self, examples: Sequence[Example], *, top: int = 0) -> list[list[Opinion | None]]:
        """The same, and what it would rather have said."""
        return self._model.opinions(examples, top=top)

    def _length(self, conversation: Conversation) -> int | None:
        """Tokens that the model sees of it; None where it cannot act."""
        try:
            return len(self._model.sight.seen(conversation, self._model.sampling.max_new_tokens))
        except ConfigError:
            return None

    def _spoken(self, answer: Action, key: str, length: int, seconds: float) -> Action | None:
        ids = answer.token_ids or ()
        usage = Usage(length, len(ids), 0.0, seconds)
        cut = not ids or ids[-1] != self._model.codec.end_of_turn
        if cut or not answer.text.strip():
            self.losses["cut" if cut else "empty"] += 1
            self.bills.add(key, usage)
            return None
        return Action(answer.text, usage=usage)
