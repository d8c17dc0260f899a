"""What the linter looks for in one example: its mask, its content, and how it reads rendered."""

import re
from dataclasses import dataclass
from typing import Literal

from dagger_algo.conversation import Action
from dagger_algo.examples import Example
from dagger_algo.lm.codec import ChatCodec, clean
from dagger_algo.lm.packing import Packed
from dagger_algo.lm.supervision import expected, supervised
from dagger_algo.lm.templates import render

Kind = Literal[
    "empty mask",
    "left out",
    "label cut off",
    "end of turn left out",
    "prefix changed",
    "not a label",
    "segments see each other",
    "control token",
    "text lost",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. fatal: training must not begin; else it is a warning."""

    kind: Kind
    sentence: str
    fatal: bool = True


def check_mask(name: str, example: Example, packed: Packed, codec: ChatCodec) -> list[Finding]:
    """The packed batch trains on every token of every label, each after its own prefix, and on
    nothing else."""
    if not example.targets:
        return [Finding("empty mask", f"episode {name} has no label, so nothing is trained on")]
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


def check_content(name: str, example: Example, codec: ChatCodec) -> list[Finding]:
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


def check_rendering(name: str, example: Example, codec: ChatCodec) -> list[Finding]:
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
