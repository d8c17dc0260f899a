"""A language model of transformers as a student (or a teacher)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import CheckpointError
from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.generate import CachedGenerator, Sampling
from dagger_algo.lm.learner import Learner, LearnerConfig
from dagger_algo.policy import Loss

_STATE = "training.pt"


class LMPolicy:
    """Acts by sampling, learns by weighted likelihood; any causal chat model of transformers."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        learner: LearnerConfig = LearnerConfig(),
        sampling: Sampling = Sampling(),
        seed: int = 0,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.codec = ChatCodec(tokenizer)
        self.sampling = sampling
        self.learner = Learner(model, self.codec, learner, seed)
        self.fits = 0
        self._generator = CachedGenerator(model, self.codec, seed=seed)

    @classmethod
    def load(cls, folder: Path | str, **options: Any) -> Self:
        """From a folder (or a Hub id) that `from_pretrained` reads; raises CheckpointError."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = AutoModelForCausalLM.from_pretrained(folder)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(
                f"no model and tokenizer to load at {str(folder)!r}: {reason}"
            ) from error
        return cls(model, tokenizer, **options)

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and chat template as `from_pretrained` reads them."""
        try:
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        except OSError as error:
            raise CheckpointError(f"cannot write a checkpoint to {folder}: {error}") from error

    def save_state(self, folder: Path) -> None:
        """The checkpoint, and what the learner goes on from."""
        self.save(folder)
        torch.save({"learner": self.learner.state_dict(), "fits": self.fits}, folder / _STATE)

    def load_state(self, folder: Path) -> None:
        """Weights, optimizer and random streams as `save_state` wrote them."""
        try:
            weights = AutoModelForCausalLM.from_pretrained(folder).state_dict()
            state = torch.load(folder / _STATE, weights_only=True)
            self.model.load_state_dict(weights)
            self.learner.load_state_dict(state["learner"])
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(f"{folder} is no state of this student: {reason}") from error
        self.fits = state["fits"]
        self._generator.forget()

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        return list(self._generator.act(conversations, self.sampling))

    def greedy(self) -> "_Greedy":
        """The most likely tokens, by the same weights."""
        return _Greedy(self)

    def update(
        self, examples: Iterable[Example], *, epochs: int = 1, loss: Loss = "cross_entropy"
    ) -> Mapping[str, float]:
        self.fits += 1
        self._generator.forget()
        return self.learner.update(examples, epochs=epochs, loss=loss)

    def count_tokens(self, text: str) -> int:
        """Tokens of an action's text with its end-of-turn token."""
        return self.codec.count(text)


class _Greedy:
    def __init__(self, policy: LMPolicy) -> None:
        self._policy = policy
        self._generator = CachedGenerator(policy.model, policy.codec)
        self._fits = policy.fits
        self._sampling = Sampling(temperature=0.0, max_new_tokens=policy.sampling.max_new_tokens)

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        if self._fits != self._policy.fits:
            self._generator.forget()
            self._fits = self._policy.fits
        return list(self._generator.act(conversations, self._sampling))
