"""How much others disagree with the student: an ensemble's members, its own resamples, the
teacher."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagger_algo.conversation import Action, Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.gate import Moment, Sees
from dagger_algo.policy import Policy


@dataclass(frozen=True)
class Disagreement:
    """Share of the members whose action is another one than the student's proposal: the doubt of
    EnsembleDAgger (1807.08364), for actions that have no variance. All are asked at every turn."""

    members: tuple[Policy, ...]
    sees = Sees.PROPOSAL

    def __post_init__(self) -> None:
        if not self.members:
            raise ConfigError("an ensemble needs at least one member besides the student")

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        states = [moment.state for moment in moments]
        votes = [member.act(states) for member in self.members]
        return [
            sum(not same(vote, moment.proposal) for vote in of) / len(self.members)
            for moment, of in zip(moments, zip(*votes, strict=True), strict=True)
        ]


@dataclass(frozen=True)
class Resampled:
    """The student once more, sampling afresh: a member that costs no training."""

    student: Policy
    number: int

    def act(self, conversations: Sequence[Conversation]) -> list[Action | None]:
        # Another key is another random stream, and the same one in every run.
        return self.student.act(
            [replace(c, key=f"{c.key}/member-{self.number}") for c in conversations]
        )


def dropping(student: Any, rate: float, number: int) -> Policy:
    """The student with units left out at a rate between 0 and 1, by another draw for each number: a
    member of DropoutDAgger (1709.06166). ConfigError where it has nothing to leave out."""
    if not 0.0 < rate < 1.0:
        raise ConfigError(f"dropout is a share of units, between 0 and 1, not {rate}")
    if not hasattr(student, "dropping"):
        raise ConfigError(
            f"a dropout ensemble needs a student with dropout, and {type(student).__name__} has "
            "none: train a transformer in this process, or leave dropout= out for resamples"
        )
    member: Policy = student.dropping(rate, number)
    return member


class Discrepancy:
    """1 where the teacher's action is another than the student's proposal, else 0: the second of
    EnsembleDAgger's two conditions. The teacher is asked at every turn to know it."""

    sees = Sees.PROPOSAL | Sees.LABEL

    def __call__(self, moments: Sequence[Moment]) -> list[float]:
        return [
            float(moment.label is not None and not same(moment.label, moment.proposal))
            for moment in moments
        ]


def same(one: Action | None, other: Action | None) -> bool:
    """The same text, but for white space around it."""
    return one is not None and other is not None and one.text.strip() == other.text.strip()
