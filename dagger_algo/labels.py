"""Where the teacher is asked for a label, and how much it may be asked in all."""

from dataclasses import dataclass, field
from typing import Literal

from dagger_algo.conversation import Actor
from dagger_algo.gates.gate import Decision
from dagger_algo.ledger import TeacherBudget


@dataclass(frozen=True)
class Labels:
    """What is asked of the teacher while episodes are collected."""

    where: Literal["everywhere", "gate", "student", "teacher"] = "everywhere"
    """`everywhere`: at every visited state, whoever acts. `gate`: where the gate asks for it.
    `student`, `teacher`: only at the turns that the one or the other is to take (a turn that the
    teacher takes is always asked for, or it could not take it)."""
    executed: bool = True
    """What the teacher executes is its label; otherwise it is asked a second time."""
    budget: TeacherBudget = field(default_factory=TeacherBudget)
    """When it is spent the student goes on alone and unlabelled."""

    def wanted(self, decision: Decision) -> bool:
        """Whether the teacher is asked at a state for which the gate has decided this."""
        if decision.actor is Actor.TEACHER or self.where == "everywhere":
            return True
        return self.where == "student" or (self.where == "gate" and decision.ask)
