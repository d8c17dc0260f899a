"""Which steps of an episode were mistakes: a critic per step, after the fact.

The four verdicts are those of Step Rejection Fine-Tuning (2605.10674), whose critic is a language
model that reads the whole failed trajectory. The built-in one, `rule_critic`, goes by rules over
what was done and what came of it; the rules are ours.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from dagger_algo.conversation import Episode
from dagger_algo.stage_rules import Stage, shell_rules, shows_failure
from dagger_algo.stages import Rules, stages
from dagger_algo.tool_calls import tool_call

_GIT_UNDO = re.compile(r"\bgit (?:checkout (?!-b\b)|restore\b|reset\b|revert\b)")


class Verdict(StrEnum):
    """What a step was worth."""

    GOOD = "good"
    UNNECESSARY = "unnecessary"  # it brought nothing that was not known
    MISTAKE = "mistake"
    RECOVER = "recover"  # it took a mistake back


Critic = Callable[[Episode], Sequence[Verdict]]
"""From a finished episode to the verdict on every turn, in order."""


def rule_critic(
    episode: Episode, rules: Rules = shell_rules, failed: Callable[[str], bool] = shows_failure
) -> tuple[Verdict, ...]:
    """A turn is, by the first rule that holds,

    a mistake    when it calls no tool and most others do (malformed); when it changes something and
                 the answer shows a failure; when it changed what a later turn undid, up to the
                 change before
    recover      when it undoes: an editor's undo, or git checkout of files, restore, reset, revert
    unnecessary  when the same action had the same answer before, and nothing was changed since
    good         otherwise. A test that fails is: it says what is wrong.

    Words that are no tool calls can only be unnecessary or good.
    """
    kinds = stages(episode, rules)
    after = [turn.observation for turn in episode.turns[1:]] + [episode.final_observation]
    calls = [tool_call(turn.action.text) is not None for turn in episode.turns]
    found = [Verdict.GOOD] * len(kinds)
    seen: set[tuple[str, str]] = set()
    for t, turn in enumerate(episode.turns):
        step = (turn.action.text, after[t])
        if not calls[t] and 2 * sum(calls) > len(calls):
            found[t] = Verdict.MISTAKE
        elif calls[t] and undoes(turn.action.text):
            found[t] = Verdict.RECOVER
            _blame(found, kinds, t)
            seen.clear()
        elif calls[t] and kinds[t] is Stage.IMPLEMENTATION:
            found[t] = Verdict.MISTAKE if failed(after[t]) else Verdict.GOOD
            seen.clear()
        elif step in seen:
            found[t] = Verdict.UNNECESSARY
        seen.add(step)
    return tuple(found)


def undoes(text: str) -> bool:
    """Whether a tool call takes a change back."""
    call = tool_call(text)
    if call is None:
        return False
    command = call.arguments.get("command") or call.arguments.get("cmd") or ""
    edits = "undo" in call.name.lower() or command.strip().startswith("undo")
    return edits or _GIT_UNDO.search(command) is not None


def _blame(found: list[Verdict], kinds: Sequence[Stage], undone_at: int) -> None:
    """What is undone was a mistake: the change before that no other turn took back yet."""
    for t in range(undone_at - 1, -1, -1):
        if found[t] is Verdict.GOOD and kinds[t] is Stage.IMPLEMENTATION:
            found[t] = Verdict.MISTAKE
            return
