"""DAgger for language-model agents ("Revisiting DAgger in the Era of LLM-Agents", 2605.12913;
Ross, Gordon & Bagnell 2011).

    states      a turn-by-turn mixture of the teacher's and the student's
    actions     the teacher's, at every state visited
    weights     1
"""

from dataclasses import dataclass, field

from dagger_algo import filters
from dagger_algo.conversation import Episode
from dagger_algo.examples import imitate
from dagger_algo.gates.gate import Adaptive, Gate, in_round
from dagger_algo.gates.mixture import TurnMixture, teacher_share
from dagger_algo.gates.spec import check_gate, make_gate
from dagger_algo.labels import Labels
from dagger_algo.meter import shift_figures
from dagger_algo.run import Run, agreement
from dagger_algo.schedules import Beta


@dataclass(frozen=True)
class DaggerConfig:
    """Settings of DAgger."""

    rounds: int = 5
    """N: times the student rolls in, is labelled and is refitted."""
    epochs: int = 3
    """Passes over the data in each round's fit."""
    gate: str = "bernoulli"
    """Who acts: bernoulli (a coin with β), switch, every, stall, safe, lazy, thrifty, ensemble,
    entropy, discrepancy, learned; with settings as in thrifty:share=0.2,warmup=1, several joined
    by +, or your own as path/to/file.py:MyGate."""
    beta: Beta = field(default_factory=Beta)
    """Probability that the teacher executes a turn, over the rounds; of the gate bernoulli."""
    aggregate: bool = True
    """Fit on the labels of all rounds so far; otherwise on the newest round's only."""
    labels: Labels = field(default_factory=Labels)
    """Where, and how much, the teacher is asked."""
    keep: tuple[filters.Name, ...] = ()
    """Only episodes that pass all of these are trained on."""
    patience: int = 0
    """Rounds without a better success after which it ends early; 0 is never. It looks at the
    evaluation, which is then no longer held out: not for comparisons."""

    def __post_init__(self) -> None:
        check_gate(self.gate)


def dagger(run: Run, config: DaggerConfig = DaggerConfig(), gate: Gate | None = None) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds.

    gate: says who acts, in place of the one that the settings name.
    """
    gate = gate or make_gate(config.gate, student=run.student, beta=config.beta, seed=run.seed)
    keep = filters.named(config.keep)
    for i in run.rounds(config.rounds, gate):
        if run.stalled(config.patience):
            break
        who = in_round(gate, i, config.rounds)
        limit = run.share(i, config.rounds)
        episodes = run.collect(i, limit, gate=who, teacher=run.teacher, labels=config.labels)
        data = run.episodes(i) if config.aggregate else episodes
        fit = run.fit(imitate(data, keep), epochs=config.epochs)
        run.report(
            i,
            **gate_figures(who, episodes),
            **shift_figures(episodes),
            agreement=agreement(episodes),
            loss=fit["loss"],
        )


def gate_figures(gate: Gate, episodes: list[Episode]) -> dict[str, float]:
    """What a round's gate came to: β if it has one, the share of turns that the teacher executed,
    and whatever the gate itself has to say."""
    beta = {"beta": gate.beta} if isinstance(gate, TurnMixture) else {}
    own = gate.figures() if isinstance(gate, Adaptive) else {}
    return {
        **beta,
        "teacher_share": teacher_share(episodes),
        **{f"gate_{name}": value for name, value in own.items()},
    }
