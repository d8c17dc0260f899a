"""What a sweep is over: environments, budgets and methods, each with a label of its own.

Each is written as YAML, in a file or as one word on the command line: a plain name, or
`LABEL: {...}` with settings.
"""

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

from baselines.sweep.settings import Where, fault, nowhere, overlay, unknown
from dagger_algo.errors import ConfigError
from dagger_algo.ledger import Budget
from dagger_algo.schedules import Beta

_LABEL = re.compile(r"[A-Za-z0-9][\w.@+=-]*")
_TAKEN = ("vocabulary", "warm-start")  # folders beside those with these labels
Definition = tuple[str, Any]
"""A label and what is said of it: a mapping, or None where a plain name stands for itself."""


@dataclass(frozen=True)
class Environment:
    """An environment to train and evaluate in."""

    id: str = ""
    """A Gymnasium id (module:id imports the module that registers it) of a text environment."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the training and of the held-out environments."""
    train: Mapping[str, Any] = field(default_factory=lambda: {"split": "train"})
    """Options of the training environments alone."""
    heldout: Mapping[str, Any] = field(default_factory=lambda: {"split": "heldout"})
    """Options of the held-out environments alone."""
    heldout_id: str = ""
    """Another id for the held-out environments, where one benchmark is trained on and another one
    tests."""
    horizon: float | None = None
    """Where it stands on the axis of the plot of compounding errors, if it does."""

    def id_of(self, part: str) -> str:
        """The id for `part`, "train" or "heldout"."""
        return self.heldout_id or self.id if part == "heldout" else self.id

    def given(self, part: str) -> dict[str, Any]:
        """What `gym.make` is given for `part`, "train" or "heldout"."""
        return {**self.options, **(self.train if part == "train" else self.heldout)}


@dataclass(frozen=True)
class Variant:
    """A method with settings of its own. settings: only what differs from the method's."""

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def definition(word: str) -> Definition:
    """A label and its settings from one word of YAML: "sft", or "small: {env_steps: 100}"."""
    import yaml

    try:
        data = yaml.safe_load(word)
    except yaml.YAMLError as error:
        raise ConfigError(f"{word!r} is neither a name nor `LABEL: {{...}}`: {error}") from None
    if isinstance(data, Mapping) and len(data) == 1:
        [(label, value)] = data.items()
        return str(label), value
    if isinstance(data, str | int | float):
        return word.strip(), None
    raise ConfigError(f"{word!r} is neither a name nor `LABEL: {{...}}`")


def word(definition: Definition) -> str:
    """What `definition` reads back."""
    label, value = definition
    return label if value is None else json.dumps({label: value}, ensure_ascii=False)


def environment(found: Definition, where: Where = nowhere) -> Environment:
    """From `LABEL: {id, options, train, heldout, horizon}`, or a plain id."""
    label, data = found
    if data is None or isinstance(data, str):
        data = {"id": data or label}
    made = overlay(Environment(), data, where)
    if not made.id:
        raise fault(f"environment {label!r} needs an id, as in `id: CartPole-v1`", where, ())
    return made


def budget(found: Definition, where: Where = nowhere) -> Budget:
    """From `LABEL: {env_steps, teacher_tokens}`; both must be given."""
    label, data = found
    made = overlay(Budget(), data or {}, where)
    for name in ("env_steps", "teacher_tokens"):
        if name not in (data or {}):
            raise fault(f"budget {label!r} does not say its {name}", where, ())
    return made


def beta(found: Definition, where: Where = nowhere) -> Mapping[str, Any]:
    """What a schedule of β says, from `LABEL: {shape, start, end, warmup}` or a shape's name."""
    label, data = found
    shapes = get_args(get_type_hints(Beta)["shape"])
    if data is None:
        if label not in shapes:
            raise unknown(label, shapes, where, (label,))
        data = {"shape": label}
    overlay(Beta(), data, where)
    return dict(data)


def variant(found: Definition, where: Where = nowhere) -> tuple[str, Variant]:
    """Label and method from a method's name, the path of a .py file, or `LABEL: {...}` with
    settings; `method: NAME` says whose they are, where LABEL is not NAME or NAME@VARIANT."""
    label, data = found
    if isinstance(data, str):
        data = {"method": data}
    if data is not None and not isinstance(data, Mapping):
        raise fault(f"method {label!r}: expected settings by name, not {data!r:.60}", where, ())
    settings = dict(data or {})
    name = settings.pop("method", label.partition("@")[0])
    if not isinstance(name, str):
        raise fault(f"method is a name or a path, not {name!r}", where, ("method",))
    if "budget" in settings or "budgets" in settings:
        raise fault(
            f"method {label!r} asks for a budget of its own: all methods of a comparison get the "
            "same; compare several budgets with `budgets:`",
            where,
            (),
        )
    if label.endswith(".py"):
        label = Path(label).stem
    return label, Variant(name, settings)


def labelled(kind: str, labels: Iterable[str]) -> None:
    """ConfigError where a label cannot be a folder's name."""
    for label in labels:
        if not _LABEL.fullmatch(label) or label in _TAKEN:
            raise ConfigError(
                f"{label!r} cannot be a label of {kind}: letters, digits and any of . _ @ + = - "
                f"are allowed, but not {' or '.join(_TAKEN)}"
            )


def options(*parts: Iterable[str]) -> dict[str, Any]:
    """Environment options from NAME=VALUE words; a later one wins. ConfigError without a "="."""
    merged: dict[str, Any] = {}
    for given in itertools.chain(*parts):
        name, equals, value = given.partition("=")
        if not equals:
            raise ConfigError(f"environment options are NAME=VALUE, and {given!r} is not")
        try:
            merged[name] = json.loads(value)
        except ValueError:
            merged[name] = value
    return merged
