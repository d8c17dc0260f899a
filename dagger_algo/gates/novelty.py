"""How new a state is to the student: by what it was taught before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dagger_algo.conversation import Conversation, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.gates.features import last_words
from dagger_algo.gates.gate import Moment, Sees


@dataclass(frozen=True)
class Novelty:
    """1 for a state all of whose rarest words are new, and less the oftener they were seen at
    labelled states: the mean of (1 + n)^-1/2 over the `rarest` words, n being the number of
    labelled states with that word. ThriftyDAgger's first reason to ask, with counts for its
    ensemble's variance."""

    rarest: int = 4
    """How many words count: what is rare says more than what every observation has."""
    words: int = 32
    """How many words are looked at, from the end of what was seen last."""
    sees = Sees.STATE
    _seen: Counter[str] = field(default_factory=Counter, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.rarest < 1 or self.words < 1:
            raise ConfigError(f"rarest={self.rarest} and words={self.words} must be 1 or more each")

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        return [self._of(moment.state) for moment in moments]

    def _of(self, state: Conversation) -> float:
        new = sorted(((1 + self._seen[word]) ** -0.5 for word in self._words(state)), reverse=True)
        top = new[: self.rarest]
        return sum(top) / len(top) if top else 0.0

    def _words(self, state: Conversation) -> list[str]:
        return list(dict.fromkeys(last_words(state, self.words)))

    def observe(self, episode: Episode) -> None:
        """What was labelled is new no longer."""
        for turn in episode.turns:
            if turn.label is not None:
                self._seen.update(self._words(Conversation("", (turn.observation,))))

    def figures(self) -> dict[str, float]:
        """How many different words were seen."""
        return {"words_seen": float(len(self._seen))}
