"""Gates on a transformer's own hidden states."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagger_algo.checkpoints import Checkpoints
from dagger_algo.conversation import Action, Conversation, Episode
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.evaluate import evaluate
from dagger_algo.examples import Example, Target
from dagger_algo.gates.combine import Combined
from dagger_algo.gates.features import HiddenFeatures
from dagger_algo.gates.gate import Moment
from dagger_algo.gates.learned import Learned
from dagger_algo.gates.spec import make_gate
from dagger_algo.gates.state_beta import StateBeta
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.lm.sampling import Sampling
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.run import Run, Silent
from dagger_algo.store import EpisodeStore

GATE = "learned:features=hidden,floor=0.3"
STATES = [Conversation(str(n), (f"say {n}\n" * (n + 1),)) for n in range(3)]


def new_student(checkpoint: Path) -> LMPolicy:
    return LMPolicy.load(checkpoint, sampling=Sampling(max_new_tokens=4))


def test_a_gate_looks_at_the_students_hidden_states_as_they_were(tiny_checkpoint: Path) -> None:
    student = new_student(tiny_checkpoint)
    gate = make_gate(GATE, student=student)
    assert isinstance(gate, StateBeta) and isinstance(gate.score, Learned)
    features = gate.score.features
    assert isinstance(features, HiddenFeatures)
    was = student.features(STATES)
    moments = [Moment(state, (), Action("1", entropy=0.5)) for state in STATES]
    rows = features(moments)
    assert rows.shape == (3, 7 + 32) and np.allclose(rows[:, 7:], was, atol=1e-5)
    assert (rows[:, 1] == 0.5).all()
    student.update([Example(("say 1",), (), (Target(0, Action("3"), 1.0),))], epochs=5)
    assert not np.allclose(student.features(STATES), was, atol=1e-2)
    assert np.array_equal(features(moments), rows)
    assert features([]).shape == (0, 39)


@pytest.mark.parametrize(
    "text", ["safe:features=hidden", "lazy:features=hidden", "thrifty:features=hidden,score=risk"]
)
def test_every_gate_with_a_learned_score_can_look_at_them(text: str, tiny_checkpoint: Path) -> None:
    gate: Any = make_gate(text, student=new_student(tiny_checkpoint))
    assert isinstance(gate.score.features, HiddenFeatures)


def test_features_that_there_are_not_are_refused() -> None:
    student = TabularPolicy(["a"])
    DaggerConfig(gate=GATE)  # of whom it will look at is not known yet
    for text, said in (
        (GATE, "TabularPolicy has none"),
        ("safe:score=novelty,features=hidden", "'novelty' looks at no features"),
        ("safe:features=hiden", "unknown features 'hiden' of a gate; known: text, hidden"),
    ):
        with pytest.raises(ConfigError, match=said):
            make_gate(text, student=student)


def half_right(checkpoint: Path) -> LMPolicy:
    """It knows what to say to two of the corridor's four digits."""
    student = new_student(checkpoint)
    said = {"0": "0", "1": "1", "2": "1", "3": "0"}
    student.update(
        [
            Example((f"say {seen}",), (), (Target(0, Action(answer), 1.0),))
            for seen, answer in said.items()
        ],
        epochs=40,
    )
    return student


class Killed(BaseException):
    """Stands for the end of the process."""


class Mortal(Silent):
    """A log under which the process dies when it is told of something for the nth time."""

    def __init__(self, dies_at: int) -> None:
        super().__init__()
        self.left = dies_at

    def progress(self, phase: str, ledger: Ledger) -> None:
        self.left -= 1
        if not self.left:
            raise Killed


def train(checkpoint: Path, folder: Path, env: Callable[..., Any], dies_at: int) -> list[Episode]:
    with (
        EnvPool(lambda: env(), size=3) as pool,
        EpisodeStore(folder / "episodes.jsonl") as store,
    ):
        run = Run(
            half_right(checkpoint),
            ExpertTeacher(),
            pool,
            itertools.count(),
            lambda student: evaluate(student, pool, [0])[0],
            store,
            Ledger(Budget(120, 10**6)),
            log=Mortal(dies_at),
            checkpoints=Checkpoints(folder / "rounds"),
        )
        with contextlib.suppress(Killed):
            dagger(run, DaggerConfig(rounds=3, epochs=1, gate=GATE, labels=Labels("gate")))
        return list(store)


def test_a_resumed_run_decides_as_an_uninterrupted_one(
    tiny_checkpoint: Path, tmp_path: Path, corridor: Callable[..., Any]
) -> None:
    whole = train(tiny_checkpoint, tmp_path / "whole", corridor, -1)
    scores = [turn.score for episode in whole for turn in episode.turns]
    assert min(filter(None, scores)) < 0.4 and max(filter(None, scores)) > 0.7  # it has learned
    killed = train(tiny_checkpoint, tmp_path / "killed", corridor, len(whole) // 2)
    assert killed[-1].round == 2
    again = train(tiny_checkpoint, tmp_path / "killed", corridor, -1)
    assert [e.key for e in again] == [e.key for e in whole]
    for one, other in zip(again, whole, strict=True):
        assert [t.actor for t in one.turns] == [t.actor for t in other.turns]
        assert [t.asked for t in one.turns] == [t.asked for t in other.turns]
        want = [t.score for t in other.turns]
        assert [t.score for t in one.turns] == pytest.approx(want, abs=1e-4)


def test_joined_gates_can_look_at_them_too(tiny_checkpoint: Path) -> None:
    gate = make_gate(f"{GATE}+stall", student=new_student(tiny_checkpoint))
    assert isinstance(gate, Combined)
