"""DAgger for language-model agents ("Revisiting DAgger in the Era of LLM-Agents", 2605.12913;
Ross, Gordon & Bagnell 2011).

    states      a turn-by-turn mixture of the teacher's and the student's
    actions     the teacher's, at every state visited
    weights     1, or the label's stage's

Other losses than cross-entropy learn more of a teacher that gives log-probabilities: `lessons.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from dagger_algo import filters
from dagger_algo.checks import at_least, one_of
from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, imitate
from dagger_algo.gates.gate import Adaptive, Gate, in_round
from dagger_algo.gates.mixture import TurnMixture, teacher_share
from dagger_algo.gates.spec import check_gate, make_gate
from dagger_algo.labels import Labels
from dagger_algo.ledger import TeacherBudget
from dagger_algo.lessons import OBJECTIVES, Loss, rolled_and_scored, with_likeliest
from dagger_algo.meter import shift_figures
from dagger_algo.run import Run, agreement
from dagger_algo.schedules import Beta
from dagger_algo.stages import Stage, stage_weights
from dagger_algo.teachers.scoring import adviser


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
    stage_weights: Mapping[Stage, float] = field(default_factory=dict)
    """Weights of labels by the stage of what they say to do; a stage that is not named weighs 1,
    and a label of weight 0 is left out."""
    loss: Loss = "cross_entropy"
    """What is minimised. cross_entropy: on the labels, the paper's. mixed_k1, mixed_k2, mixed_k3:
    that, and on the student's own tokens of the newest round an estimate of their divergence from
    the teacher (mixed_k3 with labels.where=teacher is the released launcher's). top_k_kl: in the
    place of every token of a label, the divergence from the teacher's top_k likeliest tokens. All
    but the first need a teacher that gives log-probabilities of the student's tokens."""
    top_k: int = 32
    """Likeliest tokens that the teacher names in every place, for the loss of that name."""
    patience: int = 0
    """Rounds without a better success after which it ends early; 0 is never. It looks at the
    evaluation, which is then no longer held out: not for comparisons."""

    def __post_init__(self) -> None:
        at_least(1, self, "rounds", "epochs", "top_k")
        at_least(0, self, "patience")
        one_of("loss", self.loss, get_args(Loss))
        filters.named(self.keep)
        for stage, weight in self.stage_weights.items():
            one_of("stage_weights", stage, Stage)
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"stage_weights.{stage} must be 0 or more, not {weight}")
        check_gate(self.gate)

    @property
    def labels_every_step(self) -> bool:
        """No environment step without an answer of the teacher: a dry run counts on it."""
        return self.labels.where == "everywhere" and self.labels.budget == TeacherBudget()


def dagger(run: Run, config: DaggerConfig = DaggerConfig(), gate: Gate | None = None) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds.

    gate: says who acts, in place of the one that the settings name.
    """
    gate = gate or make_gate(config.gate, student=run.student, beta=config.beta, seed=run.seed)
    keep = filters.named(config.keep)
    weigh = stage_weights(config.stage_weights)
    scores = None if config.loss == "cross_entropy" else adviser(run.teacher, run.student)
    for i in run.rounds(config.rounds, gate):
        if run.stalled(config.patience):
            break
        who = in_round(gate, i, config.rounds)
        limit = run.share(i, config.rounds)
        own: list[Example] = []
        if scores is None or config.loss == "top_k_kl":
            episodes = run.collect(i, limit, gate=who, teacher=run.teacher, labels=config.labels)
        else:
            episodes, own = rolled_and_scored(run, i, limit, who, config.labels, scores, keep)
        taught = list(imitate(run.episodes(i) if config.aggregate else episodes, keep, weigh))
        if scores is not None and config.loss == "top_k_kl":
            taught = with_likeliest(run, scores, taught, config.top_k)
        fit = {}
        if taught or own or unanswered(episodes):
            fit = run.fit(taught + own, epochs=config.epochs, objective=OBJECTIVES[config.loss])
        run.report(
            i,
            **gate_figures(who, episodes),
            **shift_figures(episodes),
            agreement=agreement(episodes),
            **({"loss": fit["loss"]} if fit else {}),
        )


def unanswered(episodes: list[Episode]) -> bool:
    """The teacher was asked for labels, and had no answer anywhere: the learner says so."""
    turns = [turn for episode in episodes for turn in episode.turns if turn.asked]
    return bool(turns) and all(turn.label is None for turn in turns)


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
