"""What tells the methods apart: the states, actions and weights that each method's file states."""

import ast
import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.evidence.names import label
from baselines.methods import bundled

# Always shown, whether or not they ran: the corners of the comparison.
CORNERS = ("sft", "grpo", "opd", "dagger")
_PART = re.compile(r"^ *(states|actions|weights) {2,}(\S.*(?:\n {9,}\S.*)*)", re.MULTILINE)
_ELSEWHERE = re.compile(r"`(dagger_algo(?:\.\w+)+)`")


@dataclass(frozen=True, slots=True)
class Corner:
    """A method as a row of the table. ran: it is part of the comparison at hand."""

    name: str
    says: str
    states: str
    actions: str
    weights: str
    ran: bool


def corners(config: Mapping[str, Any], methods: Iterable[str]) -> list[Corner]:
    """A row for each method that ran, and for the corners of the trilemma that did not.

    Read from the docstrings of the methods' files, which are not imported. A method whose file is
    gone, or does not say, has no row.
    """
    settings = config.get("method_settings") or {}
    files = {name: str(settings.get(name, {}).get("method", name)) for name in methods}
    rows = [_corner(label(name), file, True) for name, file in files.items()]
    missing = [name for name in CORNERS if name not in files.values()]
    rows += [_corner(label(name), name, False) for name in missing]
    return [row for row in rows if row is not None]


def _corner(name: str, method: str, ran: bool) -> Corner | None:
    text = _docstring(_file(method))
    found = dict(_PART.findall(text))
    if not found and (elsewhere := _ELSEWHERE.search(text)):
        text = _docstring(_origin(elsewhere[1]))
        found = dict(_PART.findall(text))
    if not found:
        return None
    first = " ".join(text.split("\n\n")[0].split())
    found = {part: " ".join(said.split()) for part, said in found.items()}
    states, actions, weights = (found.get(k, "") for k in ("states", "actions", "weights"))
    return Corner(name, first, states, actions, weights, ran)


def _file(method: str) -> Path | None:
    if method.endswith(".py"):
        return Path(method)
    module = bundled().get(method)
    return _origin(module) if module else None


def _origin(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _docstring(path: Path | None) -> str:
    if path is None or not path.is_file():
        return ""
    try:
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except (SyntaxError, ValueError):
        return ""
