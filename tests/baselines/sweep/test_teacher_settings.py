"""What can be said of a teacher in a comparison's settings, and what becomes of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baselines.cli import main
from baselines.sweep import teachers
from baselines.sweep.compare import compare
from baselines.sweep.config import Compare
from baselines.sweep.plan import configuration, jobs
from baselines.sweep.sweep_file import read_sweep
from baselines.sweep.teachers import Server, TeacherConfig
from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Conversation
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.lm.sampling import Sampling
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policy import Policy
from tests.baselines.sweep.sweeps import toys
from tests.support.chat_server import ChatServer, Request
from tests.support.echo import Echo, echo_policy, tokenizer


def served(server: ChatServer, **settings: Any) -> TeacherConfig:
    return TeacherConfig(kind="api", url=server.url, model="m", temperature=0, **settings)


def asked(config: TeacherConfig, cache: Path, state: Conversation) -> str | None:
    """What it answers."""
    with teachers.teacher(config, 0, cache, (), closed=False, unreadable=None) as teacher:
        [answer] = teacher.act([state])
        return None if answer is None else answer.text


STATE = Conversation("k", ("look around",))


SETTINGS: dict[str, Any] = {
    "concurrency": 3,
    "connect_timeout": 2.0,
    "read_timeout": 7.0,
    "deadline": 9.0,
    "retries": 1,
    "back_off": 0.25,
    "logprobs": True,
    "extra": {"seed": None, "max_tokens": None, "max_completion_tokens": 64},
}


def test_a_server_is_asked_as_the_settings_say(tmp_path: Path) -> None:
    def words(name: str, value: Any) -> list[str]:
        option = f"--teacher.server.{name.replace('_', '-')}"
        return [option] if value is True else [option, json.dumps(value)]

    file = tmp_path / "sweep.yaml"
    with ChatServer(lambda r: r.answer("1")) as server:
        about = {"kind": "api", "url": server.url, "model": "m", "price_cached": 0.5}
        file.write_text(json.dumps({"teacher": {**about, "server": SETTINGS}}))
        config = read_sweep(file).teacher
        assert config.server == Server(**SETTINGS) and config.price_cached == 0.5
        assert all(getattr(config.served(), name) == value for name, value in SETTINGS.items())
        assert asked(config, tmp_path / "c.jsonl", STATE) == "1"
        [request] = server.requests
    assert request.body["max_completion_tokens"] == 64 and request.body["logprobs"] is True
    assert not {"seed", "max_tokens"} & request.body.keys()
    spoken = ["compare", "--dry-run", "--teacher.kind", "api", "--teacher.url", "http://x/v1"]
    spoken += ["--teacher.model", "m", "--teacher.price-cached", "0.5", "--out", str(tmp_path)]
    assert main([*spoken, *(w for each in SETTINGS.items() for w in words(*each))]) == 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"server": {"deadline": 0}}, "teacher.server.*deadline .* above 0, not 0"),
        ({"server": {"dedline": 1}}, "did you mean 'deadline'"),
        ({"kind": "api", "url": "http://x", "model": "m", "top_p": 2.0}, "top_p must be above 0"),
        ({"sees": 3}, "expert sees all .*leave teacher.sees out.*expert_sees"),
        ({"sees": -1, "kind": "local", "checkpoint": "x"}, "newest 0 or more turns, not -1"),
    ],
)
def test_what_no_teacher_can_be_is_a_sentence(
    changes: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        toys(tmp_path, teacher=changes)


def test_patience_with_a_server_may_change_when_a_run_goes_on(tmp_path: Path) -> None:
    def decided(**server: Any) -> dict[str, Any]:
        teacher = {"kind": "api", "url": "http://x/v1", "model": "m", "server": server}
        config: Compare = toys(tmp_path, teacher=teacher)
        return configuration(config, jobs(config)[-1])

    assert decided() == decided(deadline=5, concurrency=2)
    assert decided() != decided(extra={"top_k": 2})


def test_two_servers_with_one_models_name_do_not_share_answers(tmp_path: Path) -> None:
    cache = tmp_path / "c.jsonl"
    with (
        ChatServer(lambda r: r.answer("one")) as one,
        ChatServer(lambda r: r.answer("two")) as two,
    ):
        found = [asked(served(server), cache, STATE) for server in (one, two, one)]
        slash = replace(served(one), url=one.url + "/")
        assert asked(slash, cache, STATE) == "one"
    assert found == ["one", "two", "one"]
    assert len(one.requests) == len(two.requests) == 1


def test_a_model_may_be_shown_the_newest_turns_alone(tmp_path: Path) -> None:
    state = Conversation("k", ("task", "a", "b", "c"), tuple(map(Action, "123")))

    def reply(request: Request) -> None:
        request.answer(" ".join(message["content"] for message in request.messages))

    with ChatServer(reply) as server:
        found = [asked(served(server, sees=n), tmp_path / "c", state) for n in (0, 1, 3)]
        assert found == ["task", "task 3 c", "task 1 a 2 b 3 c"]


class Told(Echo):
    """Echo, with words allowed before the digit."""

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return super().step(action.splitlines()[-1] if action else "")


def shown(teacher: Policy) -> list[Any]:
    with EnvPool(lambda: Told(expert=True), 8) as pool:
        return list(collect(pool, range(60), teacher, gate=TEACHER_ONLY, teacher=teacher))


def test_a_student_of_a_teacher_that_names_stages_names_them() -> None:
    tokens = tokenizer(*("Stage: Orchestration\n" * 3 for _ in range(4)))
    model = echo_policy(tokens, seed=1)
    student = LMPolicy(
        model.model,
        tokens,
        learner=model.learner.config,
        sampling=Sampling(max_new_tokens=16),
        seed=1,
    )
    config = TeacherConfig(stages=True)
    with teachers.teacher(config, 0, Path("never"), (), closed=False, unreadable=None) as teacher:
        episodes = shown(teacher)
    student.update(imitate(episodes), epochs=8)
    [said] = student.greedy().act([Conversation("k", ("say 2",))])
    assert said is not None and said.text == "Stage: Orchestration\n2"


def test_local_and_served_teachers_name_stages_too(tmp_path: Path) -> None:
    said = "Stage: Orchestration\n1"
    with ChatServer(lambda r: r.answer("1")) as server:
        assert asked(served(server, stages=True), tmp_path / "c", STATE) == said
    from dagger_algo.policies.tabular import TabularPolicy, last_line

    TabularPolicy(("1",), state=last_line).save(tmp_path / "table")
    local = TeacherConfig(kind="local", checkpoint=str(tmp_path / "table"), stages=True)
    assert asked(local, tmp_path / "c", STATE) == said


def test_a_table_cannot_say_stages(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a tabular student says the environment's own actions"):
        compare(toys(tmp_path, teacher={"stages": True}))
