"""Conversations longer than the model's context: acted in and trained on, after the same turns."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Qwen3Config

from dagger_algo.conversation import Action, Conversation
from dagger_algo.dagger import DaggerConfig, dagger
from dagger_algo.env_pool import EnvPool
from dagger_algo.errors import ConfigError
from dagger_algo.evaluate import evaluate
from dagger_algo.examples import Example, Target
from dagger_algo.ledger import Budget, Ledger
from dagger_algo.lm.attention import prepare
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.generate import CachedGenerator, Sampling
from dagger_algo.lm.history import KEPT, WHOLE, History, Sight, reserve
from dagger_algo.lm.logprobs import target_logprobs
from dagger_algo.lm.packing import collate, pack
from dagger_algo.lm.splitting import Limits, split
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import ExpertTeacher
from dagger_algo.run import Run
from dagger_algo.schedules import Beta
from dagger_algo.store import EpisodeStore
from dagger_algo.teachers.bills import bills
from dagger_algo.teachers.lm import LMTeacher
from tests.dagger_algo.lm.test_generate import counting, model_of

LIMIT = 160
SAMPLING = Sampling(1.0, 12)
TURNS = 24


@pytest.fixture(scope="module")
def policy(tiny_checkpoint: Any) -> LMPolicy:
    codec = LMPolicy.load(tiny_checkpoint).codec
    model = model_of(Qwen3Config, codec, max_position_embeddings=LIMIT)
    return LMPolicy(model, codec.tokenizer, sampling=SAMPLING)


@pytest.fixture(scope="module")
def codec(policy: LMPolicy) -> ChatCodec:
    return policy.codec


def begun(key: str) -> Conversation:
    return Conversation(key, ("say 1\nwith\tcare\n" + key,))


def rolled(policy: LMPolicy, keys: str, *, cached: bool = True) -> list[Conversation]:
    """Episodes of many turns that began together."""
    generator = CachedGenerator(policy.model, policy.codec, seed=5)
    states = [begun(key) for key in keys]
    for turn in range(TURNS):
        if not cached:
            generator.forget()
        said = generator.act(states, SAMPLING)
        states = [
            state.after(action, f"say {turn % 4}\n" * (1 + (turn + n) % 3), {})
            for n, (state, action) in enumerate(zip(states, said, strict=True))
        ]
    return states


def ids(states: list[Conversation]) -> list[tuple[int, ...] | None]:
    return [action.token_ids for state in states for action in state.actions]


@pytest.mark.filterwarnings("ignore:episode")
def test_a_long_episode_goes_on_and_says_the_same_with_and_without_the_cache(
    policy: LMPolicy,
) -> None:
    cached, anew = rolled(policy, "abc"), rolled(policy, "abc", cached=False)
    assert all(len(policy.codec.state(state)) > 2 * LIMIT for state in cached)
    assert ids(cached) == ids(anew)
    for one, other in zip(cached, anew, strict=True):
        for own, its in zip(one.actions, other.actions, strict=True):
            assert own.logprobs == pytest.approx(its.logprobs, abs=1e-4)


@pytest.mark.filterwarnings("ignore:episode")
def test_what_is_said_in_a_long_episode_does_not_depend_on_the_batch(policy: LMPolicy) -> None:
    together = rolled(policy, "abc")
    generator = CachedGenerator(policy.model, policy.codec, seed=5)
    for state in together:
        for turn in (3, TURNS // 2, TURNS - 1):
            was = Conversation(state.key, state.observations[: turn + 1], state.actions[:turn])
            (alone,) = generator.act([was], SAMPLING)
            assert alone.token_ids == state.actions[turn].token_ids


@pytest.mark.filterwarnings("ignore:episode")
def test_the_learner_sees_a_long_episode_as_the_student_saw_it(policy: LMPolicy) -> None:
    (state,) = rolled(policy, "a")
    targets = tuple(Target(t, action, 1.0) for t, action in enumerate(state.actions))
    example = Example(state.observations, state.actions, targets)
    limits = Limits(context=LIMIT, room=SAMPLING.max_new_tokens)
    shortened: list[Target] = []
    pieces = split(example, policy.codec, limits, shortened=shortened.append)
    assert 1 < len(pieces) < TURNS / 2
    seen = History(policy.codec, state.observations, state.actions).cuts(LIMIT, 12)[:-1]
    assert shortened == [target for target, cut in zip(targets, seen, strict=True) if cut != WHOLE]
    prepare(policy.model)
    turns = iter(state.actions)
    for piece in pieces:
        found = target_logprobs(policy.model, collate([pack(piece, policy.codec)])).tolist()
        for _ in piece.targets:
            acted = next(turns).logprobs
            assert acted is not None
            own, found = found[: len(acted)], found[len(acted) :]
            assert own == pytest.approx(acted, abs=1e-4)
    assert next(turns, None) is None
    (scores,) = policy.score([example])
    for scored, action in zip(scores, state.actions, strict=True):
        assert scored == pytest.approx(action.logprobs, abs=1e-4)


@pytest.mark.filterwarnings("ignore:episode")
def test_the_window_moves_seldom_so_that_little_is_encoded_again(policy: LMPolicy) -> None:
    (state,) = rolled(policy, "a")
    history = History(policy.codec, state.observations, state.actions)
    cuts = history.cuts(LIMIT, SAMPLING.max_new_tokens)
    moves = sum(one != other for one, other in itertools.pairwise(cuts))
    full = LIMIT - SAMPLING.max_new_tokens
    grown = len(policy.codec.state(state)) - full
    assert 1 <= moves <= 1 + grown / ((1 - KEPT) * full) < TURNS / 2
    generator = CachedGenerator(policy.model, policy.codec, seed=5)
    with counting(policy) as calls:
        for turn in range(TURNS):
            was = Conversation(state.key, state.observations[: turn + 1], state.actions[:turn])
            generator.act([was], SAMPLING)
    said = sum(len(action.token_ids or ()) for action in state.actions)
    prefix = sum(history.length(cut, turn) for turn, cut in enumerate(cuts[:-1]))
    assert sum(calls) < len(policy.codec.state(state)) + said + moves * KEPT * full < prefix * 2 / 3


def test_the_first_shortened_state_is_told_and_all_are_counted(policy: LMPolicy) -> None:
    generator = CachedGenerator(policy.model, policy.codec)
    said, seen = (Action("1"),) * 40, ("say 1\n",) * 41
    long = Conversation("7/0/3", seen, said)
    with pytest.warns(UserWarning, match="'7/0/3', turn 40: .* the model takes 160"):
        generator.act([begun("a"), long], SAMPLING)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator.act([long], SAMPLING)
        generator.features([long], SAMPLING.max_new_tokens)
    assert generator.sight.shortened == 2


def test_a_policy_counts_what_its_greedy_self_saw_shortened_too(policy: LMPolicy) -> None:
    long = Conversation("k", ("say 1\n",) * 41, (Action("1"),) * 40)
    before = policy.sight.shortened
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy.greedy().act([long])
        policy.act([long])
    assert policy.sight.shortened == before + 2


@pytest.mark.filterwarnings("ignore:episode")
def test_a_teacher_in_process_answers_in_a_long_conversation_and_bills_what_is_lost(
    policy: LMPolicy,
) -> None:
    long = Conversation("k", ("say 1\n",) * 41, (Action("1"),) * 40)
    full = Conversation("l", ("say 1\n" * 90,))
    teacher = LMTeacher(policy)
    own = policy.act([long])[0]
    assert own is not None and own.token_ids is not None
    answers = teacher.act([long, full])
    seen = len(policy.sight.seen(long, SAMPLING.max_new_tokens))
    assert answers[1] is None and teacher.losses["too long"] == 1 and seen < LIMIT
    if own.token_ids[-1] == policy.codec.end_of_turn:
        assert answers[0] is not None and answers[0].usage is not None
        cost = answers[0].usage
    else:
        assert answers[0] is None and teacher.losses["cut"] == 1
        cost = bills(teacher)["k"]
    assert (cost.tokens_in, cost.tokens_out) == (seen, len(own.token_ids))
    assert bills(teacher) == {}


@pytest.mark.filterwarnings("ignore:episode")
def test_a_run_goes_on_beyond_the_context_and_says_how_often(
    tiny_checkpoint: Any, tmp_path: Path, corridor: Any
) -> None:
    codec = LMPolicy.load(tiny_checkpoint).codec
    two = codec.stream(["say 1", "say 2"], [Action("1"), Action("2")]).ids
    model = model_of(Qwen3Config, codec, max_position_embeddings=len(two) + 6)
    student = LMPolicy(model, codec.tokenizer, sampling=Sampling(1.0, 6))
    with (
        EnvPool(corridor, 2) as pool,
        EnvPool(lambda: corridor(expert=False), 2) as held,
        EpisodeStore(tmp_path / "e.jsonl") as store,
    ):
        run = Run(
            student,
            ExpertTeacher(),
            pool,
            itertools.count(),
            lambda policy: evaluate(policy, held, range(4))[0],
            store,
            Ledger(Budget(12, 1000)),
        )
        dagger(run, DaggerConfig(rounds=1, beta=Beta("constant", 1.0)))
        third = sum(len(episode.turns) == 3 for episode in store)
    (figures,) = run.log.rounds  # type: ignore[attr-defined]
    assert figures["shortened"] == third > 0 and "left_out" not in figures


@pytest.mark.parametrize("turn", [0, 3])
def test_an_observation_that_alone_fills_the_context_is_named(codec: ChatCodec, turn: int) -> None:
    state = Conversation("7/0/3", (*["say 1"] * turn, "say 2\n" * 90), (Action("1"),) * turn)
    own = len(codec.stream([state.observations[-1]], []).ids)
    which = "newest" if turn else "first"
    with pytest.raises(
        ConfigError, match=f"'7/0/3', turn {turn}: the {which} observation alone is {own:,} tokens"
    ):
        Sight(codec, LIMIT).seen(state, 8)


def test_beside_a_long_observation_the_task_gives_way_and_comes_back(codec: ChatCodec) -> None:
    observations = ["the task\n" * 12, "say 1", "say 2\n" * 24, "say 3", "say 1"]
    history = History(codec, observations, [Action("1")] * 4)
    cuts = history.cuts(LIMIT, 8)
    assert [cut.kept(turn) for turn, cut in enumerate(cuts)] == [
        [0], [0, 1], [2], [0, 3], [0, 3, 4]
    ]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_what_is_seen_is_the_conversation_of_the_turns_kept_and_leaves_room(
    codec: ChatCodec, data: st.DataObject
) -> None:
    words = st.sampled_from(["a", "see 1", "see 1\nand 2\n" * 3, "1 then 2 then 3 then 4" * 2])
    turns = data.draw(st.integers(1, 12))
    observations = [data.draw(words) for _ in range(turns)]
    actions = [
        Action("x", tuple(data.draw(st.lists(st.integers(20, 40), min_size=1, max_size=9))))
        if data.draw(st.booleans())
        else Action(data.draw(words))
        for _ in range(turns - 1)
    ]
    limit, room = data.draw(st.integers(60, 200)), data.draw(st.integers(1, 150))
    history = History(codec, observations, actions)
    cuts = history.cuts(limit, room)
    for turn, cut in enumerate(cuts):
        kept = cut.kept(turn)
        seen = codec.stream([observations[t] for t in kept], [actions[t] for t in kept[:-1]]).ids
        assert history.ids(cut, turn) == seen and history.length(cut, turn) == len(seen)
        # Nothing that comes later changes it.
        earlier = History(codec, observations[: turn + 1], actions[:turn])
        assert earlier.cuts(limit, room)[-1] == cut
        alone = len(codec.stream([observations[turn]], []).ids)
        assert len(seen) <= max(limit - reserve(limit, room) // 4, alone)
        whole = history.length(WHOLE, turn)
        assert (cut == WHOLE) == (whole <= limit - reserve(limit, room)) or turn <= 1
    targets = tuple(Target(t, Action(""), 1.0) for t in range(turns))
    for piece in split(
        Example(tuple(observations), tuple(actions), targets),
        codec,
        Limits(context=limit, room=room),
    ):
        for target in piece.targets:
            ids = codec.stream(
                piece.observations[: target.turn + 1], piece.actions[: target.turn]
            ).ids
            at = [t for t in range(turns) if history.ids(cuts[t], t) == ids]
            assert at, "a label was learnt after other turns than those that are seen in acting"
