"""A label is a call exactly where the environment would execute it."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagger_algo.call_formats import FORMATS, is_call
from swe_gym_env.formats import MalformedCall, get_format

QWEN = "<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>"
JSON = '{"name": "bash", "arguments": {"command": "ls"}}'
HERMES = f"<tool_call>\n{JSON}\n</tool_call>"
BLOCK = "```bash\nls\n```"

WHOLE = {
    "qwen_coder": [
        QWEN,
        f"I look.\n<tool_call>\n{QWEN}\n</tool_call>\nThen I see.",
        "<function=submit></function>",
        QWEN.replace("ls", r"grep '<\/parameter>' x"),
    ],
    "hermes": [
        f"I look. {HERMES} Then I see.",
        '<tool_call>{"name": "submit"}</tool_call>',
        HERMES.replace("ls", "cd x\nls"),
    ],
    "bash_block": [
        f"I look.\n{BLOCK}\nThen I see.",
        BLOCK.replace("bash", "sh"),
        f"```python\nx = 1\n```\n{BLOCK}",
        "````bash\ncat <<E\n```\nE\n````",
        f"{BLOCK}\n```python\nx = 1",
    ],
}
BROKEN = {
    "qwen_coder": [
        QWEN.replace("\n</function>", ""),
        QWEN.replace("\n</parameter>", ""),
        f"<tool_call>\n{QWEN}",
        f"{QWEN}\n</tool_call>",
        f"{QWEN}\n{QWEN}",
        QWEN.replace("\n</function>", "\n<parameter=command>\npwd\n</parameter>\n</function>"),
        QWEN.replace("\n</function>", "\nwords\n</function>"),
        HERMES,
    ],
    "hermes": [
        HERMES.replace("</tool_call>", ""),
        HERMES + HERMES,
        HERMES.replace("}}", "}} words"),
        HERMES.replace('"bash"', "3"),
        '<tool_call>{"name": "bash", "arguments": [1]}</tool_call>',
        "<tool_call>[1]</tool_call>",
        "<tool_call>" + "[" * 100_000,
        JSON,
        QWEN,
    ],
    "bash_block": [
        BLOCK.replace("bash", "console"),
        BLOCK.replace("bash", "shell"),
        BLOCK.replace("bash", ""),
        "```bash\nls\n",
        f"{BLOCK}\n{BLOCK}",
        "```bash\nls\n```bash\npwd\n```",
        f"````text\n{BLOCK}\n````",
        QWEN,
    ],
}
PIECES = [
    *("<tool_call>", "</tool_call>", "<function=bash>", "</function>", "</parameter>"),
    *("<parameter=command>", "<parameter=path>", "<parameter=", "ls", "\n", "\n", "\r\n", " "),
    *("```bash", "```sh", "```console", "```", "````", "    ```", "~~~", "\ud800", "["),
    *(JSON, '{"name": 3}', '{"name": "submit"}', QWEN, HERMES, BLOCK),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=10).map("".join) | st.text()


def executes(text: str, name: str) -> bool:
    try:
        get_format(name).parse(text)
    except MalformedCall:
        return False
    return True


@pytest.mark.parametrize("name", FORMATS)
def test_whole_calls_are_labels_and_broken_ones_are_not_as_in_the_environment(name: str) -> None:
    for texts, whole in ((WHOLE[name], True), (BROKEN[name] + ["", "I am done."], False)):
        for text in texts:
            assert (is_call(text, name), executes(text, name)) == (whole, whole), text[:300]


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=400)
@given(text=TEXTS)
@example(text=f"{HERMES}\n<tool_call>")
@example(text="<tool_call><function=a>\n</function>\r\n</tool_call>")
def test_no_text_is_a_label_that_the_environment_refuses_or_the_other_way(
    name: str, text: str
) -> None:
    assert is_call(text, name) == executes(text, name)


@pytest.mark.parametrize("piece", ["<parameter=a>", "``` ", "<tool_call>{", "</parameter>", "["])
def test_hostile_text_is_judged_in_time(piece: str) -> None:
    long = piece * (200_000 // len(piece))
    start = time.process_time()
    for text in (long, f"<function=bash>{long}", f"<tool_call>{long}", f"```bash\n{long}\n```"):
        for name in FORMATS:
            is_call(text, name)
    assert time.process_time() - start < 3, "a quadratic search would take minutes"
