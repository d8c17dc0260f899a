"""A teacher's opinion of others' tokens: what it says, what it costs, when it is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dagger_algo.conversation import Action, Conversation, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target, own_actions
from dagger_algo.ledger import Budget
from dagger_algo.lm.opinions import describe
from dagger_algo.lm.packing import collate, pack, rows_for
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.teachers.cache import Cached, Identity
from dagger_algo.teachers.checked import Checked
from dagger_algo.teachers.lm import LMTeacher
from dagger_algo.teachers.noisy import Noisy
from dagger_algo.teachers.scoring import adviser, consult
from tests.support.echo import echo_policy, echo_run, tokenizer

SAID = ("say 1\nwith\tcare\n", "say 2", "say 3")


@pytest.fixture(scope="module")
def tokens() -> Any:
    return tokenizer()


@pytest.fixture(scope="module")
def teacher(tokens: Any) -> LMPolicy:
    return echo_policy(tokens, seed=7)


def trajectory(policy: LMPolicy) -> Example:
    """Three sampled actions, and at the second turn a label that branches off as well."""
    conversation = Conversation("k", SAID[:1])
    actions: list[Action] = []
    for observation in (*SAID[1:], "over"):
        (action,) = policy.act([conversation])
        assert action is not None
        actions.append(action)
        conversation = conversation.after(action, observation, {})
    targets = [Target(t, action, 1.0) for t, action in enumerate(actions)]
    targets.insert(1, Target(1, Action("3 or 0"), 1.0))
    return Example(SAID, tuple(actions), tuple(targets))


def alone(policy: LMPolicy, example: Example, target: Target) -> torch.Tensor:
    """(N, V) log-probabilities in the places of one target's tokens, by a plain forward pass."""
    before = policy.codec.state(example.state(target))
    ids = policy.codec.action_ids(target.action)
    with torch.no_grad():
        logits = policy.model(torch.tensor([[*before, *ids]])).logits[0]
    return logits[len(before) - 1 : -1].float().log_softmax(-1)


def test_opinions_are_those_of_plain_forward_passes(teacher: LMPolicy, tokens: Any) -> None:
    example = trajectory(echo_policy(tokens, seed=1))
    (found,) = teacher.opinions([example], top=5)
    assert len(found) == 4
    for target, opinion in zip(example.targets, found, strict=True):
        assert opinion is not None
        log_NV = alone(teacher, example, target)
        ids = torch.tensor(teacher.codec.action_ids(target.action))
        own = log_NV.gather(1, ids[:, None])[:, 0]
        assert opinion.logprobs == pytest.approx(own.tolist(), abs=1e-4)
        entropies = -(log_NV.exp() * log_NV).sum(-1)
        assert opinion.entropies == pytest.approx(entropies.tolist(), abs=1e-4)
        values, likeliest = log_NV.topk(5)
        assert [[i for i, _ in top] for top in opinion.top] == likeliest.tolist()
        for top, row in zip(opinion.top, values.tolist(), strict=True):
            assert [p for _, p in top] == pytest.approx(row, abs=1e-4)


def test_score_and_opinions_say_the_same_and_top_names_nothing_unasked(teacher: LMPolicy) -> None:
    example = trajectory(teacher)
    (scores,), (found,) = teacher.score([example]), teacher.opinions([example])
    assert all(o is not None and o.top == () for o in found)
    for opinion, logprobs in zip(found, scores, strict=True):
        assert opinion is not None and logprobs is not None
        assert opinion.logprobs == pytest.approx(logprobs, abs=1e-5)


def test_a_student_asked_about_its_own_samples_says_what_it_sampled_with(
    teacher: LMPolicy,
) -> None:
    example = trajectory(teacher)
    (found,) = teacher.opinions([example])
    sampled = [o for t, o in zip(example.targets, found, strict=True) if t.action.logprobs]
    assert len(sampled) == 3
    for action, opinion in zip(example.actions, sampled, strict=True):
        assert opinion is not None and action.logprobs is not None
        assert opinion.logprobs == pytest.approx(action.logprobs, abs=1e-4)


def test_chunks_of_logits_change_nothing(teacher: LMPolicy) -> None:
    batch = collate([pack(trajectory(teacher), teacher.codec)], rows=rows_for(teacher.model))
    with torch.no_grad():
        whole, parts = describe(teacher.model, batch, 3), describe(teacher.model, batch, 3, chunk=2)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


def test_asked_for_more_than_there_is_a_teacher_names_every_token(teacher: LMPolicy) -> None:
    (found,) = teacher.opinions([trajectory(teacher)], top=10**6)
    size = teacher.model.config.vocab_size
    assert all(o is not None and {len(top) for top in o.top} == {size} for o in found)


def test_what_does_not_fit_into_the_teachers_context_has_no_opinion(tokens: Any) -> None:
    small = echo_policy(tokens, seed=7)
    small.model.config.max_position_embeddings = 24
    word = Action("1")
    example = Example(
        ("say 1 " * 40, "say 2", "say 3"),
        (word,) * 3,
        tuple(Target(t, word, 1.0) for t in range(3)),
    )
    with pytest.warns(UserWarning, match="left out"):
        (found,) = small.opinions([example])
    assert [opinion is None for opinion in found] == [True, False, False]


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (None, "there is no teacher"),
        (ExpertTeacher(), "ExpertTeacher gives none: name a local model"),
        (TabularPolicy(["1"]), "only the student has tokens"),
        (Noisy(ExpertTeacher(), lambda c, a, r: a, 0.5), "Noisy gives none"),
    ],
)
def test_a_teacher_without_opinions_is_refused(
    policy: Any, sentence: str, teacher: LMPolicy
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        adviser(policy, teacher)


def test_a_teacher_with_another_vocabulary_is_refused(tokens: Any, teacher: LMPolicy) -> None:
    other = LMTeacher(echo_policy(tokenizer("whisper it " * 9)))
    with pytest.raises(ConfigError, match=r"vocabularies differ.*use dagger or sft"):
        adviser(other, teacher)
    with pytest.raises(ConfigError, match="only the teacher has tokens"):
        adviser(other, TabularPolicy(["1"]))


def test_a_teacher_whose_template_writes_actions_otherwise_is_refused(teacher: LMPolicy) -> None:
    tokens = tokenizer()
    ours = tokens.chat_template
    tokens.chat_template = ours.replace("message['content']", "' ' + message['content']")
    assert tokens.chat_template != ours
    with pytest.raises(ConfigError, match="chat templates write an action in different tokens"):
        adviser(LMTeacher(echo_policy(tokens)), teacher)


def test_what_checks_or_keeps_answers_is_passed_over(tmp_path: Path, teacher: LMPolicy) -> None:
    inner = LMTeacher(teacher)
    with Cached(inner, tmp_path / "answers", Identity("tiny")) as kept:
        assert adviser(Checked(kept, lambda text: "no"), teacher) is inner


def test_a_table_has_opinions_of_whole_actions() -> None:
    table = TabularPolicy(["1", "2"])
    table.table["say 2"] = np.log([1.0, 3.0])
    example = Example(("say 2",), (Action("2"),), (Target(0, Action("2"), 1.0),))
    ((opinion,),) = table.opinions([example])
    assert opinion is not None
    assert opinion.logprobs == pytest.approx([-0.2876821])  # log 3/4
    assert opinion.entropies == pytest.approx([0.5623351])


def rollouts(run: Any, count: int) -> list[Episode]:
    found: list[Episode] = run.collect(1, Budget(10**6, 10**6), seeds=iter(range(count)))
    return found


def test_scored_tokens_are_what_the_teacher_is_paid_for(
    tmp_path: Path, tokens: Any, teacher: LMPolicy
) -> None:
    student = echo_policy(tokens, seed=1)
    with echo_run(tmp_path, student, LMTeacher(teacher), Budget(1000, 1000)) as run:
        examples = list(own_actions(rollouts(run, 4)))
        assert run.ledger.teacher_tokens == run.ledger.teacher_queries == 0
        scored = consult(run, adviser(run.teacher, student), examples, run.ledger.budget)
    said = sum(len(t.action.token_ids or ()) for e in examples for t in e.targets)
    whole = sum(student.codec.stream(e.observations, e.actions).ends[-1] for e in examples)
    assert run.ledger.teacher_queries == 12 and run.ledger.labels_lost == 0
    assert (run.ledger.teacher_tokens, run.ledger.teacher_tokens_in) == (said, whole)
    assert run.ledger.seconds["teacher"] > 0
    assert [len(t.teacher_logprobs or ()) for e in scored for t in e.targets] == [
        len(t.action.token_ids or ()) for e in examples for t in e.targets
    ]


def test_the_teachers_budget_is_overrun_by_less_than_one_action(
    tmp_path: Path, tokens: Any, teacher: LMPolicy
) -> None:
    student = echo_policy(tokens, seed=1)
    with echo_run(tmp_path, student, LMTeacher(teacher), Budget(1000, 13)) as run:
        examples = list(own_actions(rollouts(run, 4)))
        scored = consult(run, adviser(run.teacher, student), examples, run.ledger.budget)
        longest = max(len(t.action.token_ids or ()) for e in examples for t in e.targets)
        assert 13 <= run.ledger.teacher_tokens < 13 + longest
        assert run.ledger.teacher_queries == sum(len(e.targets) for e in scored) < 12
        assert consult(run, adviser(run.teacher, student), examples, run.ledger.budget) == []


def test_an_opinion_that_cannot_be_had_counts_as_a_lost_query(tmp_path: Path, tokens: Any) -> None:
    small = echo_policy(tokens, seed=7)
    small.model.config.max_position_embeddings = 24
    student = echo_policy(tokens, seed=1)
    with echo_run(tmp_path, student, LMTeacher(small), Budget(1000, 1000)) as run:
        (example,) = own_actions(rollouts(run, 1))
        long = replace(example, observations=("say 1 " * 40, *example.observations[1:]))
        with pytest.warns(UserWarning, match="left out"):
            (scored,) = consult(run, adviser(run.teacher, student), [long], run.ledger.budget)
    assert len(scored.targets) == 2
    assert (run.ledger.teacher_queries, run.ledger.labels_lost) == (3, 1)
