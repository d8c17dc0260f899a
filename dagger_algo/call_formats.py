"""Is a text exactly one whole tool call in a named format? Asked of labels.

As strict as what executes calls, since a student that imitates a broken one writes broken ones;
`tool_calls` reads whatever can be read.
"""

import json
import re

_FENCE = re.compile(r" {0,3}(`{3,}+)[ \t]*+([^`\s]*+)[^`]*+")
_CALL_TAG = re.compile(r"</?tool_call>")
_DECODER = json.JSONDecoder(strict=False)
_TAG = re.compile(r"</?tool_call>|<function=|</function>")
_FUNCTION = re.compile(r"\s*<function=[^<>\n]+>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\n]+)>.*?</parameter>", re.DOTALL)
_CLOSE = re.compile(r"\s*</function>")
_CLOSE_WRAPPED = re.compile(r"\s*</function>\s*</tool_call>")


def is_call(text: str, format: str) -> bool:
    """Whether the text holds one whole call in the format, one of `FORMATS`; words may be around.

    "qwen_coder" is `<function=NAME><parameter=KEY>value</parameter></function>`, with or without
    `<tool_call>` tags around; "hermes" a JSON object with "name" and "arguments" between these
    tags; "bash_block" a fenced block marked bash or sh, as CommonMark reads it.
    """
    return _READERS[format](text)


def _qwen_coder(text: str) -> bool:
    first = _TAG.search(text)
    if first is None:
        return False
    wrapped = first[0] == "<tool_call>"
    head = _FUNCTION.match(text, first.end() if wrapped else first.start())
    if head is None:
        return False
    names, position = list[str](), head.end()
    while parameter := _PARAMETER.match(text, position):
        names.append(parameter[1])
        position = parameter.end()
    close = (_CLOSE_WRAPPED if wrapped else _CLOSE).match(text, position)
    if close is None or _TAG.search(text, close.end()):
        return False
    return len(set(names)) == len(names)


def _hermes(text: str) -> bool:
    before, _, behind = text.partition("<tool_call>")
    body = behind.lstrip()
    try:
        call, end = _DECODER.raw_decode(body)
    except (ValueError, RecursionError):
        return False
    closed, tag, after = body[end:].partition("</tool_call>")
    if closed.strip() or not tag or _CALL_TAG.search(f"{before}\n{after}"):
        return False
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        return False
    return isinstance(call.get("arguments", {}), dict)


def _bash_block(text: str) -> bool:
    fence, is_bash, blocks = "", False, 0
    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if match is None:
            continue
        if not fence:
            fence, is_bash = match[1], match[2].lower() in ("bash", "sh")
        elif len(match[1]) >= len(fence):
            if line.strip() != match[1]:
                return False  # a new block begins inside this one
            fence, blocks = "", blocks + is_bash
    return blocks == 1 and not (fence and is_bash)


_READERS = {"qwen_coder": _qwen_coder, "hermes": _hermes, "bash_block": _bash_block}
FORMATS = tuple(_READERS)
"""Formats by name."""
