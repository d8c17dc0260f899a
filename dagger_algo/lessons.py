"""What DAgger's losses other than cross-entropy need to know of the teacher, beside its labels.

mixed_k1..3   the student's own tokens of the newest round, each with its log-probability under
              the teacher: an estimate of KL(π || p_t) from samples of π. Paid by the token, as
              in on-policy distillation (`consult`)
top_k_kl      in the place of every token of a label, the teacher's likeliest ones: they come
              with an answer that is already paid for
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal

from dagger_algo.conversation import Episode
from dagger_algo.examples import Example, Target, own_actions
from dagger_algo.gates.gate import Gate
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget
from dagger_algo.objectives import CrossEntropy, Mixed, Objective, TopKKL
from dagger_algo.policy import Adviser, Opinion
from dagger_algo.run import Run
from dagger_algo.teachers.scoring import consult

Loss = Literal["cross_entropy", "mixed_k1", "mixed_k2", "mixed_k3", "top_k_kl"]
OBJECTIVES: dict[Loss, Objective] = {
    "cross_entropy": CrossEntropy(),
    "mixed_k1": Mixed("k1"),
    "mixed_k2": Mixed("k2"),
    "mixed_k3": Mixed("k3"),
    "top_k_kl": TopKKL(),
}


def rolled_and_scored(
    run: Run,
    round: int,
    limit: Budget,
    gate: Gate,
    labels: Labels,
    adviser: Adviser,
    keep: Callable[[Episode], bool],
) -> tuple[list[Episode], list[Example]]:
    """The episodes of a round, and the student's own actions in those that `keep` lets pass, as the
    teacher scores them: batch by batch, so that labels and scores share what the teacher may
    spend."""
    episodes: list[Episode] = []
    scored: list[Example] = []
    while not run.ledger.spent(limit):
        seeds = islice(run.seeds, run.pool.size)
        batch = run.collect(
            round, limit, gate=gate, teacher=run.teacher, labels=labels, seeds=seeds
        )
        episodes += batch
        own = own_actions(filter(keep, batch))
        asked = _first(own, run.ledger.may_ask(labels.budget))
        most = limit.teacher_tokens
        if labels.budget.tokens is not None:
            most = min(most, max(1, labels.budget.tokens))
        scored += consult(run, adviser, asked, replace(limit, teacher_tokens=most))
    return episodes, scored


def with_likeliest(
    run: Run, adviser: Adviser, examples: Sequence[Example], top: int
) -> list[Example]:
    """The examples with the teacher's `top` likeliest tokens in the place of every token of their
    labels; a label beyond its context stays as it is."""
    with run.ledger.clock("teacher"):
        found = adviser.opinions(examples, top=top) if examples else []
    return [
        replace(example, targets=tuple(map(_named, example.targets, opinions)))
        for example, opinions in zip(examples, found, strict=True)
    ]


def _named(target: Target, opinion: Opinion | None) -> Target:
    return target if opinion is None else replace(target, teacher_top=opinion.top or None)


def _first(examples: Iterable[Example], most: int | None) -> Iterator[Example]:
    """As many of their targets as may be asked about."""
    for example in examples:
        targets = example.targets[:most]
        most = None if most is None else most - len(targets)
        if targets:
            yield replace(example, targets=targets)
