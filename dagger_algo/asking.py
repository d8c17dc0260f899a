"""What policies are asked turn by turn, what they may answer, and what of it is paid."""

from collections.abc import Sequence
from dataclasses import replace

from dagger_algo.conversation import Action, Actor, Conversation, Turn, Usage
from dagger_algo.errors import ConfigError, PolicyError
from dagger_algo.ledger import Ledger
from dagger_algo.policy import Policy
from dagger_algo.teachers.bills import add, bills

Answer = tuple[Action | None, Usage | None]
"""What the teacher said, beside what was paid for lost answers in that state."""


def act(policy: Policy, states: Sequence[Conversation], who: Actor) -> list[Action | None]:
    """One answer per state. Raises PolicyError, which names who and where, for fewer or more, for
    what is no Action, and where a student has none."""
    name = f"the {who} ({type(policy).__name__})"
    found = policy.act(states)
    promise = "`act` returns a list with one Action per conversation, in order"
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise PolicyError(f"{name} answered with a {type(found).__name__}: {promise}")
    if len(found) != len(states):
        raise PolicyError(
            f"{name} was asked in {len(states)} conversations and gave {len(found)} answers: "
            f"{promise}, and None where a teacher has no answer"
        )
    for state, answer in zip(states, found, strict=True):
        place = f"in episode {state.key!r}, turn {state.turn}"
        if answer is None and who is Actor.STUDENT:
            raise PolicyError(
                f"{name} has no answer (None) {place}: a student always answers, only a teacher "
                "may have none"
            )
        if answer is not None and not (isinstance(answer, Action) and isinstance(answer.text, str)):
            said = answer.text if isinstance(answer, Action) else answer
            held = "an Action of " if isinstance(answer, Action) else ""
            raise PolicyError(
                f"{name} answered with {held}a {type(said).__name__}, {said!r:.60}, {place}: "
                "an answer is an Action with a text, as in Action('ls')"
            )
    return list(found)


def ask(teacher: Policy, states: Sequence[Conversation], ledger: Ledger) -> list[Answer]:
    """The teacher's answers, each beside what was paid for lost ones in its state."""
    bills(teacher)  # those of others who asked it
    with ledger.clock("teacher"):
        found = act(teacher, states, Actor.TEACHER)
    paid: dict[str, Usage] = {state.key: Usage() for state in states}
    for key, usage in bills(teacher).items():
        while key not in paid and "/" in key:
            key = key.rpartition("/")[0]
        if key in paid:
            paid[key] = add(paid[key], usage)
            ledger.lost(usage)
    own = [paid[state.key] for state in states]
    return [
        (answer, None if bill == Usage() else bill) for answer, bill in zip(found, own, strict=True)
    ]


def ask_again(teacher: Policy, states: Sequence[Conversation], ledger: Ledger) -> list[Answer]:
    """The same, with a draw of its own: a teacher that samples gives the same answer for the same
    key."""
    return ask(teacher, [replace(state, key=f"{state.key}/executed") for state in states], ledger)


def answers(turn: Turn) -> list[Action | None]:
    """What the teacher said at a turn, None where it had no answer: first its label, or what it
    was asked to execute where that is no label; then, where it was asked again, what it executed.
    """
    taken = turn.actor is Actor.TEACHER
    if taken and turn.label is None:
        return [turn.action]
    first = [turn.label] if turn.asked else []
    return [*first, turn.action] if turn.again else first


def text_of(observation: object, key: str, turn: int) -> str:
    """An observation; ConfigError where it is no text."""
    if not isinstance(observation, str):
        raise ConfigError(
            f"in episode {key!r}, turn {turn}, the environment's observation is a "
            f"{type(observation).__name__} and should be text (str): wrap the environment, for "
            "instance in gymnasium's TransformObservation"
        )
    return observation
