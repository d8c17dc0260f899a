"""The recipes can be read, priced, and, with models small enough, run."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest
from rich.console import Console

import baselines
import swe_gym_env  # noqa: F401  (registers the ids)
from baselines.cli import main
from baselines.evidence.results import load_results
from baselines.sweep.dry_run import dry_run
from baselines.sweep.sweep_file import read_sweep
from dagger_algo.conversation import Action, Conversation
from dagger_algo.lm.generate import Sampling
from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer
from dagger_algo.policies.lm import LMPolicy
from tests.support.chat_server import ChatServer, Request

RECIPES = sorted((Path(baselines.__file__).parent / "recipes").glob("*.yaml"))
SMOKE = next(path for path in RECIPES if path.stem == "smoke")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_dry_run_prices_a_recipe(path: Path, tmp_path: Path) -> None:
    config = read_sweep(path)
    shown = io.StringIO()
    dry_run(config, Console(file=shown, width=100))
    text = shown.getvalue()
    assert "One cell on real hardware" in text and "GPU hours" in text
    assert all(label in text.split("One cell on real hardware")[1] for label in config.variants)
    assert "Does not fit" not in text
    assert not config.folder.exists()


@pytest.mark.parametrize("size", ["4b", "8b"])
def test_the_papers_settings_are_the_papers(size: str) -> None:
    config = read_sweep(SMOKE.with_name(f"qwen3-{size}.yaml"))
    train, test = (config.environment_of["SWE-Gym"].id_of(part) for part in ("train", "heldout"))
    assert (train, test) == ("swe_gym_env:SWEGym-v0", "swe_gym_env:SWEVerified-v0")
    dagger = config.settings_of("dagger")
    assert [dagger.beta(i, dagger.rounds) for i in range(1, 6)] == pytest.approx(
        [1.0, 0.8, 0.6, 0.6, 0.6]
    )
    assert (dagger.epochs, dagger.aggregate) == (3, False)
    sampling = config.student.sampling
    assert (sampling.temperature, sampling.top_p) == (0.7, 0.9)
    assert config.budget_of["paper"].env_steps == 5 * 512 * config.scale.turns


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random transformer that can read the environment."""
    env = gym.make("RepairToy-v0", modules=1, tool_format="hermes")
    try:
        texts = [env.reset(seed=seed)[0] for seed in range(4)]
    finally:
        env.close()
    tokenizer = train_tokenizer(texts, 600)
    model = tiny_model(tokenizer, TinyConfig(width=32, layers=2, heads=2), seed=0)
    folder = tmp_path_factory.mktemp("chat-model")
    LMPolicy(model, tokenizer).save(folder)
    return folder


@pytest.fixture(scope="module")
def server(chat_model: Path) -> Iterator[ChatServer]:
    """A teacher that is as random, behind a server."""
    teacher = LMPolicy.load(chat_model, sampling=Sampling(max_new_tokens=4), seed=1)

    def reply(request: Request) -> None:
        texts = [message["content"] for message in request.messages]
        done = tuple(Action(text) for text in texts[1::2])
        (answer,) = teacher.act([Conversation("", tuple(texts[::2]), done)])
        assert answer is not None
        request.answer(answer.text or "?")

    with ChatServer(reply) as running:
        yield running


@pytest.mark.slow
def test_the_smoke_recipe_takes_the_path_of_the_real_ones(
    chat_model: Path, server: ChatServer, tmp_path: Path
) -> None:
    arguments = ["compare", "--config", str(SMOKE), "--out", str(tmp_path)]
    arguments += ["--student.checkpoint", str(chat_model), "--teacher.url", server.url]
    assert main(arguments) == 0
    results = load_results(tmp_path / "smoke")
    assert not results.failures and set(results.methods) == {"dagger", "dagger@switch", "grpo"}
    for method in ("dagger", "dagger@switch"):
        last = results.final(method)[0]
        assert last.teacher_tokens > 0 and last.optimizer_steps > 0
        folder = results.cell_folder("RepairToy", "smoke", 0, method)
        assert json.loads((folder / "checkpoint" / "adapter_config.json").read_text())["r"] == 2
    assert (tmp_path / "smoke" / "report.html").exists()
