"""What a chat-completions server sends back, read as an answer or as the reason why there is none.

Nothing is taken for granted: a body may be of another program, half a JSON, or well-formed and
without an answer.
"""

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from dagger_algo.conversation import Action, Usage
from dagger_algo.errors import ConfigError

_PASSING = {408, 409, 425, 429}
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|max_model_len|(prompt|input) is too long|too many tokens",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content.?(filter|management|policy)", re.IGNORECASE)


@dataclass(frozen=True)
class Prices:
    """What a server charges, per million tokens, in any one currency."""

    tokens_in: float = 0.0
    """Of the question."""
    tokens_out: float = 0.0
    """Of the answer."""
    cached: float | None = None
    """Of the part of the question that the server had already read; None: as any other."""

    def __post_init__(self) -> None:
        if min(self.tokens_in, self.tokens_out, self.cached or 0.0) < 0:
            raise ConfigError(f"prices must not be negative: {self}")

    def money(self, tokens_in: int, tokens_out: int, cached: int = 0) -> float:
        """Price of one answer; `cached` of `tokens_in` tokens had already been read."""
        again = self.tokens_in if self.cached is None else self.cached
        new = tokens_in - cached
        return (new * self.tokens_in + cached * again + tokens_out * self.tokens_out) / 1e6


class Lost(Exception):
    """A question without an answer.

    reason: the word it is counted under. said: what came, for people. again: the same question may
    be answered later; wait: seconds that the server asks for until then. hopeless: it lies in the
    settings, and every other question would fare the same. usage: what was paid nevertheless.
    """

    def __init__(
        self,
        reason: str,
        said: str,
        *,
        again: bool = False,
        wait: float = 0.0,
        hopeless: bool = False,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(f"{reason}: {said}")
        self.reason = reason
        self.said = said
        self.again = again
        self.wait = wait
        self.hopeless = hopeless
        self.usage = usage

    @property
    def rejected(self) -> bool:
        """The server understood and did not want the question: 3xx, 4xx."""
        return self.reason.isdigit() and self.reason < "500" and not self.again


def unsent(error: httpx2.HTTPError) -> Lost:
    """Why there was no response at all."""
    said = str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Lost("unreachable", said, again=True, hopeless=True)
    if isinstance(error, httpx2.TimeoutException):
        return Lost("timed out", said, again=True)
    return Lost("connection", said, again=True)


def body_of(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of a response that reports success; raises Lost for any other."""
    status = response.status_code
    if not 200 <= status < 300:
        raise _failed(status, response)
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):  # not JSON, not text at all, or nested without end
        body = None
    if not isinstance(body, dict):
        raise Lost("unparseable", f"not a JSON object: {_short(response.text)}", again=True)
    error = body.get("error")
    if isinstance(error, dict) and not body.get("choices"):
        # Routers report their providers' failures under status 200.
        code = str(error.get("code"))
        raise _failed(int(code) if re.fullmatch("[45][0-9][0-9]", code) else 500, response)
    return body


def _failed(status: int, response: httpx2.Response) -> Lost:
    said = _short(response.text) or response.reason_phrase
    if status >= 500 or status in _PASSING:
        if "insufficient_quota" in response.text:
            return Lost(str(status), said, hopeless=True)
        return Lost(str(status), said, again=True, wait=_retry_after(response))
    if status in (400, 413, 422):
        if _TOO_LONG.search(response.text):
            return Lost("too long", said)
        if _FILTERED.search(response.text):
            return Lost("refused", said)
    return Lost(str(status), said, hopeless=status in (401, 403, 404))


def usage_of(body: dict[str, Any], prices: Prices | None, seconds: float) -> Usage:
    """What the answer cost; no tokens where the server does not say. Raises Lost where they have a
    price: what is not counted cannot be kept to a budget."""
    told = body.get("usage")
    if not isinstance(told, dict):
        if prices is not None and prices != Prices():
            raise Lost("uncounted", "no `usage` in the reply, but prices per token", hopeless=True)
        return Usage(seconds=seconds)
    tokens_in, tokens_out = _count(told, "prompt_tokens"), _count(told, "completion_tokens")
    details = told.get("prompt_tokens_details")
    cached = min(_count(details, "cached_tokens"), tokens_in) if isinstance(details, dict) else 0
    money = prices.money(tokens_in, tokens_out, cached) if prices is not None else 0.0
    return Usage(tokens_in, tokens_out, money, seconds)


def action_of(body: dict[str, Any], usage: Usage) -> Action:
    """The answer in the body of a reply; raises Lost when there is none."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Lost("empty", f"no choices: {_short(json.dumps(body))}", usage=usage)
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise Lost("unparseable", f"no message: {_short(json.dumps(choice))}", usage=usage)
    content, ended = message.get("content"), choice.get("finish_reason")
    if message.get("refusal") or ended == "content_filter":
        raise Lost("refused", _short(str(message.get("refusal") or content)), usage=usage)
    if ended == "length":
        # As a label it would teach to stop in the middle.
        raise Lost("cut", "the answer is longer than max_tokens", usage=usage)
    if message.get("tool_calls") or (content is not None and not isinstance(content, str)):
        raise Lost(
            "unparseable",
            "the answer is not plain text; start the server without its tool parser: "
            + _short(json.dumps(message)),
            usage=usage,
        )
    if not content or not content.strip():
        raise Lost("empty", "an answer of no text", usage=usage)
    return Action(content, logprobs=_logprobs(choice.get("logprobs")), usage=usage)


def _logprobs(told: Any) -> tuple[float, ...] | None:
    try:
        return tuple(float(token["logprob"]) for token in told["content"]) or None
    except (TypeError, KeyError, ValueError):
        return None


def _count(told: dict[str, Any], name: str) -> int:
    value = told.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _retry_after(response: httpx2.Response) -> float:
    """Seconds, from a number or a date (RFC 9110, 10.2.3); 0 where there is neither."""
    told = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _short(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"
