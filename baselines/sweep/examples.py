"""Episodes of a cell that are kept for reading in the report."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baselines.sweep.files import write_atomically
from baselines.sweep.plan import Job
from dagger_algo.collect import collect
from dagger_algo.conversation import Episode
from dagger_algo.env_pool import EnvPool
from dagger_algo.gates.mixture import STUDENT_ONLY
from dagger_algo.policy import Policy, Student
from dagger_algo.store import read

HELD_OUT = 6


def write_examples(
    job: Job,
    folder: Path,
    envs: EnvPool,
    heldout: Sequence[int],
    student: Student,
    teacher: Policy | None,
) -> None:
    """Write `examples.json`: held-out episodes, with the teacher's opinion where there is one, and
    the first training episode of every round."""
    asked = collect(envs, heldout[:HELD_OUT], student.greedy(), gate=STUDENT_ONLY, teacher=teacher)
    found = [("held-out", e) for e in sorted(asked, key=lambda e: e.seed)]
    first: dict[int, Episode] = {}
    for episode in read(folder / "episodes.jsonl"):
        if episode.round > 0:
            first.setdefault(episode.round, episode)
    found += [("training", first[number]) for number in sorted(first)]
    write_atomically(
        folder / "examples.json", json.dumps([_row(job, kind, e) for kind, e in found])
    )


def _row(job: Job, kind: str, episode: Episode) -> dict[str, Any]:
    return {
        "env": job.env,
        "budget": job.budget,
        "method": job.kind,
        "seed": job.seed,
        "kind": kind,
        "task": episode.task,
        "reward": episode.reward,
        "round": episode.round,
        "outcome": episode.outcome,
        "final_observation": episode.final_observation,
        "turns": [
            {
                "observation": turn.observation,
                "action": turn.action.text,
                "actor": turn.actor,
                "label": turn.label and turn.label.text,
                "reward": turn.reward,
            }
            for turn in episode.turns
        ],
    }
