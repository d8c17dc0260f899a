"""The two error rates that explain the label budget: on the teacher's states, and on one's own."""

from collections.abc import Iterable, Iterator
from statistics import fmean

import gymnasium as gym
from trilemma_claims import Claim

from baselines.evidence.results import Results
from baselines.sweep.config import Compare
from baselines.sweep.students import load_student
from dagger_algo.collect import collect
from dagger_algo.conversation import Conversation, Episode
from dagger_algo.env_pool import EnvPool
from dagger_algo.gates.mixture import STUDENT_ONLY, TEACHER_ONLY
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Policy

EPISODES = 30
# Options of the toys that make their expert err. An error is one against the rule, not against a
# teacher who does not know it.
_WEAKNESSES = ("expert_sees", "expert_error")


def error_rates(config: Compare, results: Results) -> Iterator[Claim]:
    """Of every method's final students, evaluated greedily on held-out episodes, against an expert
    that does not err, whatever their teacher was."""
    for env, budget in results.settings_pairs:
        environment = config.environment_of[env]
        options = {k: v for k, v in environment.given("heldout").items() if k not in _WEAKNESSES}
        expert = {**options, "expert": True}
        vocabulary = results.folder / env / "vocabulary"
        with EnvPool(lambda made=(environment.id, expert): gym.make(made[0], **made[1]), 8) as pool:
            shown = _roll(pool, ExpertTeacher(), teacher=True)
            for method in results.methods:
                on_theirs, on_own = [], []
                for seed in results.at(env, budget).final(method):
                    folder = results.cell_folder(env, budget, seed, method) / "checkpoint"
                    student = load_student(config.student, vocabulary, seed, folder).greedy()
                    on_theirs.append(_wrong(student, shown))
                    on_own.append(_wrong(student, _roll(pool, student, teacher=False)))
                yield Claim(
                    f"{env} {budget}: {method} errs at {100 * fmean(on_theirs):.1f}% of the "
                    f"teacher's states and {100 * fmean(on_own):.1f}% of its own"
                )


def _roll(pool: EnvPool, acting: Policy, *, teacher: bool) -> list[Episode]:
    gate = TEACHER_ONLY if teacher else STUDENT_ONLY
    return list(collect(pool, range(EPISODES), acting, gate=gate, teacher=ExpertTeacher()))


def _wrong(student: Policy, episodes: Iterable[Episode]) -> float:
    """Share of labelled states at which the student would not do what the label says."""
    wrong = []
    for episode in episodes:
        for t, turn in enumerate(episode.turns):
            seen = tuple(one.observation for one in episode.turns[: t + 1])
            done = tuple(one.action for one in episode.turns[:t])
            [action] = student.act([Conversation(episode.key, seen, done)])
            if turn.label is not None and action is not None:
                wrong.append(action.text != turn.label.text)
    return fmean(wrong)
