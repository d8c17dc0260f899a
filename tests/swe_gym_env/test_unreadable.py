"""What the environment says it cannot read is what a step does not execute, and nothing else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gymnasium as gym
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swe_gym_env.env import RepairEnv
from tests.swe_gym_env.conftest import Make

QWEN = "<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>"
JSON = '{"name": "bash", "arguments": {"command": "ls"}}'
HERMES = f"<tool_call>\n{JSON}\n</tool_call>"
BLOCK = "```bash\nls\n```"
VIEW = (
    QWEN.replace("=bash", "=editor")
    .replace("ls", "view")
    .replace("\n</function>", "\n<parameter=path>\n.\n</parameter>\n</function>")
)

WHOLE = {
    "qwen_coder": [
        QWEN,
        VIEW,
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
        BLOCK.replace("ls", "submit"),
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
        QWEN.replace("=bash", "=python"),
        QWEN.replace("=command", "=code"),
        VIEW.replace("\nview\n", "\nlook\n"),
        "<function=bash></function>",
        HERMES,
    ],
    "hermes": [
        HERMES.replace("</tool_call>", ""),
        HERMES + HERMES,
        HERMES.replace("}}", "}} words"),
        HERMES.replace('"bash"', "3"),
        HERMES.replace('"bash"', '"python"'),
        HERMES.replace('"ls"', "null"),
        HERMES.replace('"ls"', '"ls", "timeout": "soon"'),
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


@st.composite
def near_misses(draw: st.DrawFn) -> str:
    """A whole call of some format, of which a few characters gave way to something else."""
    text = draw(st.sampled_from([text for texts in WHOLE.values() for text in texts]))
    start, length = draw(st.integers(0, len(text))), draw(st.integers(0, 9))
    return text[:start] + draw(st.sampled_from(["", *PIECES])) + text[start + length :]


TEXTS = st.one_of(
    near_misses(), st.lists(st.sampled_from(PIECES), max_size=10).map("".join), st.text()
)


class Stepped:
    """A running episode, and another one after it ended."""

    def __init__(self, env: gym.Env[str, str]) -> None:
        self.env = env
        self.repair: RepairEnv = env.unwrapped  # type: ignore[assignment]
        self.over = True

    def executed(self, text: str) -> tuple[bool, str]:
        """Whether a step executed a call, and what it answered."""
        if self.over:
            self.env.reset(seed=0)
        assert self.repair._episode is not None
        before = len(self.repair._episode.history.calls)
        observation, _, terminated, truncated, info = self.env.step(text)
        assert "infra_failure" not in info
        self.over = terminated or truncated
        return len(self.repair._episode.history.calls) > before, observation

    def judged_as_stepped(self, text: str) -> bool:
        """Whether the text can be read; fails where judgement and step differ."""
        lesson = self.repair.unreadable(text)
        executed, observation = self.executed(text)
        assert executed == (lesson is None), text[:300]
        assert executed or lesson == observation, text[:300]
        return executed


@pytest.fixture(scope="module", params=["qwen_coder", "hermes", "bash_block"])
def stepped(request: pytest.FixtureRequest) -> Iterator[Stepped]:
    env = gym.make("RepairToy-v0", tool_format=request.param, max_turns=50, command_seconds=1)
    try:
        yield Stepped(env)
    finally:
        env.close()


def test_whole_calls_are_executed_and_broken_ones_answered_as_was_said_beforehand(
    stepped: Stepped,
) -> None:
    name = stepped.repair.tool_format
    for texts, whole in ((WHOLE[name], True), ([*BROKEN[name], "", "I am done."], False)):
        for text in texts:
            assert stepped.judged_as_stepped(text) == whole, text[:300]


@settings(deadline=None, max_examples=150)
@given(text=TEXTS)
@example(text=f"{HERMES}\n<tool_call>")
@example(text="<tool_call><function=a>\n</function>\r\n</tool_call>")
@example(text=QWEN.replace("ls", "\ud800"))
def test_no_text_is_readable_that_a_step_refuses_or_the_other_way(
    stepped: Stepped, text: str
) -> None:
    stepped.judged_as_stepped(text)


@pytest.mark.parametrize("backend", ["local", "docker", "isolated"])
def test_a_judgement_needs_no_sandbox(
    make_repair: Make, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    repair: RepairEnv = make_repair(  # type: ignore[assignment]
        backend=backend, image="no/such:image", tool_format="hermes"
    ).unwrapped
    for _ in range(2):
        assert repair.unreadable(HERMES) is None
        assert "No <tool_call> was found" in str(repair.unreadable(BLOCK))
        repair.close()
    assert repair._episode is None and "tasks" not in vars(repair)


def test_threads_may_ask_at_once(make_repair: Make) -> None:
    texts = (WHOLE["qwen_coder"] + BROKEN["qwen_coder"]) * 20
    repair: RepairEnv = make_repair().unwrapped  # type: ignore[assignment]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(repair.unreadable, texts)) == [*map(repair.unreadable, texts)]


def test_a_lesson_is_cut_as_observations_are(make_repair: Make) -> None:
    env = make_repair(observation_limit=40)
    env.reset(seed=0)
    lesson = env.unwrapped.unreadable("words")  # type: ignore[attr-defined]
    assert "characters left out" in lesson and env.step("words")[0] == lesson


@pytest.mark.parametrize("piece", ["<parameter=a>", "``` ", "<tool_call>{", "</parameter>", "["])
def test_hostile_text_is_judged_in_time(stepped: Stepped, piece: str) -> None:
    long = piece * (200_000 // len(piece))
    start = time.process_time()
    for text in (long, f"<function=bash>{long}", f"<tool_call>{long}", f"```bash\n{long}\n```"):
        stepped.repair.unreadable(text)
    assert time.process_time() - start < 3, "a quadratic search would take minutes"
