"""Regret over the horizon against the theory: T²ε for behaviour cloning (Ross & Bagnell 2010,
theorem 2.1), uTε for DAgger (Ross et al. 2011, theorem 3.2).

An episode has T turns and a turn costs 1 when it ends in the pit (`Episode` by `Episode`: T less
the steps that were made). The expert's cost is 0, so a student's regret is its expected sum of
costs. Both students are trained by the library on the tightrope; then each errs with probability ε,
independently, at every state that it was trained on, and follows its table everywhere else. The
slopes hold where εT is small: here it is 0.16 at the longest.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

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
                Ledger(Budget(2000, 2000)),
            )
        )
        for episode in store:
            for turn in episode.turns:
                state = Conversation("", (turn.observation,))
                assert student.greedy().act([state]) == [turn.label]
    return student


Students = dict[bool, tuple[TabularPolicy, TabularPolicy]]
"""By whether slips can be undone: the cloned student and DAgger's."""


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory) -> Students:
    def clone(run: Run) -> None:
        sft(run, SFTConfig())

    def mixture(run: Run) -> None:
        dagger(run, DaggerConfig(beta=Beta("constant", 0.5)))

    return {
        recoverable: (
            trained(clone, recoverable, tmp_path_factory.mktemp("regret")),
            trained(mixture, recoverable, tmp_path_factory.mktemp("regret")),
        )
        for recoverable in (True, False)
    }


@pytest.fixture(scope="module")
def costs(students: Students) -> tuple[Costs, Costs]:
    """Of cloning and of DAgger, where slips can be undone."""
    cloned, taught = students[True]
    return roll(cloned, True, TURNS), roll(taught, True, TURNS)


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
    """Lower end, middle and upper end of `figure` when episodes are drawn anew.

    figure: of regrets, shape (horizons, draws), along the last axis.
    """
    rng = np.random.default_rng(0)
    regrets = []
    for of in costs.values():
        values, counts = np.unique(of, return_counts=True)
        drawn = rng.multinomial(len(of), counts / len(of), size=4000)
        regrets.append(drawn @ values / len(of))
    ends = [50 - percent / 2, 50, 50 + percent / 2]
    return np.asarray(np.percentile(figure(np.array(regrets)), ends, axis=-1))


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


def test_only_dagger_has_labels_in_the_pit(students: Students) -> None:
    for cloned, taught in students.values():
        assert len(cloned.table) == CUES
        assert all(state.startswith("rope") for state in cloned.table)
        assert len(taught.table) == CUES + PIT_CUES


def test_cloning_pays_for_the_square_of_the_horizon_and_dagger_for_the_horizon(
    costs: tuple[Costs, Costs],
) -> None:
    low, square, high = bootstrap(costs[0], slope)
    our_low, linear, our_high = bootstrap(costs[1], slope)
    assert our_high < low, "the intervals overlap"
    assert abs(square - 2) < 0.25 and abs(linear - 1) < 0.25, (square, linear)
    # Sums from 1 to T, and slips near the end that cannot cost u any more: not quite 2 and 1.
    assert low < exact_slope(lost_for_good) < high
    assert our_low < exact_slope(climbing_out) < our_high


def test_both_regrets_are_what_the_chain_says_and_within_the_bounds(
    costs: tuple[Costs, Costs],
) -> None:
    for found, exact in zip(costs, (lost_for_good, climbing_out), strict=True):
        low, _, high = bootstrap(found, lambda regrets: regrets, 99.9)
        for T, least, most in zip(HORIZONS, low, high, strict=True):
            assert least < exact(T) < most
    square = np.array(HORIZONS) ** 2
    assert np.all(np.array([of.mean() for of in costs[0].values()]) <= EPSILON * square)
    # u is counted without the errors of the way out, hence the half as much again.
    bound = 1.5 * DEPTH * EPSILON * np.array(HORIZONS)
    assert np.all(np.array([of.mean() for of in costs[1].values()]) <= bound)


def test_where_a_slip_cannot_be_undone_dagger_pays_what_cloning_pays(
    students: Students,
) -> None:
    """The honest control: the same slips at the same turns, and knowing the pit is of no use."""
    cloned, taught = students[False]
    theirs, ours = roll(cloned, False, TURNS // 4), roll(taught, False, TURNS // 4)
    for T in HORIZONS:
        assert ours[T].any() and np.array_equal(theirs[T], ours[T])
    low, _, high = bootstrap(ours, slope)
    assert exact_slope(climbing_out) < low < exact_slope(lost_for_good) < high
