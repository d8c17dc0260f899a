"""A loud linter for masks and tokens: shows exactly which characters are trained on, and fails on
what ruins training in silence.

Wrong assistant masks raise no error anywhere: the loss falls and the model learns nothing, or the
environment's words, or never to stop (marin #7237, trl PR #4975, verl #3562). So what is about to
be trained on is read back from the packed batch itself, token by token with the prefix that each
is predicted from, and compared with what the examples ask for.
"""

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dagger_algo.conversation import Action
from dagger_algo.errors import DaggerError
from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec, clean
from dagger_algo.lm.isolation import Scorer, check_isolation
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.marking import Span, mark
from dagger_algo.lm.packing import Packed, pack
from dagger_algo.lm.supervision import expected, supervised
from dagger_algo.lm.templates import render

Kind = Literal[
    "empty mask",
    "label cut off",
    "end of turn left out",
    "prefix changed",
    "not a label",
    "segments see each other",
    "control token",
    "text lost",
]
_log = logging.getLogger(__name__)


class LintError(DaggerError, ValueError):
    """What would be trained on is not what the examples ask for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. fatal: training must not begin; else it is a warning."""

    kind: Kind
    sentence: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and found. spans: the first example as text; tokens and trained: counts
    over all examples looked at; notes: about the chat template."""

    spans: tuple[Span, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    tokens: int
    trained: int

    @property
    def failures(self) -> list[Finding]:
        """The findings that forbid training."""
        return [finding for finding in self.findings if finding.fatal]

    def require(self) -> None:
        """Raises LintError, with every failure and the marked text, if there is a failure."""
        if self.failures:
            raise LintError(f"the training batch is not sound\n{self}")

    def __str__(self) -> str:
        marked = "".join(f"⟦{s.text}⟧" if s.trained else s.text for s in self.spans)
        return "\n".join(["trained on is what stands in ⟦ ⟧:", marked, *self.lines()])

    def lines(self) -> list[str]:
        """All but the marked text."""
        said = [f"{self.trained:,} of {self.tokens:,} tokens are trained on"]
        said += [f"note: {note}" for note in self.notes]
        said += [
            f"{'FAILED' if f.fatal else 'warning'}: {f.kind}: {f.sentence}" for f in self.findings
        ]
        return said


def lint_first(examples: Sequence[Example], codec: ChatCodec, model: Any = None) -> Report:
    """What a learner does with the first examples of every fit, and with the shortest two of them
    and `model` in its first fit. The report goes to this module's log (level INFO).

    Raises LintError on a failure; warns of all else in the first fit, once for each kind.
    """
    weighted = [e for e in examples if any(target.weight for target in e.targets)]
    report = lint(weighted, codec) if weighted else Report((), (), codec.notes, 0, 0)
    reports = [report]
    if model is not None and weighted:
        shortest = sorted(weighted, key=lambda e: sum(map(len, e.observations)))[:2]
        reports.append(lint(shortest, codec, model, scorer=target_logprobs))
    _log.info("%s", report)
    for each in reports:
        each.require()
    by_kind: dict[str, list[str]] = {}
    for finding in report.findings:
        by_kind.setdefault(finding.kind, []).append(finding.sentence)
    if model is not None:
        for kind, sentences in by_kind.items():
            warnings.warn(f"{kind} ({len(sentences)} times): {sentences[0]}", stacklevel=3)
    return report


def lint(
    examples: Sequence[Example],
    codec: ChatCodec,
    model: Any = None,
    *,
    names: Sequence[str] | None = None,
    packer: Callable[[Example, ChatCodec], Packed] = pack,
    scorer: Scorer = target_logprobs,
) -> Report:
    """Look at examples as they are about to be trained on.

    model: also compare log-probabilities of the packed batch with those of separate samples (a
    few forward passes). names: of the episodes. packer, scorer: what the training uses.
    """
    findings: list[Finding] = []
    packs = [packer(example, codec) for example in examples]
    called = names or [f"of example {n}" for n in range(len(examples))]
    if not examples:
        findings.append(Finding("empty mask", "there is no example at all"))
    for name, example, packed in zip(called, examples, packs, strict=True):
        findings += _check_mask(name, example, packed, codec)
        findings += _check_content(name, example, codec)
        findings += _check_rendering(name, example, codec)
    usable = [n for n, packed in enumerate(packs) if packed.rows]
    if model is not None and usable:
        for sentence in check_isolation(
            [examples[n] for n in usable],
            [packs[n] for n in usable],
            [called[n] for n in usable],
            codec,
            model,
            scorer,
        ):
            findings.append(Finding("segments see each other", sentence))
    return Report(
        tuple(mark(examples[0], packs[0], codec)) if examples else (),
        tuple(findings),
        codec.notes,
        sum(len(packed) for packed in packs),
        sum(len(packed.rows) for packed in packs),
    )


def _check_mask(name: str, example: Example, packed: Packed, codec: ChatCodec) -> list[Finding]:
    """The packed batch trains on every token of every label, each after its own prefix, and on
    nothing else."""
    if not example.targets:
        return [Finding("empty mask", f"episode {name} has no label, so nothing is trained on")]
    if packed.weights and not any(packed.weights):
        return [Finding("empty mask", f"all labels of episode {name} have the weight 0")]
    findings = []
    left = supervised(packed)
    for target, pairs in zip(example.targets, expected(example, codec), strict=True):
        where = f"episode {name}, turn {target.turn}"
        ids = codec.action_ids(target.action)
        missing = []
        for n, pair in enumerate(pairs):
            if left[pair]:
                left[pair] -= 1
            else:
                missing.append(n)
        whole = codec.text(ids)
        if len(missing) == len(ids):
            sentence = f"{where}: no token of the label {_quote(whole)} is trained on"
            findings.append(Finding("empty mask", sentence))
        elif missing == [len(ids) - 1] and ids[-1] == codec.end_of_turn:
            sentence = f"{where}: the label {_quote(whole)} is trained on without "
            sentence += f"{codec.frame.end!r}, so the model would never stop"
            findings.append(Finding("end of turn left out", sentence))
        elif missing and missing == list(range(missing[0], len(ids))):
            kept = codec.text(ids[: missing[0]])
            sentence = f"{where}: of the label's {len(whole)} characters only the first "
            sentence += f"{len(kept)} are trained on; {_quote(whole[len(kept) :])} is cut off"
            findings.append(Finding("label cut off", sentence))
        elif missing:
            lost = codec.decode([ids[n] for n in missing])
            sentence = f"{where}: {_quote(lost)} is not predicted from the prefix of this turn"
            findings.append(Finding("prefix changed", sentence))
    if extra := +left:
        words = codec.decode([token for _, token in extra])
        sentence = f"episode {name}: {extra.total()} tokens that belong to no label (or follow "
        sentence += f"another prefix than their label's) are trained on: {_quote(words)}"
        findings.append(Finding("not a label", sentence))
    return findings


def _check_content(name: str, example: Example, codec: ChatCodec) -> list[Finding]:
    """No control tokens inside what anybody said, and labels whose tokens are their text."""
    findings = []
    for turn, observation in enumerate(example.observations):
        ids = codec.observation_ids(observation, later=turn > 0)
        usual = codec.observation_ids("", later=turn > 0)
        ours = [i for i in ids if i in codec.control_ids]
        frame = [i for i in usual if i in codec.control_ids]
        if ours != frame:
            forged = next(i for i in ours if ours.count(i) != frame.count(i))
            findings.append(_control(f"episode {name}, turn {turn}", observation, forged, codec))
    for target in example.targets:
        where = f"episode {name}, turn {target.turn}"
        action = target.action
        ids = codec.action_ids(action)
        executed = target.turn < len(example.actions) and example.actions[target.turn] == action
        # What a policy itself sampled and executed is a fact, however odd: a warning.
        sampled = executed and action.token_ids is not None
        forged_ids = [i for i in ids[:-1] if i in codec.control_ids]
        if forged_ids:
            finding = _control(f"{where}, label", action.text, forged_ids[0], codec)
            findings.append(Finding(finding.kind, finding.sentence, not sampled))
        if not ids or ids[-1] not in codec.stops:
            sentence = f"{where}: the label {_quote(action.text)} stops after {len(ids)} tokens "
            sentence += f"without {codec.frame.end!r}: whoever gave it was cut off at its limit"
            findings.append(Finding("label cut off", sentence, not sampled))
        if action.token_ids is None and codec.text(ids) != clean(action.text):
            sentence = f"{where}: the label {_quote(action.text)} comes back from its tokens as "
            sentence += f"{_quote(codec.text(ids))}; the tokenizer cannot write this text"
            findings.append(Finding("text lost", sentence))
        if codec.frame.end in action.text:
            sentence = f"{where}: the label spells out {codec.frame.end!r} at character "
            sentence += (
                f"{action.text.index(codec.frame.end)}; was it put through a template twice?"
            )
            findings.append(Finding("control token", sentence, fatal=False))
    return findings


def _control(where: str, text: str, token: int, codec: ChatCodec) -> Finding:
    written = codec.decode([token])
    at = text.find(written)
    place = f"characters {at} to {at + len(written)}" if at >= 0 else "its tokens"
    return Finding(
        "control token",
        f"{where}: {place} have become the control token {written!r}: declare it as special in "
        "the tokenizer, or content can end turns and begin others",
    )


def _check_rendering(name: str, example: Example, codec: ChatCodec) -> list[Finding]:
    """The stream reads like the whole conversation put through the template, but for thoughts
    that the template drops and white space that it trims from actions."""
    observations = [clean(text) for text in example.observations]
    said = [clean(action.text) for action in example.actions[: len(observations) - 1]]
    findings = []
    if codec.frame.drops_thoughts:
        kept = [len(text) - len(_thoughtless(text)) for text in said]
        if sum(kept):
            turn = next(turn for turn, length in enumerate(kept) if length)
            sentence = f"episode {name}, turn {turn}: the template would drop this turn's thought "
            sentence += f"({kept[turn]} characters) later on; the stream keeps it, so serve the "
            sentence += "model token by token as well, not through a server's chat template"
            findings.append(Finding("prefix changed", sentence, fatal=False))
        said = [_thoughtless(text) for text in said]
    said = [text.strip() for text in said]
    last = len(observations) - 1
    for turn in sorted({0, min(1, last), last // 2, last}):
        actions = [Action(text) for text in said[:turn]]
        turns = [text for pair in zip(observations, said[:turn], strict=False) for text in pair]
        own = codec.decode(codec.stream(observations[: turn + 1], actions).ids)
        theirs = render(codec.tokenizer, [*turns, observations[turn]], codec.options)
        if codec.frame.thought:
            own, theirs = (text.replace(codec.frame.thought, "") for text in (own, theirs))
        if own != theirs:
            at = next((n for n, (a, b) in enumerate(zip(own, theirs, strict=False)) if a != b), 0)
            sentence = f"episode {name}, turn {turn}: put through the template again, the "
            sentence += f"conversation differs from what was sampled from at character {at}: "
            sentence += f"{_quote(theirs[at:])} instead of {_quote(own[at:])}"
            return [*findings, Finding("prefix changed", sentence)]
    return findings


def _thoughtless(text: str) -> str:
    return re.split(r"</think>\s*", text)[-1]


def _quote(text: str, most: int = 60) -> str:
    return repr(text if len(text) <= most else text[: most - 1] + "…")
