from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Moment, Sees
from dagger_algo.gates.thrifty import Thrifty
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget


def test_the_threshold_is_the_quantile_of_past_scores(
    moment: Callable[..., Moment], said: Any, scored: Callable[..., Episode]
) -> None:
    gate = Thrifty(said, share=0.25)
    # Two of eight turns taught: the target share exactly, so that the level stays.
    gate.observe(scored([1, 2, 3, 4, 5, 6, 7, 8], [False] * 6 + [True] * 2))
    assert gate.figures()["threshold"] == 6 and gate.figures()["level"] == pytest.approx(0.25)
    decisions = gate([moment("5.9"), moment("6.1")])
    assert [d.actor for d in decisions] == [Actor.STUDENT, Actor.TEACHER]


def test_a_coin_decides_among_equal_scores(
    moment: Callable[..., Moment], said: Any, scored: Callable[..., Episode]
) -> None:
    gate = Thrifty(said, share=0.3)
    gate.observe(scored([1.0] * 8 + [2.0] * 2, [True] * 3 + [False] * 7))
    decisions = gate([moment("1.0", key=f"1/{i}/{i}") for i in range(4000)])
    # Above the threshold are 2 of the 3 turns wanted: the third is one of the 8 at it.
    taught = sum(d.actor is Actor.TEACHER for d in decisions) / 4000
    assert taught == pytest.approx(1 / 8, abs=0.02)


def test_the_level_makes_good_what_was_missed(said: Any, scored: Callable[..., Episode]) -> None:
    gate = Thrifty(said, share=0.2, window=100)
    gate.observe(scored([1.0] * 50, [False] * 50))
    assert gate.figures()["level"] == pytest.approx(0.2 + 50 * 0.2 / 100)
    gate.observe(scored([1.0] * 50, [True] * 50))
    assert gate.figures()["level"] == pytest.approx(-0.01)
    assert gate.figures()["share"] == 0.5


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.0]), min_size=150, max_size=150),
    st.floats(0.05, 0.95),
    st.floats(-0.02, 0.02),
)
def test_the_share_is_met_whatever_the_scores_and_however_they_drift(
    scores: list[float], share: float, drift: float
) -> None:
    class Drifting:
        sees = Sees.STATE

        def __call__(self, moments: Sequence[Moment]) -> list[float]:
            return [float(moment.state.observations[-1]) for moment in moments]

    gate, taught = Thrifty(Drifting(), share, window=20), 0
    for number, base in enumerate(scores):
        score, key = base + 10 + drift * number, f"1/{number}/{number}"
        (decision,) = gate([Moment(Conversation(key, (str(score),)))])
        taught += decision.actor is Actor.TEACHER
        turn = Turn(str(score), Action("a"), decision.actor, None, 0.0, score=decision.score)
        gate.observe(Episode(key, 0, "", 1, (turn,), Outcome.TERMINATED))
    # The level moves by 1/window of each error and stays within 1/window of [0, 1].
    assert abs(taught / 150 - share) <= (20 + 1) / 150 + 1e-9


@pytest.mark.parametrize("score", ["entropy", "novelty_or_risk"])
def test_the_teacher_acts_the_wanted_share_of_the_time_while_the_student_learns(
    score: str, train: Callable[..., Any], tmp_path: Path
) -> None:
    config = DaggerConfig(
        rounds=5, gate=f"thrifty:share=0.2,window=200,score={score}", labels=Labels("gate")
    )
    log, episodes = train(config, tmp_path, Budget(3000, 10**6))
    turns = [turn for episode in episodes for turn in episode.turns]
    assert sum(t.actor is Actor.TEACHER for t in turns) / len(turns) == pytest.approx(0.2, abs=0.04)
    assert log.rounds[-1]["teacher_queries"] == sum(turn.asked for turn in turns)
    assert all(turn.asked == (turn.actor is Actor.TEACHER) for turn in turns)


@pytest.mark.parametrize("settings", [{"share": 1.5}, {"share": -0.1}, {"window": 0}])
def test_settings_out_of_range_are_refused(said: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"not (1\.5|-0\.1|0)"):
        Thrifty(said, **settings)
