"""The ways in which a served model fails, and what is then lost: one label, and nothing else."""

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.collect import collect
from dagger_algo.conversation import Episode, Usage
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.labels import Labels
from dagger_algo.ledger import Ledger, TeacherBudget
from dagger_algo.policies.api import ApiConfig, ApiPolicy
from dagger_algo.policies.api_replies import Lost, Prices, action_of, usage_of
from dagger_algo.policies.scripted import Scripted
from dagger_algo.store import EpisodeStore
from dagger_algo.teachers.bills import add
from dagger_algo.teachers.cache import Cached
from dagger_algo.teachers.checked import Checked
from dagger_algo.teachers.costs import costs
from tests.dagger_algo.policies.test_api import asking, digit, state
from tests.support.chat_server import ChatServer, Request

right = Scripted(lambda conversation: conversation.observations[-1][-1])


BEHAVIOURS: dict[str, tuple[Callable[[Request], None], str]] = {
    "too many requests": (lambda r: r.send(429, {"error": "slow down"}), "429"),
    "server error": (lambda r: r.send(500, b"<html>oops</html>"), "500"),
    "silence": (Request.hang, "timed out"),
    "drips": (Request.drip, "timed out"),
    "cut connection": (Request.reset, "connection"),
    "not JSON": (lambda r: r.send(200, b'{"choices": [{'), "unparseable"),
    "not text": (lambda r: r.send(200, b"\xff\xfe\x00"), "unparseable"),
    "JSON without end": (lambda r: r.send(200, b"[" * 200_000), "unparseable"),
    "JSON of another kind": (lambda r: r.send(200, [1, 2]), "unparseable"),
    "message of another kind": (lambda r: r.send(200, {"choices": ["hi"]}), "unparseable"),
    "another tool syntax": (lambda r: r.answer(None, "tool_calls", tool_calls=[1]), "unparseable"),
    "no choices": (lambda r: r.send(200, {"choices": []}), "empty"),
    "nothing": (lambda r: r.answer(None), "empty"),
    "blanks": (lambda r: r.answer(" \n"), "empty"),
    "refusal": (lambda r: r.answer(None, refusal="I cannot help with that."), "refused"),
    "filter": (lambda r: r.answer("", "content_filter"), "refused"),
    "cut answer": (lambda r: r.answer("12", "length"), "cut"),
    "context": (
        lambda r: r.send(400, {"error": {"message": "maximum context length is 8 tokens"}}),
        "too long",
    ),
    "bad request": (lambda r: r.send(400, {"error": {"message": "no"}}), "400"),
    "error as success": (lambda r: r.send(200, {"error": {"code": 502, "message": "no"}}), "502"),
    "error of no kind": (lambda r: r.send(200, {"error": {"message": "no"}}), "500"),
    "refusal as success": (
        lambda r: r.send(200, {"error": {"code": 400, "message": "content_filter"}}),
        "refused",
    ),
    "key withdrawn": (lambda r: r.send(401, {"error": {"message": "no"}}), "401"),
}
# Where the server does answer, a busy machine is given the time to.
PATIENT = {"read_timeout": 10.0, "deadline": 30.0}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_failed_answer_loses_that_label_and_nothing_else(
    name: str, corridor: Callable[..., Any]
) -> None:
    behave, reason = BEHAVIOURS[name]
    ledger = Ledger()
    start = time.perf_counter()
    with (
        ChatServer(lambda request: behave(request) if request.turn == 1 else digit(request)) as s,
        asking(s, **({} if reason == "timed out" else PATIENT)) as teacher,
        EnvPool(corridor, 3) as pool,
    ):
        rolled = collect(pool, range(3), right, gate=TEACHER_ONLY, teacher=teacher, ledger=ledger)
        episodes = list(rolled)
    assert time.perf_counter() - start < 10
    assert [e.success for e in episodes] == [True] * 3
    for episode in episodes:
        assert [turn.label is None for turn in episode.turns] == [False, True, False]
    assert teacher.losses == {reason: 3}
    assert ledger.labels_lost == 3 and ledger.teacher_queries == 9


@pytest.mark.parametrize(
    "name", ["too many requests", "server error", "cut connection", "error as success"]
)
def test_a_passing_failure_is_asked_again_and_loses_nothing(name: str) -> None:
    behave, _ = BEHAVIOURS[name]

    def reply(request: Request) -> None:
        behave(request) if request.attempt < 3 else digit(request)

    with ChatServer(reply) as server, asking(server, **PATIENT) as teacher:
        (answer,) = teacher.act([state()])
    assert answer is not None and answer.text == "1"
    assert not teacher.losses and len(server.requests) == 3


def test_retry_after_is_honoured() -> None:
    def reply(request: Request) -> None:
        request.send(429, {}, Retry_After="0.4") if request.attempt == 1 else digit(request)

    with ChatServer(reply) as server, asking(server) as teacher:
        start = time.perf_counter()
        (answer,) = teacher.act([state()])
        took = time.perf_counter() - start
    assert answer is not None and answer.usage is not None
    assert 0.4 <= answer.usage.seconds <= took < 0.9


@pytest.mark.parametrize(
    "when",
    ["3600", "1e999", formatdate(time.time() + 3600, usegmt=True)],
    ids=["seconds", "endless", "date"],
)
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(when: str) -> None:
    with (
        ChatServer(lambda r: r.send(429, {}, Retry_After=when)) as server,
        asking(server) as teacher,
    ):
        start = time.perf_counter()
        assert teacher.act([state()]) == [None]
        assert time.perf_counter() - start < 0.5
    assert teacher.losses == {"429": 1} and len(server.requests) == 1


def test_what_lost_answers_cost_is_kept() -> None:
    with ChatServer(lambda r: r.answer("12345", "length")) as server:
        config = ApiConfig(server.url, "m")
        with ApiPolicy(config, prices=Prices(tokens_out=1e6)) as teacher:
            assert teacher.act([state(), state("other")]) == [None, None]
    wasted = teacher.bills.total
    assert (wasted.tokens_in, wasted.tokens_out, wasted.money) == (10, 10, 10.0)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("again", [True, False], ids=["asked again", "asked once"])
def test_what_lost_answers_cost_is_in_the_ledger_also_after_an_interruption(
    corridor: Callable[..., Any], tmp_path: Path, executed: bool, again: bool
) -> None:
    """At turn 1 the answer is cut, refused or empty, at turn 2 the check finds fault with it."""
    charged: list[int] = []  # a token is a character, and costs 1

    def reply(request: Request) -> None:
        said: dict[str, Any] = {"content": request.messages[-1]["content"][-1]}
        if request.turn == 1:
            said = [
                {"content": "12345", "finish": "length"},
                {"content": None, "refusal": "I cannot help with that."},
                {"content": " "},
            ][int(said["content"]) % 3]
        elif request.turn == 2:
            said = {"content": "a word"}
        charged.append(sum(len(m["content"]) for m in request.messages))
        charged.append(len(said["content"] or ""))
        request.answer(**said)

    labels = Labels(executed=executed)
    prices = Prices(tokens_in=1e6, tokens_out=1e6)

    def roll(server: ChatServer, **how: Any) -> tuple[list[Episode], Ledger, Usage]:
        ledger, config = Ledger(), ApiConfig(server.url, "m")
        with (
            ApiPolicy(config, prices=prices) as asked,
            Cached(asked, tmp_path / f"{len(how)}.jsonl", asked.identity) as cached,
            EnvPool(corridor, 2) as pool,
        ):
            fault = lambda text: None if text.isdigit() else "no digit"  # noqa: E731
            teacher = Checked(cached, fault, again=again)
            options = {"gate": TEACHER_ONLY, "labels": labels, "ledger": ledger} | how
            episodes = list(collect(pool, range(4), right, teacher=teacher, **options))
            return episodes, ledger, add(asked.bills.total, teacher.bills.total)

    with ChatServer(reply) as server:
        episodes, ledger, wasted = roll(server)
    assert ledger.labels_lost == 8 and wasted.money > 0
    assert ledger.teacher_tokens_lost == wasted.tokens_out > 0
    assert ledger.teacher_money == sum(charged)
    parts = [costs(episode) for episode in episodes]
    assert sum(part.money for part in parts) == ledger.teacher_money
    assert sum(part.tokens_in for part in parts) == ledger.teacher_tokens_in

    path = tmp_path / "episodes.jsonl"
    with EpisodeStore(path) as store:
        for episode in episodes[:3]:
            store.append(episode)
        known = {episode.key: episode for episode in store}
    with ChatServer(reply) as server:
        _, resumed, _ = roll(server, known=known)
    assert server.requests
    assert replace(resumed, seconds={}) == replace(ledger, seconds={})


def test_a_budget_of_money_ends_with_lost_answers_too(corridor: Callable[..., Any]) -> None:
    ledger = Ledger()
    with ChatServer(lambda r: r.answer("12345", "length")) as server:
        config = ApiConfig(server.url, "m")
        with (
            ApiPolicy(config, prices=Prices(tokens_out=1e6)) as teacher,
            EnvPool(corridor, 1) as pool,
        ):
            labels = Labels(budget=TeacherBudget(money=10.0))
            list(collect(pool, range(4), right, teacher=teacher, labels=labels, ledger=ledger))
    assert ledger.teacher_queries == 2 == len(server.requests) and ledger.teacher_money == 10.0


@pytest.mark.parametrize(
    ("status", "said", "advice"),
    [
        (401, "Incorrect API key", "environment variable MY_KEY"),
        (403, "not yours", "another model"),
        (404, "The model `m` does not exist", "/v1/models"),
        (422, "unknown field top_p", "correct the settings"),
    ],
)
def test_what_no_retry_mends_is_said_at_once(
    status: int, said: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "secret\n")
    with (
        ChatServer(lambda r: r.send(status, {"error": {"message": said}})) as server,
        asking(server, key_variable="MY_KEY", concurrency=2) as teacher,
        pytest.raises(ConfigError) as raised,
    ):
        teacher.act([state(str(i)) for i in range(8)])
    assert said in str(raised.value) and advice in str(raised.value)
    assert "secret" not in str(raised.value)
    assert server.requests[0].headers["Authorization"] == "Bearer secret"
    assert status == 422 or len(server.requests) < 8


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with ChatServer(digit) as server:
        pass
    with asking(server) as teacher, pytest.raises(ConfigError, match="start the server"):
        teacher.act([state(), state("other")])


def test_a_server_that_goes_away_later_loses_labels_only() -> None:
    with ChatServer(digit) as server, asking(server) as teacher:
        (answer,) = teacher.act([state()])
        server.__exit__()
        assert answer is not None and teacher.act([state()]) == [None]
    assert sum(teacher.losses.values()) == 1


def test_the_first_loss_of_a_kind_is_told_and_the_others_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        ChatServer(lambda r: r.answer(None, refusal="Not that.")) as server,
        asking(server) as teacher,
    ):
        teacher.act([state(str(i)) for i in range(5)])
    (record,) = caplog.records
    assert "refused: Not that." in record.getMessage() and teacher.losses == {"refused": 5}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices message content logprobs logprob finish_reason usage prompt_tokens "
                "prompt_tokens_details cached_tokens tool_calls refusal".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON)
def test_no_reply_whatever_breaks_the_reading(choice: Any, logprobs: Any, usage: Any) -> None:
    for body in (
        {"choices": choice, "usage": usage},
        {"choices": [choice], "usage": {"prompt_tokens": 3, "prompt_tokens_details": usage}},
        {"choices": [{"message": choice, "logprobs": logprobs}]},
        {"choices": [{"message": {"content": choice}, "logprobs": {"content": logprobs}}]},
    ):
        try:
            cost = usage_of(body, Prices(1.0, 2.0, 0.5), 1.0)
            answer = action_of(body, cost)
        except Lost as lost:
            assert lost.reason in {"empty", "unparseable", "uncounted", "refused"}
        else:
            assert answer.text.strip() and answer.usage == cost and cost.money >= 0
