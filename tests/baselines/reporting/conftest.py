"""A browser, and the folder of a small sweep with its stores, made of seeded noise."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines.reporting.figures import Studio
from baselines.reporting.report import write_report
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.store import EpisodeStore
from tests.support.chromium import Browser, Page

HOSTILE = (
    '</script><script>alert(1)</script><!--<script><img src=x onerror="alert(2)">'
    "&lt; \ud800 \x00\x1b[31m {{ 7*7 }} \u2028 $\\frac$"
)
HORIZONS = (5, 20)
TASKS, ROUNDS, SEEDS = 20, 2, 2


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")
    if not program:
        assert not os.environ.get("REQUIRE_BROWSER"), "REQUIRE_BROWSER is set; no chromium found"
        pytest.skip("no chromium on the PATH")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def show(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`show(path, dark=False, width=1200, media="screen")` opens a file; pages are closed after."""
    pages: list[Page] = []

    def opened(path: Path, *, dark: bool = False, width: int = 1200, media: str = "screen") -> Page:
        pages.append(Page(chromium, path, dark=dark, width=width, media=media))
        return pages[-1]

    yield opened
    for page in pages:
        page.close()


@pytest.fixture(scope="session")
def write_sweep() -> Callable[[Path], Path]:
    """Writes a sweep of ropes at two horizons and two budgets into a folder."""
    return _sweep


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of such a sweep, without the files of its figures, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Studio, "_save", lambda *_: None)
        return write_report(_sweep(tmp_path_factory.mktemp("sweep")))


def make_episode(
    number: int = 0,
    *,
    method: str = "dagger",
    round: int = 1,
    length: int = 4,
    reward: float = 1.0,
    text: str = "",
) -> Episode:
    """A rope walked: in rounds above 0 of "dagger" the student acts in every other turn and errs
    in its last; in those of "grpo" it acts alone, without labels; else the teacher acts."""
    turns = []
    for t in range(length):
        right = f"```bash\ncat step{t}.py\n```"
        own = round > 0 and method != "sft" and (t % 2 == 1 or method == "grpo")
        erred = own and t == length - 1
        did = "```bash\npytest -q\n```" if erred else right
        turns.append(
            Turn(
                f"rope: cue {number % 7} {t}{' ' + text if text else ''}",
                Action(did),
                Actor.STUDENT if own else Actor.TEACHER,
                None if method == "grpo" and round > 0 else Action(right),
                reward if t == length - 1 else 0.0,
                True,
            )
        )
    key = f"{round}/{number}/0"
    return Episode(
        key, number, f"rope-{number}", round, tuple(turns), Outcome.TERMINATED, "the far end"
    )


def _sweep(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    methods = ("sft", "dagger", "grpo")
    envs = {f"rope {h}": h for h in HORIZONS}
    budgets = {"small": 1_000, "large": 4_000}
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "name": "ropes",
        "created": "2026-06-01T12:00:00+00:00",
        "command": "python -m baselines compare --sweep ropes.yaml",
        "env": "toys:Rope-v0",
        "envs": {
            name: {"id": "toys:Rope-v0", "options": {"horizon": h}, "horizon": h}
            for name, h in envs.items()
        },
        "budgets": {n: {"env_steps": 9 * t, "teacher_tokens": t} for n, t in budgets.items()},
        "methods": list(methods),
        "method_settings": {name: {"method": name, "settings": {}} for name in methods},
        "seeds": list(range(SEEDS)),
        "settings": {},
        "versions": {},
    }
    (folder / "config.json").write_text(json.dumps(config))
    lines: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    for env, horizon in envs.items():
        for budget, tokens in budgets.items():
            for seed in range(SEEDS):
                for method in methods:
                    cell = folder / env / budget / f"seed-{seed}" / method
                    where = {"env": env, "budget": budget, "method": method, "seed": seed}
                    if (env, budget, seed, method) == ("rope 20", "large", 1, "grpo"):
                        lines.append({**where, "status": "failed", "error": f"Gone: {HOSTILE}"})
                        continue
                    _store(cell, method, horizon, where)
                    regret = _regret(method, horizon, tokens)
                    for i in range(ROUNDS + 1):
                        lost = regret if i == ROUNDS else 0.9
                        won = rng.random(TASKS) >= lost
                        lines.append({**where, **_row(i, won, tokens, method)})
                    if seed == 0:
                        examples += _examples(where, horizon, method)
            for seed in range(SEEDS):
                _store(folder / env / "warm-start" / f"seed-{seed}", "warm start", horizon, {})
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "examples.json").write_text(json.dumps(examples))
    return folder


def _regret(method: str, horizon: int, tokens: int) -> float:
    """SFT's grows as T², DAgger's as T."""
    scale = {"sft": (horizon / 25) ** 2, "dagger": horizon / 60, "grpo": 0.95}[method]
    return min(0.95, scale * (1.4 if tokens < 2_000 else 1.0))


def _row(i: int, won: Any, tokens: int, method: str) -> dict[str, Any]:
    asked = 0 if method == "grpo" else (tokens - 300) * i // ROUNDS
    return {
        "round": i,
        "success": float(np.mean(won)),
        "eval_seeds": list(range(len(won))),
        "eval_rewards": [float(w) for w in won],
        "eval_turns": [9] * len(won),
        "env_steps": 200 + 900 * i,
        "teacher_tokens": 300 + asked,
        "teacher_queries": 100 + asked // 3,
        "teacher_money": 0.001 * (300 + asked),
        "episodes": 10 * i,
        "optimizer_steps": 20 * i,
        "tokens_trained": 5_000 * i,
        "seconds": {"environment": 3.0 * i, "train": 5.0 * i, "evaluate": 2.0 * i},
    }


def _store(cell: Path, method: str, horizon: int, where: dict[str, Any]) -> None:
    store_path = cell / "episodes.jsonl"
    if store_path.exists():
        return
    rounds = (0,) if method == "warm start" else range(ROUNDS + 1)
    with EpisodeStore(store_path) as store:
        for i in rounds:
            for number in range(4):
                made = make_episode(number, method=method, round=i, length=horizon)
                store.append(made)
    if where:
        (cell / "cell.json").write_text(json.dumps(where))


def _examples(where: dict[str, Any], horizon: int, method: str) -> list[dict[str, Any]]:
    found = []
    for number, kind in ((0, "held-out"), (1, "held-out"), (2, "training")):
        text = HOSTILE if number == 1 else ""
        made = make_episode(number, method="dagger", round=2, length=horizon, text=text)
        data = asdict(made)
        for turn in data["turns"]:
            turn["action"] = turn["action"]["text"]
            turn["label"] = turn["label"] and turn["label"]["text"]
            turn["actor"] = "student" if kind == "held-out" else str(turn["actor"])
        found.append(
            {
                **where,
                "kind": kind,
                "task": data["task"],
                "reward": made.reward,
                "round": 2,
                "outcome": "terminated",
                "turns": data["turns"],
                "final_observation": made.final_observation,
            }
        )
    return found
