"""Which episodes, and which of their labels, are trained on.

Filters of episodes are for `imitate(episodes, keep=every(successful, solid_only))`; filters of
labels are weights of 0 or 1, for `imitate(episodes, weigh=students_turns)`.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from dagger_algo.checks import one_of
from dagger_algo.conversation import Actor, Episode, Outcome
from dagger_algo.stage_rules import shell_rules
from dagger_algo.stages import Quality, Rules, grade, repeats

Filter = Callable[[Episode], bool]


def successful(episode: Episode) -> bool:
    """The environment paid (rejection sampling)."""
    return episode.success


def finished(episode: Episode) -> bool:
    """The agent brought it to an end: no limit on turns and no budget cut it off."""
    return episode.outcome is Outcome.TERMINATED


def no_repetition(times: int = 3) -> Filter:
    """No action was taken `times` times on end."""
    return lambda episode: repeats(episode) < times


def solid(rules: Rules = shell_rules) -> Filter:
    """It passed, and not by luck: `dagger_algo.stages.grade`."""
    return lambda episode: grade(episode, rules) is Quality.SOLID


solid_only: Filter = solid()


def every(*filters: Filter) -> Filter:
    """Episodes that pass all of them; without any, every episode."""
    return lambda episode: all(keep(episode) for keep in filters)


def either(*filters: Filter) -> Filter:
    """Episodes that pass one of them at least."""
    return lambda episode: any(keep(episode) for keep in filters)


def students_turns(episode: Episode, turn: int) -> float:
    """Only labels at the states in which the student acted."""
    return float(episode.turns[turn].actor is Actor.STUDENT)


def teachers_turns(episode: Episode, turn: int) -> float:
    """Only labels at the states in which the teacher acted: its corrections, when it took over."""
    return float(episode.turns[turn].actor is Actor.TEACHER)


Name = Literal["success", "finished", "no-repetition", "solid"]
NAMED: dict[Name, Filter] = {
    "success": successful,
    "finished": finished,
    "no-repetition": no_repetition(),
    "solid": solid_only,
}
"""Those that can be chosen by name on a command line."""


def named(names: Iterable[Name]) -> Filter:
    """Episodes that pass all filters of these names; ConfigError for a name that there is not."""
    names = tuple(names)
    for name in names:
        one_of("keep", name, NAMED)
    return every(*(NAMED[name] for name in names))
