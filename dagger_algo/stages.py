"""What kind of step each turn is, and whether an episode that passed was solid or lucky.

The idea, the four stages and the words "solid" and "lucky" are AgentLens's (2605.12925): of passing
trajectories of SWE agents, 10.7% passed by luck. The rules and the criteria here are ours, and
simpler: AgentLens compares a trajectory with other passing ones of the same task.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from dagger_algo.conversation import Action, Episode
from dagger_algo.stage_rules import Stage as Stage
from dagger_algo.stage_rules import shell_rules, shows_failure

Rules = Callable[[str], Stage | Sequence[Stage]]
"""From an action's text to its stage, or to the stages of its commands, in order."""


def stage_of(text: str, rules: Rules = shell_rules) -> Stage:
    """The stage of an action: of the last of its commands that changes or runs something (`sed -i …
    && pytest | tail` verifies); else exploration if one of them reads, orchestration if none."""
    found = _steps(text, rules)
    working = [s for s in found if s in (Stage.IMPLEMENTATION, Stage.VERIFICATION)]
    if working:
        return working[-1]
    return Stage.EXPLORATION if Stage.EXPLORATION in found else Stage.ORCHESTRATION


def stages(episode: Episode, rules: Rules = shell_rules) -> tuple[Stage, ...]:
    """The stage of every turn, by what was executed."""
    return tuple(stage_of(turn.action.text, rules) for turn in episode.turns)


def stage_shares(episodes: Iterable[Episode], rules: Rules = shell_rules) -> dict[Stage, float]:
    """Share of all turns that each stage has; all 0 without any turn."""
    counts = Counter(stage for episode in episodes for stage in stages(episode, rules))
    total = max(1, counts.total())
    return {stage: counts[stage] / total for stage in Stage}


class Quality(StrEnum):
    """How an episode came to its end."""

    SOLID = "solid"
    LUCKY = "lucky"
    FAILED = "failed"  # it did not pass, however well it went about it


def grade(
    episode: Episode, rules: Rules = shell_rules, failed: Callable[[str], bool] = shows_failure
) -> Quality:
    """FAILED without success; else SOLID when nothing speaks against it, see `lucky_because`."""
    if not episode.success:
        return Quality.FAILED
    return Quality.LUCKY if lucky_because(episode, rules, failed) else Quality.SOLID


def lucky_because(
    episode: Episode, rules: Rules = shell_rules, failed: Callable[[str], bool] = shows_failure
) -> tuple[str, ...]:
    """What a solid episode does and this one does not; empty when it is solid.

    A solid one read or ran something before its first edit, edited, ran something after its last
    edit, did not end on a run that failed, and never did the same thing three times on end.
    failed: whether an observation shows that what was run failed.
    """
    steps = list(_all_steps(episode, rules))
    edits = [i for i, (_, stage) in enumerate(steps) if stage is Stage.IMPLEMENTATION]
    runs = [i for i, (_, stage) in enumerate(steps) if stage is Stage.VERIFICATION]
    reasons = []
    if not edits:
        reasons.append("changed nothing")
    elif all(stage is Stage.ORCHESTRATION for _, stage in steps[: edits[0]]):
        reasons.append("looked at nothing before its first change")
    if edits and not any(i > edits[-1] for i in runs):
        reasons.append("ran nothing after its last change")
    elif runs and failed(_seen_after(episode, steps[runs[-1]][0])):
        reasons.append("its last run failed")
    if repeats(episode) >= 3:
        reasons.append("did the same three times on end")
    return tuple(reasons)


def repeats(episode: Episode) -> int:
    """The longest run of turns with the same action; 0 without turns."""
    longest = count = 0
    last = None
    for turn in episode.turns:
        count = count + 1 if turn.action.text == last else 1
        last = turn.action.text
        longest = max(longest, count)
    return longest


def stage_weights(
    weights: Mapping[Stage, float], rules: Rules = shell_rules
) -> Callable[[Episode, int], float]:
    """For `imitate(..., weigh=...)`: the weight of a label by the stage of what it says to do; a
    stage that is not named weighs 1."""

    def weigh(episode: Episode, turn: int) -> float:
        label = episode.turns[turn].label
        return 1.0 if label is None else weights.get(stage_of(label.text, rules), 1.0)

    return weigh


_PREFIX = "Stage: "


def name_stage(action: Action, rules: Rules = shell_rules) -> Action:
    """The action with its stage's name on a line above it; as it is where one is named already."""
    if split_stage(action.text)[0] is not None:
        return action
    text = f"{_PREFIX}{stage_of(action.text, rules)}\n{action.text}"
    # The ids, where there were any, are those of the text without the name.
    return replace(action, text=text, token_ids=None, logprobs=None)


def split_stage(text: str) -> tuple[Stage | None, str]:
    """(the stage named on the first line, the rest); (None, the text) where none is."""
    head, newline, rest = text.partition("\n")
    name = head.removeprefix(_PREFIX)
    if newline and head.startswith(_PREFIX) and name in list(Stage):
        return Stage(name), rest
    return None, text


def _steps(text: str, rules: Rules) -> Sequence[Stage]:
    found = rules(split_stage(text)[1])
    return (found,) if isinstance(found, Stage) else found


def _all_steps(episode: Episode, rules: Rules) -> Iterator[tuple[int, Stage]]:
    for t, turn in enumerate(episode.turns):
        for stage in _steps(turn.action.text, rules):
            yield t, stage


def _seen_after(episode: Episode, turn: int) -> str:
    last = turn + 1 == len(episode.turns)
    return episode.final_observation if last else episode.turns[turn + 1].observation
