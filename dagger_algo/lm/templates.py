"""What a chat template puts around the turns of a conversation, read off by rendering marks.

Templates are programs. This one-time reading finds the constant text around every turn, proves on
a longer dialogue that it is constant, and says in notes what the template does besides: what it
adds in front, what it trims, which thoughts it drops from the history.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagger_algo.errors import TemplateError

# Private-use characters: no template trims, escapes or rewrites them.
_MARKS = ("\ue000", "\ue001", "\ue002", "\ue003", "\ue004")
_FIRST, _ACT, _SECOND, _AGAIN, _THIRD = _MARKS
_ORDINARY = "a <b> & 'c' \"d\" {e} \\f 100% é\n\n\tg"
_EDGES = " \n\t"
_THOUGHT = re.compile(r"<think>\s*(.*?</think>\s*)?", re.DOTALL)
_TODAY = (
    "{%- macro strftime_now(format) -%}"
    "{{ '2024-07-26' if format == '%Y-%m-%d' else '26 Jul 2024' }}{%- endmacro -%}"
)
_TRIMS: dict[str, Callable[[str], str]] = {
    "nothing": lambda text: text,
    "whitespace": str.strip,
    "leading whitespace": str.lstrip,
    "trailing whitespace": str.rstrip,
    "newlines": lambda text: text.strip("\n"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """The constant text around the turns.

    opening, opened: before the first observation; after it, up to where the assistant's words
        begin. between, reopened: the same for every later observation, after the end of turn.
    lead, trail: white space that the template writes around an action inside its turn: part of
        what the assistant says.
    end: the end-of-turn token. trims: what is cut off both or either end of an observation, a key
        of `_TRIMS`. thought: what the prompt to speak has of a thought that history has not;
        drops_thoughts: past turns lose theirs. notes: sentences about what a user should know.
    """

    opening: str
    opened: str
    lead: str
    trail: str
    end: str
    between: str
    reopened: str
    trims: str
    thought: str
    drops_thoughts: bool
    notes: tuple[str, ...]

    def observation(self, text: str) -> str:
        """An observation as the template shows it."""
        return _TRIMS[self.trims](text)


def render(
    tokenizer: Any,
    said: Iterable[str],
    options: Mapping[str, Any] | None = None,
    *,
    prompt: bool = True,
) -> str:
    """A dialogue that the user begins, through the tokenizer's own template, as text.

    options: passed to the template (`enable_thinking=False`). The date that some templates write
    into the first turn is a fixed one, or a run taken up tomorrow would see another prefix.
    Raises TemplateError when the template fails.
    """
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(said)]
    try:
        template = tokenizer.get_chat_template()
        text: str = tokenizer.apply_chat_template(
            messages,
            chat_template=_TODAY + template if "strftime_now" in template else template,
            tokenize=False,
            add_generation_prompt=prompt,
            **(options or {}),
        )
    except Exception as error:
        raise TemplateError(f"the chat template fails: {error}") from error
    return text


def read_frame(
    tokenizer: Any, specials: Iterable[str], options: Mapping[str, Any] | None = None
) -> Frame:
    """Read a tokenizer's template. specials: its special tokens, as text.

    Raises TemplateError, with a reason, when there is no template or no such constant frame.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise TemplateError(
            "the tokenizer has no chat template; set tokenizer.chat_template, or choose an "
            "instruction-tuned checkpoint"
        )
    first = render(tokenizer, [_FIRST], options)
    second = render(tokenizer, _MARKS[:3], options)
    third = render(tokenizer, _MARKS, options)
    opening, opened = _split(first, _FIRST)
    trims = _read_trims(tokenizer, opening, opened, options)
    past, closing, reopened = _split(second, *_MARKS[:3])[1:]
    rewritten = TemplateError(
        "the chat template rewrites earlier turns when later ones come, so the ids sampled would "
        f"not be the ids trained on; it gave {first!r}, then {second!r}, then {third!r}; use a "
        "template whose turns look the same wherever they stand"
    )
    thought, lead = "", past.removeprefix(opened)
    if opened.startswith(past) and opened != past:
        thought, lead = opened[len(past) :], ""
        if not _THOUGHT.fullmatch(thought):
            raise rewritten
    elif not past.startswith(opened) or (lead.strip() and not _THOUGHT.fullmatch(lead)):
        raise rewritten
    again = reopened[: len(reopened) - len(thought)] + lead
    if not reopened.endswith(thought) or third != "".join(
        [opening, _FIRST, past, _ACT, closing, _SECOND, again, _AGAIN, closing, _THIRD, reopened]
    ):
        raise rewritten
    found = re.search("|".join(map(re.escape, sorted(specials, key=len, reverse=True))), closing)
    if found is None or not found[0] or closing[: found.start()].strip():
        raise TemplateError(
            "the chat template does not end an assistant's turn with a special token, so the model "
            f"could not say that it has finished; it gave {second!r}; end the turn with a token "
            "that the tokenizer knows as special"
        )
    trail, between = closing[: found.start()], closing[found.end() :]
    drops = bool(thought) or _drops_thoughts(tokenizer, second, options)
    notes = [*_note_opening(opening, between), *_note_forgeable(opened, specials)]
    if drops:
        notes.append(
            "the template drops or changes <think> of past turns"
            + (f" (and its own {thought!r})" if thought else "")
            + "; the stream keeps what was sampled as it was sampled, in acting and in training"
        )
    if trims != "nothing":
        notes.append(f"the template trims {trims} of what the environment says, and so do we")
    if "strftime_now" in tokenizer.get_chat_template():
        notes.append("the template writes today's date; it is held at 26 July 2024")
    return Frame(
        opening, opened, lead, trail, found[0], between, reopened, trims, thought, drops,
        tuple(notes),
    )  # fmt: skip


def _split(text: str, *marks: str) -> list[str]:
    parts = []
    for mark in marks:
        if text.count(mark) != 1:
            raise TemplateError(
                f"the chat template shows a message {text.count(mark)} times, not once as it is: "
                f"it gave {text!r} for messages that consist of private-use characters"
            )
        part, text = text.split(mark)
        parts.append(part)
    return [*parts, text]


def _read_trims(
    tokenizer: Any, opening: str, opened: str, options: Mapping[str, Any] | None
) -> str:
    probe = _EDGES + _ORDINARY + _EDGES
    shown = render(tokenizer, [probe], options)
    for name, trim in _TRIMS.items():
        if shown == opening + trim(probe) + opened:
            return name
    raise TemplateError(
        "the chat template changes what the environment says (escapes or rewrites it): "
        f"{probe!r} became {shown!r}; use a template that shows messages as they are"
    )


def _note_opening(opening: str, between: str) -> list[str]:
    usual = between.lstrip()
    extra = opening.removesuffix(usual) if usual else opening
    return [f"the template begins every conversation with {extra!r}"] if extra else []


def _drops_thoughts(tokenizer: Any, second: str, options: Mapping[str, Any] | None) -> bool:
    thoughtful = f"<think>\n{_AGAIN}\n</think>\n\n{_ACT}"
    shown = render(tokenizer, [_FIRST, thoughtful, _SECOND], options)
    return shown != second.replace(_ACT, thoughtful)


def _note_forgeable(opened: str, specials: Iterable[str]) -> list[str]:
    if any(special in opened for special in specials):
        return []
    return [
        f"the environment's turn ends with ordinary text, {opened!r}, which what the environment "
        "says could imitate"
    ]
