"""What a run would cost, against arithmetic done by hand and models built on no memory at all."""

import dataclasses
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen3Config

from baselines.sweep.price_table import prices
from baselines.sweep.pricing import USES, Gpus, Scale, Shape, price, serving_bytes, training_bytes
from baselines.sweep.sweep_file import sweep
from dagger_algo.ledger import Budget

TINY = Shape(parameters=1e6, layers=2, hidden=10, heads=2, kv_heads=1, head_dim=5)
PLAIN = Scale(
    student=TINY,
    teacher=dataclasses.replace(TINY, parameters=1e7),
    student_gpus=Gpus(1, 80.0, 1.0, 1.0, 1.0, 1.0),
    teacher_gpus=Gpus(1, 80.0, 1.0, 1.0, 1.0, 1.0),
    turns=10,
    instruction=100,
    observation=70,
    action=20,
    label=20,
    context=4_096,
    parallel=10,
    step_seconds=2.0,
    gradient_checkpointing=False,
    forward_tokens=1_000,
)


def test_a_trajectory_is_its_instruction_and_its_turns_up_to_the_context() -> None:
    assert PLAIN.trajectory == 100 + 10 * 90
    assert dataclasses.replace(PLAIN, context=500).trajectory == 500


def test_training_flops_are_those_of_the_usual_formula() -> None:
    # 6 N D, and attention: 3 x 2 x layers x heads x head_dim x length a token.
    trained = 10 * (1000 + 10 * 20 * 0.3) * 3 * 3
    seconds = trained * 3 * (2e6 + 2 * 2 * 10 * 1000) / 1e12
    cost = price(PLAIN, USES["dagger"], Budget(100, 10_000), rounds=5, epochs=3)
    assert cost.tokens_trained == pytest.approx(trained)
    assert cost.training_hours == pytest.approx(seconds / 3600)


def test_evaluation_is_the_students_turns_and_the_sandboxes_and_no_teachers() -> None:
    without = price(PLAIN, USES["dagger"], Budget(1_000, 10_000))
    cost = price(PLAIN, USES["dagger"], Budget(1_000, 10_000), heldout=50)
    # 50 episodes, ten at a time, ten turns of two seconds; the student's tokens cost next to none.
    assert cost.evaluating_hours * 3600 == pytest.approx(5 * 10 * 2.0, rel=1e-2)
    assert cost.gpu_hours == pytest.approx(without.gpu_hours + 2 * cost.evaluating_hours)
    assert cost.money == pytest.approx(without.money + 2 * cost.evaluating_hours * 2.5)
    assert (cost.teacher_read, cost.teacher_written, cost.tokens_trained) == (
        (without.teacher_read, without.teacher_written, without.tokens_trained)
    )  # fmt: skip
    slow = dataclasses.replace(PLAIN, student=dataclasses.replace(TINY, parameters=1e12))
    acted = price(slow, USES["grpo"], Budget(1_000, 1), heldout=100)
    assert acted.evaluating_hours == pytest.approx(acted.collecting_hours)


def test_a_pipeline_costs_what_its_parts_do_and_a_recipe_prices_its_evaluations() -> None:
    budget = {"env_steps": 1_000, "teacher_tokens": 50_000}
    settings = {"share": 0.4, "sft": {"rounds": 2}, "rlvr": "rloo", "rloo": {"evaluate": 3}}
    config = sweep(
        {
            "heldout_episodes": 7,
            "warm_start": {"teacher_tokens": 0},
            "budgets": {"all": budget},
            "methods": {"sft_rlvr": settings},
        }
    )
    found = prices(dataclasses.replace(config, scale=PLAIN))["sft_rlvr", "all"]
    first = price(PLAIN, USES["sft"], Budget(400, 50_000), 2, 8, heldout=2 * 7)
    second = price(PLAIN, USES["rloo"], Budget(600, 50_000), 1, 1, heldout=3 * 7)
    assert found.gpu_hours == pytest.approx(first.gpu_hours + second.gpu_hours)
    assert found.evaluating_hours == pytest.approx(first.evaluating_hours * 5 / 2)
    assert (found.teacher_gib, found.acting_gib) == (first.teacher_gib, second.acting_gib)


def test_waiting_for_sandboxes_is_part_of_collecting() -> None:
    cost = price(PLAIN, USES["expert_iteration"], Budget(1_000, 10_000))
    # 100 episodes, ten at a time, ten turns of two seconds: decoding costs next to nothing.
    assert cost.collecting_hours * 3600 == pytest.approx(10 * 10 * 2.0, rel=1e-2)


def test_a_teacher_that_is_absent_costs_nothing() -> None:
    cost = price(PLAIN, USES["grpo"], Budget(1_000, 10_000))
    assert (cost.teacher_read, cost.teacher_written, cost.teacher_gib) == (0, 0, 0)


def test_the_budget_of_teacher_tokens_bounds_what_it_writes() -> None:
    assert price(PLAIN, USES["sft"], Budget(1_000, 300)).teacher_written == 300


def test_a_hosted_teacher_is_paid_by_the_token_and_needs_no_gpu() -> None:
    hosted = dataclasses.replace(PLAIN, teacher_in=2.0, teacher_out=10.0, gpu_hour=0.0)
    cost = price(hosted, USES["sft"], Budget(1_000, 1_000_000))
    assert cost.teacher_gib == 0
    assert cost.money == pytest.approx((100 * 1_000 * 2.0 + 1_000 * 20 * 10.0) / 1e6)
    assert price(PLAIN, USES["sft"], Budget(1_000, 1_000_000)).gpu_hours > cost.gpu_hours


def test_what_does_not_fit_is_said() -> None:
    large = dataclasses.replace(PLAIN, student=dataclasses.replace(TINY, parameters=8e9))
    cost = price(large, USES["sft"], Budget(1_000, 1_000))
    assert cost.too_large(large)[0].startswith("training the student takes about 1")
    lora = dataclasses.replace(large, lora_parameters=1e7)
    assert not price(lora, USES["sft"], Budget(1_000, 1_000)).too_large(lora)


QWEN3_4B: dict[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}


def test_memory_of_a_published_model_is_that_of_its_tensors() -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(Qwen3Config(**QWEN3_4B))
    parameters = sum(p.numel() for p in model.parameters())
    shape = Shape(4.02e9, 36, 2560, 32, 8, 128)
    assert shape.parameters == pytest.approx(parameters, rel=0.01)
    scale = dataclasses.replace(PLAIN, student=shape, forward_tokens=0, context=0, parallel=0)
    assert training_bytes(scale) == pytest.approx(18 * parameters, rel=0.02)
    assert serving_bytes(scale, shape, Gpus(count=2)) == pytest.approx(parameters, rel=0.01)
    assert shape.kv_bytes == 147_456
