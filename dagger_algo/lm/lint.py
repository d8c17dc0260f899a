"""A loud linter for masks and tokens: shows exactly which characters are trained on, and fails on
what ruins training in silence.

Wrong assistant masks raise no error anywhere: the loss falls and the model learns nothing, or the
environment's words, or never to stop (marin #7237, trl PR #4975, verl #3562). So what is about to
be trained on is read back from the packed batch itself, token by token with the prefix that each
is predicted from, and compared with what the examples ask for.
"""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any

from dagger_algo.errors import DaggerError
from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.isolation import Scorer, check_isolation
from dagger_algo.lm.lint_checks import (
    Finding,
    Kind,
    check_content,
    check_mask,
    check_rendering,
)
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.marking import Span, mark
from dagger_algo.lm.packing import Packed, pack
from dagger_algo.lm.supervision import counting

__all__ = ["Finding", "Kind", "LintError", "Report", "Sample", "lint", "lint_first"]

RENDERED = 4
"""Examples of a fit's first batch that are put through the chat template again, which takes longer
than all else that is looked at."""
_log = logging.getLogger(__name__)


class LintError(DaggerError, ValueError):
    """What would be trained on is not what the examples ask for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A trajectory that is about to be trained on. packed: as the training packs it."""

    name: str
    example: Example
    packed: Packed


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and found. spans: the first example as text; tokens and trained: counts
    over all `examples` looked at; notes: about the chat template, and what else to know."""

    spans: tuple[Span, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    examples: int
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
        whose = "1 example" if self.examples == 1 else f"{self.examples:,} examples"
        said = [f"{self.trained:,} of {self.tokens:,} tokens of {whose} are trained on"]
        said += [f"note: {note}" for note in self.notes]
        said += [
            f"{'FAILED' if f.fatal else 'warning'}: {f.kind}: {f.sentence}" for f in self.findings
        ]
        return said


def lint_first(
    samples: Sequence[Sample],
    codec: ChatCodec,
    model: Any = None,
    *,
    near: bool = False,
    notes: Sequence[str] = (),
) -> Report:
    """What a learner does with the first batch of every fit: masks and content of all of it, the
    rendering of `RENDERED` samples, and in its first fit, with `model`, log-probabilities of the
    two shortest. The report goes to this module's log (level INFO).

    near: the loss keeps the student near a reference, so a label of weight 0 counts. notes: what
    else the report should say. Raises LintError on a failure; warns of all else in the first fit,
    once for each kind.
    """
    # First what is trained on, for it is the first that is shown.
    samples = sorted(samples, key=lambda sample: not any(counting(sample.packed, near)))
    report = _look(samples, codec, near, RENDERED)
    if model is not None:
        shortest = sorted(samples, key=lambda sample: len(sample.packed))[:2]
        mixed = _isolation(shortest, codec, model, target_logprobs)
        report = replace(report, findings=(*report.findings, *mixed))
    report = replace(report, notes=(*report.notes, *notes))
    _log.info("%s", report)
    report.require()
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
    packs: Sequence[Packed] | None = None,
    scorer: Scorer = target_logprobs,
) -> Report:
    """Look at examples as they are about to be trained on.

    model: also compare log-probabilities of the packed batch with those of separate samples (a
    few forward passes). names: of the episodes. packs: the examples as the training packs them.
    scorer: what the training uses.
    """
    called = names or [f"of example {n}" for n in range(len(examples))]
    packs = [pack(example, codec) for example in examples] if packs is None else packs
    samples = list(starmap(Sample, zip(called, examples, packs, strict=True)))
    report = _look(samples, codec, True, len(samples))
    findings = list(report.findings)
    if not samples:
        findings.append(Finding("empty mask", "there is no example at all"))
    elif any(packed.rows for packed in packs) and not report.trained:
        findings.append(Finding("empty mask", "all labels of all examples have the weight 0"))
    if model is not None:
        findings += _isolation(samples, codec, model, scorer)
    return replace(report, findings=tuple(findings))


def _look(samples: Sequence[Sample], codec: ChatCodec, near: bool, rendered: int) -> Report:
    """All but what needs a model. rendered: how many go through the chat template again."""
    findings: list[Finding] = []
    for n, sample in enumerate(samples):
        findings += check_mask(sample.name, sample.example, sample.packed, codec)
        findings += check_content(sample.name, sample.example, codec)
        if n < rendered:
            findings += check_rendering(sample.name, sample.example, codec)
    packs = [sample.packed for sample in samples]
    return Report(
        tuple(mark(samples[0].example, packs[0], codec, near)) if samples else (),
        tuple(findings),
        codec.notes,
        len(samples),
        sum(len(packed) for packed in packs),
        sum(sum(counting(packed, near)) for packed in packs),
    )


def _isolation(
    samples: Sequence[Sample], codec: ChatCodec, model: Any, scorer: Scorer
) -> list[Finding]:
    usable = [sample for sample in samples if sample.packed.rows]
    if not usable:
        return []
    sentences = check_isolation(
        [sample.example for sample in usable],
        [sample.packed for sample in usable],
        [sample.name for sample in usable],
        codec,
        model,
        scorer,
    )
    return [Finding("segments see each other", sentence) for sentence in sentences]
