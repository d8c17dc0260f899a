"""DAgger with the mixed and top-k losses, with tiny transformers that share tokens."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, TeacherBudget
from dagger_algo.lessons import OBJECTIVES, Loss
from dagger_algo.objectives import Mixed
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policies.tabular import TabularPolicy
from dagger_algo.run import Run
from dagger_algo.schedules import Beta
from dagger_algo.stages import Stage
from tests.support.echo import echo_beginner, echo_run, echo_teacher

HALF = Beta("constant", 0.5)


def fits(run: Run) -> list[tuple[list[Example], Any]]:
    """What the run's student will have been fitted to, and by which objective."""
    found: list[tuple[list[Example], Any]] = []
    update = run.student.update

    def spy(examples: Iterable[Example], **options: Any) -> Any:
        found.append((list(examples), options["objective"]))
        return update(found[-1][0], **options)

    run.student.update = spy  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize("loss", ["mixed_k1", "mixed_k2", "mixed_k3"])
def test_mixed_learns_labels_and_the_newest_rounds_own_tokens_as_the_teacher_scores_them(
    loss: Loss, tmp_path: Path
) -> None:
    config = DaggerConfig(2, 1, beta=HALF, loss=loss, labels=Labels("teacher"))
    with echo_run(tmp_path, echo_beginner(), echo_teacher(), Budget(96, 10_000)) as run:
        found = fits(run)
        dagger(run, config)
        episodes = list(run.store)
    assert [objective for _, objective in found] == [Mixed(loss[-2:])] * 2  # type: ignore[arg-type]
    for round, (examples, _) in enumerate(found, 1):
        targets = [target for example in examples for target in example.targets]
        own = [target for target in targets if target.teacher_logprobs is not None]
        so_far = [turn for e in episodes if e.round <= round for turn in e.turns]
        newest = [turn for e in episodes if e.round == round for turn in e.turns]
        labels = sum(turn.actor is Actor.TEACHER for turn in so_far)
        assert len(targets) - len(own) == labels > 0
        assert len(own) == sum(turn.actor is Actor.STUDENT for turn in newest) > 0
        for target in own:  # every token that was sampled, and no other
            assert target.action.token_ids is not None and target.teacher_logprobs is not None
            assert len(target.teacher_logprobs) == len(target.action.token_ids)
    # Labels were paid as answers, the student's tokens as tokens.
    turns = [turn for episode in episodes for turn in episode.turns]
    assert run.ledger.teacher_queries == len(turns)
    said = run.student.count_tokens
    assert run.ledger.teacher_tokens == sum(
        said(t.action.text) if t.label is not None else len(t.action.token_ids or ()) for t in turns
    )


def test_top_k_learns_the_teachers_likeliest_tokens_in_the_place_of_its_labels(
    tmp_path: Path,
) -> None:
    config = DaggerConfig(2, 1, beta=HALF, loss="top_k_kl", top_k=5)
    with echo_run(tmp_path, echo_beginner(), echo_teacher(), Budget(96, 10_000)) as run:
        found = fits(run)
        dagger(run, config)
        queries = run.ledger.teacher_queries
        labels = [turn for e in run.store for turn in e.turns if turn.label is not None]
    examples, objective = found[-1]
    assert objective == OBJECTIVES["top_k_kl"]
    targets = [target for example in examples for target in example.targets]
    assert len(targets) == len(labels) == queries  # nothing is paid beside the labels
    assert {len(top) for target in targets for top in target.teacher_top or ()} == {5}
    assert all(target.teacher_top for target in targets)


@pytest.mark.parametrize("loss", ["mixed_k3", "top_k_kl"])
def test_a_tiny_transformer_learns_by_them(loss: Loss, tmp_path: Path) -> None:
    config = DaggerConfig(3, 6, beta=HALF, loss=loss)
    with echo_run(tmp_path, echo_beginner(5), echo_teacher(), Budget(400, 10_000)) as run:
        before = run.evaluate(run.student).success
        dagger(run, config)
        after = run.log.rounds[-1]["success"]  # type: ignore[attr-defined]
    assert after > 0.6 > before


def test_what_the_teacher_may_spend_holds_for_labels_and_scores_together(tmp_path: Path) -> None:
    config = DaggerConfig(2, 1, beta=HALF, loss="mixed_k3")
    with echo_run(tmp_path, echo_beginner(), echo_teacher(), Budget(10_000, 200)) as run:
        found = fits(run)
        dagger(run, config)
        spent = run.ledger.teacher_tokens
    assert 200 <= spent < 200 + 8 * 3
    assert all(any(t.teacher_logprobs for e in fit for t in e.targets) for fit, _ in found)
    least = replace(config, labels=Labels(budget=TeacherBudget(queries=30)))
    (tmp_path / "least").mkdir()
    with echo_run(tmp_path / "least", echo_beginner(), echo_teacher(), Budget(96, 10_000)) as run:
        dagger(run, least)
        assert run.ledger.teacher_queries == 30


@pytest.mark.parametrize("loss", ["mixed_k1", "top_k_kl"])
@pytest.mark.parametrize("teacher", [None, ExpertTeacher()])
def test_a_teacher_without_log_probabilities_is_refused_before_anything_is_spent(
    teacher: Any, loss: Loss, tmp_path: Path
) -> None:
    table = TabularPolicy([str(d) for d in range(4)])
    with echo_run(tmp_path, table, teacher, Budget(100, 100)) as run:
        with pytest.raises(ConfigError, match="need a teacher that gives log-probabilities"):
            dagger(run, DaggerConfig(loss=loss))
        assert run.ledger.env_steps == 0


def test_labels_weigh_what_the_settings_say_of_their_stage(tmp_path: Path) -> None:
    said = ("cat a.py", "sed -i s/a/b/ a.py", "python -m pytest")
    turns = tuple(Turn("o", Action(s), Actor.TEACHER, Action(s), 0.0) for s in said)
    config = DaggerConfig(1, 1, stage_weights={Stage.VERIFICATION: 2.0, Stage.EXPLORATION: 0.0})
    table = TabularPolicy([*said, *(str(d) for d in range(4))])
    with echo_run(tmp_path, table, ExpertTeacher(), Budget(12, 100)) as run:
        run.store.append(Episode("0/0/0", 0, "", 0, turns, Outcome.TERMINATED))
        found = fits(run)
        dagger(run, config)
    weights: Counter[tuple[str, Any]] = Counter(
        (target.action.text, target.weight)
        for example in found[0][0]
        for target in example.targets
        if target.action.text in said
    )
    assert weights == {(said[1], 1.0): 1, (said[2], 2.0): 1}
