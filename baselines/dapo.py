"""DAPO: decoupled clip and dynamic sampling (2503.14476, eq. 8-13).

    states      the student's, in groups whose rewards differ
    actions     the student's
    weights     (reward - length penalty - mean) / std within the group

The clip leaves unlikely tokens more room to rise than to fall; groups in which all got the same
reward are dropped and others rolled until the batch is full; token losses are averaged over all
tokens; overlong trajectories are punished softly. The paper has no KL.
"""

from dataclasses import dataclass

from baselines.advantages import normalised, overlong_penalty
from baselines.methods import method
from baselines.rlvr import RLVRConfig, Variant, reinforced, rewards_of, tokens_of
from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.objectives import PolicyGradient
from dagger_algo.run import Run


@dataclass(frozen=True)
class DAPOConfig(RLVRConfig):
    """Settings of DAPO."""

    clip_low: float = 0.2
    """ε_low of the ratio."""
    clip_high: float = 0.28
    """ε_high of the ratio."""
    most: int | None = None
    """Tokens of the student in a trajectory at which the length penalty is whole (L_max; the
    paper's is 20,480); None: no penalty."""
    margin: int = 4096
    """Tokens before that over which it rises (L_cache)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin < 1 or (self.most is not None and self.most < self.margin):
            raise ConfigError(
                f"the length penalty rises over margin={self.margin} tokens, which must be at "
                f"least 1 and at most most={self.most}"
            )


def variant(config: DAPOConfig) -> Variant:
    """What makes it itself."""

    def rewards(episode: Episode) -> list[float]:
        found = rewards_of(episode)
        if config.most is not None:
            own = (turn.action for turn in episode.turns if turn.actor is Actor.STUDENT)
            found[-1] += overlong_penalty(sum(map(tokens_of, own)), config.most, config.margin)
        return found

    objective = PolicyGradient(config.clip_low, config.clip_high)
    return Variant(normalised, "token", objective, rewards, resample=True)


@method("dapo", DAPOConfig(), needs_teacher=False)
def train(run: Run, config: DAPOConfig) -> None:
    """Train `run.student` until the budget is spent."""
    reinforced(run, config, variant(config))
