"""The loop of reinforcement and its variants, on toys with a table for a student."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import swe_gym_env  # noqa: F401  (registers the toys)
from baselines import dapo, grpo, rlvr
from baselines.advantages import centred
from baselines.methods import get_method
from baselines.rlvr import RLVRConfig, Variant, grouped, rewards_of, roll, uneven, weighted
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.evaluate import evaluate
from dagger_algo.examples import Example, Target
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.objectives import PolicyGradient
from dagger_algo.policies.tabular import TabularPolicy, last_line
from dagger_algo.run import Run, Silent
from dagger_algo.store import EpisodeStore


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of short episodes: not the disk is tested."""
    monkeypatch.setattr("os.fsync", lambda file: None)


VARIANTS = ("grpo", "dr_grpo", "dapo", "rloo", "gspo", "ppo")


def lock_run(folder: Path, budget: Budget, log: Silent, **lock: Any) -> Iterator[Run]:
    words = gym.make("CombinationLock-v0", **lock).unwrapped.action_words  # type: ignore[attr-defined]
    with (
        EnvPool(lambda: gym.make("CombinationLock-v0", **lock), 8) as pool,
        EnvPool(lambda: gym.make("CombinationLock-v0", split="heldout", **lock), 4) as held,
        EpisodeStore(folder / f"{len(list(folder.iterdir()))}.jsonl") as store,
    ):
        yield Run(
            TabularPolicy(words, state=last_line, learning_rate=5.0),
            None,
            pool,
            itertools.count(),
            lambda student: evaluate(student, held, range(40))[0],
            store,
            Ledger(budget),
            log=log,
        )


def trained(name: str, folder: Path, steps: int, settings: dict[str, Any], **lock: Any) -> Any:
    """The rounds of a run, and its episodes."""
    log = Silent()
    found = get_method(name)
    for run in lock_run(folder, Budget(steps, 10**6), log, **lock):
        found.train(run, replace(found.config, **settings))
        return log.rounds, list(run.store.all())


EASY: dict[str, Any] = {"length": 1, "symbols": 3, "cues": 4}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("kl", [0.0, 0.01])
def test_every_variant_learns_where_reward_comes_often(
    name: str, kl: float, tmp_path: Path
) -> None:
    rounds, _ = trained(name, tmp_path, 1500, {"kl": kl, "kl_corrected": True}, **EASY)
    assert rounds[-1]["success"] >= 0.9
    assert rounds[-1]["teacher_queries"] == 0


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_starves_where_reward_never_comes(name: str, tmp_path: Path) -> None:
    rounds, _ = trained(name, tmp_path, 1000, {}, length=8, symbols=6)
    assert rounds[-1]["success"] <= 0.1 and rounds[-1]["signal"] == 0.0
    assert rounds[-1]["optimizer_steps"] == 0


@pytest.mark.parametrize("name", ["grpo", "ppo"])
def test_a_round_in_which_nothing_was_rolled_has_no_such_figures(name: str, tmp_path: Path) -> None:
    rounds, episodes = trained(name, tmp_path, 60, {"evaluate": 100, "group": 6}, **EASY)
    steps = 0
    for number, row in enumerate(rounds, 1):
        rewards = [episode.reward for episode in episodes if episode.round == number]
        assert ("signal" in row) == ("reward" in row) == bool(rewards)
        assert row.get("reward") == (sum(rewards) / len(rewards) if rewards else None)
        assert ("loss" in row) == (row["optimizer_steps"] > steps)
        assert rewards or "alike" not in row
        steps = row["optimizer_steps"]
    assert 0 < sum("signal" in row for row in rounds) < len(rounds)
    starved, _ = trained(name, tmp_path, 200, {"evaluate": 1}, length=8, symbols=6)
    assert (starved[0]["signal"], starved[0]["reward"]) == (0.0, 0.0) and "loss" not in starved[0]
    assert starved[0].get("alike") == (1.0 if name == "grpo" else None)


def test_a_group_is_one_task_with_different_draws(tmp_path: Path) -> None:
    _, episodes = trained("grpo", tmp_path, 64, {"group": 4, "tasks": 2}, **EASY)
    groups = grouped(episodes)
    assert len(groups) > 3 and {len(group) for group in groups[:-1]} == {4}
    for group in groups:
        assert len({episode.turns[0].observation for episode in group}) == 1
    assert any(len({e.turns[0].action.text for e in group}) > 1 for group in groups)


class Told(TabularPolicy):
    """Keeps what it is fitted to."""

    def update(self, examples: Any, **how: Any) -> Any:
        self.given = getattr(self, "given", [])
        self.given.append((list(examples), how))
        return super().update(self.given[-1][0], **how)


def test_dapo_rolls_until_the_batch_has_signal_and_pays_for_what_it_drops(tmp_path: Path) -> None:
    log = Silent()
    for run in lock_run(tmp_path, Budget(400, 10**6), log, length=1, symbols=6, cues=4):
        config = dapo.DAPOConfig(group=3, tasks=4)
        kept, rolled = roll(run, 1, run.share(1, 1), config, resample=True)
        assert len(kept) == 4 and all(map(uneven, kept))
        assert len(rolled) > 4 and not all(map(uneven, rolled))
        assert run.ledger.env_steps == sum(len(e.turns) for group in rolled for e in group)
        everything = roll(run, 1, run.share(1, 1), config, resample=False)
        assert everything[0] == everything[1] and len(everything[0]) == 4
        while not run.ledger.spent():
            rest, _ = roll(run, 1, run.share(1, 1), config, resample=True)
        assert len(rest) <= 4


def episode(key: str, seed: int, *rewards: float, tokens: int = 2) -> Episode:
    action = Action("a", token_ids=(1,) * tokens, logprobs=(-0.5,) * tokens)
    turns = tuple(Turn("see", action, Actor.STUDENT, None, reward) for reward in rewards)
    return Episode(key, seed, "", 1, turns, Outcome.TERMINATED)


GROUPS = [
    [episode("a", 0, 1.0), episode("b", 0, 0.0, 0.0, tokens=3)],
    [episode("c", 1, 1.0), episode("d", 1, 1.0)],
]


def weights(examples: list[Example]) -> list[tuple[Any, ...]]:
    return [tuple(target.weight for target in example.targets) for example in examples]


def test_an_even_group_is_not_learnt_from_and_yet_counts_in_the_mean() -> None:
    variant = Variant(centred, "sequence", PolicyGradient())
    examples = weighted(GROUPS, RLVRConfig(), variant)
    assert weights(examples) == [(0.5,), (-0.5, -0.5)]
    # Eight tokens are given; the mean wanted is over four sequences of 2, 6, 2 and 2 tokens.
    scale = [example.targets[0].scale for example in examples]
    assert scale == pytest.approx([8 / (4 * 2), 8 / (4 * 6)])
    dropped = weighted(GROUPS[:1], RLVRConfig(), variant)
    assert [e.targets[0].scale for e in dropped] == pytest.approx([8 / (2 * 2), 8 / (2 * 6)])


class Half:
    """A reference under which every token is half as likely again as e^-1."""

    def score(self, examples: Any) -> list[list[tuple[float, ...] | None]]:
        return [[(-1.0,) * rlvr.tokens_of(t.action) for t in e.targets] for e in examples]


def test_with_a_kl_in_the_loss_even_groups_are_held_near_the_reference_too() -> None:
    variant = grpo.variant(grpo.GRPOConfig())
    examples = weighted(GROUPS, RLVRConfig(kl=0.1), variant, Half())
    assert len(examples) == 4
    assert weights(examples)[2:] == [(0.0,), (0.0,)]
    assert examples[1].targets[0].reference_logprobs == (-1.0,) * 3


def test_rloo_takes_the_kl_off_the_reward() -> None:
    # Each token is e^0.5 times as likely as under the reference: 2 tokens cost 1, 6 cost 3.
    variant = get_variant("rloo")
    examples = weighted(GROUPS[:1], RLVRConfig(kl=0.1), variant, Half())
    first = 1.0 - 0.1 * 1.0 - (0.0 - 0.1 * 3.0)
    assert weights(examples) == [(pytest.approx(first),), (pytest.approx(-first),) * 2]


def get_variant(name: str) -> Variant:
    import importlib

    module = importlib.import_module(f"baselines.{name}")
    found: Variant = module.variant(get_method(name).config)
    return found


def test_gspo_names_an_episode_as_one_sequence_and_the_others_none() -> None:
    for name in VARIANTS:
        examples = weighted(GROUPS, RLVRConfig(), get_variant(name))
        names = {target.sequence for target in examples[1].targets}
        assert names == ({"b"} if name == "gspo" else {None})


def test_ppo_compares_all_episodes_of_a_batch() -> None:
    examples = weighted(GROUPS, RLVRConfig(per="turn"), get_variant("ppo"))
    first = [example.targets[0].weight for example in examples]
    assert len(set(first)) == 2 and sum(first) == pytest.approx(0)  # type: ignore[arg-type]
    assert examples[1].targets[1].weight == 0.0  # nobody else got as far


def test_dapo_punishes_length_and_asks_of_signal_before() -> None:
    config = dapo.DAPOConfig(most=4, margin=2)
    long = [episode("a", 0, 1.0, tokens=2), episode("b", 0, 1.0, tokens=3)]
    assert not uneven(long)
    assert [dapo.variant(config).rewards(e) for e in long] == [[1.0], [0.5]]
    assert [dapo.variant(dapo.DAPOConfig()).rewards(e) for e in long] == [[1.0], [1.0]]
    assert rewards_of(long[1]) == [1.0]


def test_an_episode_that_the_budget_cut_is_no_member_of_its_group() -> None:
    cut = replace(GROUPS[0][0], outcome=Outcome.CUT)
    assert grouped([cut, *GROUPS[0]]) == [GROUPS[0]]


def test_the_reference_is_the_student_as_it_was_at_the_start(tmp_path: Path) -> None:
    log = Silent()
    for run in lock_run(tmp_path, Budget(200, 10**6), log, **EASY):
        student = Told(run.student.actions, state=last_line, learning_rate=5.0)  # type: ignore[attr-defined]
        run.student = student
        grpo.train(run, grpo.GRPOConfig(kl=0.1, evaluate=2))
        assert student.table
        uniform = TabularPolicy(student.actions, state=last_line)
        for examples, how in student.given:
            assert how["objective"].kl == 0.1
            known = [[t.reference_logprobs for t in e.targets] for e in examples]
            assert known == uniform.score(examples)


def test_settings_that_make_no_sense_are_refused() -> None:
    for settings in ({"group": 0}, {"kl": -1.0}, {"discount": 1.5}, {"epochs": 0}):
        with pytest.raises(ConfigError, match=r"must be at least \d|reinforcement needs"):
            RLVRConfig(**settings)
    with pytest.raises(ConfigError, match="length penalty rises over margin=10"):
        dapo.DAPOConfig(most=5, margin=10)


@pytest.mark.parametrize("name", VARIANTS)
def test_one_episode_alone_is_a_group_only_where_the_whole_batch_is_compared(name: str) -> None:
    settings = type(get_method(name).config)
    assert get_variant(name).across == (name == "ppo")
    if name == "ppo":
        assert settings(group=1).group == 1
    else:
        with pytest.raises(ConfigError, match=r"^group must be at least 2, not 1$"):
            settings(group=1)
    assert settings(group=2).group == 2


def test_how_often_a_seed_was_used_is_the_group(tmp_path: Path) -> None:
    _, episodes = trained("rloo", tmp_path, 100, {"group": 5, "tasks": 1}, **EASY)
    counts = Counter(e.seed for e in episodes)
    assert set(list(counts.values())[:-1]) == {5}


def test_a_target_and_its_example_agree_on_the_state() -> None:
    (first, second) = weighted(GROUPS[:1], RLVRConfig(), get_variant("grpo"))
    assert isinstance(first.targets[0], Target)
    assert second.state(second.targets[1]).turn == 1
