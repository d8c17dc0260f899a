"""The loop that all reinforcement from a verifiable reward shares: roll groups, compare, fit.

    states      the student's
    actions     the student's
    weights     how much better than comparable episodes

A group is several episodes of the same task: the same seed, hence the same start, and different
draws. What tells the algorithms apart is a `Variant`, a few lines in a file of each one's own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat
from typing import ClassVar

import numpy as np

from baselines.advantages import Baseline, Mean, Per, scales, turn_advantages
from dagger_algo.checks import at_least
from dagger_algo.conversation import Action, Actor, Episode, Outcome
from dagger_algo.errors import ConfigError
from dagger_algo.examples import Example, reinforce
from dagger_algo.ledger import Budget
from dagger_algo.objectives import CrossEntropy, PolicyGradient
from dagger_algo.policy import Scorer
from dagger_algo.run import Run

Group = list[Episode]


@dataclass(frozen=True)
class RLVRConfig:
    """Settings that all of them have."""

    fewest: ClassVar[int] = 2
    """Episodes that a group must have; one alone has nothing to be compared with."""
    group: int = 8
    """Episodes per task."""
    tasks: int = 4
    """Tasks per batch of roll-outs."""
    epochs: int = 1
    """Passes over each batch."""
    rate: float = 0.2
    """Learning rate, as a multiple of the student's own."""
    kl: float = 0.0
    """Weight of the KL to the student as it was at the start (2402.03300 has 0.04); 0 keeps no
    reference."""
    kl_corrected: bool = False
    """Multiply the KL's estimate by the ratio to the policy that sampled, as DeepSeek-V3.2 and
    TRL do: without, as in the papers, its gradient is that of the KL's other direction."""
    per: Per = "trajectory"
    """What is compared: whole trajectories, or at each turn what came after."""
    discount: float = 1.0
    """Of later rewards, per turn, where turns are compared."""
    evaluate: int = 3
    """Evaluations in all, evenly over the budget."""

    def __post_init__(self) -> None:
        at_least(1, self, "tasks", "epochs", "evaluate")
        at_least(self.fewest, self, "group")
        if self.kl < 0 or self.rate < 0 or not 0 <= self.discount <= 1:
            raise ConfigError(
                "reinforcement needs kl >= 0, rate >= 0 and a discount from 0 to 1; it got "
                f"{self.kl}, {self.rate} and {self.discount}"
            )


def rewards_of(episode: Episode) -> list[float]:
    """The environment's, turn by turn."""
    return [turn.reward for turn in episode.turns]


def tokens_of(action: Action) -> int:
    """Sampled tokens; 1 for a policy that knows none."""
    return 1 if action.token_ids is None else len(action.token_ids)


@dataclass(frozen=True)
class Variant:
    """What makes an algorithm of the family.

    baseline: from returns to advantages. mean: how token losses are averaged. objective: what is
    fitted; its own `kl` is set from the settings. rewards: of each turn, when not the environment's
    own. resample: groups in which all got the same reward are dropped and others rolled in their
    place; else they have no advantage, and count in the mean. across: the episodes of the whole
    batch are compared, not each group's. kl_in_reward: the KL to the reference is taken off the
    reward and not part of the loss.
    """

    baseline: Baseline
    mean: Mean
    objective: PolicyGradient | CrossEntropy
    rewards: Callable[[Episode], list[float]] = rewards_of
    resample: bool = False
    across: bool = False
    kl_in_reward: bool = False


def reinforced(run: Run, config: RLVRConfig, variant: Variant) -> None:
    """Train `run.student` until the budget is spent.

    Reported of each round: the share of roll-outs that carried an advantage (`signal`), the share
    of groups in which all got the same reward (`alike`), mean reward and loss; none of nothing.
    """
    reference = run.student.frozen() if config.kl else None
    objective = variant.objective
    if isinstance(objective, PolicyGradient) and not variant.kl_in_reward:
        objective = replace(objective, kl=config.kl, kl_corrected=config.kl_corrected)
    for i in run.rounds(config.evaluate):
        limit = run.share(i, config.evaluate)
        figures: dict[str, list[float]] = defaultdict(list)
        while not run.ledger.spent(limit):
            groups, rolled = roll(run, i, limit, config, variant.resample)
            examples = weighted(groups, config, variant, reference)
            new = [episode.reward for group in rolled for episode in group]
            told = sum(any(target.weight for target in e.targets) for e in examples)
            figures["signal"] += [1.0] * told + [0.0] * (len(new) - told)
            figures["reward"] += new
            if not variant.across:
                figures["alike"] += [not uneven(group) for group in rolled if len(group) > 1]
            if examples:
                fit = run.fit(examples, epochs=config.epochs, objective=objective, rate=config.rate)
                figures["loss"].append(fit["loss"])
        run.report(i, **{name: float(np.mean(of)) for name, of in figures.items() if of})


def roll(
    run: Run, round: int, limit: Budget, config: RLVRConfig, resample: bool
) -> tuple[list[Group], list[Group]]:
    """A batch of groups to learn from, and all that were rolled for it; fewer when the budget ends.

    An episode that the end of the whole budget cut short has no reward, and is in neither.
    """
    kept: list[Group] = []
    rolled: list[Group] = []
    while len(kept) < config.tasks and not run.ledger.spent(limit):
        tasks = islice(run.seeds, config.tasks - len(kept))
        seeds = chain.from_iterable(repeat(seed, config.group) for seed in tasks)
        new = grouped(run.collect(round, limit, seeds=seeds, whole=True))
        rolled += new
        kept += filter(uneven, new) if resample else new
    return kept, rolled


def grouped(episodes: Iterable[Episode]) -> list[Group]:
    """Whole episodes by their seed, in the order in which seeds first came."""
    groups: dict[int, Group] = defaultdict(list)
    for episode in episodes:
        if episode.outcome is not Outcome.CUT:
            groups[episode.seed].append(episode)
    return list(groups.values())


def uneven(group: Group) -> bool:
    """Did not all get the same reward?"""
    return len({episode.reward for episode in group}) > 1


def weighted(
    groups: Sequence[Group],
    config: RLVRConfig,
    variant: Variant,
    reference: Scorer | None = None,
) -> list[Example]:
    """What the student is fitted to: the episodes that have an advantage (with a KL in the loss,
    all of them)."""
    episodes = [episode for group in groups for episode in group]
    drift = _drift(episodes, reference) if reference and variant.kl_in_reward else {}
    advantages: list[list[float]] = []
    for group in [episodes] if variant.across else groups:
        rewards = [variant.rewards(episode) for episode in group]
        for episode, turns in zip(group, rewards, strict=True):
            turns[-1] -= config.kl * drift.get(episode.key, 0.0)
        advantages += turn_advantages(rewards, variant.baseline, config.per, config.discount)
    near = reference is not None and not variant.kl_in_reward
    learnt = [near or any(turns) for turns in advantages]
    lengths = [
        sum(tokens_of(turn.action) for turn in episode.turns if turn.actor is Actor.STUDENT)
        for episode in episodes
    ]
    sequences = isinstance(variant.objective, PolicyGradient) and (
        variant.objective.ratio == "sequence"
    )
    scaled = scales(lengths, learnt, variant.mean)
    found = reinforce(episodes, advantages, scaled, sequences=sequences)
    examples = [example for example, kept in zip(found, learnt, strict=True) if kept]
    return referred(examples, reference) if reference and near else examples


def referred(examples: Sequence[Example], reference: Scorer) -> list[Example]:
    """The same examples with what the reference thinks of their actions."""
    return [
        replace(
            example,
            targets=tuple(
                replace(target, reference_logprobs=values)
                for target, values in zip(example.targets, scores, strict=True)
            ),
        )
        for example, scores in zip(examples, reference.score(examples), strict=True)
    ]


def _drift(episodes: Sequence[Episode], reference: Scorer) -> dict[str, float]:
    """Σ log π_old - log π_ref of each episode's sampled tokens: k1 of the whole sequence."""
    examples = list(reinforce(episodes, ([1.0] * len(e.turns) for e in episodes)))
    return {
        episode.key: sum(
            sum(target.action.logprobs) - sum(target.reference_logprobs)
            for target in example.targets
            if target.action.logprobs and target.reference_logprobs
        )
        for episode, example in zip(episodes, referred(examples, reference), strict=True)
    }
