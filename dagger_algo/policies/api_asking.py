"""How any server is asked: how often, how long, and with what beside the usual."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagger_algo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a server is asked, whichever model it serves."""

    logprobs: bool = False
    """Ask for the log-probabilities of what was sampled; not every server has them."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request, as this server knows them; None leaves one of the usual out
    (`{"seed": None}` for a server that takes no seed)."""
    concurrency: int = 16
    """Questions under way at the same time."""
    connect_timeout: float = 10.0
    """Seconds until a connection must stand."""
    read_timeout: float = 120.0
    """Seconds of silence after which a try is given up."""
    deadline: float = 600.0
    """Seconds for one question, all its tries and waits included."""
    retries: int = 5
    """Further tries after one that failed for a passing reason: no or a lost connection, silence,
    408, 409, 425, 429, 5xx, a reply that is not JSON."""
    back_off: float = 0.5
    """Seconds before the second try, about doubled before each further one up to a minute; a longer
    Retry-After is honoured."""

    def __post_init__(self) -> None:
        require_positive(self, "concurrency", "connect_timeout", "read_timeout", "deadline")
        if self.retries < 0 or self.back_off < 0:
            raise ConfigError(
                f"retries and back_off must not be negative: {self.retries}, {self.back_off}"
            )


def require_positive(settings: object, *names: str) -> None:
    """ConfigError where one of these settings of a served model is given and not above 0."""
    for name in names:
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise ConfigError(f"{name} of a served model must be above 0, not {value}")
