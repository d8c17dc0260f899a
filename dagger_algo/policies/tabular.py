"""A softmax over a table: the student of unit tests. No torch, milliseconds, exact."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import CheckpointError, ConfigError
from dagger_algo.examples import Example
from dagger_algo.policy import Loss
from dagger_algo.randomness import stream


def last_observation(conversation: Conversation) -> str:
    """The usual state of a table: what was seen last."""
    return conversation.observations[-1]


def last_line(conversation: Conversation) -> str:
    """The last line of what was seen last, for environments that put their whole state there."""
    return conversation.observations[-1].splitlines()[-1]


class TabularPolicy:
    """π(a|s) = softmax(table[state(s)])[a] over a fixed set of action texts.

    A state never trained on is uniform when sampled and, when greedy, the first action.
    """

    def __init__(
        self,
        actions: Sequence[str],
        *,
        state: Callable[[Conversation], str] = last_observation,
        learning_rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        if not actions:
            raise ConfigError("a tabular policy needs at least one action text")
        self.actions = tuple(actions)
        self._index = {action: i for i, action in enumerate(self.actions)}
        self._state = state
        self._rate = learning_rate
        self._seed = seed
        self.table: dict[str, np.ndarray] = {}

    def probabilities(self, conversation: Conversation) -> np.ndarray:
        """π(·|s), shape (actions,)."""
        logits = self.table.get(self._state(conversation), np.zeros(len(self.actions)))
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        return [self._sample(conversation) for conversation in conversations]

    def _sample(self, conversation: Conversation) -> Action:
        p = self.probabilities(conversation)
        rng = stream(self._seed, conversation.key, conversation.turn)
        choice = int(rng.choice(len(p), p=p))
        return Action(self.actions[choice], logprobs=(float(np.log(p[choice])),))

    def greedy(self) -> "_Greedy":
        """The most likely action, by the same table."""
        return _Greedy(self)

    def update(
        self, examples: Iterable[Example], *, epochs: int = 1, loss: Loss = "cross_entropy"
    ) -> Mapping[str, float]:
        """Gradient ascent on Σ weight · log π, one sweep over the targets per epoch.

        Both losses have this gradient here: the policy is the one that sampled.
        """
        data = [
            (example.state(target), target) for example in examples for target in example.targets
        ]
        unknown = {t.action.text for _, t in data} - set(self.actions)
        if unknown:
            raise ConfigError(f"the table has no action {sorted(unknown)[0]!r}: add it to actions=")
        total = 0.0
        for _ in range(epochs):
            for state, target in data:
                p = self.probabilities(state)
                index = self._index[target.action.text]
                (weight,) = target.weights(1)
                total -= weight * float(np.log(p[index]))
                step = -p
                step[index] += 1.0
                row = self.table.setdefault(self._state(state), np.zeros(len(self.actions)))
                row += self._rate * weight * step
        steps = epochs * len(data)
        return {"loss": total / max(1, steps), "steps": steps, "tokens": steps}

    def count_tokens(self, text: str) -> int:
        """Words: a table has no tokenizer."""
        return len(text.split())

    def save(self, folder: Path) -> None:
        """Write `table.json` into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = {state: row.tolist() for state, row in self.table.items()}
        text = json.dumps({"actions": self.actions, "table": rows})
        (folder / "table.json").write_text(text, encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Take over a table that `save` wrote; raises CheckpointError when it does not fit."""
        try:
            data = json.loads((folder / "table.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"no table to load in {folder}: {error}") from error
        if tuple(data["actions"]) != self.actions:
            raise CheckpointError(f"the table in {folder} is over other actions than this policy's")
        self.table = {state: np.array(row) for state, row in data["table"].items()}

    def save_state(self, folder: Path) -> None:
        """As `save`: a table has no more state than that."""
        self.save(folder)

    def load_state(self, folder: Path) -> None:
        """As `load`."""
        self.load(folder)


class _Greedy:
    def __init__(self, policy: TabularPolicy) -> None:
        self._policy = policy

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        best = (int(np.argmax(self._policy.probabilities(c))) for c in conversations)
        return [Action(self._policy.actions[index]) for index in best]
