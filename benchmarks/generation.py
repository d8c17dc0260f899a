"""Environment steps per second while acting: keys and values kept between turns, or the whole
history encoded again each turn.

Peers: transformers' `model.generate` on the whole history each turn, batched with left padding
    (how TRL's transformers backend rolls out); and our own generator with its cache dropped each
    turn. Each is given token ids, so none pays for tokenising.
Work: 8 episodes at once, 5, 20 and 40 turns (--quick: 20 only), on a 0.9 M-parameter Llama
    (float32, one thread, greedy); a turn brings 32 to 96 tokens of observation and an action of 16
    (tools say several times more than agents). Every side must say the same tokens, which is
    asserted before any clock starts.
    Interleaved passes, three of each side (five at 5 turns, one with --quick); CPU and wall
    seconds, median and least.
Target: in CPU time at least 3.5 times the faster peer at 20 turns, and 5 times at 40.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from transformers import GenerationConfig

from dagger_algo.conversation import Action, Conversation
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.generate import CachedGenerator
from dagger_algo.lm.sampling import Sampling
from dagger_algo.lm.tiny import TinyConfig, tiny_model, train_tokenizer

TARGETS = {20: 3.5, 40: 5.0}
PASSES = {5: 5, 20: 3, 40: 3}
NEW_TOKENS = 16
SIDES = ["kept", "dropped each turn", "model.generate"]
WORDS = [f"w{n:03}" for n in range(400)]


def make_student() -> tuple[Any, ChatCodec]:
    """A random 0.9 M-parameter Llama and the codec of its tokenizer: one token per word."""
    tokenizer = train_tokenizer([f"{word}\n" for word in WORDS] * 3, 2500)
    config = TinyConfig(width=128, layers=4, heads=4, init_std=0.1, context=16384)
    return tiny_model(tokenizer, config, seed=0).eval(), ChatCodec(tokenizer)


def observations(turns: int, episodes: int) -> list[list[str]]:
    """Per turn and episode: 32 to 96 words, one token each."""
    rng = np.random.default_rng(0)
    return [
        ["\n".join(rng.choice(WORDS, rng.integers(32, 97))) + "\n" for _ in range(episodes)]
        for _ in range(turns)
    ]


def roll(side: str, model: Any, codec: ChatCodec, seen: list[list[str]]) -> list[Action]:
    """All actions of all episodes, acted by one side."""
    generator = CachedGenerator(model, codec)
    sampling = Sampling(temperature=0.0, max_new_tokens=NEW_TOKENS)
    states = [Conversation(str(n), (text,)) for n, text in enumerate(seen[0])]
    said: list[Action] = []
    for following in [*seen[1:], None]:
        if side == "model.generate":
            actions = regenerate(model, codec, states)
        else:
            if side == "dropped each turn":
                generator.forget()
            actions = generator.act(states, sampling)
        said += actions
        if following is not None:
            pairs = zip(states, actions, following, strict=True)
            states = [state.after(action, text, {}) for state, action, text in pairs]
    return said


def regenerate(model: Any, codec: ChatCodec, states: list[Conversation]) -> list[Action]:
    """What TRL's transformers backend does each turn."""
    histories = [codec.state(state) for state in states]
    width, pad = max(map(len, histories)), codec.tokenizer.pad_token_id
    tokens = torch.tensor([[*[pad] * (width - len(ids)), *ids] for ids in histories])
    mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in histories])
    config = GenerationConfig(
        max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=codec.end_of_turn, pad_token_id=pad
    )
    with torch.inference_mode():
        out = model.generate(tokens, attention_mask=mask, generation_config=config)[:, width:]
    actions = []
    for row in out.tolist():
        end = row.index(codec.end_of_turn) + 1 if codec.end_of_turn in row else len(row)
        actions.append(Action(codec.text(row[:end]), tuple(row[:end])))
    return actions


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """CPU and wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 turns, once: < 2 minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, codec = make_student()
    episodes = 8
    figures: dict[int, dict[str, dict[str, float]]] = {}
    ratios: dict[int, float] = {}
    for turns in (20,) if options.quick else (5, 20, 40):
        seen = observations(turns, episodes)
        spoken = {side: [a.token_ids for a in roll(side, model, codec, seen)] for side in SIDES}
        if any(spoken[side] != spoken[SIDES[0]] for side in SIDES):
            raise SystemExit(f"{turns} turns: the sides do not say the same tokens")
        seconds: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
        for _ in range(1 if options.quick else PASSES[turns]):
            for side in SIDES:
                seconds[side].append(timed(lambda: roll(side, model, codec, seen)))  # noqa: B023
        steps = turns * episodes
        figures[turns] = {}
        for side, samples in seconds.items():
            cpu, wall = ([sample[n] for sample in samples] for n in (0, 1))
            figures[turns][side] = {
                "steps_per_cpu_second": round(steps / statistics.median(cpu), 1),
                "best": round(steps / min(cpu), 1),
                "steps_per_second": round(steps / statistics.median(wall), 1),
            }
            print(
                f"{turns:3} turns  {side:18} {steps / statistics.median(cpu):8.1f} steps per CPU "
                f"second (best {steps / min(cpu):.1f}), {steps / statistics.median(wall):8.1f} per "
                "second of wall time"
            )
        speeds = [figures[turns][side]["steps_per_cpu_second"] for side in SIDES]
        ratios[turns] = round(speeds[0] / max(speeds[1:]), 2)
        print(f"{turns:3} turns  kept is {ratios[turns]:.2f} times the faster peer, same tokens")
    met = all(ratio >= TARGETS.get(turns, 0.0) for turns, ratio in ratios.items())
    print(
        json.dumps(
            {
                "benchmark": "generation",
                "steps": figures,
                "ratio_to_faster_peer": ratios,
                "target": TARGETS,
                "load": [round(value, 1) for value in os.getloadavg()],
                "met": met,
            }
        )
    )
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
