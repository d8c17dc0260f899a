"""GKD: its divergence against TRL's numbers, and a tiny student that learns from both kinds."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.gkd import GKDConfig, train
from dagger_algo.errors import ConfigError
from dagger_algo.gates.mixture import teacher_share
from dagger_algo.ledger import Budget
from dagger_algo.lm.losses import jsd
from dagger_algo.policies.scripted import ExpertTeacher
from tests.support.echo import echo_beginner, echo_policy, echo_run, echo_teacher, tokenizer

TRL = json.loads((Path(__file__).parents[1] / "data" / "trl_gkd.json").read_text())


@pytest.mark.parametrize("case", TRL["trl"], ids=lambda case: f"beta {case['beta']}")
def test_over_all_tokens_the_divergence_and_its_gradient_are_trls(case: dict[str, Any]) -> None:
    student = torch.tensor(TRL["student"], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor(TRL["teacher"], dtype=torch.float64).log_softmax(-1)
    likeliest, ids = teacher.topk(teacher.shape[1])  # as a teacher names them
    each = jsd(student.log_softmax(-1).gather(1, ids), likeliest, case["beta"])
    assert each.tolist() == pytest.approx(case["divergence"], abs=1e-6)
    each.mean().backward()  # type: ignore[no-untyped-call]
    assert each.mean().item() == pytest.approx(case["loss"], abs=1e-6)
    assert student.grad is not None
    torch.testing.assert_close(
        student.grad, torch.tensor(case["gradient"], dtype=torch.float64), atol=2e-6, rtol=1e-4
    )


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_fewer_named_tokens_give_a_lower_bound_that_grows_to_the_whole(beta: float) -> None:
    student = torch.tensor(TRL["student"], dtype=torch.float64).log_softmax(-1)
    teacher = torch.tensor(TRL["teacher"], dtype=torch.float64).log_softmax(-1)
    values, ids = teacher.topk(teacher.shape[1])
    bounds = [
        jsd(student.gather(1, ids)[:, :k], values[:, :k], beta)
        for k in range(1, values.shape[1] + 1)
    ]
    for one, more in itertools.pairwise(bounds):
        assert (more >= one - 1e-5).all()  # the least rest that is told from none is 1e-6
    assert (bounds[0] < bounds[-1] - 0.01).any()


def test_the_divergence_by_hand() -> None:
    # Teacher 0.75 and the rest 0.25, student 0.25 and 0.75, β = 1/2: the mixture is a half each.
    got = jsd(torch.tensor([[0.25]]).log(), torch.tensor([[0.75]]).log(), 0.5)
    want = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert got.tolist() == pytest.approx([want])


def test_a_student_learns_from_its_own_samples_and_from_the_teachers(tmp_path: Path) -> None:
    student = echo_beginner()
    config = GKDConfig(episodes=16, epochs=1, evaluate=2)
    with echo_run(tmp_path, student, echo_teacher(), Budget(360, 2000)) as run:
        train(run, config)
        first, last = run.log.rounds  # type: ignore[attr-defined]
        episodes = list(run.store)
        spent = run.ledger
    assert 0.3 < first["teacher_share"] < 0.7
    assert last["loss"] < first["loss"]
    assert {teacher_share([episode]) for episode in episodes} == {0.0, 1.0}
    # Its own answers are paid for as answers, the student's as scored; none is paid for twice.
    assert spent.teacher_queries == sum(len(episode.turns) for episode in episodes)
    said = sum(student.count_tokens(t.label.text) for e in episodes for t in e.turns if t.label)
    scored = sum(len(t.action.token_ids or ()) for e in episodes for t in e.turns if not t.label)
    assert spent.teacher_tokens == said + scored


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"on_policy": 1.2}, "share between 0 and 1"),
        ({"beta": -0.1}, r"in \[0, 1\]"),
        ({"top_k": 0}, "at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        GKDConfig(**settings)


def test_an_expert_script_is_refused(tmp_path: Path) -> None:
    student = echo_policy(tokenizer())
    with echo_run(tmp_path, student, ExpertTeacher(), Budget(100, 100)) as run:
        with pytest.raises(ConfigError, match="ExpertTeacher gives none"):
            train(run, GKDConfig())
        assert run.ledger.env_steps == 0
