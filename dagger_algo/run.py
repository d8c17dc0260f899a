"""What every algorithm is handed: a student, a teacher, environments, a budget, a place to log.

An algorithm is a function of a `Run` and its own settings. It may do anything with these parts;
what makes methods comparable is that all of them get the same.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from dagger_algo.checkpoints import Checkpoints, Progress, ledger_of
from dagger_algo.collect import collect
from dagger_algo.conversation import Episode, Outcome
from dagger_algo.env_pool import EnvPool
from dagger_algo.evaluate import Evaluation
from dagger_algo.gates.gate import Adaptive, Gate
from dagger_algo.gates.mixture import STUDENT_ONLY
from dagger_algo.labels import Labels
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.pace import Pace
from dagger_algo.policy import Policy, Student
from dagger_algo.store import EpisodeStore
from dagger_algo.teachers.bills import losses

BEYOND = ("left_out", "shortened")
"""Figures of a fit that a round tells where they are not 0: targets beyond a model's context."""


class Log(Protocol):
    """Told what happens, as it happens."""

    def progress(self, phase: str, ledger: Ledger) -> None:
        """Something small was done (an episode, a fit)."""
        ...

    def round(self, figures: dict[str, Any]) -> None:
        """A round is over; plain figures by name."""
        ...

    def resumed(self, rounds: list[dict[str, Any]]) -> None:
        """An interrupted run goes on: these are the rounds that were over by then, and no others
        that may have been told."""
        ...


class Silent:
    """A log that keeps the rounds' figures and shows nothing."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, Any]] = []

    def progress(self, phase: str, ledger: Ledger) -> None: ...

    def round(self, figures: dict[str, Any]) -> None:
        self.rounds.append(figures)

    def resumed(self, rounds: list[dict[str, Any]]) -> None:
        self.rounds = list(rounds)


class Seeds:
    """A stream of seeds that knows how many were drawn."""

    def __init__(self, stream: Iterator[int]) -> None:
        self._stream = stream
        self.drawn = 0

    def __iter__(self) -> "Seeds":
        return self

    def __next__(self) -> int:
        self.drawn += 1
        return next(self._stream)


@dataclass
class Run:
    """One training run.

    pool: training environments. seeds: an endless stream of their seeds, the same whenever the run
    is made. evaluate: the held-out evaluation. store: the aggregated episodes. checkpoints: where
    whole rounds are kept; without it an interrupted run cannot be taken up again. start: the ledger
    as the algorithm found it.
    """

    student: Student
    teacher: Policy | None
    pool: EnvPool
    seeds: Iterator[int]
    evaluate: Callable[[Student], Evaluation]
    store: EpisodeStore
    ledger: Ledger
    seed: int = 0
    log: Log = field(default_factory=Silent)
    checkpoints: Checkpoints | None = None
    start: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.ledger.copy()
        self._seeds = Seeds(self.seeds)
        self.seeds = self._seeds
        self._figures: list[dict[str, Any]] = []
        self._beyond: Counter[str] = Counter()
        self._lost = self._losses()
        self._known = {episode.key: episode for episode in self.store.all()}
        self._lengths: list[int] | None = None
        self._done: int | None = None
        self._before = self._count = 0
        self._limit: Budget | None = None

    def rounds(self, count: int, gate: Gate | None = None) -> Iterator[int]:
        """The rounds 1 to `count` that are still to be done.

        An interrupted run goes on after its last whole round, in the middle of the next: what was
        collected of that one is not collected again. An adaptive `gate` is told of the rounds
        before.
        """
        if self._done is None:
            self._done = self._take_up()
        elif self.checkpoints is not None and self._done > self._before:
            self.checkpoints.load(self.student)
        if isinstance(gate, Adaptive):
            for episode in self.store:
                if self._before < episode.round <= self._done:
                    gate.observe(episode)
        self._count = count
        yield from range(max(0, self._done - self._before) + 1, count + 1)

    def part(self, limit: Budget | None = None) -> None:
        """Begin another part of the run, which an algorithm of its own takes to `limit` (the whole
        budget by default): its round 1 comes after the last one of the part before, and what that
        part left is what it may spend. For algorithms made of others, one after the other.

        A part that an interrupted run had begun finds the student as it found it then, until it
        asks for its rounds.
        """
        self._before, self._count, self._limit = self._before + self._count, 0, limit
        begun = (self._done or 0) > self._before
        if not begun:
            self.start = self.ledger.copy()
        if self.checkpoints is not None and self._before:
            name = f"after-{self._before:04d}"
            if begun:
                self.student.load_state(self.checkpoints.folder / name)
            else:
                self.checkpoints.keep(name, self.student)

    def _take_up(self) -> int:
        """Go back to the last whole round; its number, 0 without any."""
        progress = self.checkpoints and self.checkpoints.load(self.student)
        done = 0
        if progress:
            done, self._figures = progress.round, progress.figures
            self.start, self.ledger = ledger_of(progress.start), ledger_of(progress.ledger)
            for _ in range(progress.seeds):
                next(self.seeds)
            self.log.resumed(self._figures)
        self._known = {key: e for key, e in self._known.items() if e.round > done}
        return done

    @property
    def reported(self) -> int:
        """Rounds that were reported so far."""
        return len(self._figures)

    def stalled(self, patience: int) -> bool:
        """Whether the newest `patience` rounds (0: never) brought no better success."""
        successes: list[float] = [figures["success"] for figures in self._figures]
        if not 0 < patience < len(successes):
            return False
        return max(successes[-patience:]) <= max(successes[:-patience])

    def share(self, i: int, rounds: int) -> Budget:
        """What may have been spent in all when round `i` of `rounds` ends."""
        return replace(self.ledger, budget=self._whole).share(self.start, i, rounds)

    @property
    def _whole(self) -> Budget:
        """What may be spent in all by the part under way."""
        return self._limit or self.ledger.budget

    def collect(
        self,
        round: int,
        limit: Budget,
        *,
        gate: Gate = STUDENT_ONLY,
        teacher: Policy | None = None,
        labels: Labels = Labels(),
        seeds: Iterator[int] | None = None,
        whole: bool = False,
    ) -> list[Episode]:
        """Roll episodes until `limit` is spent (or `seeds` end), storing each as it ends. whole:
        what has begun by then goes on to its end, for those who learn from outcomes; only the end
        of the whole budget cuts it. With a teacher no more episodes begin than can end in time, as
        far as their lengths can be known."""
        episodes = []
        number = self._before + round
        if self._lengths is None:  # what is stored of this round comes again below
            self._lengths = [
                len(episode.turns)
                for episode in self.store
                if episode.round < number and episode.outcome is not Outcome.CUT
            ]

        def keep(episode: Episode) -> None:
            if episode.key not in self._known:
                self.store.append(episode)

        for episode in collect(
            self.pool,
            self.seeds if seeds is None else seeds,
            self.student,
            gate=gate,
            teacher=teacher,
            labels=labels,
            ledger=self.ledger,
            limit=limit,
            finish=self._whole if whole else None,
            pace=None if teacher is None else Pace(self.ledger, limit, self._lengths),
            count_tokens=self.student.count_tokens,
            round=number,
            known=self._known,
            broken=keep,
        ):
            keep(episode)
            episodes.append(episode)
            if episode.outcome is not Outcome.CUT:
                self._lengths.append(len(episode.turns))
            self.log.progress("collecting", self.ledger)
        return episodes

    def episodes(self, round: int) -> Iterator[Episode]:
        """The aggregated dataset as of `round`: what was collected in it and before."""
        return (episode for episode in self.store if episode.round <= self._before + round)

    def fit(self, *args: Any, **options: Any) -> dict[str, float]:
        """`student.update`, accounted for."""
        self.log.progress("training", self.ledger)
        with self.ledger.clock("train"):
            figures = dict(self.student.update(*args, **options))
        self.ledger.optimizer_steps += int(figures["steps"])
        self.ledger.tokens_trained += int(figures["tokens"])
        self._beyond.update({name: int(figures.get(name, 0)) for name in BEYOND})
        return figures

    def report(self, round: int, **figures: Any) -> Evaluation:
        """Evaluate the student, keep a checkpoint and log the round: `figures` (what JSON can say,
        numbers and arrays of numpy or torch), the evaluation and the ledger."""
        self.log.progress("evaluating", self.ledger)
        with self.ledger.clock("evaluate"):
            result = self.evaluate(self.student)
        number = self._before + round
        self.count_losses()
        told = {
            "round": number,
            "success": result.success,
            "eval_seeds": list(result.seeds),
            "eval_rewards": list(result.rewards),
            "eval_turns": list(result.turns),
            **{name: _plain(figure) for name, figure in figures.items()},
            **+self._beyond,  # those above 0
            **self.ledger.as_dict(),
        }
        self._beyond.clear()
        self._figures.append(told)
        if self.checkpoints is not None and number > 0:
            start, ledger = asdict(self.start), asdict(self.ledger)
            progress = Progress(number, self._seeds.drawn, start, ledger, self._figures)
            self.checkpoints.save(progress, self.student)
        self.log.round(told)
        return result

    def count_losses(self) -> None:
        """Bring the ledger's reasons for lost labels up to date, as a report does."""
        now = self._losses()
        because = Counter(self.ledger.lost_because) + (now - self._lost)
        self.ledger.lost_because, self._lost = dict(because), now

    def _losses(self) -> Counter[str]:
        """Answers that the teacher has lost so far, by reason."""
        return Counter() if self.teacher is None else losses(self.teacher)


def _plain(figure: Any) -> Any:
    """Numbers and arrays, of whatever library, as Python's own."""
    if isinstance(figure, Mapping):
        return {name: _plain(each) for name, each in figure.items()}
    if isinstance(figure, list | tuple):
        return [_plain(each) for each in figure]
    return figure.tolist() if hasattr(figure, "tolist") else figure


def agreement(episodes: list[Episode]) -> float:
    """Share of student turns with a label in which the student did exactly what the label says."""
    pairs = [
        (turn.action.text, turn.label.text)
        for episode in episodes
        for turn in episode.turns
        if turn.actor == "student" and turn.label is not None
    ]
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else float("nan")
