"""A served model as a policy, against a real HTTP server."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.policies.api import ApiConfig, ApiPolicy, messages
from dagger_algo.policies.api_replies import Prices
from tests.support.chat_server import ChatServer, Request


def digit(request: Request) -> None:
    """What the corridor's expert says."""
    request.answer(request.messages[-1]["content"][-1])


def asking(server: ChatServer, **settings: Any) -> ApiPolicy:
    quick: dict[str, Any] = {"back_off": 0.01, "read_timeout": 0.3, "deadline": 1.0, "retries": 2}
    return ApiPolicy(ApiConfig(server.url, "m", **quick | settings))


def state(key: str = "k", turns: int = 0, say: int = 1) -> Conversation:
    seen = tuple(f"say {say}" for _ in range(turns + 1))
    return Conversation(key, seen, tuple(Action(str(say)) for _ in range(turns)))


def test_a_conversation_is_asked_as_chat_messages_and_answered_with_its_cost() -> None:
    prices = Prices(tokens_in=2.0, tokens_out=10.0, cached=1.0)

    def reply(request: Request) -> None:
        tokens = [{"token": "1", "logprob": -0.25}, {"token": "", "logprob": -0.5}]
        request.send(
            200,
            {
                "choices": [
                    {
                        "message": {"content": "one"},
                        "finish_reason": "stop",
                        "logprobs": {"content": tokens},
                    }
                ],
                "usage": {
                    "prompt_tokens": 1000,
                    "completion_tokens": 50,
                    "prompt_tokens_details": {"cached_tokens": 400},
                },
            },
        )

    with ChatServer(reply) as server:
        config = ApiConfig(
            server.url + "/", "m", system="Be brief.", logprobs=True, extra={"top_k": 5}
        )
        with ApiPolicy(config, prices=prices) as teacher:
            (answer,) = teacher.act([state(turns=1)])
    assert answer is not None and answer.usage is not None
    assert (answer.text, answer.token_ids, answer.logprobs) == ("one", None, (-0.25, -0.5))
    assert (answer.usage.tokens_in, answer.usage.tokens_out) == (1000, 50)
    assert answer.usage.money == pytest.approx((600 * 2 + 400 * 1 + 50 * 10) / 1e6)
    assert answer.usage.seconds > 0
    (request,) = server.requests
    assert request.body["path"] == "/v1/chat/completions"
    assert request.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "say 1"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "say 1"},
    ]
    asked = {name: request.body[name] for name in ("model", "stream", "logprobs", "top_k")}
    assert asked == {"model": "m", "stream": False, "logprobs": True, "top_k": 5}


def test_sixteen_questions_take_the_time_of_one() -> None:
    def reply(request: Request) -> None:
        time.sleep(0.2)
        digit(request)

    def ask(count: int) -> float:
        start = time.perf_counter()
        found = teacher.act([state(str(i), say=i % 4) for i in range(count)])
        assert [answer and answer.text for answer in found] == [str(i % 4) for i in range(count)]
        return time.perf_counter() - start

    with ChatServer(reply) as server:
        with asking(server, read_timeout=2.0, deadline=5.0) as teacher:
            ask(1)
            assert 0.2 <= min(ask(16) for _ in range(3)) < 0.6
        with asking(server, read_timeout=2.0, deadline=5.0, concurrency=4) as teacher:
            assert ask(16) >= 0.8


def test_draws_are_seeded_by_episode_and_turn() -> None:
    def seeds(seed: int, states: list[Conversation], **settings: Any) -> list[int | None]:
        with ChatServer(digit) as server:
            config = ApiConfig(server.url, "m", concurrency=1, **settings)
            with ApiPolicy(config, seed=seed) as teacher:
                teacher.act(states)
            return [request.body.get("seed") for request in server.requests]

    three = [state("a"), state("a", turns=1), state("b")]
    drawn = seeds(0, three)
    assert len(set(drawn)) == 3 and drawn[::-1] == seeds(0, three[::-1])
    assert not set(drawn) & set(seeds(1, three))
    assert seeds(0, three, temperature=0.0) == [None] * 3
    assert seeds(0, three, extra={"seed": None}) == [None] * 3


def test_prices_without_counted_tokens_are_refused() -> None:
    def reply(request: Request) -> None:
        request.send(200, {"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}]})

    with ChatServer(reply) as server:
        with asking(server) as teacher:
            (answer,) = teacher.act([state()])
            assert answer is not None and answer.usage is not None and answer.usage.tokens_in == 0
        with ApiPolicy(ApiConfig(server.url, "m"), prices=Prices()) as teacher:
            assert teacher.act([state()]) != [None]  # what costs nothing need not be counted
        with (
            ApiPolicy(ApiConfig(server.url, "m"), prices=Prices(1.0, 1.0)) as teacher,
            pytest.raises(ConfigError, match="give no prices"),
        ):
            teacher.act([state()])


@given(st.lists(st.text(st.characters()), min_size=1, max_size=4))
def test_any_text_becomes_messages(texts: list[str]) -> None:
    seen, done = tuple(texts), tuple(Action(text) for text in texts[1:])
    told = messages(Conversation("k", seen, done))
    assert [m["role"] for m in told] == (["user", "assistant"] * len(texts))[: 2 * len(texts) - 1]
    for message, text in zip(told[::2], texts, strict=True):
        sent = message["content"].encode("utf-8").decode("utf-8")
        assert len(sent) == len(text)
        pairs = zip(sent, text, strict=True)
        assert all(a == b or (a == "?" and "\ud800" <= b <= "\udfff") for a, b in pairs)


def test_any_text_comes_back_from_a_server() -> None:
    odd = ["é\x00\ud83d", "\ud800 x", "a\r\n\u2028b", "🜁" * 3, '"}{\\']
    with (
        ChatServer(lambda r: r.answer(r.messages[-1]["content"])) as server,
        asking(server) as teacher,
    ):
        found = teacher.act([Conversation(str(i), (text,)) for i, text in enumerate(odd)])
    said = [answer and answer.text for answer in found]
    assert said == [text.encode("utf-8", "replace").decode() for text in odd]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"deadline": -1.0}, "deadline"),
        ({"top_p": 0.0}, "top_p"),
        ({"retries": -1}, "retries"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        ApiConfig("http://localhost:1/v1", "m", **settings)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "http://[::1", "ftp://x/v1", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"http://|not a URL"):
        ApiPolicy(ApiConfig(url, "m"))
