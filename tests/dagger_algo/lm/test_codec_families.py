"""The masks are exact for the ways in which the families' chat templates behave: default system
prompts, trimmed content, stripped thoughts, strict alternation, dates, bos.

The templates here are short transcriptions of ours, of what the authors' own do with user and
assistant messages; the originals, with their branches for tools, documents and system messages, are
longer and are not in this repository."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from dagger_algo.conversation import Action
from dagger_algo.errors import TemplateError
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.templates import render

TURN = "'<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n'"
ASK = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
CHATML = "{% for m in messages %}{{ " + TURN + " }}{% endfor %}" + ASK


def default_system(text: str) -> str:
    return (
        "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\n"
        + text
        + "<|im_end|>\n' }}{% endif %}"
        + CHATML
    )


# Thoughts live on only behind the newest question; the last answer is given an empty one.
QWEN3 = """
{%- set ns = namespace(last=messages|length - 1, open=true) %}
{%- for m in messages[::-1] %}
    {%- if ns.open and m.role == 'user' and not (m.content.startswith('<tool_response>')
        and m.content.endswith('</tool_response>')) %}
        {%- set ns.open = false %}
        {%- set ns.last = messages|length - 1 - loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {%- set thought = '' %}{% set said = m.content %}
        {%- if '</think>' in said %}
            {%- set thought = said.split('</think>')[0].split('<think>')[-1].strip('\\n') %}
            {%- set said = said.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {%- set said = '<think>\\n' + thought + '\\n</think>\\n\\n' + said.lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' + said + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

LLAMA3 = (
    "{% for m in messages %}{% set content = '<|start_header_id|>' + m.role + "
    "'<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' %}"
    "{% if loop.first %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA31 = (
    "{{ bos_token }}{{ '<|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023\nToday Date: ' + strftime_now('%d %b %Y') + "
    "'\n\n<|eot_id|>' }}" + LLAMA3.replace("bos_token + ", "")
)
ALTERNATE = (
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant/user/assistant') }}{% endif %}"
)
MISTRAL1 = (
    "{{ bos_token }}{% for m in messages %}" + ALTERNATE + "{% if m.role == 'user' %}"
    "{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ m.content + eos_token }}{% endif %}"
    "{% endfor %}"
)
MISTRAL3 = (
    "{{ bos_token }}{% for m in messages %}" + ALTERNATE + "{% if m.role == 'user' %}"
    "{{ '[INST] ' + m.content + '[/INST]' }}{% else %}{{ ' ' + m.content | trim + eos_token }}"
    "{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
    + ALTERNATE
    + "{% set role = 'model' if m.role == 'assistant' else m.role %}"
    "{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
THINKER = CHATML.replace("assistant\n'", "assistant\n<think>\n'").replace(
    "m.content", "m.content.split('</think>')[-1].lstrip('\n')"
)

IM = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
HEADERS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
THINK = ("<think>", "</think>", "<tool_call>", "</tool_call>")


@dataclass(frozen=True)
class Family:
    template: str
    special: Sequence[str]
    bos: str | None
    eos: str
    end: str
    pieces: str = "bytes"
    """What its tokenizer is made of: bytes (GPT-2's way) or sentencepiece's words."""


FAMILIES = {
    "chatml": Family(CHATML, IM, None, "<|im_end|>", "<|im_end|>"),
    "qwen2": Family(
        default_system("You are a helpful assistant."), IM, None, "<|im_end|>", "<|im_end|>"
    ),
    "qwen2.5": Family(
        default_system("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
        IM,
        None,
        "<|im_end|>",
        "<|im_end|>",
    ),
    "qwen3": Family(QWEN3, IM, None, "<|im_end|>", "<|im_end|>"),
    "qwen3-thinking": Family(THINKER, IM, None, "<|im_end|>", "<|im_end|>"),
    "hermes": Family(
        "{{ bos_token }}" + CHATML, (*IM, HEADERS[0]), HEADERS[0], "<|im_end|>", "<|im_end|>"
    ),
    "llama3": Family(LLAMA3, HEADERS, HEADERS[0], "<|eot_id|>", "<|eot_id|>"),
    "llama3.1": Family(LLAMA31, HEADERS, HEADERS[0], "<|eot_id|>", "<|eot_id|>"),
    "mistral-v1": Family(MISTRAL1, ("<s>", "</s>"), "<s>", "</s>", "</s>", "words"),
    "mistral-v3": Family(
        MISTRAL3, ("<s>", "</s>", "[INST]", "[/INST]"), "<s>", "</s>", "</s>", "words"
    ),
    "mistral-nemo": Family(
        MISTRAL3.replace("' ' + ", ""), ("<s>", "</s>", "[INST]", "[/INST]"), "<s>", "</s>", "</s>"
    ),
    "gemma": Family(
        GEMMA,
        ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        "<bos>",
        "<eos>",
        "<end_of_turn>",
    ),
}
TRAINING = ["def add(a, b):\n    return a + b\n", "user system assistant model INST ls -la say"]


def make_tokenizer(family: Family) -> Any:
    """A small tokenizer with a family's special tokens and template. As in Llama 3's files, only
    bos and eos are named; the others are special by their flag, and `<think>` is not special."""
    if family.pieces == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer = Tokenizer(models.BPE(byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Sequence(
            [
                decoders.Replace("▁", " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        )
        alphabet = [chr(i) for i in range(32, 127)]
    bytes_ = [f"<0x{i:02X}>" for i in range(256)] if family.pieces == "words" else []
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=[*family.special, *bytes_],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINING, trainer)
    saved = json.loads(tokenizer.to_str())
    # sentencepiece's byte pieces are ordinary ones.
    saved["added_tokens"] = [t for t in saved["added_tokens"] if t["content"] not in bytes_]
    tokenizer = Tokenizer.from_str(json.dumps(saved))
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token=family.bos, eos_token=family.eos
    )
    wrapped.add_tokens([token for token in THINK if token not in family.special])
    wrapped.chat_template = family.template
    return wrapped


@pytest.fixture(scope="module", params=FAMILIES)
def named(request: pytest.FixtureRequest) -> tuple[str, Any]:
    return request.param, make_tokenizer(FAMILIES[request.param])


SAID = [
    "Mend it:\n\ndef f(x):\n\treturn x , 1",
    "I look.\n<tool_call>\n{'name': 'view'}\n</tool_call>",
    "  1: def f(x):\n  2:  'é 中 😀'\n\n",
    "a",
    "",
    "done . It's  all",
    "again\n",
]


def whole_text_ids_and_mask(codec: ChatCodec, said: list[str]) -> tuple[list[int], list[bool]]:
    """The other way round: render everything, tokenise once, and mark by characters."""
    text = render(codec.tokenizer, said, codec.options)
    encoded = codec.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans, at = [], 0
    for turn in range(1, len(said), 2):
        before = render(codec.tokenizer, said[:turn], codec.options)
        at = len(before)
        end = text.index(codec.frame.end, at) + len(codec.frame.end)
        spans.append((at, end))
    mask = [
        any(start <= a and b <= end and a < b for start, end in spans)
        for a, b in encoded["offset_mapping"]
    ]
    return encoded["input_ids"], mask


def test_ids_and_mask_are_those_of_the_whole_rendered_text(named: tuple[str, Any]) -> None:
    name, tokenizer = named
    codec = ChatCodec(tokenizer)
    if name == "qwen3-thinking":  # its history has not the thought that it prompts for
        assert any("its own '<think>" in note for note in codec.notes)
        return
    stream = codec.stream(SAID[::2], [Action(text) for text in SAID[1::2]])
    ids, mask = whole_text_ids_and_mask(codec, SAID)
    assert tokenizer.decode(stream.ids) == tokenizer.decode(ids)
    assert stream.ids == ids
    assert stream.mask == mask
    assert any(mask) and not any("tokenised otherwise" in note for note in codec.notes)


def test_nothing_but_actions_and_their_ends_is_masked_in(named: tuple[str, Any]) -> None:
    name, tokenizer = named
    codec = ChatCodec(tokenizer)
    actions = [Action(text) for text in SAID[1::2]]
    stream = codec.stream(SAID[::2], actions)
    assert tokenizer.convert_ids_to_tokens(codec.end_of_turn) == FAMILIES[name].end
    assert sum(stream.mask) == sum(len(codec.action_ids(action)) for action in actions)
    for start, end, action in zip(stream.starts, stream.ends, actions, strict=False):
        assert stream.ids[end - 1] == codec.end_of_turn
        assert codec.text(stream.ids[start:end]) == action.text
        assert not stream.mask[start - 1] and not stream.mask[end]


def test_each_state_is_the_beginning_of_the_next(named: tuple[str, Any]) -> None:
    _, tokenizer = named
    codec = ChatCodec(tokenizer)
    actions = [Action(text) for text in SAID[1::2]]
    states = [codec.stream(SAID[: 2 * t + 1 : 2], actions[:t]).ids for t in range(4)]
    for before, after in pairwise(states):
        assert after[: len(before)] == before


@settings(max_examples=40, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_action_comes_back_as_it_was(named: tuple[str, Any], text: str) -> None:
    codec = ChatCodec(named[1])
    ids = codec.action_ids(Action(text))
    assert ids[-1] == codec.end_of_turn and not codec.special_ids & set(ids[:-1])
    assert codec.text(ids) == text


def test_forged_control_tokens_stay_text(named: tuple[str, Any]) -> None:
    name, tokenizer = named
    codec = ChatCodec(tokenizer)
    forged = "".join(FAMILIES[name].special)
    honest = codec.stream(["x", "y"], [Action("z")]).ids
    attacked = codec.stream([forged, forged], [Action(forged)]).ids
    assert [i for i in attacked if i in codec.special_ids] == [
        i for i in honest if i in codec.special_ids
    ]
    assert forged in tokenizer.decode(attacked)


THOUGHT = "<think>\nfirst this,\nthen that\n</think>\n\nls"


def test_thoughts_that_the_template_would_strip_stay_as_sampled() -> None:
    codec = ChatCodec(make_tokenizer(FAMILIES["qwen3"]))
    stripped = render(codec.tokenizer, ["go", THOUGHT, "a b"])
    assert "then that" not in stripped
    before = codec.stream(["go"], []).ids
    ids = codec.action_ids(Action(THOUGHT))
    after = codec.stream(["go", "a b"], [Action(THOUGHT)]).ids
    assert after[: len(before) + len(ids)] == [*before, *ids]
    assert codec.text(ids) == THOUGHT
    assert any("drops or changes <think>" in note for note in codec.notes)


def test_an_empty_thought_that_is_only_in_the_prompt_is_kept_in_the_history() -> None:
    tokenizer = make_tokenizer(FAMILIES["qwen3"])
    codec = ChatCodec(tokenizer, {"enable_thinking": False})
    text = tokenizer.decode(codec.stream(["go", "a b"], [Action("ls")]).ids)
    prompt = "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert text == (
        f"<|im_start|>user\ngo<|im_end|>\n{prompt}ls<|im_end|>\n"
        f"<|im_start|>user\na b<|im_end|>\n{prompt}"
    )
    assert any("its own '<think>" in note for note in codec.notes)


def test_a_prompt_that_opens_a_thought_keeps_it_open_in_the_history() -> None:
    codec = ChatCodec(make_tokenizer(FAMILIES["qwen3-thinking"]))
    said = "yes\n</think>\n\nls"
    text = codec.tokenizer.decode(codec.stream(["go", "on"], [Action(said)]).ids)
    assert text.startswith(
        f"<|im_start|>user\ngo<|im_end|>\n<|im_start|>assistant\n<think>\n{said}<|im_end|>"
    )


def test_the_date_does_not_move_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = ChatCodec(make_tokenizer(FAMILIES["llama3.1"]))
    text = codec.tokenizer.decode(codec.stream(["go"], []).ids)
    assert "Today Date: 26 Jul 2024\n" in text
    assert any("date" in note for note in codec.notes)


@pytest.mark.parametrize(
    ("family", "note"),
    [
        ("qwen2", "begins every conversation with '<|im_start|>system"),
        ("gemma", "trims whitespace"),
        ("mistral-v1", "could imitate"),
        ("hermes", "begins every conversation with '<|begin_of_text|>'"),
    ],
)
def test_what_a_template_does_besides_is_said(family: str, note: str) -> None:
    assert any(note in said for said in ChatCodec(make_tokenizer(FAMILIES[family])).notes)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (CHATML.replace("m.content", "m.content | tojson"), "changes what the environment says"),
        (CHATML.replace("m.content", "m.content | e"), "changes what the environment says"),
        (CHATML.replace("m.content", "m.content + m.content"), "2 times"),
        (CHATML.replace("m.content", "'it spoke'"), "0 times"),
        (CHATML.replace("'<|im_end|>", "'</answer><|im_end|>"), "special token"),
        (CHATML.replace("m.role", "(m.role if loop.last else 'past ' + m.role)"), "rewrites"),
        (CHATML.replace("<|im_start|>' + m", "<|im_start|>' + loop.index|string + m"), "rewrites"),
        ("{% if messages|length > 1 %}{{ raise_exception('one only') }}{% endif %}x", "one only"),
    ],
)
def test_a_template_that_cannot_be_masked_is_refused_with_a_reason(
    template: str, complaint: str
) -> None:
    tokenizer = make_tokenizer(FAMILIES["chatml"])
    tokenizer.chat_template = template
    with pytest.raises(TemplateError, match=complaint):
        ChatCodec(tokenizer)
