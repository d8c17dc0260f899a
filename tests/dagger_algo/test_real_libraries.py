"""What goes out is read by the real TRL, and what comes in was written by the real Minari: where
they are installed (neither is needed by anything else)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.cli import main
from dagger_algo.conversation import Action, Actor, Outcome
from dagger_algo.store import EpisodeStore, read
from tests.dagger_algo.conftest import Corridor, make_episode


@pytest.mark.parametrize("format", ["arrow", "hdf5"])
def test_a_dataset_that_minari_recorded_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    minari: Any = pytest.importorskip("minari")
    from minari.data_collector import (
        EpisodeBuffer,
    )  # what its recorder fills, for which it needs jax

    pytest.importorskip({"arrow": "pyarrow", "hdf5": "h5py"}[format])
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    env, buffers = Corridor(), []
    done: list[list[tuple[str, str]]] = []
    for seed in range(3):
        seen, info = env.reset(seed=seed)
        observations, actions, tasks, rewards = [seen], [], [info["task"]], []
        over = False
        while not over:
            actions.append(info["expert_action"])
            seen, reward, over, _, info = env.step(actions[-1])
            observations.append(seen)
            tasks.append(info.get("task", ""))
            rewards.append(reward)
        ends = [t == len(actions) for t in range(1, len(actions) + 1)]
        buffers.append(
            EpisodeBuffer(
                id=seed,
                seed=seed,
                observations=observations,
                actions=actions,
                rewards=rewards,
                terminations=ends,
                truncations=[False] * len(ends),
                infos={"task": tasks},
            )
        )
        done.append(list(zip(observations, actions, strict=False)))
    minari.create_dataset_from_buffers(
        f"corridor/{format}-v0",
        buffers,
        observation_space=env.observation_space,
        action_space=env.action_space,
        data_format=format,
    )

    out = tmp_path / "episodes.jsonl"
    assert main(["import", f"minari:corridor/{format}-v0", str(out)]) == 0
    episodes = list(read(out))
    assert [
        [(turn.observation, turn.action.text) for turn in episode.turns] for episode in episodes
    ] == done
    for episode in episodes:
        assert episode.outcome is Outcome.TERMINATED and episode.reward == 1.0
        assert all(turn.label == turn.action for turn in episode.turns)
        assert {turn.actor for turn in episode.turns} == {Actor.TEACHER}
        assert episode.final_observation == "over"


def weights(model: Any) -> list[Any]:
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize("format", ["messages", "prompt_completion"])
def test_an_exported_parquet_trains_a_step_of_trls_trainer(
    tmp_path: Path, tiny_checkpoint: Path, format: str
) -> None:
    trl: Any = pytest.importorskip("trl")
    datasets: Any = pytest.importorskip("datasets")
    store, out = tmp_path / "e.jsonl", tmp_path / "e.parquet"
    episode = make_episode()
    turns = tuple(replace(turn, label=Action("b")) for turn in episode.turns)
    with EpisodeStore(store) as made:
        made.extend(replace(episode, key=str(i), turns=turns) for i in range(4))
    assert main(["export", str(store), str(out), "--format", format]) == 0

    data = datasets.load_dataset(
        "parquet", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache")
    )
    trainer = trl.SFTTrainer(
        model=str(tiny_checkpoint),
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "out"),
            max_steps=1,
            per_device_train_batch_size=2,
            report_to=[],
            use_cpu=True,
            bf16=False,
            save_strategy="no",
        ),
        train_dataset=data,
    )
    before = weights(trainer.model)
    assert trainer.train().global_step == 1
    assert any((a != b).any() for a, b in zip(before, weights(trainer.model), strict=True))
    # Prompts are not trained on, where prompt and completion are apart.
    batch = trainer.data_collator([trainer.train_dataset[0]])
    (ids,), (labels,) = batch["input_ids"], batch["labels"]
    trained = trainer.processing_class.decode(ids[labels != -100])
    assert ("first" in trained) == (format == "messages")
    assert ("a" if format == "messages" else "b") in trained
