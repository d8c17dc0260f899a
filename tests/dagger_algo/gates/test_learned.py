from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.gates.calibration import auc, brier, expected_calibration_error
from dagger_algo.gates.gate import Moment
from dagger_algo.gates.learned import Learned, disagreed, failed
from dagger_algo.gates.logistic import fit_logistic
from dagger_algo.gates.score import moments
from dagger_algo.gates.state_beta import StateBeta
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 40), st.floats(0.01, 10))
def test_a_fit_is_the_optimum_of_its_objective(seed: int, n: int, width: int, l2: float) -> None:
    """The gradient is zero there, with fewer rows than columns too, or one class only."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width)) * rng.choice([0.0, 1.0, 1e3], width) + 5.0
    targets = (rng.random(n) < rng.choice([0.0, 0.3, 1.0])).astype(float)
    model = fit_logistic(rows, targets, l2)
    standard = (rows - model.centre) / model.scale
    error = model(rows) - targets
    assert np.abs(standard.T @ error + l2 * model.weights).max() < 1e-4
    assert abs(error.sum() + l2 * model.bias) < 1e-4


def test_calibration_by_hand() -> None:
    p, y = np.array([0.1, 0.3, 0.3, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    assert brier(p, y) == pytest.approx((0.01 + 0.49 + 0.09 + 0.01) / 4)
    # The bins of 0.1, 0.3 and 0.9: gaps of 0.1, |0.6 - 1| and 0.1, summed over their predictions.
    assert expected_calibration_error(p, y) == pytest.approx((0.1 + 0.4 + 0.1) / 4)
    # Pairs (positive, negative): 0.3 > 0.1, 0.3 = 0.3, 0.9 > both.
    assert auc(p, y) == pytest.approx(3.5 / 4)
    assert np.isnan(auc(p, np.ones(4))) and np.isnan(brier(p[:0], y[:0]))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans()), min_size=2))
def test_auc_is_the_share_of_pairs_in_the_right_order(data: list[tuple[float, bool]]) -> None:
    p, y = np.array([d[0] for d in data]), np.array([d[1] for d in data], dtype=float)
    pairs = [np.sign(a - b) for a in p[y == 1] for b in p[y == 0]]
    if pairs:
        assert auc(p, y) == pytest.approx((np.mean(pairs) + 1) / 2)


def one_word(moments: Sequence[Moment]) -> np.ndarray:
    """Whether the student proposes "bad"."""
    return np.array([[float(m.proposal is not None and m.proposal.text == "bad")] for m in moments])


def episode(*proposals: str, label: str | None = "good", **options: Any) -> Episode:
    given = None if label is None else Action(label)
    actor = options.pop("actor", Actor.STUDENT)
    turns = tuple(Turn("o", Action(p), actor, given, 0.0, True, Action(p)) for p in proposals)
    return Episode("1/0/0", 0, "", 1, turns, options.pop("outcome", Outcome.TERMINATED))


def test_predictions_are_made_before_they_are_learned_from() -> None:
    learned = Learned(disagreed, one_word, refit=4, window=100)
    assert learned(moments(episode("bad", "good"))) == [1.0, 1.0]
    learned.observe(episode("bad", "good", "bad", "good"))
    assert learned.figures()["predictions"] == 0
    doubt_of_bad, doubt_of_good = learned(moments(episode("bad", "good")))
    assert doubt_of_bad > 0.7 and doubt_of_good < 0.3
    # By what was learnt "good" agrees; this teacher says otherwise, and the figures must show it.
    learned.observe(episode("good", "good", label="bad"))
    assert learned.figures()["predictions"] == 2
    assert learned.figures()["brier"] == pytest.approx((1 - doubt_of_good) ** 2)
    assert learned.figures()["base_rate"] == 1.0


def test_turns_without_label_or_proposal_are_not_learned_from() -> None:
    silent = episode("bad", label=None)
    assert disagreed(silent) == [None]
    learned = Learned(disagreed, one_word, refit=1, window=10)
    learned.observe(silent)
    assert learned(moments(silent)) == [1.0]


def test_risk_is_the_failure_of_the_students_own_actions() -> None:
    assert failed(episode("a", "b")) == [True, True]
    assert failed(episode("a", actor=Actor.TEACHER)) == [None]
    assert failed(episode("a", outcome=Outcome.CUT)) == [None]


def test_beta_of_a_state_is_the_chance_that_the_student_is_wrong(
    moment: Callable[..., Moment], said: Any
) -> None:
    gate = StateBeta(said, floor=0.1)

    def share(score: str) -> float:
        decisions = gate([moment(score, key=f"1/{i}/{i}") for i in range(3000)])
        assert all(d.ask == (d.actor is Actor.TEACHER) for d in decisions)
        return sum(d.ask for d in decisions) / 3000

    assert share("0.4") == pytest.approx(0.4, abs=0.03)
    assert share("0.0") == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("gate", ["safe:check=0.1", "learned"])
def test_predictions_beat_chance_and_their_calibration_improves(
    gate: str, train: Callable[..., Any], tmp_path: Path
) -> None:
    config = DaggerConfig(rounds=3, gate=gate, labels=Labels("gate"))
    log, _ = train(config, tmp_path, Budget(1500, 10**6))
    first, second, third = log.rounds[:3]
    assert second["gate_auc"] > 0.8 and third["gate_auc"] > 0.8
    base = third["gate_base_rate"]
    # The first fit changes the student so much that what was learned of it is out of date; then:
    assert third["gate_brier"] < 0.5 * base * (1 - base)
    for figure in ("gate_brier", "gate_calibration_error"):
        assert third[figure] < first[figure]


def test_a_window_below_one_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="window=10"):
        Learned(refit=20, window=10)
