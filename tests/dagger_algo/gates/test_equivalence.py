"""What must come out the same, to the last episode."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.conversation import Episode
from dagger_algo.dagger import DaggerConfig
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget
from dagger_algo.schedules import Beta

Train = Callable[..., tuple[Any, list[Episode]]]


def visible(episodes: list[Episode]) -> list[Any]:
    """Everything but what a gate notes for itself."""
    return [
        (
            (e.key, e.seed, e.outcome, e.final_observation),
            [(t.observation, t.action, t.actor, t.label, t.reward, t.asked) for t in e.turns],
        )
        for e in episodes
    ]


@pytest.mark.parametrize(
    "gate",
    [
        "safe:tau=0",
        "lazy:enter=0,leave=0",
        "entropy:above=0",
        "ensemble:above=0",
        "thrifty:share=1",
        "learned:floor=1",
        "every:k=1",
        "switch:cap=0",
        "bernoulli+stall",
        "stall:warmup=99",
    ],
)
@pytest.mark.parametrize("where", ["everywhere", "gate"])
def test_a_gate_with_threshold_zero_and_no_budget_is_beta_one(
    gate: str, where: Any, train: Train, tmp_path: Path
) -> None:
    always, labels = Beta("constant", 1.0), Labels(where)
    budget = Budget(10**6, 150)
    log, episodes = train(
        DaggerConfig(3, 2, gate, always, labels=labels), tmp_path / "gate", budget
    )
    expected_log, expected = train(
        DaggerConfig(3, 2, beta=always, labels=Labels()), tmp_path / "beta", budget
    )
    assert visible(episodes) == visible(expected)
    same = ("success", "eval_rewards", "teacher_tokens", "env_steps", "loss", "optimizer_steps")
    for ours, theirs in zip(log.rounds, expected_log.rounds, strict=True):
        assert {k: ours[k] for k in same} == {k: theirs[k] for k in same}
        assert ours["teacher_share"] == 1.0


def test_a_gate_that_never_wants_the_teacher_asks_nothing(train: Train, tmp_path: Path) -> None:
    config = DaggerConfig(1, gate="thrifty:share=0", labels=Labels("gate"))
    log, episodes = train(config, tmp_path, Budget(200, 10**6))
    assert log.rounds[-1]["teacher_queries"] == 0 and log.rounds[-1]["teacher_share"] == 0.0
    assert all(turn.proposal == turn.action for e in episodes for turn in e.turns)
