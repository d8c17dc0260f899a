from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from baselines.cli import main
from dagger_algo.conversation import Actor
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.gates.combine import Combined, Warmup
from dagger_algo.gates.ensemble import Disagreement
from dagger_algo.gates.every import Every
from dagger_algo.gates.gate import Gate, Moment, in_round
from dagger_algo.gates.lazy import Lazy
from dagger_algo.gates.mixture import TurnMixture
from dagger_algo.gates.named import GATES
from dagger_algo.gates.spec import check_gate, make_gate
from dagger_algo.gates.switch import Switch
from dagger_algo.gates.threshold import Above
from dagger_algo.gates.thrifty import Thrifty
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.schedules import Beta

student = TabularPolicy(["a", "b"])

MINE = """
from dataclasses import dataclass
from dagger_algo.conversation import Actor
from dagger_algo.gates.gate import Decision, Sees

@dataclass(frozen=True)
class Patient:
    turns: int
    seed: int = 0
    sees = Sees.STATE

    def __call__(self, moments):
        late = [moment.state.turn >= self.turns for moment in moments]
        return [Decision(Actor.TEACHER if now else Actor.STUDENT, now) for now in late]

number = 3
def plain():
    return number
"""


def make(text: str) -> Gate:
    return make_gate(text, student=student, beta=Beta("constant", 0.3), seed=7)


@pytest.mark.parametrize("name", GATES)
def test_every_name_makes_a_gate_that_decides(name: str, moment: Callable[..., Moment]) -> None:
    from dagger_algo.conversation import Action

    proposal = Action("a", logprobs=(-0.5,))
    (decision,) = make(name)([moment("o", proposal=proposal, label="a")])
    assert decision.actor in Actor


def test_settings_arrive_with_their_types() -> None:
    assert make("every:k=7") == Every(7)
    assert make(" switch : start=1, step=2 ,cap=3") == Switch(1, 2, 3, seed=7)
    gate = make("thrifty:share=0.125,score=entropy")
    assert isinstance(gate, Thrifty) and (gate.share, gate.seed) == (0.125, 7)
    gate = make("lazy:enter=2,leave=1e0,score=entropy")
    assert isinstance(gate, Lazy) and (gate.enter, gate.leave) == (2.0, 1.0)
    gate = make("ensemble:members=3,above=0.3")
    assert isinstance(gate, Above) and isinstance(gate.score, Disagreement)
    assert len(gate.score.members) == 3


def test_the_mixture_follows_the_runs_schedule() -> None:
    assert in_round(make("bernoulli"), 2, 5) == TurnMixture(0.3, 7)


def test_a_plus_joins_and_the_common_settings_wrap() -> None:
    gate = make("bernoulli+stall:times=2+every:k=4,warmup=2,check=0.1,at_most=3")
    assert isinstance(gate, Combined) and len(gate.gates) == 3
    warm = gate.gates[2]
    assert isinstance(warm, Warmup) and warm.rounds == 2


@pytest.mark.parametrize(
    "text, said",
    [
        ("thrify", r"unknown gate 'thrify': did you mean 'thrifty'\? Known: bernoulli, switch"),
        ("thrifty:shar=1", r"no setting 'shar': did you mean 'share'\? It has: share \(float\)"),
        ("thrifty:share", r"key=value, and 'share' is not"),
        ("thrifty:share=much", r"share of the gate 'thrifty' must be a number, not 'much'"),
        ("every:k=2.5", r"must be a whole number"),
        ("every:k=2,k=3", r"'k' twice"),
        ("thrifty:share=2", r"between 0 and 1, not 2.0"),
        ("safe:score=dout", r"unknown score 'dout'"),
        ("", r"unknown gate ''"),
        ("nowhere.py:Gate", r"no gate file at nowhere.py"),
        ("no_such_module:Gate", r"no module 'no_such_module'"),
        ("json:nothing", r"json has no class or function 'nothing'"),
        ("thrifty+thrifty", r"only one score"),
    ],
)
def test_a_text_that_makes_no_gate_says_why_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DaggerConfig(gate=text)


def test_your_own_gate_is_named_by_its_file(tmp_path: Path, moment: Callable[..., Moment]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    gate: Any = make(f"{path}:Patient:turns=2")
    assert (gate.turns, gate.seed) == (2, 7)
    assert [d.actor for d in gate([moment("o"), moment(*"ooo")])] == ["student", "teacher"]
    for bad, said in (
        ("Patient", "cannot do without turns"),
        ("Patient:turns=x", "whole number"),
        ("plain", "is no gate"),
        ("number", "no class or function"),
    ):
        with pytest.raises(ConfigError, match=said):
            check_gate(f"{path}:{bad}")


def test_a_file_of_the_usual_kind_makes_a_gate(tmp_path: Path) -> None:
    """With annotations that are text, which a dataclass looks up in its module."""
    path = tmp_path / "mine.py"
    path.write_text(f"from __future__ import annotations\n{MINE}")
    gate: Any = make(f"{path}:Patient:turns=2")
    assert (gate.turns, gate.seed) == (2, 7)


@pytest.mark.parametrize(
    "text, said",
    [
        ("a = 1\nclass Gate(:\n", r"mine\.py, line 2: SyntaxError: invalid syntax"),
        ("\n\nimport nothing_like_it\n", r"mine\.py, line 3: ModuleNotFoundError: No module"),
        (f"{MINE}1 / 0\n", r"mine\.py, line \d\d: ZeroDivisionError: division by zero"),
        (
            "from __future__ import annotations\ndef Gate(turns: Unknown): ...\n",
            r"settings of Gate cannot be read: name 'Unknown' is not defined",
        ),
    ],
)
def test_a_file_that_is_broken_is_told_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        check_gate(f"{path}:Gate")


def test_a_module_that_is_broken_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_gates.py").write_text("x = 1\nif:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"broken_gates\.py, line 2: SyntaxError"):
        check_gate("broken_gates:Gate")


def test_the_command_line_says_what_is_wrong_with_a_gate_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--dagger.gate", "thrify"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("error: unknown gate 'thrify': did you mean 'thrifty'?")
    assert "tyro" not in said
    with pytest.raises(SystemExit):  # what the command line's own library refuses, it tells itself
        main(["train", "--dagger.gat", "thrifty"])
    assert "--dagger.gate" in capsys.readouterr().err


@example(".:e")
@given(st.text(st.sampled_from("thrify:share=0.2,+every k=.-é\n"), max_size=40))
def test_any_text_makes_a_gate_or_a_sentence(text: str) -> None:
    try:
        check_gate(text)
    except ConfigError as error:
        assert str(error)
