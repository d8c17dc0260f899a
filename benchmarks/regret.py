"""Regret over the horizon at a fixed error rate, against the theory: T²ε for behaviour cloning
(Ross & Bagnell 2010, theorem 2.1), uTε for DAgger (Ross et al. 2011, theorem 3.2).

Work: SFT and DAgger are trained on the tightrope until they know every state that they saw; then
    each errs with probability ε, independently, at every one of those, and follows its table
    everywhere else. An episode has T turns, a turn costs 1 when it ends in the pit, and the
    expert's cost is 0: a student's regret is its expected sum of costs. The slopes hold where εT is
    small; here it is 0.16 at the longest.
Control: a pit that nothing leads out of, where knowing it is of no use.
Target: log-log slopes within 0.25 of 2 (cloning) and 1 (DAgger), 95% intervals disjoint; in the
    control the same regret, error for error.
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from scipy import stats

import swe_gym_env  # noqa: F401  (registers the toys)
from baselines.sft import SFTConfig
from baselines.sft import train as sft
from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Actor, Conversation, Episode
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import evaluate
from dagger_algo.gates.gate import Decision, Moment, Sees
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.randomness import stream
from dagger_algo.run import Run
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore

EPSILON = 0.0025
HORIZONS = (8, 16, 32, 64)
DRAWS = 4_000
TURNS = 30_000  # at each horizon: about 75 errors of a student that stays on the rope
CUES, PIT_CUES, DEPTH = 16, 16, 3

Costs = dict[int, np.ndarray]
"""By horizon: what each episode cost."""


@lru_cache(maxsize=64)
def luck(seed: int, key: str) -> np.ndarray:
    """A number in [0, 1) for every turn of an episode."""
    return stream(seed, key).random(max(HORIZONS))


@dataclass(frozen=True)
class ErrsAtRate:
    """Follows `table` greedily; where that was trained, with probability `rate` any other word."""

    table: TabularPolicy
    rate: float
    seed: int

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        meant = self.table.greedy().act(conversations)
        return [self._slip(c, a) for c, a in zip(conversations, meant, strict=True)]

    def _slip(self, state: Conversation, meant: Action | None) -> Action | None:
        if last_line(state) not in self.table.table or meant is None:
            return meant
        if luck(self.seed, state.key)[state.turn] >= self.rate:
            return meant
        wrong = [word for word in self.table.actions if word != meant.text]
        return Action(str(stream(self.seed, state.key, state.turn + 1).choice(wrong)))


class StudentAlone:
    """As a coin with β = 0, without tossing it a quarter of a million times."""

    sees = Sees.STATE

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [Decision(Actor.STUDENT)] * len(moments)


def rope(recoverable: bool, **more: Any) -> gym.Env[str, str]:
    options: dict[str, Any] = {"cues": CUES, "pit_cues": PIT_CUES, "pit_depth": DEPTH}
    return gym.make("Tightrope-v0", recoverable=recoverable, **options | more)


def trained(train: Callable[[Run], None], recoverable: bool, folder: Path) -> TabularPolicy:
    """A table that never errs where it was trained."""
    words = rope(recoverable).unwrapped.action_words  # type: ignore[attr-defined]
    student = TabularPolicy(words, state=last_line)
    with (
        EnvPool(lambda: rope(recoverable, horizon=20, expert=True), 4) as pool,
        EnvPool(lambda: rope(recoverable, horizon=20, split="heldout"), 4) as held,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        train(
            Run(
                student,
                ExpertTeacher(),
                pool,
                itertools.count(),
                lambda s: evaluate(s, held, range(20))[0],
                store,
                Ledger(Budget(4000, 4000)),
            )
        )
    return student


def cost(episode: Episode) -> int:
    """Turns that ended in the pit."""
    seen = [*(turn.observation for turn in episode.turns[1:]), episode.final_observation]
    return sum(observation.splitlines()[-1].startswith("pit") for observation in seen)


def roll(table: TabularPolicy, recoverable: bool, turns: int) -> Costs:
    """Held-out episodes at every horizon, the same number of turns at each."""
    found = {}
    for horizon in HORIZONS:
        student = ErrsAtRate(table, EPSILON, seed=horizon)

        def make(horizon: int = horizon) -> gym.Env[str, str]:
            return rope(recoverable, horizon=horizon, max_turns=horizon, split="heldout")

        with EnvPool(make, 16) as pool:
            episodes = collect(pool, range(turns // horizon), student, gate=StudentAlone())
            found[horizon] = np.array([cost(episode) for episode in episodes])
    return found


def bootstrap(
    costs: Costs, figure: Callable[[np.ndarray], np.ndarray], percent: float = 95
) -> np.ndarray:
    """Lower end, middle and upper end of `figure` when each horizon's episodes are drawn anew.

    figure: of regrets, shape (horizons, draws), along the last axis.
    """
    found = stats.bootstrap(
        tuple(costs.values()),
        lambda *drawn, axis: figure(np.array([of.mean(axis) for of in drawn])),
        vectorized=True,
        method="percentile",
        n_resamples=DRAWS,
        batch=100,
        confidence_level=percent / 100,
        random_state=np.random.default_rng(0),
    )
    ends, middle = found.confidence_interval, np.median(found.bootstrap_distribution, axis=-1)
    return np.array([ends.low, middle, ends.high])


def slope(regrets: np.ndarray) -> np.ndarray:
    """Of log regret over log T, by least squares; shape (horizons, draws) to (draws,)."""
    x = np.log(HORIZONS) - np.log(HORIZONS).mean()
    return np.asarray(x @ np.log(regrets) / (x @ x))


def lost_for_good(horizon: int) -> float:
    """Exact regret where the first slip, at turn t, costs that turn and all that follow."""
    turns = range(1, horizon + 1)
    return sum(EPSILON * (1 - EPSILON) ** (t - 1) * (horizon - t + 1) for t in turns)


def climbing_out(horizon: int) -> float:
    """Exact regret at error rate ε everywhere: the chain over how deep the student stands."""
    move = np.zeros((DEPTH + 1, DEPTH + 1))
    move[0, 0], move[0, DEPTH] = 1 - EPSILON, EPSILON
    for depth in range(1, DEPTH + 1):
        move[depth, depth], move[depth, depth - 1] = EPSILON, 1 - EPSILON
    standing, regret = np.eye(DEPTH + 1)[0], 0.0
    for _ in range(horizon):
        standing = standing @ move
        regret += 1 - float(standing[0])
    return regret


def exact_slope(regret: Callable[[int], float]) -> float:
    return float(slope(np.array([[regret(T)] for T in HORIZONS])).item())


def clone(run: Run) -> None:
    """Behaviour cloning."""
    sft(run, SFTConfig())


def mixture(run: Run) -> None:
    """DAgger."""
    dagger(run, DaggerConfig(beta=Beta("constant", 0.5)))


TRAINS = {"SFT": clone, "DAgger": mixture}


def measure(turns: int) -> dict[str, Any]:
    """Regret by student and horizon, and the slopes with their intervals."""
    figures: dict[str, Any] = {"horizons": HORIZONS, "epsilon": EPSILON}
    with tempfile.TemporaryDirectory() as folder:
        for recoverable in (True, False):
            for name, train in TRAINS.items():
                store = Path(folder, f"{name}-{recoverable}")
                store.mkdir()
                costs = roll(trained(train, recoverable, store), recoverable, turns)
                figures[f"{name}{'' if recoverable else ', no way back'}"] = {
                    "regret": [round(float(of.mean()), 4) for of in costs.values()],
                    "slope": [round(float(end), 2) for end in bootstrap(costs, slope)],
                    "errors": [int((of > 0).sum()) for of in costs.values()],
                }
    return figures


def met(figures: dict[str, Any]) -> bool:
    """The target of the docstring."""
    low, square, _ = figures["SFT"]["slope"]
    _, linear, high = figures["DAgger"]["slope"]
    near = abs(square - 2) < 0.25 and abs(linear - 1) < 0.25
    control = [figures[f"{name}, no way back"]["regret"] for name in TRAINS]
    return bool(near and high < low and control[0] == control[1])


def main() -> int:
    """Print the table; exit 1 with --check where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--quick", action="store_true", help="a quarter of the episodes")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    options = parser.parse_args()
    figures = measure(TURNS if options.quick else 4 * TURNS)
    print("regret at T =         " + "".join(f"{T:9}" for T in HORIZONS) + "   slope [95%]")
    for name in figures:
        if isinstance(figures[name], dict):
            low, middle, high = figures[name]["slope"]
            cells = "".join(f"{value:9.4f}" for value in figures[name]["regret"])
            print(f"{name:22}{cells}   {middle:.2f} [{low:.2f}, {high:.2f}]")
    done = met(figures)
    print(json.dumps({"benchmark": "regret", **figures, "met": done}))
    return 0 if done or not options.check else 1


_Raw = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
