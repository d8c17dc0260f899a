"""Where the teacher is asked for a label, and how much it may be asked in all."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from dagger_algo.checks import one_of
from dagger_algo.conversation import Actor
from dagger_algo.gates.gate import Decision
from dagger_algo.ledger import TeacherBudget

Where = Literal["everywhere", "gate", "student", "teacher"]


@dataclass(frozen=True)
class Labels:
    """What is asked of the teacher while episodes are collected."""

    where: Where = "everywhere"
    """`everywhere`: at every visited state, whoever acts. `gate`: where the gate asks for it, and
    at the teacher's own turns. `student`, `teacher`: only at the turns that the one or the other
    takes. What the teacher executes is asked for and paid for even where it is no label; a gate
    that goes by the teacher's answers has it asked, and the student's turns labelled, everywhere.
    """
    executed: bool = True
    """What the teacher executes is its label, where there is one; otherwise it is asked a second
    time for what it executes, as long as its budget has a question left."""
    budget: TeacherBudget = field(default_factory=TeacherBudget)
    """When it is spent the student goes on alone and unlabelled."""

    def __post_init__(self) -> None:
        one_of("labels.where", self.where, get_args(Where))

    def kept(self, actor: Actor) -> bool:
        """Whether the teacher's answer is a label at a turn that `actor` takes."""
        return actor is Actor.STUDENT or self.where != "student"

    def wanted(self, decision: Decision) -> bool:
        """Whether the teacher is asked, for a label or to act, at a state for which the gate has
        decided this."""
        if decision.actor is Actor.TEACHER or self.where == "everywhere":
            return True
        return self.where == "student" or (self.where == "gate" and decision.ask)
