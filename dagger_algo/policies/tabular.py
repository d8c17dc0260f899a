"""A softmax over a table: the student of unit tests. No torch, milliseconds, exact."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import CheckpointError, ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.objectives import CrossEntropy, Mixed, Objective, PolicyGradient
from dagger_algo.policy import Opinion
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
        return np.asarray(np.exp(self._logprobs(conversation)))

    def _logprobs(self, conversation: Conversation) -> np.ndarray:
        logits = self.table.get(self._state(conversation))
        return _log_softmax(np.zeros(len(self.actions)) if logits is None else logits)

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

    def frozen(self) -> "TabularPolicy":
        """The same table, copied."""
        copied = TabularPolicy(self.actions, state=self._state, seed=self._seed)
        copied.table = {state: row.copy() for state, row in self.table.items()}
        return copied

    def score(self, examples: Sequence[Example]) -> list[list[tuple[float, ...] | None]]:
        return [
            [(self._logprob(example.state(t), t.action),) for t in example.targets]
            for example in examples
        ]

    def opinions(self, examples: Sequence[Example], *, top: int = 0) -> list[list[Opinion | None]]:
        """Log-probabilities and entropies; there are no tokens to name."""
        return [
            [self._opinion(example.state(t), t.action) for t in example.targets]
            for example in examples
        ]

    def _opinion(self, state: Conversation, action: Action) -> Opinion:
        p = self.probabilities(state)
        entropy = -float((p[p > 0] * np.log(p[p > 0])).sum())
        return Opinion((self._logprob(state, action),), (entropy,))

    def _logprob(self, state: Conversation, action: Action) -> float:
        return float(self._logprobs(state)[self._index[action.text]])

    def update(
        self,
        examples: Iterable[Example],
        *,
        epochs: int = 1,
        objective: Objective = CrossEntropy(),
        rate: float = 1.0,
    ) -> Mapping[str, float]:
        """Gradient descent on the objective, one sweep over the targets per epoch, a step each.

        Objectives over a teacher's likeliest tokens are refused: an action is one token here. The
        ratio of a sequence is the one before its sweep. "loss" is the mean of -weight · log π.
        """
        if not isinstance(objective, CrossEntropy | PolicyGradient | Mixed):
            raise ConfigError(f"a table has no tokens, so it cannot be fitted by {objective}")
        data = [
            (self._state(example.state(target)), target)
            for example in examples
            for target in example.targets
        ]
        unknown = {t.action.text for _, t in data} - set(self.actions)
        if unknown:
            raise ConfigError(f"the table has no action {sorted(unknown)[0]!r}: add it to actions=")
        total = 0.0
        rows = [self.table.setdefault(state, np.zeros(len(self.actions))) for state, _ in data]
        for _ in range(epochs):
            ratios = self._sequence_ratios(data)
            for row, (_, target) in zip(rows, data, strict=True):
                logprobs = _log_softmax(row)
                index = self._index[target.action.text]
                logprob = float(logprobs[index])
                (weight,) = target.weights(1)
                total -= weight * logprob
                step = -np.exp(logprobs)
                step[index] += 1.0
                row += self._rate * rate * _push(objective, target, weight, logprob, ratios) * step
        steps = epochs * len(data)
        return {"loss": total / max(1, steps), "steps": steps, "tokens": steps}

    def _sequence_ratios(self, data: Sequence[tuple[str, Target]]) -> dict[str, float]:
        """The ratio of every named sequence: the geometric mean of its actions'."""
        logs: dict[str, list[float]] = {}
        for state, target in data:
            if target.sequence is not None and target.action.logprobs is not None:
                now = _log_softmax(self.table[state])[self._index[target.action.text]]
                change = float(now) - target.action.logprobs[0]
                logs.setdefault(target.sequence, []).append(change)
        return {name: math.exp(sum(changes) / len(changes)) for name, changes in logs.items()}

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


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def _push(
    objective: CrossEntropy | PolicyGradient | Mixed,
    target: Target,
    weight: float,
    logprob: float,
    ratios: Mapping[str, float],
) -> float:
    """What ∇ log π of the target's action is multiplied with: minus the loss's derivative."""
    push = weight
    if isinstance(objective, Mixed) and target.teacher_logprobs is not None:
        push = weight * _toward(objective.estimator, target.teacher_logprobs[0] - logprob)
    if isinstance(objective, PolicyGradient):
        known = target.action.logprobs
        ratio = math.exp(logprob - known[0]) if known is not None else 1.0
        if objective.ratio == "sequence" and target.sequence is not None:
            ratio = ratios.get(target.sequence, 1.0)
        clipped = min(max(ratio, 1 - objective.clip_low), 1 + objective.clip_high)
        push = ratio * weight if ratio * weight <= clipped * weight else 0.0
        if target.reference_logprobs is not None:
            r = target.reference_logprobs[0] - logprob
            toward = ratio * r if objective.kl_corrected else _toward(objective.kl_estimator, r)
            push += objective.kl * toward
    return target.scale * push


def _toward(estimator: str, r: float) -> float:
    """Minus the derivative of an estimated KL(π || q) by log π, r = log q - log π."""
    return math.expm1(r) if estimator == "k3" else r


class _Greedy:
    def __init__(self, policy: TabularPolicy) -> None:
        self._policy = policy

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        best = (int(np.argmax(self._policy.probabilities(c))) for c in conversations)
        return [Action(self._policy.actions[index]) for index in best]
