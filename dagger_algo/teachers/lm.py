"""A language model in this process as a teacher."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagger_algo.conversation import Action, Conversation, Usage

if TYPE_CHECKING:
    from dagger_algo.policies.lm import LMPolicy


class LMTeacher:
    """Answers as `model` does, but as text alone: a label is read by the student's tokenizer, and
    ids of another one's would be learnt as if they were its own.

    losses: "cut" (no end of turn within max_new_tokens), "too long" (the conversation, for the
    model's position embeddings), "empty".
    """

    def __init__(self, model: "LMPolicy", *, greedy: bool = False) -> None:
        self.losses: Counter[str] = Counter()
        self._model = model
        self._acting = model.greedy() if greedy else model
        config = model.model.config.get_text_config()
        self._context: int | None = getattr(config, "max_position_embeddings", None)

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        start = time.perf_counter()
        lengths = [len(self._model.codec.state(conversation)) for conversation in conversations]
        room = self._model.sampling.max_new_tokens
        fits = [
            i
            for i, length in enumerate(lengths)
            if self._context is None or length + room <= self._context
        ]
        self.losses["too long"] += len(lengths) - len(fits)
        found = self._acting.act([conversations[i] for i in fits]) if fits else []
        seconds = (time.perf_counter() - start) / max(1, len(fits))
        answers: list[Action | None] = [None] * len(conversations)
        for i, answer in zip(fits, found, strict=True):
            answers[i] = answer and self._spoken(answer, lengths[i], seconds)
        return answers

    def _spoken(self, answer: Action, length: int, seconds: float) -> Action | None:
        ids = answer.token_ids or ()
        if not ids or ids[-1] != self._model.codec.end_of_turn:
            self.losses["cut"] += 1
            return None
        if not answer.text.strip():
            self.losses["empty"] += 1
            return None
        return Action(answer.text, usage=Usage(length, len(ids), 0.0, seconds))
