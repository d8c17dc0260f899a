"""What a learner looks at before it trains: all of its first step, and what it says of it."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.lm.learner import Learner, LearnerConfig
from dagger_algo.lm.lint import RENDERED, LintError
from dagger_algo.lm.templates import render
from dagger_algo.objectives import CrossEntropy, Jsd, Mixed, PolicyGradient
from dagger_algo.policies.lm import LMPolicy
from tests.dagger_algo.lm.test_lint import EXAMPLE, contaminated

LOG = "dagger_algo.lm.lint"
WEIGHTLESS = replace(EXAMPLE, targets=tuple(replace(t, weight=0.0) for t in EXAMPLE.targets))


@pytest.fixture
def policy(tiny_checkpoint: Path) -> LMPolicy:
    return LMPolicy.load(tiny_checkpoint, learner=LearnerConfig(batch_tokens=10**6))


def cut_off(policy: LMPolicy) -> Example:
    """A teacher's label that never came to its end of turn."""
    cut = Action("2 th", policy.codec.action_ids(Action("2 th"))[:-1])
    return replace(EXAMPLE, targets=(Target(1, cut, 1.0),))


def weights(policy: LMPolicy) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in policy.model.parameters()])


def test_a_learner_refuses_such_examples_before_its_first_step(policy: LMPolicy) -> None:
    before = {name: value.clone() for name, value in policy.model.state_dict().items()}
    with pytest.raises(LintError, match="turn 1: the label '2 th' stops after"):
        policy.update([cut_off(policy)])
    after = policy.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert policy.update([EXAMPLE])["steps"] == 1


def test_a_learner_warns_once_of_what_its_student_sampled(policy: LMPolicy) -> None:
    cut = Action("2 th", policy.codec.action_ids(Action("2 th"))[:-1])
    targets = (Target(0, cut, 1.0), Target(1, cut, -1.0))
    examples = [Example(("say 1\n", "say 2\n"), (cut, cut), targets)] * 3
    learner = Learner(policy.model, policy.codec)
    with pytest.warns(UserWarning, match=r"label cut off \(6 times\): episode .*, turn 0") as told:
        learner.update(examples, objective=PolicyGradient())
        learner.update(examples, objective=PolicyGradient())
    assert len(told) == 1


def test_a_learner_finds_that_its_model_mixes_segments(
    policy: LMPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagger_algo.lm.lint.target_logprobs", contaminated)
    with pytest.raises(LintError, match="segments see each other"):
        Learner(policy.model, policy.codec).update([EXAMPLE])


@pytest.mark.parametrize("earlier", [0, 1], ids=["first fit", "later fit"])
@pytest.mark.parametrize("place", [4, 31])
def test_every_example_of_the_first_step_is_looked_at(
    policy: LMPolicy, place: int, earlier: int
) -> None:
    for _ in range(earlier):
        policy.update([EXAMPLE])
    examples = [EXAMPLE] * 32
    examples[place] = cut_off(policy)
    before = weights(policy)
    with pytest.raises(LintError, match=f"of trajectory {place + 1}, turn 1: the label '2 th'"):
        policy.update(examples)
    assert torch.equal(before, weights(policy))


def test_sequences_that_are_learnt_together_are_looked_at_together(policy: LMPolicy) -> None:
    def one_sequence(example: Example) -> Example:
        named = (replace(target, sequence="s") for target in example.targets)
        return replace(example, targets=tuple(named))

    both = [one_sequence(EXAMPLE), one_sequence(cut_off(policy))]
    with pytest.raises(LintError, match="of trajectory 2, turn 1: the label '2 th' stops"):
        policy.update(both, objective=PolicyGradient(ratio="sequence"))


def test_a_large_step_pays_for_few_renderings(
    policy: LMPolicy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def counted(*given: Any, **named: Any) -> str:
        calls.append(1)
        return render(*given, **named)

    monkeypatch.setattr("dagger_algo.lm.lint_checks.render", counted)
    for fit in (1, 2):
        with caplog.at_level(logging.INFO, logger=LOG):
            policy.update([EXAMPLE] * 32)
        assert len(calls) == fit * RENDERED * len(EXAMPLE.observations)
        assert "tokens of 32 examples are trained on" in caplog.records[-1].getMessage()


@pytest.mark.parametrize("objective", [CrossEntropy(), PolicyGradient(), Mixed(), Jsd()], ids=str)
def test_a_fit_in_which_nothing_has_a_weight_is_refused(policy: LMPolicy, objective: Any) -> None:
    unscaled = replace(EXAMPLE, targets=tuple(replace(t, scale=0.0) for t in EXAMPLE.targets))
    for examples in ([WEIGHTLESS] * 3, [unscaled]):
        with pytest.raises(ConfigError, match="all targets have the weight or the scale 0"):
            policy.update(examples, objective=objective)


def test_an_example_without_weight_beside_others_is_learnt_with_them(policy: LMPolicy) -> None:
    assert policy.update([WEIGHTLESS, EXAMPLE])["steps"] == 1
    every = PolicyGradient(kl=0.1)
    with pytest.raises(ConfigError, match="nothing to learn from"):
        policy.update([WEIGHTLESS], objective=every)  # no reference, so no KL either


def test_without_any_weight_the_student_is_still_drawn_to_its_reference(policy: LMPolicy) -> None:
    reference = policy.frozen()
    policy.update([EXAMPLE], epochs=5)
    scores = reference.score([WEIGHTLESS])[0]
    targets = zip(WEIGHTLESS.targets, scores, strict=True)
    referred = replace(
        WEIGHTLESS, targets=tuple(replace(t, reference_logprobs=s) for t, s in targets)
    )
    before = weights(policy)
    figures = policy.update([referred], objective=PolicyGradient(kl=0.1))
    assert figures["loss"] > 0 and not torch.equal(before, weights(policy))
    with pytest.raises(ConfigError, match="nothing to learn from"):
        policy.update([referred], objective=PolicyGradient())


def test_the_report_of_a_fit_is_logged_and_not_printed(
    policy: LMPolicy, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.codec.notes = ("the template does this",)
    policy.model.config.max_position_embeddings = policy.codec.stream(
        EXAMPLE.observations, EXAMPLE.actions
    ).starts[2]
    with caplog.at_level(logging.INFO, logger=LOG):
        policy.update([WEIGHTLESS, EXAMPLE])
    [record] = caplog.records
    said = record.getMessage()
    assert "⟦1<|end|>⟧" in said and "note: the template does this" in said
    assert "labels are learnt after fewer turns than there were" in said
    assert capsys.readouterr().out == ""
