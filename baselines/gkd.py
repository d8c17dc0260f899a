"""GKD: generalised knowledge distillation (Agarwal et al. 2024, 2306.13649, algorithm 1).

    states      the student's in a share λ of the episodes, the teacher's in the others
    actions     those of whoever acts
    weights     at each token JSD(β) between the teacher's and the student's distributions

λ = 0 is supervised distillation on the teacher's data, λ = 1 fully on-policy; β towards 0 is the
forward KL(p_T || π), β towards 1 the reverse. The teacher acts and scores: what it says itself is
paid for once, as an answer; of the student's actions it is paid for the tokens that it scores.
"""

from dataclasses import dataclass
from itertools import islice

from baselines.distillation import DistillationConfig, means
from baselines.methods import method
from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, imitate, own_actions
from dagger_algo.gates.mixture import STUDENT_ONLY, teacher_share
from dagger_algo.labels import Labels
from dagger_algo.objectives import Jsd
from dagger_algo.oec import Demonstrations
from dagger_algo.policy import Adviser
from dagger_algo.run import Run
from dagger_algo.teachers.scoring import adviser, consult, opine


@dataclass(frozen=True)
class GKDConfig(DistillationConfig):
    """Settings of generalised knowledge distillation."""

    on_policy: float = 0.5
    """λ: share of episodes that the student acts in; the teacher acts in the others."""
    beta: float = 0.5
    """β of the divergence, in [0, 1]."""
    top_k: int = 32
    """Likeliest tokens that the teacher names in every place; all others are one event."""

    def __post_init__(self) -> None:
        super().__post_init__()
        Jsd(self.beta)
        if not 0 <= self.on_policy <= 1:
            raise ConfigError(f"on_policy is a share between 0 and 1, not {self.on_policy}")
        if self.top_k < 1:
            raise ConfigError(f"top_k must be at least 1, not {self.top_k}")


@method("gkd", GKDConfig())
def train(run: Run, config: GKDConfig) -> None:
    """Train `run.student` until the budget is spent."""
    teacher = adviser(run.teacher, run.student)
    gate = Demonstrations(1 - config.on_policy, STUDENT_ONLY, run.seed)
    labels = Labels("teacher")
    for i in run.rounds(config.evaluate):
        limit = run.share(i, config.evaluate)
        losses: list[float] = []
        shares: list[float] = []
        while not run.ledger.spent(limit):
            seeds = islice(run.seeds, config.episodes)
            episodes = run.collect(
                i, limit, gate=gate, teacher=run.teacher, labels=labels, seeds=seeds
            )
            shares.append(teacher_share(episodes))
            taught = demonstrated(run, teacher, episodes, config.top_k)
            own = consult(run, teacher, own_actions(episodes), limit, top=config.top_k)
            if taught or own:
                data, objective = taught + own, Jsd(config.beta)
                fit = run.fit(data, epochs=config.epochs, objective=objective, rate=config.rate)
                losses.append(fit["loss"])
        run.report(i, **means({"loss": losses, "teacher_share": shares}))


def demonstrated(run: Run, teacher: Adviser, episodes: list[Episode], top: int) -> list[Example]:
    """The teacher's own actions and its distributions, which come with answers already paid for."""

    def acted(episode: Episode, turn: int) -> float:
        return float(episode.turns[turn].actor is Actor.TEACHER)

    examples = list(imitate(episodes, weigh=acted))
    with run.ledger.clock("teacher"):
        found = teacher.opinions(examples, top=top) if examples else []
    return opine(examples, found)
