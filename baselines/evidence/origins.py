"""What a comparison's cells were made with, by their `cell.json`: settings, code and packages.

`config.json` says what the last invocation was told; a cell may have been trained before that.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from baselines.evidence.records import load
from baselines.evidence.results import Results
from dagger_algo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Origin:
    """Of one cell that has results. code: "7133b83", "7133b83, modified", or the package's version
    outside a checkout; "" in a folder of an earlier version."""

    env: str
    budget: str
    method: str
    code: str
    packages: Mapping[str, str]
    configuration: Mapping[str, Any]


def origins(results: Results) -> list[Origin]:
    """Every cell that has results and says what it was made with."""
    return list(_origins(results))


def _origins(results: Results) -> Iterator[Origin]:
    for env, budget in results.settings_pairs:
        part = results.at(env, budget)
        for method in part.methods:
            for seed in part.final(method):
                path = part.cell_folder(env, budget, seed, method) / "cell.json"
                if not path.is_file():
                    continue
                about = load(path)
                if not isinstance(about, dict):
                    raise ConfigError(f"{path}: expected an object")
                yield Origin(
                    env,
                    budget,
                    method,
                    _code(about.get("code") or {}),
                    about.get("packages") or {},
                    about.get("configuration") or {},
                )


def codes(found: list[Origin]) -> Counter[str]:
    """Versions of the code, the most frequent first, each with the number of its cells."""
    return Counter(dict(Counter(one.code for one in found if one.code).most_common()))


def mixed(results: Results) -> list[str]:
    """A sentence where the runs of one environment and budget are of different commits."""
    found = codes(origins(results))
    if len(found) < 2:
        return []
    named = ", ".join(f"{code} ({n} run{'s' * (n > 1)})" for code, n in found.items())
    return [f"The runs were made with different versions of the code: {named}."]


def made_with(results: Results) -> dict[str, Any]:
    """`config.json` with what the cells say in place of what the last invocation did; where cells
    differ in a version, all of theirs."""
    config: dict[str, Any] = dict(results.config)
    found = origins(results)
    for one in found:
        told = dict(one.configuration)
        for kind, label in (("env", one.env), ("budget", one.budget), ("method", one.method)):
            name = {"env": "envs", "budget": "budgets", "method": "method_settings"}[kind]
            if (value := told.pop(kind, None)) is not None:
                before = (config.get(name) or {}).get(label) or {}
                kept = {k: v for k, v in before.items() if k == "horizon"}
                config[name] = {**(config.get(name) or {}), label: {**value, **kept}}
        if told:
            settings = config.get("settings") or {}
            budget = {"budget": settings["budget"]} if "budget" in settings else {}
            config["settings"] = {**told, **budget}
    if packages := [one.packages for one in found if one.packages]:
        names = dict.fromkeys(name for one in packages for name in one)
        config["versions"] = {
            name: ", ".join(dict.fromkeys(str(one.get(name, "none")) for one in packages))
            for name in names
        }
    if code := codes(found):
        config["versions"] = {"code": "; ".join(code), **(config.get("versions") or {})}
    return config


def _code(about: Mapping[str, Any]) -> str:
    if git := about.get("git"):
        commit = str(git).removesuffix("-dirty")
        return commit if commit == git else f"{commit}, modified"
    return f"version {about['package']}" if about.get("package") else ""
