"""A language model of transformers as a student (or a teacher)."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import CheckpointError, ConfigError
from dagger_algo.examples import Example
from dagger_algo.lm import adapters
from dagger_algo.lm.adapters import Lora
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.distributed import Alone, Processes
from dagger_algo.lm.dropout import Dropping
from dagger_algo.lm.generate import CachedGenerator, Sampling
from dagger_algo.lm.learner import Learner, LearnerConfig
from dagger_algo.lm.loading import (
    UNREADABLE,
    UNWRITABLE,
    DType,
    load_model,
    require_fit,
    save_variables,
    saved_variables,
)
from dagger_algo.lm.opinions import opinions
from dagger_algo.lm.score import Frozen, Scores, score
from dagger_algo.objectives import CrossEntropy, Objective
from dagger_algo.policy import Opinion

_STATE = "training.pt"


class LMPolicy:
    """Acts by sampling, learns by weighted likelihood; any causal chat model of transformers.

    model: with adapters when it comes in peft's wrapper, and then only they are trained and saved;
    `lora` puts fresh ones on. processes: those that fit it together (`lm/distributed.py`). Of a
    conversation longer than its context it sees the first turn and the latest ones, in acting and
    in training alike (`lm/history.py`); `sight.shortened` counts such states as they are acted in.
    template: variables of the chat template, such as {"enable_thinking": False} for Qwen3.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        learner: LearnerConfig = LearnerConfig(),
        sampling: Sampling = Sampling(),
        seed: int = 0,
        lora: Lora | None = None,
        processes: Processes = Alone(),
        template: Mapping[str, Any] | None = None,
    ) -> None:
        wrapped = hasattr(model, "peft_config") and hasattr(model, "get_base_model")
        if lora is not None:
            if wrapped:
                raise ConfigError("the model has adapters already: leave lora= out to train them")
            model = adapters.add_lora(model, lora, seed)
        # Adapters live inside the layers, so everything but saving works on the model itself.
        self.adapter: Any = model if wrapped or lora is not None else None
        self.model = (model if self.adapter is None else model.get_base_model()).eval()
        self.tokenizer = tokenizer
        self.codec = ChatCodec(tokenizer, template)
        self.sampling = sampling
        self.processes = processes
        room = sampling.max_new_tokens
        self.learner = Learner(self.model, self.codec, learner, seed, processes, room)
        self.fits = 0
        self._generator = CachedGenerator(self.model, self.codec, seed=seed)
        self.sight = self._generator.sight

    @classmethod
    def load(
        cls,
        folder: Path | str,
        *,
        dtype: DType = "float32",
        device: str = "cpu",
        base: Path | str | None = None,
        template: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """From a folder (or a Hub id) that `from_pretrained` reads, or that `save` wrote.

        dtype: of the parameters, whatever the folder has; bfloat16 is for frozen ones (under
        adapters, or a teacher's), see `LearnerConfig.bf16`. base: where the model of saved adapters
        is, when it is not where it was. template: by default as it was saved. Raises
        CheckpointError.
        """
        model, tokenizer = load_model(folder, dtype=dtype, base=base)
        variables = saved_variables(folder) if template is None else template
        return cls(model.to(device), tokenizer, template=variables, **options)

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and chat template as `from_pretrained` reads them; of a model with
        adapters the adapters alone, as peft reads them."""
        self._write(folder, state=False)

    def save_state(self, folder: Path) -> None:
        """The checkpoint, and what the learner goes on from."""
        self._write(folder, state=True)

    def _write(self, folder: Path, state: bool) -> None:
        try:
            if self.processes.rank == 0:
                if self.adapter is None:
                    self.model.save_pretrained(folder)
                else:
                    adapters.save_adapters(self.adapter, folder)
                self.tokenizer.save_pretrained(folder)
                save_variables(self.codec.options, folder)
                if state:
                    known = {"learner": self.learner.state_dict(), "fits": self.fits}
                    torch.save(known, folder / _STATE)
        except UNWRITABLE as error:
            raise CheckpointError(f"cannot write a checkpoint to {folder}: {error}") from error
        finally:
            self.processes.wait()  # failed or not: the others are waiting

    def load_state(self, folder: Path) -> None:
        """Weights, optimizer and random streams as `save_state` wrote them. CheckpointError, and
        nothing changed, when they are another student's."""
        if not folder.is_dir():
            raise CheckpointError(
                f"there is no state of a student at {folder}; name a folder that save_state wrote"
            )
        if (theirs := saved_variables(folder)) != self.codec.options:
            raise CheckpointError(
                f"{folder} is no state of this student: its chat template was given {theirs}, and "
                f"this student's is given {self.codec.options}; make the student with the same"
            )
        try:
            came = self._saved_weights(folder)
            require_fit(self._weights(), came, folder)
            state = torch.load(folder / _STATE, weights_only=True, map_location="cpu")
            self.learner.load_state_dict(state["learner"])
            self.fits = state["fits"]
        except CheckpointError:
            raise
        except UNREADABLE as error:
            reason = " ".join(str(error).split())[:300]
            raise CheckpointError(f"{folder} is no state of this student: {reason}") from error
        if self.adapter is None:
            self.model.load_state_dict(came)
        else:
            adapters.set_adapter_state(self.adapter, came)
        self._generator.forget()

    def _weights(self) -> dict[str, torch.Tensor]:
        if self.adapter is not None:
            return adapters.adapter_state(self.adapter)
        state: dict[str, torch.Tensor] = self.model.state_dict()
        return state

    def _saved_weights(self, folder: Path) -> dict[str, torch.Tensor]:
        if self.adapter is not None:
            return adapters.saved_adapter_state(folder)
        saved = AutoModelForCausalLM.from_pretrained(folder, dtype=self.model.dtype)
        state: dict[str, torch.Tensor] = saved.state_dict()
        return state

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        return list(self._generator.act(conversations, self.sampling))

    def features(self, conversations: Sequence[Conversation]) -> np.ndarray:
        """(n, d) float32: the hidden state of the last token of each state; free where it was just
        acted on. Changes with the weights."""
        return self._generator.features(conversations, self.sampling.max_new_tokens)

    def greedy(self) -> "_Greedy":
        """The most likely tokens, by the same weights."""
        return _Greedy(self)

    def dropping(self, rate: float, number: int) -> Dropping:
        """The same weights with dropout on while acting, by the number's own draws; follows later
        updates. ConfigError for a model that has none."""
        seed = self._generator.seed
        generator = CachedGenerator(
            self.model, self.codec, seed=seed
        )  # it counts no states of ours
        return Dropping(generator, self.sampling, rate, number)

    def frozen(self) -> Frozen:
        """A copy of the weights that are trained; the others are shared."""
        shared = {id(p): p for p in self.model.parameters() if not p.requires_grad}
        copied = copy.deepcopy(self.model, shared)
        return Frozen(copied, self.codec, **self._pass)

    def score(self, examples: Sequence[Example]) -> Scores:
        return score(self.model, self.codec, examples, **self._pass)

    def opinions(self, examples: Sequence[Example], *, top: int = 0) -> list[list[Opinion | None]]:
        """Log-probabilities of actions under these weights, entropies, and likeliest tokens."""
        return opinions(self.model, self.codec, examples, top=top, **self._pass)

    @property
    def _pass(self) -> dict[str, Any]:
        """How actions are scored."""
        config = self.learner.config
        tokens = config.forward_tokens or config.batch_tokens
        return {"tokens": tokens, "bf16": config.bf16, "room": self.learner.room}

    def update(
        self,
        examples: Iterable[Example],
        *,
        epochs: int = 1,
        objective: Objective = CrossEntropy(),
        rate: float = 1.0,
    ) -> Mapping[str, float]:
        self.fits += 1
        self._generator.forget()
        return self.learner.update(examples, epochs=epochs, objective=objective, rate=rate)

    def count_tokens(self, text: str) -> int:
        """Tokens of an action's text with its end-of-turn token."""
        return self.codec.count(text)


class _Greedy:
    def __init__(self, policy: LMPolicy) -> None:
        self._policy = policy
        self._generator = CachedGenerator(policy.model, policy.codec, sight=policy.sight)
        self._fits = policy.fits
        self._sampling = Sampling(temperature=0.0, max_new_tokens=policy.sampling.max_new_tokens)

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        if self._fits != self._policy.fits:
            self._generator.forget()
            self._fits = self._policy.fits
        return list(self._generator.act(conversations, self._sampling))
