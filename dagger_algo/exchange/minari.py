"""Episodes of text environments out of Minari's offline datasets (minari.farama.org)."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.errors import ConfigError, StoreError


def load(name: str) -> Any:
    """The dataset of this id that lies on this machine. Raises ConfigError where Minari is not
    installed, StoreError where the dataset is not."""
    try:
        minari: Any = importlib.import_module("minari")
    except ImportError as error:
        raise ConfigError(
            'reading Minari datasets needs Minari: pip install "minari[arrow]"'
        ) from error
    try:
        return minari.load_dataset(name)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"no Minari dataset {name!r} on this machine ({error}); `minari list local` shows "
            f"what there is, `minari download {name}` fetches it"
        ) from error


def episodes_of(
    found: Iterable[Any], actor: Actor = Actor.TEACHER, name: str = "minari"
) -> Iterator[Episode]:
    """The episodes of a dataset (`load`), which must be of texts.

    Minari does not say who acted: `actor` does. Labels are what `info["expert_action"]` says where
    the dataset has it, else the teacher's own actions. Raises StoreError when observations or
    actions are no texts.
    """
    for data in getattr(found, "iterate_episodes", lambda: found)():
        seen, done = list(data.observations), list(data.actions)
        if not all(isinstance(text, str) for text in (*seen, *done)):
            raise StoreError(
                f"{name}, episode {data.id}: only episodes of texts can be imported, and these are "
                f"{type(data.observations).__name__} and {type(data.actions).__name__}"
            )
        infos: Mapping[str, Any] = data.infos or {}
        experts = infos.get("expert_action")
        turns = []
        for t, text in enumerate(done):
            label = text if actor is Actor.TEACHER else None
            if experts is not None:
                label = _text(experts[t])
            answer = None if label is None else Action(label)
            reward = float(data.rewards[t])
            turns.append(Turn(seen[t], Action(text), actor, answer, reward, answer is not None))
        outcome = Outcome.CUT
        if len(done):
            outcome = Outcome.TERMINATED if data.terminations[-1] else outcome
            outcome = Outcome.TRUNCATED if data.truncations[-1] else outcome
        task = _text(infos["task"][0]) if "task" in infos else ""
        key = f"{name}/{data.id}"
        yield Episode(key, int(data.id), task, 0, tuple(turns), outcome, seen[-1])


def _text(value: Any) -> str:
    """Arrow files give str, HDF5 files bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)
