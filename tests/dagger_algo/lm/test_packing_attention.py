"""Every form of the mask says the same, and says that branches see their prefix alone."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig

from dagger_algo.lm.attention import block_mask, dense_mask, looks_at, masks, prepare, windowed
from dagger_algo.lm.interval_attention import interval_attention
from dagger_algo.lm.packing import Packed, collate, join


def tree(trunk: int, branches: list[tuple[int, int]], start: int = 0) -> Packed:
    """A trunk of so many tokens, and branches (fork, length)."""
    packed = Packed(positions=list(range(trunk)), intervals=[(0, 0, 0)] * trunk)
    for fork, length in branches:
        packed.intervals += [(0, fork, len(packed.intervals))] * length
        packed.positions += range(fork, fork + length)
    packed.tokens = [(7 * n + start) % 50 for n in range(len(packed.positions))]
    packed.branches = len(branches)
    return packed


@st.composite
def trees(draw: st.DrawFn, most: int = 40) -> Packed:
    trunk = draw(st.integers(1, most))
    forks = st.tuples(st.integers(1, trunk), st.integers(1, max(1, most // 4)))
    return tree(trunk, draw(st.lists(forks, max_size=5)), draw(st.integers(0, 40)))


@st.composite
def batches(draw: st.DrawFn, most: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Intervals and positions: several trajectories a row, several rows, padding."""
    rows = [
        join(draw(st.lists(trees(most), min_size=1, max_size=4)))
        for _ in range(draw(st.integers(1, 2)))
    ]
    if not any(row.branches for row in rows):
        rows[0] = join([rows[0], tree(3, [(2, 2)])])
    batch = collate(rows)
    assert batch.intervals is not None and batch.positions is not None
    return batch.intervals, batch.positions


def said(intervals: torch.Tensor) -> list[list[list[bool]]]:
    """mask_mod, asked for every pair."""
    rows, length, _ = intervals.shape
    b, i, j = torch.meshgrid(*map(torch.arange, (rows, length, length)), indexing="ij")
    seen: list[list[list[bool]]] = looks_at(intervals)(b, torch.zeros_like(b), i, j).tolist()
    return seen


def test_a_branch_sees_its_prefix_and_itself_and_nothing_else() -> None:
    batch = collate([join([tree(3, [(2, 2), (3, 1)]), tree(2, [(1, 1)])]), tree(9, [])])
    want = [
        "100000000",
        "110000000",
        "111000000",
        "110100000",
        "110110000",
        "111001000",
        "000000100",
        "000000110",
        "000000101",
    ]
    assert batch.mask is not None
    mask = batch.mask[0, 0].int().tolist()
    assert ["".join(map(str, row)) for row in mask] == want
    assert batch.mask[1, 0].int().equal(torch.ones(9, 9, dtype=torch.int32).tril())


def test_padding_sees_itself() -> None:
    mask = collate([tree(2, [(1, 1)]), tree(5, [])]).mask
    assert mask is not None
    assert mask[0, 0, 3:].int().tolist() == [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]


@settings(max_examples=100, deadline=None)
@given(batches())
def test_the_mask_for_flex_attention_is_the_dense_mask_for_every_pair(
    given_batch: tuple[torch.Tensor, torch.Tensor],
) -> None:
    intervals, _ = given_batch
    assert said(intervals) == dense_mask(intervals)[:, 0].tolist()


@settings(max_examples=100, deadline=None)
@given(batches(), st.integers(1, 30))
def test_a_window_takes_away_what_is_that_many_positions_back_in_the_branchs_own_text(
    given_batch: tuple[torch.Tensor, torch.Tensor], window: int
) -> None:
    intervals, positions = given_batch
    whole = dense_mask(intervals)[:, 0]
    near = positions[:, :, None] - positions[:, None, :] < window
    got = dense_mask(windowed(intervals, positions, window))[:, 0]
    assert torch.equal(got, whole & near | torch.eye(got.shape[1], dtype=torch.bool))


@settings(max_examples=60, deadline=None)
@given(batches(150), st.sampled_from([16, 32, 128]))
def test_block_masks_have_the_tiles_that_torch_would_find_and_no_full_one_is_partial(
    given_batch: tuple[torch.Tensor, torch.Tensor], block: int
) -> None:
    intervals, _ = given_batch
    rows, length, _ = intervals.shape
    ours = block_mask(intervals, block)
    mod = looks_at(intervals)
    torchs = create_block_mask(mod, rows, None, length, length, "cpu", BLOCK_SIZE=block)
    assert torch.equal(ours.to_dense(), torchs.to_dense())
    dense = dense_mask(intervals)[:, 0]
    assert ours.full_kv_num_blocks is not None and ours.full_kv_indices is not None
    for row in range(rows):
        for q in range(ours.full_kv_num_blocks.shape[2]):
            for n in range(int(ours.full_kv_num_blocks[row, 0, q])):
                k = int(ours.full_kv_indices[row, 0, q, n])
                tile = dense[row, q * block : (q + 1) * block, k * block : (k + 1) * block]
                assert tile.shape == (block, block) and tile.all()


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("mask", ["none", "bool", "added", "of each head"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_single_query_attends_as_torch_would_have_it(
    heads: int, mask: str, dtype: torch.dtype
) -> None:
    torch.manual_seed(heads)
    query = torch.randn(3, 4, 1, 8, dtype=dtype)
    room = torch.randn(2, 3, heads, 20, 8, dtype=dtype)
    key, value = room[:, :, :, :11]  # as in a slab: not contiguous
    seen: Any = torch.rand(3, 4 if mask == "of each head" else 1, 1, 11) < 0.6
    seen[..., 0] = True
    if mask == "none":
        seen = None
    if mask == "added":
        seen = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, float("-inf"))
    want = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, seen, scale=0.3, enable_gqa=True
    )
    got, _ = interval_attention(torch.nn.Module(), query, key, value, seen, scaling=0.3)
    assert got.dtype == dtype
    assert torch.allclose(got.transpose(1, 2), want, atol=1e-5 if dtype == torch.float32 else 0.03)


def attended(how: str, intervals: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """Output and the gradients of query, key and value."""
    rows, length, _ = intervals.shape
    generator = torch.manual_seed(seed)
    query = torch.randn(rows, 4, length, 8, generator=generator, requires_grad=True)
    key, value = (
        torch.randn(rows, 2, length, 8, generator=generator, requires_grad=True) for _ in "kv"
    )
    weights = torch.randn(rows, 4, length, 8, generator=generator)
    if how == "intervals":
        out, _ = interval_attention(torch.nn.Module(), query, key, value, intervals[:, None])
        out = out.transpose(1, 2)
    elif how == "flex":
        mask = block_mask(intervals, 16)
        with torch.no_grad():  # no backward on a CPU
            given = (query.detach(), key.detach(), value.detach())
            return [flex_attention(*given, block_mask=mask, enable_gqa=True)]
    else:
        out = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, dense_mask(intervals), enable_gqa=True
        )
    (out * weights).sum().backward()
    assert query.grad is not None and key.grad is not None and value.grad is not None
    return [out.detach(), query.grad, key.grad, value.grad]


@settings(max_examples=40, deadline=None)
@given(batches(150), st.integers(0, 9), st.sampled_from([None, 7, 40]))
def test_attention_by_intervals_is_attention_with_the_dense_mask(
    given_batch: tuple[torch.Tensor, torch.Tensor], seed: int, window: int | None
) -> None:
    intervals, positions = given_batch
    if window is not None:
        intervals = windowed(intervals, positions, window)
    got, want = (attended(how, intervals, seed) for how in ("intervals", "dense"))
    for ours, theirs in zip(got, want, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("window", [None, 20])
def test_flex_attention_gives_what_the_dense_mask_gives(window: int | None) -> None:
    batch = collate([join([tree(60, [(9, 5), (40, 20)]), tree(30, [(30, 8)])]), tree(50, [])])
    intervals, positions = batch.intervals, batch.positions
    assert intervals is not None and positions is not None
    if window is not None:
        intervals = windowed(intervals, positions, window)
    (flex,), (dense, *_) = attended("flex", intervals, 0), attended("dense", intervals, 0)
    assert torch.allclose(flex, dense, atol=1e-5)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("kind", [LlamaConfig, MistralConfig])
def test_a_model_takes_the_block_mask_as_it_takes_the_dense_one(kind: Any) -> None:
    torch.manual_seed(0)
    config = kind(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,
        **({"sliding_window": 16} if kind is MistralConfig else {}),
    )
    model = AutoModelForCausalLM.from_config(config)
    batch = collate([tree(60, [(9, 5), (40, 20)]), tree(30, [(30, 8)])], rows="joined")
    assert batch.intervals is not None and batch.positions is not None
    results = []
    for implementation in ("sdpa", "flex_attention"):
        model.set_attn_implementation(implementation)
        mask = masks(model.config, batch.intervals, batch.positions)
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            out = model(batch.tokens, attention_mask=mask, position_ids=batch.positions)
        results.append(out.logits)
    assert torch.allclose(results[0], results[1], atol=1e-4)


def test_layers_with_and_without_a_window_get_a_mask_each_and_short_rows_one_for_all() -> None:
    config = MistralConfig(sliding_window=10)
    config.layer_types = ["full_attention", "sliding_attention"]
    config._attn_implementation = "sdpa"
    long, short = collate([tree(20, [(4, 3)])]), collate([tree(8, [(4, 3)])])
    assert long.intervals is not None and long.positions is not None
    assert short.intervals is not None and short.positions is not None
    several = masks(config, long.intervals, long.positions)
    assert set(several) == {"full_attention", "sliding_attention"}
    assert torch.equal(several["full_attention"], dense_mask(long.intervals))
    assert several["sliding_attention"].sum() < several["full_attention"].sum()
    assert isinstance(masks(config, short.intervals, short.positions), torch.Tensor)


def test_plain_trajectories_side_by_side_do_not_see_each_other() -> None:
    """The trap in transformers: packed segments with an all-ones mask contaminate silently."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        LlamaConfig(
            vocab_size=50,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            initializer_range=0.2,
        )
    )
    items = [tree(120, []), tree(70, [], start=3), tree(5, [], start=9)]
    apart = torch.cat([model(torch.tensor([item.tokens])).logits[0] for item in items])
    prepare(model)
    batch = collate(items, rows="joined")
    assert batch.intervals is not None and batch.positions is not None
    mask = masks(model.config, batch.intervals, batch.positions)
    together = model(batch.tokens, attention_mask=mask, position_ids=batch.positions).logits[0]
    assert torch.allclose(together, apart, atol=1e-5)
