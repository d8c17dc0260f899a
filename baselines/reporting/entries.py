"""Episodes as the browser shows them: what to filter by, and texts stored once each."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from baselines.evidence.results import Example
from dagger_algo.conversation import Episode, Outcome
from dagger_algo.stages import Stage, stage_of

TEXT_LIMIT = 20_000  # characters of one text above which its middle is left out
EPISODE_LIMIT = 5_000
CHARACTER_LIMIT = 30_000_000  # of all different texts of a page


@dataclass(frozen=True, slots=True)
class Entry:
    """One episode on a page.

    facets: what the reader filters by, by name ("method", "seed", "round", ...). name: the task, or
    whatever else names the episode. turns: as `_turn` gives them.
    """

    facets: Mapping[str, str]
    name: str
    reward: float
    outcome: str
    turns: tuple[Mapping[str, Any], ...]
    last: str = ""

    def texts(self) -> Iterator[str]:
        """Every text of the turns, repeated as often as it occurs."""
        for turn in self.turns:
            for part in _TEXTS:
                if turn[part] is not None:
                    yield turn[part]
        yield self.last


_TEXTS = ("observation", "action", "label", "proposal")


def of_episode(episode: Episode, facets: Mapping[str, str]) -> Entry:
    """An episode out of a store; `facets` says whose it is."""
    return Entry(
        {**facets, "round": str(episode.round)},
        episode.task or f"seed {episode.seed}",
        episode.reward,
        str(episode.outcome),
        tuple(
            _turn(
                turn.observation,
                turn.action.text,
                str(turn.actor),
                turn.label.text if turn.label else None,
                turn.reward,
                turn.proposal.text if turn.proposal and turn.actor == "teacher" else None,
                turn.score,
                turn.asked,
            )
            for turn in episode.turns
        ),
        shortened(episode.final_observation),
    )


def of_example(example: Example, facets: Mapping[str, str]) -> Entry:
    """An episode that was kept for the report. Held-out ones are of the trained student, after the
    last round: they have none of their own."""
    number = "final" if example.kind == "held-out" else str(example.round)
    return Entry(
        {**facets, "kind": example.kind, "round": number},
        example.task or "unnamed task",
        example.reward,
        example.outcome,
        tuple(
            _turn(turn.observation, turn.action, turn.actor, turn.label, turn.reward)
            for turn in example.turns
        ),
        shortened(example.final_observation),
    )


def _turn(
    observation: str,
    action: str,
    actor: str,
    label: str | None,
    reward: float,
    proposal: str | None = None,
    score: float | None = None,
    asked: bool = False,
) -> Mapping[str, Any]:
    return {
        "observation": shortened(observation),
        "action": shortened(action),
        "actor": actor,
        "label": None if label is None else shortened(label),
        "proposal": None if proposal is None else shortened(proposal),
        "reward": _number(reward),
        "score": None if score is None else _number(score),
        "lost": asked and label is None,
        "differs": label is not None and label != action,
        "stage": str(_stage(action)),
    }


@lru_cache(maxsize=5_000)
def _stage(text: str) -> Stage:
    return stage_of(text)


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else str(value)


def shortened(text: str) -> str:
    """A text without its middle if it is very long, saying so."""
    if len(text) <= TEXT_LIMIT:
        return text
    half = TEXT_LIMIT // 2
    left_out = len(text) - TEXT_LIMIT
    return f"{text[:half]}\n[… {left_out:,} characters left out …]\n{text[-half:]}"


class Shelf:
    """Keeps as many of a stream of episodes as a page can hold, evenly spread over the stream.

    Whenever it is full every second one is dropped, and from then on only every second (fourth, …)
    one that comes is kept: memory is bounded however long the stream is, and so is the page.
    """

    def __init__(self, episodes: int = EPISODE_LIMIT, characters: int = CHARACTER_LIMIT) -> None:
        self._limits = (episodes, characters)
        self._kept: list[Entry] = []
        self._uses: Counter[str] = Counter()  # the texts of those kept
        self._characters = 0
        self._stride = 1
        self.seen = 0

    @property
    def entries(self) -> list[Entry]:
        """Those kept, in the order they came."""
        return self._kept

    def wants(self) -> bool:
        """Whether the next of the stream would be kept; if not, it is counted and done with."""
        wanted = self.seen % self._stride == 0
        self.seen += not wanted
        return wanted

    def add(self, entry: Entry) -> None:
        """Keep one, after `wants` said so."""
        self.seen += 1
        self._kept.append(entry)
        for text in entry.texts():
            self._characters += len(text) if not self._uses[text] else 0
            self._uses[text] += 1
        while len(self._kept) > 1 and self._full():
            self._stride *= 2
            for dropped in self._kept[1::2]:
                self._forget(dropped)
            del self._kept[1::2]

    def note(self) -> str:
        """A sentence for the reader when not all are there, else ""."""
        if len(self._kept) == self.seen:
            return ""
        return (
            f"Of {self.seen:,} episodes {len(self._kept):,} are on this page, evenly spread over "
            "all of them: more would make it too large to open."
        )

    def _full(self) -> bool:
        episodes, characters = self._limits
        return len(self._kept) > episodes or self._characters > characters

    def _forget(self, entry: Entry) -> None:
        for text in entry.texts():
            self._uses[text] -= 1
            if not self._uses[text]:
                del self._uses[text]
                self._characters -= len(text)


def payload(entries: Iterable[Entry], note: str = "") -> str:
    """The data of a page as JSON that is safe within a script element whatever a model wrote.

    Texts are stored once and referred to by their place. Stages are left out where no episode has
    one that says anything (in an environment without a shell every turn is orchestration).
    """
    entries = list(entries)
    telling = any(t["stage"] != Stage.ORCHESTRATION for entry in entries for t in entry.turns)
    texts: dict[str, int] = {}

    def place(text: str | None) -> int:
        return -1 if text is None else texts.setdefault(text, len(texts))

    episodes = [
        {
            "facets": {**entry.facets, "outcome": entry.outcome, "success": _won(entry)},
            "name": entry.name,
            "reward": _number(entry.reward),
            "last": place(entry.last) if entry.last else -1,
            "turns": [
                {
                    **{name: place(turn[name]) for name in _TEXTS},
                    **{k: v for k, v in turn.items() if k not in _TEXTS and v not in (None, False)},
                    "stage": turn["stage"] if telling else "",
                }
                for turn in entry.turns
            ],
        }
        for entry in entries
    ]
    data = json.dumps(
        {"texts": list(texts), "episodes": episodes, "note": note},
        ensure_ascii=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    # "<" alone could end the script element; ">" and "&" are written so for good measure.
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _won(entry: Entry) -> str:
    """Nobody knows of an episode that was cut short."""
    if entry.outcome == Outcome.CUT:
        return "unknown"
    return "yes" if entry.reward > 0 else "no"
