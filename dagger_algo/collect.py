"""Rolls episodes, many at once, and asks the teacher for labels at the states they visit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dagger_algo.asking import act, answers, ask, ask_again, text_of
from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn, Usage
from dagger_algo.env_pool import EnvPool
from dagger_algo.gates.gate import Adaptive, Gate, Moment, Sees
from dagger_algo.gates.mixture import STUDENT_ONLY
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger, TeacherBudget
from dagger_algo.pace import Pace
from dagger_algo.policy import Policy


@dataclass
class _Running:
    """An episode under way in one slot of the pool.

    past: what is stored of it, when it was collected before an interruption. Such an episode is
    not rolled again; it takes its turns in step with the others, so that everything that depends
    on who runs beside whom, and on what was spent when, comes out as it would have without one.
    """

    slot: int
    seed: int
    task: str
    conversation: Conversation
    turns: list[Turn] = field(default_factory=list)
    past: Episode | None = None

    def finish(self, outcome: Outcome, round: int) -> Episode:
        return self.past or Episode(
            self.conversation.key,
            self.seed,
            self.task,
            round,
            tuple(self.turns),
            outcome,
            self.conversation.observations[-1],
        )


def collect(
    pool: EnvPool,
    seeds: Iterable[int],
    student: Policy,
    *,
    gate: Gate = STUDENT_ONLY,
    teacher: Policy | None = None,
    labels: Labels = Labels(),
    ledger: Ledger | None = None,
    limit: Budget | None = None,
    finish: Budget | None = None,
    pace: Pace | None = None,
    count_tokens: Callable[[str], int] = len,
    round: int = 0,
    known: Mapping[str, Episode] | None = None,
    broken: Callable[[Episode], None] = lambda episode: None,
) -> Iterator[Episode]:
    """Roll one episode per seed and yield each as it ends.

    The policies are asked in one batch per turn for all running episodes; `gate` says who acts,
    and `labels` where the teacher is asked: at every visited state, whoever acts, unless it says
    otherwise. A teacher without an answer loses that label, and the student acts in its place.
    When `ledger` reaches `limit` nothing more is started, and what is running ends where it is with
    Outcome.CUT, or goes on until `finish` where that is given. pace: how many may begin at a time;
    by default as many as the pool has places. Episodes in which the environment itself broke are
    counted, handed to `broken`, and not yielded. known: episodes by key that an interrupted
    collection had already stored.
    """
    todo = iter(seeds)
    free = list(range(pool.size))
    running: list[_Running] = []
    ledger = ledger or Ledger()

    def end(run: _Running, outcome: Outcome) -> Iterator[Episode]:
        episode = run.finish(outcome, round)
        if outcome is Outcome.INFRA:
            ledger.episodes_infra += 1
            broken(episode)
            return
        if isinstance(gate, Adaptive):
            gate.observe(episode)
        yield episode

    while True:
        spent = limit is not None and ledger.spent(limit)
        if spent and (finish is None or ledger.spent(finish)):
            for run in running:
                if run.turns:
                    yield from end(run, Outcome.CUT)
            return
        if not spent:
            places = free
            if pace is not None:
                places = free[: pace.may_begin([len(run.turns) for run in running], len(free))]
            starting = [(slot, seed) for slot, seed in zip(places, todo, strict=False)]
            running += _start(pool, starting, ledger, round, known or {})
            free = free[len(starting) :]
        if not running:
            return

        replay = _Replay(running, ledger, count_tokens)
        outcomes = replay.outcomes
        live = [run for run in running if run.past is None]
        chosen = _decide(live, student, teacher, gate, labels, ledger, count_tokens, replay)
        with ledger.clock("environment"):
            steps = pool.step([run.slot for run in live], [turn.action.text for turn in chosen])
        ledger.env_steps += len(running)
        for run, turn, step in zip(live, chosen, steps, strict=True):
            observation, reward, terminated, truncated, info = step
            run.turns.append(replace(turn, reward=reward))
            text = text_of(observation, run.conversation.key, len(run.turns))
            run.conversation = run.conversation.after(turn.action, text, info)
            if info.get("infra_failure"):
                outcomes[run.slot] = Outcome.INFRA
            elif terminated or truncated:
                outcomes[run.slot] = Outcome.TERMINATED if terminated else Outcome.TRUNCATED

        over = [run for run in running if run.slot in outcomes]
        running = [run for run in running if run.slot not in outcomes]
        for run in over:
            free.append(run.slot)
            yield from end(run, outcomes[run.slot])


def _start(
    pool: EnvPool,
    starting: Sequence[tuple[int, int]],
    ledger: Ledger,
    round: int,
    known: Mapping[str, Episode],
) -> list[_Running]:
    """Begin one episode per (slot, seed); one that is known is not rolled again."""
    begun = []
    for slot, seed in starting:
        key = f"{round}/{seed}/{ledger.episodes}"
        ledger.episodes += 1
        past = known.get(key)
        begun.append(_Running(slot, seed, "", Conversation(key, ("",)), past=past))
    live = [run for run in begun if run.past is None]
    if live:
        with ledger.clock("environment"):
            first = pool.reset([run.slot for run in live], [run.seed for run in live])
        for run, (observation, info) in zip(live, first, strict=True):
            run.task = str(info.get("task", ""))
            text = text_of(observation, run.conversation.key, 0)
            run.conversation = Conversation(run.conversation.key, (text,), (), info)
    return begun


class _Replay:
    """One turn of every stored episode; outcomes: slot -> outcome of those that end with it.

    It is paid in the order in which it was when it was rolled: all first questions of a turn, with
    those of the episodes that are rolled now, and then all second ones.
    """

    def __init__(
        self, running: Sequence[_Running], ledger: Ledger, count_tokens: Callable[[str], int]
    ) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._ledger, self._count_tokens = ledger, count_tokens
        self._turns: list[Turn] = []
        for run in running:
            if run.past is not None:
                self._turns.append(run.past.turns[len(run.turns)])
                run.turns.append(self._turns[-1])
                if len(run.turns) == len(run.past.turns) and run.past.outcome is not Outcome.CUT:
                    self.outcomes[run.slot] = run.past.outcome

    def first(self, budget: TeacherBudget) -> int | None:
        """Pay the first questions; how many more there may be."""
        lost = [turn.lost for turn in self._turns]
        return self._pay(budget, lost, [answers(turn)[:1] for turn in self._turns])

    def second(self, budget: TeacherBudget) -> int | None:
        """Pay the second questions; how many more there may be."""
        lost = [turn.lost_again for turn in self._turns]
        return self._pay(budget, lost, [answers(turn)[1:] for turn in self._turns])

    def _pay(
        self,
        budget: TeacherBudget,
        lost: Sequence[Usage | None],
        said: Sequence[Sequence[Action | None]],
    ) -> int | None:
        room = self._ledger.may_ask(budget)
        for usage in lost:
            if usage is not None:
                self._ledger.lost(usage)
        paid = [answer for each in said for answer in each]
        for answer in paid:
            self._ledger.answered(answer, self._count_tokens)
        return None if room is None else max(0, room - len(paid))


def _decide(
    running: Sequence[_Running],
    student: Policy,
    teacher: Policy | None,
    gate: Gate,
    labels: Labels,
    ledger: Ledger,
    count_tokens: Callable[[str], int],
    replay: _Replay,
) -> list[Turn]:
    """The next turn of each running episode, but for its reward."""
    states = [run.conversation for run in running]
    count = len(states)
    proposals: list[Action | None] = [None] * count
    said: list[Action | None] = [None] * count
    asked = [False] * count
    lost: dict[int, Usage] = {}
    lost_again: dict[int, Usage] = {}

    def propose(indices: Sequence[int]) -> None:
        if indices:
            with ledger.clock("student"):
                found = act(student, [states[i] for i in indices], Actor.STUDENT)
            for i, action in zip(indices, found, strict=True):
                proposals[i] = action

    def ask_first(indices: Sequence[int]) -> None:
        indices = indices[: replay.first(labels.budget)]
        if teacher is None or not indices:
            return
        found = ask(teacher, [states[i] for i in indices], ledger)
        for i, (answer, bill) in zip(indices, found, strict=True):
            asked[i], said[i] = True, answer
            ledger.answered(answer, count_tokens)
            if bill is not None:
                lost[i] = bill

    def ask_second(indices: Sequence[int]) -> dict[int, Action]:
        """What the teacher executes instead of its labels, as far as its budget goes. Where it has
        no other answer the first one is executed, and counts again."""
        indices = indices[: replay.second(labels.budget)]
        if teacher is None or not indices:
            return {}
        found = ask_again(teacher, [states[i] for i in indices], ledger)
        taken: dict[int, Action] = {}
        for i, (answer, bill) in zip(indices, found, strict=True):
            first = said[i]
            assert first is not None, "only a teacher with an answer acts"
            taken[i] = answer or replace(first, usage=None)
            ledger.answered(taken[i], count_tokens)
            if bill is not None:
                lost_again[i] = bill
        return taken

    everyone = range(count)
    if Sees.PROPOSAL in gate.sees:
        propose(everyone)
    if Sees.LABEL in gate.sees:
        ask_first(everyone)
    decisions = gate(
        [
            Moment(run.conversation, run.turns, proposal, answer)
            for run, proposal, answer in zip(running, proposals, said, strict=True)
        ]
    )
    if Sees.LABEL not in gate.sees:
        ask_first([i for i, decision in enumerate(decisions) if labels.wanted(decision)])
    teaching = [
        decision.actor is Actor.TEACHER and answer is not None
        for decision, answer in zip(decisions, said, strict=True)
    ]
    propose([i for i in everyone if not teaching[i] and proposals[i] is None])
    twice = not labels.executed and labels.kept(Actor.TEACHER)
    again = ask_second([i for i in everyone if teaching[i] and twice])

    turns = []
    for i, decision in enumerate(decisions):
        actor = Actor.TEACHER if teaching[i] else Actor.STUDENT
        action = again.get(i, said[i]) if teaching[i] else proposals[i]
        assert action is not None, "whoever acts has answered"
        kept = labels.kept(actor)
        turns.append(
            Turn(
                states[i].observations[-1],
                action,
                actor,
                said[i] if kept else None,
                0.0,
                asked[i] and kept,
                proposals[i] if Sees.PROPOSAL in gate.sees else None,
                decision.score,
                lost.get(i),
                i in again,
                lost_again.get(i),
            )
        )
    return turns
