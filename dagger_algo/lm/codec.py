"""Conversations as token ids: exact token-in-token-out over any well-behaved chat template.

An episode is one growing stream of ids. What a model sampled enters the stream as the very ids
that were sampled; only what the environment said is tokenised, once. So the ids trained on are
the ids sampled, and the prefix never changes between turns (re-tokenised turns that no longer
match their log-probabilities: trl #5224, verl #3960). The same holds for thoughts: a template that
drops `<think>` from past turns (Qwen3; prime-rl #1334) is not followed in that, see
`ChatCodec.notes`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dagger_algo.conversation import Action, Conversation
from dagger_algo.lm.templates import read_frame, render


@dataclass(frozen=True)
class Stream:
    """A conversation in ids.

    ids: the whole of it. starts: for each turn the length of the prefix an action there follows;
    one more entry than there are actions when the conversation waits for an action. ends: for each
    action where its own ids end, its end-of-turn token included.
    """

    ids: list[int]
    starts: list[int]
    ends: list[int]

    @property
    def mask(self) -> list[bool]:
        """Per id: is it the assistant's, that is an action's own or the token that ends it?"""
        said = [False] * len(self.ids)
        for start, end in zip(self.starts, self.ends, strict=False):
            said[start:end] = [True] * (end - start)
        return said


class ChatCodec:
    """Text to ids and back, for one tokenizer and its chat template.

    The template is read once (`templates.py`). Each stretch of text between special tokens is
    encoded in one piece, as it would be in the whole rendered text, but for two seams: where an
    action begins and where it ends, which is where sampling begins and ends. `notes` say what a
    user should know about the template; TemplateError says why it cannot be used at all.
    """

    def __init__(self, tokenizer: Any, options: Mapping[str, Any] | None = None) -> None:
        """options: passed on to the chat template, for example {"enable_thinking": False}."""
        self.tokenizer = tokenizer
        self.options = dict(options or {})
        added = {i: t for i, t in tokenizer.added_tokens_decoder.items() if t.special}
        self.special_ids = frozenset(added) | frozenset(tokenizer.all_special_ids)
        texts = {tokenizer.convert_ids_to_tokens(i) for i in self.special_ids}
        frame = read_frame(tokenizer, texts, self.options)
        longest_first = sorted(texts, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)))
        self.frame = frame
        (self.end_of_turn,) = self._plain(frame.end)
        eos = getattr(tokenizer, "eos_token_id", None)
        self.stops = frozenset({self.end_of_turn} | ({eos} if eos is not None else set()))
        # A template whose roles are marked by added tokens that are not special: content can
        # write them, and then they are control tokens all the same.
        marks = "".join([frame.opening, frame.opened, frame.between, frame.reopened])
        marks = marks.replace("<think>", "").replace("</think>", "")  # these a model may well say
        added_marks = set(self._plain(marks)) & set(tokenizer.added_tokens_decoder)
        self.control_ids = self.special_ids | added_marks

        self._opening, self._between = self._before(frame.opening), self._before(frame.between)
        if not self._between[0]:
            self._between = (frame.end, *self._between[1:])
        self._opened, self._reopened = self._after(frame.opened), self._after(frame.reopened)
        prompt = list(self._special.finditer(frame.reopened))
        self._context = frame.reopened[prompt[-1].start() :] if prompt else frame.reopened
        self._context_ids = self._plain(self._context)
        self._context_text = self.decode(self._context_ids)
        self._observation = lru_cache(maxsize=16_384)(self._encode_observation)
        self._action = lru_cache(maxsize=16_384)(self._encode_action)
        self.notes = (*frame.notes, *self._note_seams())

    def action_ids(self, action: Action) -> tuple[int, ...]:
        """The ids of one action with its end-of-turn token: as sampled, else as its text encodes.

        Sampled ids that never reached the end of turn are given back as they are.
        """
        if action.token_ids is not None:
            return action.token_ids
        return (*self._action(action.text), self.end_of_turn)

    def observation_ids(self, text: str, *, later: bool) -> tuple[int, ...]:
        """The ids of one observation with all that the template puts around it. later: it is not
        the first one."""
        return self._observation(text, later)

    def text(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, without the token that ended them."""
        if ids and ids[-1] in self.stops:
            ids = ids[:-1]
        # In context, because some decoders drop a space at the very beginning.
        whole = self.decode([*self._context_ids, *ids])
        if whole.startswith(self._context_text):
            text = whole[len(self._context_text) :]
        else:
            text = self.decode(ids)
        return text.removeprefix(self.frame.lead).removesuffix(self.frame.trail)

    def stream(self, observations: Sequence[str], actions: Sequence[Action]) -> Stream:
        """The ids of a conversation. `observations` may be one longer than `actions`."""
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        for turn, observation in enumerate(observations):
            if turn and ids[-1] != self.end_of_turn:
                ids.append(self.end_of_turn)
            ids += self._observation(observation, turn > 0)
            starts.append(len(ids))
            if turn < len(actions):
                ids += self.action_ids(actions[turn])
                ends.append(len(ids))
        return Stream(ids, starts, ends)

    def state(self, conversation: Conversation) -> list[int]:
        """The prefix that the next action of a conversation follows."""
        return self.stream(conversation.observations, conversation.actions).ids

    def count(self, text: str) -> int:
        """Number of tokens of an action's text, end-of-turn token included."""
        return len(self._action(text)) + 1

    def _encode_observation(self, text: str, later: bool) -> tuple[int, ...]:
        """An observation with all that the template puts around it."""
        anchor, head, left = self._between if later else self._opening
        right, tail = self._reopened if later else self._opened
        content = left + self.frame.observation(clean(text)) + right
        return (*head, *self._content(content, anchor, self._plain(anchor)), *tail)

    def _encode_action(self, text: str) -> tuple[int, ...]:
        sound = clean(text)
        content = self.frame.lead + sound + self.frame.trail
        ids = self._content(content, self._context, self._context_ids)
        if text[:1].isspace() and self.text(ids) != sound:
            ids = self._content(content, "", [])
        return tuple(ids)

    def _content(self, text: str, context: str, context_ids: list[int]) -> list[int]:
        """Ids of text that follows a context. Content never becomes a control token, whatever an
        environment or a model writes."""
        if not text:
            return []
        if self._special.search(text):
            encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
            return list(encoded["input_ids"])
        ids = self._plain(context + text)
        if ids[: len(context_ids)] == context_ids:
            return ids[len(context_ids) :]
        return self._plain(text)

    def _before(self, text: str) -> tuple[str, list[int], str]:
        """Template text ahead of content: its last special token, the ids up to that, the rest."""
        found = list(self._special.finditer(text))
        end = found[-1].end() if found else 0
        return (found[-1][0] if found else ""), self._plain(text[:end]), text[end:]

    def _after(self, text: str) -> tuple[str, list[int]]:
        """Template text behind content: up to its first special token, and the ids from there."""
        found = self._special.search(text)
        start = found.start() if found else len(text)
        return text[:start], self._plain(text[start:])

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False) if text else []
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Any ids as text, control tokens written out."""
        # Llama 3's tokenizer is saved with the clean-up on, which eats spaces before commas.
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def _note_seams(self) -> list[str]:
        said = ["Look here:\n  x = 1,\n", "print( 'a' )", "done .\n", "ls", "none"]
        own = self.stream(said[::2], [Action(text) for text in said[1::2]]).ids
        whole = self._plain(render(self.tokenizer, said, self.options))
        if own == whole or self.decode(own) != self.decode(whole):
            return []  # the same, or another text: then the frame's notes say so
        return [
            "the whole text of a conversation would be tokenised otherwise than turn by turn: "
            f"{self.decode(whole)!r} in {len(whole)} ids, not {len(own)}; the stream's are used"
        ]


def clean(text: str) -> str:
    """Without the halves of surrogate pairs that no encoding has."""
    return text.encode("utf-8", "replace").decode("utf-8")
