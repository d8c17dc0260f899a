"""The two error rates that explain the label budget: on the teacher's states, and on one's own."""

from collections.abc import Iterable, Iterator, Sequence

import gymnasium as gym
import numpy as np
from trilemma_claims import Claim

from baselines.evidence.results import Results
from baselines.evidence.stats import Index, Matrix, bootstrap, interval
from baselines.sweep.config import Compare
from baselines.sweep.students import load_student
from dagger_algo.collect import collect
from dagger_algo.conversation import Conversation, Episode
from dagger_algo.env_pool import EnvPool
from dagger_algo.gates.mixture import STUDENT_ONLY, TEACHER_ONLY
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.policy import Policy

Counts = tuple[int, int]
EPISODES = 30
# Options of the toys that make their expert err. An error is one against the rule, not against a
# teacher who does not know it.
_WEAKNESSES = ("expert_sees", "expert_error")


def error_rates(config: Compare, results: Results) -> Iterator[Claim]:
    """Of every method's final students, evaluated greedily on held-out episodes, against an expert
    that does not err, whatever their teacher was: the share of states at which they would not do
    what it does, with an interval over seeds and episodes."""
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
                    f"{env} {budget}: {method} errs at {_rate(on_theirs)} of the teacher's states "
                    f"and {_rate(on_own)} of its own"
                )


def _roll(pool: EnvPool, acting: Policy, *, teacher: bool) -> list[Episode]:
    gate = TEACHER_ONLY if teacher else STUDENT_ONLY
    found = collect(pool, range(EPISODES), acting, gate=gate, teacher=ExpertTeacher())
    return sorted(found, key=lambda episode: episode.seed)


def _wrong(student: Policy, episodes: Iterable[Episode]) -> list[Counts]:
    """Of every episode: at how many labelled states the student would not do what the label says,
    and how many there are."""
    counts = []
    for episode in episodes:
        wrong = []
        for t, turn in enumerate(episode.turns):
            seen = tuple(one.observation for one in episode.turns[: t + 1])
            done = tuple(one.action for one in episode.turns[:t])
            [action] = student.act([Conversation(episode.key, seen, done)])
            if turn.label is not None and action is not None:
                wrong.append(action.text != turn.label.text)
        counts.append((sum(wrong), len(wrong)))
    return counts


def _rate(counts: Sequence[Sequence[Counts]]) -> str:
    """Of all states together, with a bootstrap over seeds and episodes. Where no student errs at
    all (or none does right) Clopper-Pearson's, for as many trials as there are episodes."""
    wrong, states = np.moveaxis(np.array(counts, float), -1, 0)
    mean = wrong.sum() / states.sum()
    if mean in (0, 1):
        same = interval(np.full(wrong.shape, mean))
        low, high = same.low, same.high
    else:

        def rate(seed: Index, episode: Index) -> Matrix:
            drawn = states[seed, episode].sum((-2, -1))
            return np.asarray(wrong[seed, episode].sum((-2, -1)) / drawn)

        low, high = bootstrap(rate, wrong.shape)
    return f"{100 * mean:.1f}% ({100 * low:.1f} to {100 * high:.1f})"
