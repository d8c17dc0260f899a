"""SRFT: step rejection fine-tuning (Slinko et al. 2026, 2605.10674).

    states      the teacher's
    actions     the teacher's
    weights     1 in episodes with R = 1; in the others 1 where a critic finds no fault, else 0

Failed demonstrations are kept, with their mistakes in the context and out of the loss, so that the
student learns to recover and not to repeat them. The paper's critic is a language model; `rules` is
a critic by rules (`dagger_algo.step_critic`), and any function of an episode can stand in for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from baselines.methods import method
from dagger_algo.checks import at_least, one_of
from dagger_algo.conversation import Episode
from dagger_algo.examples import imitate
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.run import Run
from dagger_algo.step_critic import Critic, Verdict, rule_critic


@dataclass(frozen=True)
class SRFTConfig:
    """Settings of SRFT."""

    rounds: int = 5
    """Times the student is fitted to the demonstrations gathered so far."""
    epochs: int = 3
    """Passes over them each time."""
    masked: tuple[Verdict, ...] = (Verdict.MISTAKE,)
    """Steps of failed demonstrations that are not learnt, by the critic's verdict."""

    def __post_init__(self) -> None:
        at_least(1, self, "rounds", "epochs")
        for verdict in self.masked:
            one_of("masked", verdict, Verdict)


@method("srft", SRFTConfig())
def train(run: Run, config: SRFTConfig, critic: Critic = rule_critic) -> None:
    """Train `run.student` until the budget is spent, evenly over the rounds."""
    weigh = step_weights(critic, config.masked)
    for i in run.rounds(config.rounds):
        episodes = run.collect(
            i, run.share(i, config.rounds), gate=TEACHER_ONLY, teacher=run.teacher, whole=True
        )
        kept = list(imitate(run.episodes(i), weigh=weigh))
        fit = run.fit(kept, epochs=config.epochs) if kept else {}
        steps = [weigh(episode, t) for episode in episodes for t in range(len(episode.turns))]
        share = sum(steps) / max(1, len(steps))
        run.report(i, kept=share, **({"loss": fit["loss"]} if kept else {}))


def step_weights(
    critic: Critic, masked: tuple[Verdict, ...] = (Verdict.MISTAKE,)
) -> Callable[[Episode, int], float]:
    """For `imitate(..., weigh=...)`: 0 for the turns of failed episodes with these verdicts."""
    found: dict[str, list[float]] = {}

    def weigh(episode: Episode, turn: int) -> float:
        if episode.success:
            return 1.0
        if episode.key not in found:  # a critic may be a model: asked once per episode
            found[episode.key] = [float(verdict not in masked) for verdict in critic(episode)]
        return found[episode.key][turn]

    return weigh
