"""A real model behind a real server answers what the same model answers in this process."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagger_algo.collect import collect
from dagger_algo.conversation import Action, Conversation
from dagger_algo.env_pool import EnvPool
from dagger_algo.examples import Example, Target
from dagger_algo.gates.mixture import TEACHER_ONLY
from dagger_algo.ledger import Ledger
from dagger_algo.lm.generate import Sampling
from dagger_algo.lm.learner import LearnerConfig
from dagger_algo.policies.api import ApiConfig, ApiPolicy
from dagger_algo.policies.lm import LMPolicy
from dagger_algo.policies.scripted import Scripted
from dagger_algo.teachers.cache import Cached
from dagger_algo.teachers.lm import LMTeacher
from tests.support.chat_server import ChatServer, Request

LENGTH = 6
lost_for_words = Scripted(lambda conversation: "9")


def walk(digits: str) -> Example:
    """The corridor's demonstration."""
    actions = tuple(Action(d) for d in digits)
    targets = tuple(Target(t, action, 1.0) for t, action in enumerate(actions))
    return Example(tuple(f"say {d}" for d in digits), actions, targets)


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LMPolicy, Path]:
    """A tiny transformer that knows the corridor, more or less, and where it is on disk."""
    learner = LearnerConfig(learning_rate=1e-2)
    policy = LMPolicy.load(
        tiny_checkpoint, learner=learner, sampling=Sampling(max_new_tokens=LENGTH)
    )
    policy.update([walk(d) for d in ("012", "123", "230", "301", "031", "132")], epochs=40)
    folder = tmp_path_factory.mktemp("taught")
    policy.save(folder)
    # transformers' server samples only where the checkpoint says that it is meant to.
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    sampling = json.dumps({**settings, "do_sample": True})
    (folder / "generation_config.json").write_text(sampling, encoding="utf-8")
    return policy, folder


@pytest.fixture(scope="module")
def in_process(model: tuple[LMPolicy, Path]) -> Iterator[tuple[str, str]]:
    greedy, turn = model[0].greedy(), threading.Lock()

    def reply(request: Request) -> None:
        texts = [message["content"] for message in request.messages]
        done = tuple(Action(text) for text in texts[1::2])
        with turn:
            (answer,) = greedy.act([Conversation("", tuple(texts[::2]), done)])
        assert answer is not None and answer.token_ids is not None
        ended = answer.token_ids[-1] == model[0].codec.end_of_turn
        request.answer(answer.text, "stop" if ended else "length")

    with ChatServer(reply) as server:
        yield server.url, "tiny"


@pytest.fixture(scope="module")
def transformers_serve(model: tuple[LMPolicy, Path]) -> Iterator[tuple[str, str]]:
    for name in ("fastapi", "uvicorn", "openai", "accelerate"):
        pytest.importorskip(name, reason=f"`transformers serve` needs {name}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model[1])]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                if server.poll() is not None:
                    pytest.fail(f"`transformers serve` ended: {server.communicate()[0]}")
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1", str(model[1])
    finally:
        server.kill()
        server.communicate()


@pytest.fixture(params=["in_process", pytest.param("transformers_serve", marks=pytest.mark.slow)])
def served(request: pytest.FixtureRequest) -> tuple[str, str]:
    """(URL, model) of a server with the taught model."""
    found: tuple[str, str] = request.getfixturevalue(request.param)
    return found


def asking(served: tuple[str, str], **settings: Any) -> ApiPolicy:
    greedy: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "max_tokens": LENGTH}
    return ApiPolicy(ApiConfig(*served, **greedy | settings))


def states() -> list[Conversation]:
    found = []
    for digits in ("0", "3", "12", "321", "2222", "x", "say 1\n\tsay 2"):
        seen = tuple(f"say {d}" for d in digits)
        found.append(Conversation(digits, seen, tuple(Action(d) for d in digits[:-1])))
    return found


def greedy_words(policy: LMPolicy) -> list[str | None]:
    """What it says at `states`; None where it does not end its turn, or says nothing in it."""
    end = policy.codec.end_of_turn
    return [
        answer.text if answer.text and (answer.token_ids or (0,))[-1] == end else None
        for answer in policy.greedy().act(states())
        if answer is not None
    ]


def test_a_served_model_says_what_it_says_in_process(
    served: tuple[str, str], model: tuple[LMPolicy, Path]
) -> None:
    own = greedy_words(model[0])
    with asking(served) as teacher:
        answers = teacher.act(states())
    assert [answer and answer.text for answer in answers] == own
    assert own.count(None) == sum(teacher.losses.values()) <= 3
    assert set(teacher.losses) <= {"cut", "empty"}


def test_it_teaches_an_episode(served: tuple[str, str], corridor: Callable[..., Any]) -> None:
    ledger = Ledger()
    with asking(served) as teacher, EnvPool(corridor, 4) as pool:
        rolled = collect(
            pool, range(8), lost_for_words, gate=TEACHER_ONLY, teacher=teacher, ledger=ledger
        )
        episodes = list(rolled)
    assert sum(episode.success for episode in episodes) >= 6
    assert ledger.labels_lost == sum(teacher.losses.values())
    assert ledger.teacher_tokens_in > 0


@pytest.mark.slow
def test_draws_of_a_served_model_are_the_same_for_the_same_seed(
    transformers_serve: tuple[str, str],
) -> None:
    def drawn(seed: int) -> list[str | None]:
        config = ApiConfig(*transformers_serve, temperature=3.0, max_tokens=4, concurrency=1)
        with ApiPolicy(config, seed=seed) as teacher:
            return [a and a.text for a in teacher.act(states() * 3)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_model_in_process_teaches_in_words(model: tuple[LMPolicy, Path], tmp_path: Path) -> None:
    policy, _ = model
    teacher = LMTeacher(policy, greedy=True)
    answers = teacher.act(states())
    assert [answer and answer.text for answer in answers] == greedy_words(policy)
    for state, answer in zip(states(), answers, strict=True):
        if answer is not None:
            assert answer.token_ids is None and answer.logprobs is None
            assert answer.usage is not None and answer.usage.tokens_out == 2
            assert answer.usage.tokens_in == len(policy.codec.state(state))
    assert answers.count(None) == sum(teacher.losses.values())


def test_a_conversation_longer_than_the_models_context_loses_that_label(
    model: tuple[LMPolicy, Path],
) -> None:
    long = Conversation("long", ("say 1\n" * 8192,))
    teacher = LMTeacher(model[0], greedy=True)
    answers = teacher.act([states()[0], long, states()[1]])
    assert [answer is None for answer in answers] == [False, True, False]
    assert teacher.losses["too long"] == 1


def test_a_cache_in_front_of_a_served_model_asks_it_once(
    in_process: tuple[str, str], tmp_path: Path, corridor: Callable[..., Any]
) -> None:
    labelled = []
    for _ in range(2):
        ledger = Ledger()
        with (
            asking(in_process) as teacher,
            Cached(teacher, tmp_path / "c.jsonl", teacher.identity) as cached,
            EnvPool(corridor, 2) as pool,
        ):
            rolled = collect(
                pool, range(4), lost_for_words, gate=TEACHER_ONLY, teacher=cached, ledger=ledger
            )
            labelled.append([[turn.label for turn in episode.turns] for episode in rolled])
    assert labelled[0] == labelled[1]
    assert ledger.cache_hits == ledger.teacher_queries - ledger.labels_lost > 0
