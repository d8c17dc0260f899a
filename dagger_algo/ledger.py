"""What a run has spent, and how much it may spend: the terms on which methods are compared."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dagger_algo.conversation import Action, Usage
from dagger_algo.errors import ConfigError


@dataclass(frozen=True)
class Budget:
    """The most that training may use; evaluation is not counted.

    The warm start counts: it is part of what every method has spent when it begins.
    """

    env_steps: int = 100_000
    """Environment steps (one turn of one episode is one step)."""
    teacher_tokens: int = 100_000
    """Tokens of the teacher's answers, executed or not, in the student's own tokens."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise ConfigError(f"budget.{name} must be above 0, not {value}")


@dataclass(frozen=True)
class TeacherBudget:
    """The most that a teacher may be asked; None is no limit. Unlike `Budget`, spending it does not
    end the collection.

    Questions are never more than that. What an answer costs is known when it came: tokens and money
    are overrun by what one batch of questions costs, one per running episode, at most. It counts
    all that the run's ledger has, so what a warm start asked is spent of it.
    """

    queries: int | None = None
    """Questions, answered or not."""
    tokens: int | None = None
    """Tokens of its answers, in the student's own tokens."""
    money: float | None = None
    """In the currency of the teacher's price list."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and value < 0:
                raise ConfigError(f"the teacher's budget of {name} must not be negative: {value}")


@dataclass
class Ledger:
    """Running totals.

    teacher_tokens: of its answers, in the student's tokens, and of those that were lost, as the
    teacher counts them: these are teacher_tokens_lost. teacher_tokens_in: of the questions, as the
    teacher counts them. teacher_money: what the answers cost when they were asked, those out of a
    cache and lost ones too, where that is known; teacher_paid: what of it no cache has saved.
    lost_because: lost labels by reason, where a teacher gives one. seconds: wall-clock of this
    process, by what it was spent on.
    """

    budget: Budget = field(default_factory=Budget)
    env_steps: int = 0
    teacher_tokens: int = 0
    teacher_tokens_in: int = 0
    teacher_tokens_lost: int = 0
    teacher_queries: int = 0
    teacher_money: float = 0.0
    teacher_paid: float = 0.0
    cache_hits: int = 0
    labels_lost: int = 0
    lost_because: dict[str, int] = field(default_factory=dict)
    episodes: int = 0
    episodes_infra: int = 0
    optimizer_steps: int = 0
    tokens_trained: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def spent(self, budget: Budget | None = None) -> bool:
        """Is either limit reached? `budget` stands in for the whole one, e.g. a round's share."""
        limit = budget or self.budget
        return self.env_steps >= limit.env_steps or self.teacher_tokens >= limit.teacher_tokens

    def may_ask(self, budget: TeacherBudget) -> int | None:
        """How many more questions the teacher's budget allows; None is no limit."""
        if budget.tokens is not None and self.teacher_tokens >= budget.tokens:
            return 0
        if budget.money is not None and self.teacher_money >= budget.money:
            return 0
        return None if budget.queries is None else max(0, budget.queries - self.teacher_queries)

    def answered(self, answer: Action | None, count_tokens: Callable[[str], int]) -> None:
        """Account for one question to the teacher and its answer (None: there was none).

        An answer out of a cache counts like any other, in tokens and in money: methods are compared
        by what they would need, not by who ran first.
        """
        self.teacher_queries += 1
        if answer is None:
            self.labels_lost += 1
            return
        self.teacher_tokens += count_tokens(answer.text)
        if answer.usage is not None:
            self.teacher_tokens_in += answer.usage.tokens_in
            self.cache_hits += answer.usage.cached
            self.teacher_money += answer.usage.money
            self.teacher_paid += answer.usage.paid

    def lost(self, usage: Usage) -> None:
        """Account for what was paid for answers that never came to be labels."""
        self.teacher_tokens += usage.tokens_out
        self.teacher_tokens_lost += usage.tokens_out
        self.teacher_tokens_in += usage.tokens_in
        self.teacher_money += usage.money
        self.teacher_paid += usage.paid

    def share(self, start: "Ledger", i: int, rounds: int) -> Budget:
        """The limit, counted from 0, that round `i` of `rounds` may spend up to, when what was
        left at `start` is divided evenly over the rounds."""
        part = i / rounds
        return Budget(
            round(start.env_steps + part * (self.budget.env_steps - start.env_steps)),
            round(
                start.teacher_tokens + part * (self.budget.teacher_tokens - start.teacher_tokens)
            ),
        )

    def copy(self) -> "Ledger":
        """As it stands now."""
        return replace(self, seconds=dict(self.seconds), lost_because=dict(self.lost_because))

    def clock(self, what: str) -> "_Clock":
        """`with ledger.clock("train"):` adds the block's seconds to that entry."""
        return _Clock(lambda s: self.seconds.__setitem__(what, self.seconds.get(what, 0.0) + s))

    def as_dict(self) -> dict[str, Any]:
        """Plain figures, for a log."""
        figures = asdict(self)
        figures.pop("budget")
        return figures


class _Clock:
    def __init__(self, add: Callable[[float], None]) -> None:
        self._add = add

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._add(time.perf_counter() - self._start)
