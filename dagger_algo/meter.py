"""The covariate-shift meter: how often the student is wrong, where, and what one error costs.

A student that imitates demonstrations errs with probability ε on the teacher's states. Its own
errors take it elsewhere, where it may err more: behaviour cloning loses up to T²ε (Ross & Bagnell
2010), DAgger uTε (Ross et al. 2011), u being what one error costs a student that is as good as the
teacher from there on. So both can be measured before anything is trained: disagreement with the
teacher on the teacher's states and after an error of one's own (`opinions`), and what becomes of
an episode in which the teacher takes over at the student's first error (`measure`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Actor, Episode, Turn
from dagger_algo.env_pool import EnvPool
from dagger_algo.gates.gate import Decision, Gate, Moment, Sees
from dagger_algo.gates.mixture import STUDENT_ONLY, TEACHER_ONLY
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget
from dagger_algo.policy import Policy, Student
from dagger_algo.tool_calls import tool_call

Same = Callable[[Action, Action], bool]
"""Whether two actions come to the same."""


def same_action(one: Action, other: Action) -> bool:
    """The same tool call, whatever was thought around it; the same text where there is no call."""
    call = tool_call(one.text)
    if call is None:
        return one.text.strip() == other.text.strip()
    return call == tool_call(other.text)


class Reached(StrEnum):
    """How a state was reached."""

    TEACHER = "teacher's"  # the teacher alone has acted so far
    AGREEING = "agreeing"  # the student has acted too, always as the teacher would have
    ERRED = "after an error"  # the student has done what the teacher would not have


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the student and the teacher would have done at one state.

    round, turn: of the episode; turns count from 0. disagrees: they would not have done the same.
    """

    round: int
    turn: int
    reached: Reached
    disagrees: bool


def opinions(episode: Episode, same: Same = same_action) -> Iterator[Opinion]:
    """One for every turn of which both opinions are known: the teacher's is the label; the
    student's is what it did, or `Turn.proposal` where the teacher acted.

    Nothing is known after the student acted without a label.
    """
    reached = Reached.TEACHER
    for t, turn in enumerate(episode.turns):
        acted = turn.actor is Actor.STUDENT
        if turn.label is None:
            if acted:
                return
            continue
        opinion = turn.action if acted else turn.proposal
        if opinion is None:
            continue
        disagrees = not same(opinion, turn.label)
        yield Opinion(episode.round, t, reached, disagrees)
        if acted and reached is not Reached.ERRED:
            reached = Reached.ERRED if disagrees else Reached.AGREEING


@dataclass(frozen=True, slots=True)
class Rate:
    """errors: states at which student and teacher disagree, of so many states."""

    errors: int = 0
    states: int = 0

    @property
    def share(self) -> float:
        """ε; NaN without any state."""
        return self.errors / self.states if self.states else float("nan")

    def plus(self, disagrees: bool) -> "Rate":
        """With one more state."""
        return Rate(self.errors + disagrees, self.states + 1)

    def interval(self) -> tuple[float, float]:
        """95% (Wilson). States are counted as independent of each other, which those of one
        episode are not quite: it is a little too narrow. Needs scipy."""
        from scipy.stats import binomtest

        if not self.states:
            return 0.0, 1.0
        found = binomtest(self.errors, self.states).proportion_ci(0.95, method="wilson")
        return float(found.low), float(found.high)


Rates = Mapping[Reached, Rate]


def rates(found: Iterable[Opinion]) -> Rates:
    """Disagreement by how the state was reached."""
    counts = dict.fromkeys(Reached, Rate())
    for opinion in found:
        counts[opinion.reached] = counts[opinion.reached].plus(opinion.disagrees)
    return counts


def by_round(episodes: Iterable[Episode], same: Same = same_action) -> dict[int, Rates]:
    """`rates` of every round of a run, from its stored episodes."""
    return _grouped(episodes, same, lambda opinion: opinion.round)


def by_turn(episodes: Iterable[Episode], same: Same = same_action) -> dict[int, Rates]:
    """`rates` of every turn of the episode, from 0."""
    return _grouped(episodes, same, lambda opinion: opinion.turn)


def _grouped(
    episodes: Iterable[Episode], same: Same, key: Callable[[Opinion], int]
) -> dict[int, Rates]:
    found = sorted((o for episode in episodes for o in opinions(episode, same)), key=key)
    return {k: rates(o for o in found if key(o) == k) for k in dict.fromkeys(map(key, found))}


def shift_figures(episodes: Iterable[Episode], same: Same = same_action) -> dict[str, float]:
    """A round's disagreement as plain figures for a log: on the teacher's states, on the student's
    own before its first error, and after it. NaN where there was no such state."""
    found = rates(o for episode in episodes for o in opinions(episode, same))
    names = {
        Reached.TEACHER: "teachers",
        Reached.AGREEING: "own",
        Reached.ERRED: "after_error",
    }
    return {f"disagreement_{names[where]}": rate.share for where, rate in found.items()}


@dataclass(frozen=True)
class TeacherWatched:
    """The teacher acts, and the student says at every state what it would have done."""

    sees = Sees.PROPOSAL

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        return [Decision(Actor.TEACHER)] * len(moments)


@dataclass(frozen=True)
class UntilFirstError:
    """The student acts up to and with its first disagreement, the teacher from then on."""

    same: Same = same_action
    sees = Sees.STATE

    def __call__(self, moments: Sequence[Moment]) -> list[Decision]:
        erred = (any(self._error(turn) for turn in moment.turns) for moment in moments)
        return [Decision(Actor.TEACHER if found else Actor.STUDENT) for found in erred]

    def _error(self, turn: Turn) -> bool:
        if turn.actor is Actor.TEACHER or turn.label is None:
            return False
        return not self.same(turn.action, turn.label)


@dataclass(frozen=True)
class Trial:
    """One task, three times.

    teacher: the teacher acts, the student says what it would have done. student: the student acts.
    rescued: the student acts until its first error, then the teacher; the student's own episode
    where it made none.
    """

    teacher: Episode
    student: Episode
    rescued: Episode

    @property
    def erred(self) -> bool:
        """The student made an error."""
        return self.rescued is not self.student


def demonstrations(
    pool: EnvPool, seeds: Iterable[int], student: Student, teacher: Policy, tokens: int
) -> list[Episode]:
    """Episodes of the teacher alone until its answers come to so many of the student's tokens: what
    a student is fitted to before it is measured."""
    return list(
        collect(
            pool,
            seeds,
            student,
            gate=TEACHER_ONLY,
            teacher=teacher,
            # An answer is a token at least, and of a teacher that never answers this is the end.
            limit=Budget(tokens, tokens),
            count_tokens=student.count_tokens,
        )
    )


def measure(
    pool: EnvPool,
    seeds: Sequence[int],
    student: Policy,
    teacher: Policy,
    same: Same = same_action,
    told: Callable[[str, int], None] = lambda what, done: None,
) -> list[Trial]:
    """Three episodes per seed (two where the student makes no error), the teacher asked at every
    state. Pass `student.greedy()` to measure what is evaluated.

    Seeds on which the environment broke are left out. told: is told of every episode that ends.
    """

    def roll(what: str, which: Sequence[int], gate: Gate) -> dict[int, Episode]:
        found: dict[int, Episode] = {}
        for episode in collect(
            pool,
            which,
            student,
            gate=gate,
            teacher=teacher,
            labels=Labels("everywhere"),
        ):
            found[episode.seed] = episode
            told(what, len(found))
        return found

    by_teacher = roll("teacher", seeds, TeacherWatched())
    own = roll("student", [seed for seed in seeds if seed in by_teacher], STUDENT_ONLY)
    erring = [seed for seed in own if any(o.disagrees for o in opinions(own[seed], same))]
    rescued = roll("rescued", erring, UntilFirstError(same))
    return [
        Trial(by_teacher[seed], episode, rescued.get(seed, episode))
        for seed, episode in own.items()
        if seed in rescued or seed not in erring
    ]
