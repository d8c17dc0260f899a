"""A teacher that gives its opinion of the student's own tokens, instead of a label.

It is asked for log-probabilities, token by token, of actions that somebody else took: that needs a
teacher with the student's own vocabulary. Labels as text do not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

from dagger_algo.conversation import Action
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, Target
from dagger_algo.ledger import Budget
from dagger_algo.policy import Adviser, Opinion, Policy, Student
from dagger_algo.run import Run
from dagger_algo.teachers.cache import Cached
from dagger_algo.teachers.checked import Checked

_PROBES = ("ls", " two words\n", "x = [1, 2]  # done.")


def adviser(policy: Policy | None, student: Student) -> Adviser:
    """The policy as one who gives opinions of the student's tokens.

    What checks or keeps its answers is passed over: an opinion is no answer. Raises ConfigError
    when it cannot: it gives no log-probabilities, or its tokens are others.
    """
    while isinstance(policy, Checked | Cached):
        policy = policy.policy
    if policy is None or not hasattr(policy, "opinions"):
        who = "there is no teacher" if policy is None else f"{type(policy).__name__} gives none"
        raise ConfigError(
            "on-policy distillation and DAgger's losses other than cross_entropy need a teacher "
            f"that gives log-probabilities of the student's tokens, and {who}: name a local model "
            "as the teacher, or learn from labels as text (dagger, sft), which any teacher gives"
        )
    _require_same_tokens(getattr(policy, "codec", None), getattr(student, "codec", None))
    return cast(Adviser, policy)


def _require_same_tokens(teacher: Any, student: Any) -> None:
    """Both codecs must mean the same by every id; a policy without tokens has none (None)."""
    if teacher is None and student is None:
        return
    if teacher is None or student is None:
        problem = f"only the {'student' if teacher is None else 'teacher'} has tokens"
    elif (theirs := teacher.tokenizer.get_vocab()) != (own := student.tokenizer.get_vocab()):
        token = min(key for key in theirs.keys() | own.keys() if theirs.get(key) != own.get(key))
        problem = (
            f"their vocabularies differ ({len(theirs):,} and {len(own):,} tokens; {token!r} has "
            f"the id {theirs.get(token)} in the teacher's and {own.get(token)} in the student's)"
        )
    elif any(
        teacher.action_ids(Action(text)) != student.action_ids(Action(text)) for text in _PROBES
    ):
        problem = "their chat templates write an action in different tokens"
    else:
        return
    raise ConfigError(
        f"the teacher cannot score the student's tokens: {problem}. Labels as text do not have "
        "this problem: use dagger or sft, or choose a student of the teacher's family"
    )


def consult(
    run: Run, adviser: Adviser, examples: Iterable[Example], limit: Budget, *, top: int = 0
) -> list[Example]:
    """The examples with the teacher's opinion on their targets, as far as its budget goes.

    Counted are a query per action, and the tokens that are scored: a token that the teacher scores
    costs as much of its budget as one that it writes. (In the ledger's "tokens in" are those that
    it read, once per trajectory.) Targets beyond the limit are left out, so that it is overrun by
    less than one action, and so are those that do not fit into the teacher's context.
    """
    asked = list(_within(run, examples, limit))
    with run.ledger.clock("teacher"):
        opinions = adviser.opinions(asked, top=top) if asked else []
    codec = getattr(adviser, "codec", None)
    for example, found in zip(asked, opinions, strict=True):
        run.ledger.teacher_queries += len(found)
        run.ledger.labels_lost += found.count(None)
        run.ledger.teacher_tokens += sum(len(o.logprobs) for o in found if o is not None)
        if codec is not None:
            last = max(target.turn for target in example.targets)
            stream = codec.stream(example.observations, example.actions)
            run.ledger.teacher_tokens_in += stream.ends[last]
    return opine(asked, opinions)


def opine(examples: Iterable[Example], found: Iterable[Sequence[Opinion | None]]) -> list[Example]:
    """The examples with these opinions on their targets; those without one are left out."""
    scored = []
    for example, opinions in zip(examples, found, strict=True):
        targets = tuple(
            replace(target, teacher_logprobs=o.logprobs, teacher_top=o.top or None)
            for target, o in zip(example.targets, opinions, strict=True)
            if o is not None
        )
        if targets:
            scored.append(replace(example, targets=targets))
    return scored


def _within(run: Run, examples: Iterable[Example], limit: Budget) -> Iterator[Example]:
    room = limit.teacher_tokens - run.ledger.teacher_tokens
    for example in examples:
        targets: list[Target] = []
        for target in example.targets:
            if room <= 0:
                break
            ids = target.action.token_ids
            room -= run.student.count_tokens(target.action.text) if ids is None else len(ids)
            targets.append(target)
        if targets:
            yield replace(example, targets=tuple(targets))
