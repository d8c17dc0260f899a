"""Tool calls out of the text of an action, in whichever of the common formats they are written.

For looking at what an agent did, not for executing it: what cannot be read is None, never an error.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_XML = re.compile(r"<function=([^<>\n]+)>")
_PARAMETER = re.compile(r"<parameter=([^<>\n]+)>(.*?)</parameter>", re.DOTALL)
_JSON = re.compile(r"<tool_call>\s*(?=\{)")
_FENCE = re.compile(r" {0,3}(`{3,}+)[ \t]*+([^`\s]*+)[^`]*+")
_SHELLS = ("bash", "sh", "shell", "console")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class ToolCall:
    """name: the tool's. arguments: by name, as text; other JSON values as JSON."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


def tool_call(text: str) -> ToolCall | None:
    """The first call in an action's text; None where there is none.

    Read are: `<function=NAME><parameter=KEY>value</parameter></function>`, a JSON object behind
    `<tool_call>`, and a fenced block marked as a shell's, which is a call of `bash` with that
    `command`. Broken ones are read as far as they go.
    """
    return _xml(text) or _hermes(text) or _block(text)


def _xml(text: str) -> ToolCall | None:
    head = _XML.search(text)
    if head is None:
        return None
    end = text.find("</function>", head.end())
    body = text[head.end() : end if end >= 0 else len(text)]
    # Without this, every unclosed <parameter= would be searched to the end of the text.
    body = body[: body.rfind("</parameter>") + len("</parameter>")]
    found = _PARAMETER.finditer(body)
    return ToolCall(head[1], {m[1]: m[2].removeprefix("\n").removesuffix("\n") for m in found})


def _hermes(text: str) -> ToolCall | None:
    head = _JSON.search(text)
    if head is None:
        return None
    try:
        data, _ = _DECODER.raw_decode(text, head.end())
    except (ValueError, RecursionError):
        return None
    name, arguments = data.get("name"), data.get("arguments", data.get("parameters"))
    if not isinstance(name, str):
        return None
    given = arguments if isinstance(arguments, dict) else {}
    return ToolCall(name, {key: _as_text(value) for key, value in given.items()})


def _block(text: str) -> ToolCall | None:
    fence, inside, block = "", False, list[str]()
    for line in text.split("\n"):
        match = _FENCE.fullmatch(line)
        if not fence:
            if match:
                fence, inside = match[1], match[2].lower() in _SHELLS
        elif match and len(match[1]) >= len(fence) and line.strip() == match[1]:
            if inside:
                break
            fence = ""
        elif inside:
            block.append(line)
    return ToolCall("bash", {"command": "\n".join(block)}) if inside else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
