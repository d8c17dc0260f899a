"""A model behind an OpenAI-compatible server: vLLM, SGLang, transformers' own, hosted ones.

It speaks HTTP itself: those servers agree on little more than the request, so what comes back is
read with care, a question has one deadline whatever happens on the way, and one that fails is a
lost label with a reason.
"""

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx2
import tenacity

from dagger_algo.conversation import Action, Conversation, Usage
from dagger_algo.errors import ConfigError
from dagger_algo.policies.api_asking import Asking, require_positive
from dagger_algo.policies.api_replies import Lost, Prices, action_of, body_of, unsent, usage_of
from dagger_algo.randomness import stream
from dagger_algo.teachers.bills import Bills
from dagger_algo.teachers.cache import Identity

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class ApiConfig(Asking):
    """Where a model is served, and how it is asked."""

    url: str
    """Base of the interface with its version, e.g. http://localhost:8000/v1."""
    model: str
    """Name of the model, as the server lists it."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable with the key; servers of one's own need none."""
    system: str | None = None
    """System prompt put before every conversation."""
    temperature: float = 0.7
    """0 is greedy."""
    top_p: float = 0.9
    """Nucleus that is sampled from."""
    max_tokens: int | None = 4096
    """Longest answer, tokens; a longer one is lost. None leaves it to the server."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "max_tokens")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ConfigError(
                "temperature must not be negative and top_p must be above 0 and at most 1, not "
                f"{self.temperature} and {self.top_p}"
            )


class ApiPolicy:
    """Acts by asking a server, many questions at the same time.

    Draws depend on (seed, episode, turn) alone where the server honours `seed`. losses: answers
    that were lost, by reason: "timed out", "unreachable", "connection", "unparseable", "empty",
    "refused", "cut" (longer than max_tokens), "too long" (the conversation, for the model), or an
    HTTP status. bills: what those cost, as far as the server said so before they were lost: what it
    charges for an answer that timed out nobody can tell. Raises ConfigError for what no retry mends
    as long as nothing was ever answered: a wrong key, an unknown model, no server.
    """

    def __init__(self, config: ApiConfig, *, prices: Prices | None = None, seed: int = 0) -> None:
        self.config = config
        self.prices = prices
        self.seed = seed
        self.losses: Counter[str] = Counter()
        self.bills = Bills()
        self._answered = False
        self._url = config.url.rstrip("/") + "/chat/completions"
        self._client = _client(config)
        self._slots = asyncio.Semaphore(config.concurrency)
        # A loop of its own, since only there can a deadline end whatever a question waits for.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api", daemon=True)
        self._thread.start()

    @property
    def identity(self) -> Identity:
        """What an answer depends on besides the conversation."""
        c = self.config
        settings = {
            "url": c.url.rstrip("/"),
            "system": c.system,
            "temperature": c.temperature,
            "top_p": c.top_p,
            "max_tokens": c.max_tokens,
            "logprobs": c.logprobs,
            "seed": self.seed if c.temperature else None,
            **c.extra,
        }
        return Identity(c.model, settings, sampled=c.temperature > 0)

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        found = self._run(self._ask_all(conversations))
        rejected = [one for one in found if isinstance(one, Lost) and one.rejected]
        if rejected and len(rejected) == len(found) and not self._answered:
            raise self._mistake(rejected[0])
        return [one if isinstance(one, Action) else None for one in found]

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        if not self._loop.is_closed():
            self._run(self._client.aclose())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # Ctrl-C too: nothing is asked on behind the caller's back
            future.cancel()
            raise

    async def _ask_all(self, conversations: Sequence[Conversation]) -> list[Action | Lost]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ask(one)) for one in conversations]
        except* Lost as hopeless:
            first = hopeless.exceptions[0]
            assert isinstance(first, Lost)
            raise self._mistake(first) from None
        return [task.result() for task in tasks]

    async def _ask(self, conversation: Conversation) -> Action | Lost:
        async with self._slots:
            start = time.perf_counter()
            try:
                action = await self._answer(conversation)
            except Lost as lost:
                if lost.hopeless and not self._answered:
                    raise
                spent = Usage(seconds=time.perf_counter() - start)
                self.bills.add(conversation.key, lost.usage or spent)
                self._count(lost)
                return lost
            self._answered = True
            return action

    async def _answer(self, conversation: Conversation) -> Action:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.config.deadline):
                body: dict[str, Any] = await self._retrying()(
                    self._post, self._question(conversation)
                )
        except TimeoutError:
            seconds = f"no answer within {self.config.deadline:g} s"
            raise Lost("timed out", seconds) from None
        usage = usage_of(body, self.prices, time.perf_counter() - start)
        return action_of(body, usage)

    def _question(self, conversation: Conversation) -> dict[str, Any]:
        c = self.config
        draws = stream(self.seed, conversation.key, conversation.turn)
        body: dict[str, Any] = {
            "model": c.model,
            "messages": messages(conversation, c.system),
            "temperature": c.temperature,
            "top_p": c.top_p,
            "max_tokens": c.max_tokens,
            "seed": int(draws.integers(2**31)) if c.temperature else None,
            "logprobs": c.logprobs or None,
            "stream": False,
            **c.extra,
        }
        return {name: value for name, value in body.items() if value is not None}

    async def _post(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._client.post(self._url, json=question)
        except httpx2.HTTPError as error:
            raise unsent(error) from error
        return body_of(response)

    def _retrying(self) -> tenacity.AsyncRetrying:
        c = self.config
        back_off = tenacity.wait_exponential(c.back_off, max=60) + tenacity.wait_random(
            0, c.back_off
        )

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            return max(back_off(state), error.wait if isinstance(error, Lost) else 0.0)

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, Lost) and e.again),
            stop=tenacity.stop_after_attempt(c.retries + 1)
            | tenacity.stop_before_delay(c.deadline),
            wait=wait,
            reraise=True,
        )

    def _count(self, lost: Lost) -> None:
        if not self.losses[lost.reason]:
            _log.warning(
                "%s: an answer was lost (%s); others lost for this reason are only counted",
                self._url,
                lost,
            )
        self.losses[lost.reason] += 1

    def _mistake(self, lost: Lost) -> ConfigError:
        advice = {
            "unreachable": "start the server, or correct the URL",
            "uncounted": "let the server count tokens, or give no prices",
            "401": f"put a valid key into the environment variable {self.config.key_variable}",
            "403": "use a key that may use this model, or another model",
            "404": "the URL ends in /v1 at most servers, and "
            f"{self.config.url.rstrip('/')}/models lists the models",
            "429": "pay, or use another key",
        }.get(lost.reason, "correct the settings that it names")
        return ConfigError(
            f"{self._url} answers no question to {self.config.model!r} "
            f"({lost.reason}: {lost.said}); {advice}"
        )


def messages(conversation: Conversation, system: str | None = None) -> list[dict[str, str]]:
    """A conversation as chat messages: observations are the user's, actions the assistant's.

    Half characters (lone surrogates), which no JSON of UTF-8 can carry, become question marks.
    """
    told = [] if system is None else [_message("system", system)]
    for turn, observation in enumerate(conversation.observations):
        told.append(_message("user", observation))
        if turn < conversation.turn:
            told.append(_message("assistant", conversation.actions[turn].text))
    return told


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text.encode("utf-8", "replace").decode("utf-8")}


def _client(config: ApiConfig) -> httpx2.AsyncClient:
    key = os.environ.get(config.key_variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"the key in {config.key_variable} has characters that no key has")
    try:
        scheme = httpx2.URL(config.url).scheme
    except httpx2.InvalidURL as error:
        raise ConfigError(f"{config.url!r} is not a URL: {error}") from error
    if scheme not in ("http", "https"):
        raise ConfigError(f"the URL of a server starts with http:// or https://: {config.url!r}")
    return httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx2.Timeout(config.read_timeout, connect=config.connect_timeout, pool=None),
        limits=httpx2.Limits(
            max_connections=config.concurrency, max_keepalive_connections=config.concurrency
        ),
    )
