"""Rolls episodes, many at once, and asks the teacher for labels at the states they visit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dagger_algo.conversation import Action, Actor, Conversation, Episode, Outcome, Turn, Usage
from dagger_algo.env_pool import EnvPool
from dagger_algo.gates.gate import Adaptive, Gate, Moment, Sees
from dagger_algo.gates.mixture import STUDENT_ONLY
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.policy import Policy
from dagger_algo.teachers.bills import add, bills


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
    Outcome.CUT, or goes on until `finish` where that is given. Episodes in which the environment
    itself broke are counted, handed to `broken`, and not yielded. known: episodes by key that an
    interrupted collection had already stored.
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
            starting = [(slot, seed) for slot, seed in zip(free, todo, strict=False)]
            running += _start(pool, starting, ledger, round, known or {})
            free = free[len(starting) :]
        if not running:
            return

        outcomes = _replay(running, labels, ledger, count_tokens)
        live = [run for run in running if run.past is None]
        chosen = _decide(live, student, teacher, gate, labels, ledger, count_tokens)
        with ledger.clock("environment"):
            steps = pool.step([run.slot for run in live], [turn.action.text for turn in chosen])
        ledger.env_steps += len(running)
        for run, turn, step in zip(live, chosen, steps, strict=True):
            observation, reward, terminated, truncated, info = step
            run.turns.append(replace(turn, reward=reward))
            run.conversation = run.conversation.after(turn.action, observation, info)
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
            run.conversation = Conversation(run.conversation.key, (observation,), (), info)
    return begun


def _replay(
    running: Sequence[_Running],
    labels: Labels,
    ledger: Ledger,
    count_tokens: Callable[[str], int],
) -> dict[int, Outcome]:
    """One turn of every stored episode; slot -> outcome of those that end with it."""
    outcomes: dict[int, Outcome] = {}
    for run in running:
        if run.past is None:
            continue
        turn = run.past.turns[len(run.turns)]
        run.turns.append(turn)
        if turn.asked:
            ledger.answered(turn.label, count_tokens)
        if turn.actor is Actor.TEACHER and not labels.executed:
            ledger.answered(turn.action, count_tokens)
        if turn.lost is not None:
            ledger.lost(turn.lost)
        if len(run.turns) == len(run.past.turns) and run.past.outcome is not Outcome.CUT:
            outcomes[run.slot] = run.past.outcome
    return outcomes


def _decide(
    running: Sequence[_Running],
    student: Policy,
    teacher: Policy | None,
    gate: Gate,
    labels: Labels,
    ledger: Ledger,
    count_tokens: Callable[[str], int],
) -> list[Turn]:
    """The next turn of each running episode, but for its reward."""
    states = [run.conversation for run in running]
    count = len(states)
    proposals: list[Action | None] = [None] * count
    answers: list[Action | None] = [None] * count
    asked = [False] * count
    lost: dict[int, Usage] = {}

    def propose(indices: Sequence[int]) -> None:
        if indices:
            with ledger.clock("student"):
                for i, action in zip(
                    indices, student.act([states[i] for i in indices]), strict=True
                ):
                    proposals[i] = action

    def ask(indices: Sequence[int]) -> None:
        indices = indices[: ledger.may_ask(labels.budget)] if teacher is not None else []
        if teacher is None or not indices:
            return
        found = _ask(teacher, [states[i] for i in indices], ledger)
        for i, (answer, bill) in zip(indices, found, strict=True):
            asked[i], answers[i] = True, answer
            ledger.answered(answer, count_tokens)
            if bill is not None:
                lost[i] = bill

    everyone = range(count)
    if Sees.PROPOSAL in gate.sees:
        propose(everyone)
    if Sees.LABEL in gate.sees:
        ask(everyone)
    decisions = gate(
        [
            Moment(run.conversation, run.turns, proposal, answer)
            for run, proposal, answer in zip(running, proposals, answers, strict=True)
        ]
    )
    if Sees.LABEL not in gate.sees:
        ask([i for i, decision in enumerate(decisions) if labels.wanted(decision)])
    teaching = [
        decision.actor is Actor.TEACHER and answer is not None
        for decision, answer in zip(decisions, answers, strict=True)
    ]
    propose([i for i in everyone if not teaching[i] and proposals[i] is None])
    taught = dict(enumerate(answers))
    if not labels.executed:
        second = _again(states, answers, teaching, teacher, ledger, count_tokens)
        taught |= {i: action for i, (action, _) in second.items()}
        for i, (_, bill) in second.items():
            if bill is not None:
                lost[i] = add(lost[i], bill) if i in lost else bill

    turns = []
    for i, decision in enumerate(decisions):
        action = taught[i] if teaching[i] else proposals[i]
        assert action is not None, "a student always answers"
        turns.append(
            Turn(
                states[i].observations[-1],
                action,
                Actor.TEACHER if teaching[i] else Actor.STUDENT,
                answers[i],
                0.0,
                asked[i],
                proposals[i] if Sees.PROPOSAL in gate.sees else None,
                decision.score,
                lost.get(i),
            )
        )
    return turns


def _again(
    states: Sequence[Conversation],
    answers: Sequence[Action | None],
    teaching: Sequence[bool],
    teacher: Policy | None,
    ledger: Ledger,
    count_tokens: Callable[[str], int],
) -> dict[int, tuple[Action, Usage | None]]:
    """A second answer where the teacher acts, beside what was lost on it: what is executed is then
    not the labelled sample. Where there is none the first is executed, and counts again.
    """
    indices = [i for i, acts in enumerate(teaching) if acts]
    if teacher is None or not indices:
        return {}
    # Another key, since a teacher that samples gives the same answer for the same one.
    asked = [replace(states[i], key=f"{states[i].key}/executed") for i in indices]
    taken: dict[int, tuple[Action, Usage | None]] = {}
    for i, (second, bill) in zip(indices, _ask(teacher, asked, ledger), strict=True):
        first = answers[i]
        assert first is not None, "only a teacher with an answer acts"
        taken[i] = (second or replace(first, usage=None), bill)
        ledger.answered(taken[i][0], count_tokens)
    return taken


def _ask(
    teacher: Policy, states: Sequence[Conversation], ledger: Ledger
) -> list[tuple[Action | None, Usage | None]]:
    """The teacher's answers, each beside what was paid for lost ones in its state."""
    bills(teacher)  # those of others who asked it
    with ledger.clock("teacher"):
        found = teacher.act(states)
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
