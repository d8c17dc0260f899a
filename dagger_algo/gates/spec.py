"""Gates by name, for the command line.

    thrifty                             a gate with its defaults
    thrifty:share=0.1,score=doubt       with settings
    bernoulli+stall:times=2             any of several
    path/to/file.py:MyGate:level=3      your own: a class or function; also package.module:MyGate

Every gate takes three more settings: warmup (rounds in which the teacher acts and labels before the
gate does), check (share of the turns that are labelled though the gate wants no label) and at_most
(turns of an episode that the teacher may take). A parameter `student`, `beta` (the schedule) or
`seed` of a gate of yours is filled in by the run.
"""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.combine import Warmup, any_of, at_most, spot_check
from dagger_algo.gates.gate import Gate
from dagger_algo.gates.named import GATES
from dagger_algo.policy import Policy
from dagger_algo.schedules import Beta

_AROUND: dict[str, type] = {"warmup": int, "check": float, "at_most": int}
_RUNS_OWN = ("student", "beta", "seed")
_JOINED = re.compile(r"\+(?=\s*[A-Za-z_./~])")
_OWN = re.compile(r"\s*([^:=]+):([A-Za-z_]\w*)(?::(.*))?\s*$")


def make_gate(text: str, *, student: Policy, beta: Beta = Beta(), seed: int = 0) -> Gate:
    """The gate that `text` describes, see above.

    student: whom an ensemble of resamples asks. beta: the schedule of bernoulli. seed: of coins.
    Raises ConfigError for an unknown name or setting, with those that there are, and for a value
    that is out of range.
    """
    run = {"student": student, "beta": beta, "seed": seed}
    gates = [_part(part, run) for part in _JOINED.split(text)]
    return gates[0] if len(gates) == 1 else any_of(*gates)


def check_gate(text: str) -> None:
    """Raises the ConfigError that `make_gate` would raise."""
    make_gate(text, student=_Unknown())


class _Unknown:
    """A student of whom nothing is known yet, so that no gate is refused for its sake."""

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        return [None] * len(conversations)

    def features(self, conversations: Sequence[Conversation]) -> np.ndarray:
        return np.zeros((len(conversations), 0))

    def frozen(self) -> Self:
        return self

    def dropping(self, rate: float, number: int) -> Self:
        return self


def _part(text: str, run: dict[str, Any]) -> Gate:
    own = _OWN.match(text)
    if own and own[1] not in GATES:
        name, make, options = f"{own[1]}:{own[2]}", _load(own[1], own[2]), own[3] or ""
    else:
        name, _, options = (piece.strip() for piece in text.partition(":"))
        if name not in GATES:
            raise ConfigError(
                f"unknown gate {name!r}{_near(name, GATES)} Known: {', '.join(GATES)}, or your own "
                "as path/to/file.py:MyGate or package.module:MyGate"
            )
        make = GATES[name]
    known = _settings(make)
    given = _parse(name, options, known | _AROUND)
    around = {key: given.pop(key) for key in _AROUND if key in given and key not in known}
    wanted = inspect.signature(make).parameters
    arguments = {key: run[key] for key in _RUNS_OWN if key in wanted} | given
    missing = [p.name for p in wanted.values() if _required(p) and p.name not in arguments]
    if missing:
        raise ConfigError(f"the gate {name!r} cannot do without {missing[0]}, which is not given")
    gate: Gate = make(**arguments)
    if not callable(gate) or not hasattr(gate, "sees"):
        raise ConfigError(f"{name} is no gate: it needs `sees` and to be callable with moments")
    if "at_most" in around:
        gate = at_most(gate, around["at_most"])
    if "check" in around:
        gate = spot_check(gate, around["check"], run["seed"])
    return Warmup(gate, around["warmup"]) if "warmup" in around else gate


def _settings(make: Callable[..., Any]) -> dict[str, type]:
    """The parameters that a text can set, and their types."""
    found = {}
    try:
        signature = inspect.signature(make, eval_str=True)
    except NameError as error:
        raise ConfigError(f"the settings of {make.__name__} cannot be read: {error}") from error
    for parameter in signature.parameters.values():
        kind = parameter.annotation
        if kind is parameter.empty:
            kind = type(parameter.default)
        if kind in (int, float, bool, str) and parameter.name not in _RUNS_OWN:
            found[parameter.name] = kind
    return found


def _required(parameter: inspect.Parameter) -> bool:
    plain = (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return parameter.default is parameter.empty and parameter.kind in plain


def _parse(name: str, text: str, known: dict[str, type]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        key, equals, value = (piece.strip() for piece in word.partition("="))
        if not equals or key not in known:
            has = ", ".join(f"{key} ({kind.__name__})" for key, kind in known.items())
            problem = (
                f"has no setting {key!r}{_near(key, known)}"
                if equals
                else f"takes settings as key=value, and {word!r} is not;"
            )
            raise ConfigError(f"the gate {name!r} {problem} It has: {has}")
        if key in given:
            raise ConfigError(f"the gate {name!r} is given {key!r} twice")
        given[key] = _value(name, key, value, known[key])
    return given


def _value(name: str, key: str, text: str, kind: type) -> Any:
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if kind is not bool:
            return kind(text)
    except ValueError:
        pass
    expected = {int: "a whole number", float: "a number", bool: "true or false"}[kind]
    raise ConfigError(f"{key} of the gate {name!r} must be {expected}, not {text!r}")


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean {near[0]!r}?" if near else "."


def _load(place: str, what: str) -> Callable[..., Any]:
    """The object `what` of a file or a module."""
    if place.endswith(".py"):
        module = _from_file(Path(place).expanduser())
    else:
        try:
            module = importlib.import_module(place)
        except (ModuleNotFoundError, TypeError, ValueError) as error:  # the latter: "." or ""
            raise ConfigError(f"no module {place!r} with a gate {what!r}: {error}") from error
        except Exception as error:
            raise _broken(place, error) from error
    found = getattr(module, what, None)
    if not callable(found):
        raise ConfigError(f"{place} has no class or function {what!r} that makes a gate")
    return found  # type: ignore[no-any-return]


def _from_file(path: Path) -> ModuleType:
    # A name of its own, under which the file's own dataclasses find their module.
    name = f"gate_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"no gate file at {path}")
    before = sys.modules.get(name)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise _broken(str(path), error) from error
    return module


def _broken(place: str, error: Exception) -> ConfigError:
    """Where a file or module stopped, and why."""
    if isinstance(error, SyntaxError):
        where, why = f"{error.filename}, line {error.lineno}", error.msg
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where, why = f"{last.filename}, line {last.lineno}", str(error)
    return ConfigError(f"{place} cannot be imported: {where}: {type(error).__name__}: {why}")
