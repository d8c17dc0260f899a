"""Logits exist at the predicting positions only, and never for more than a chunk of them."""

import pytest
import torch
from transformers import LlamaConfig

from dagger_algo.lm.logprobs import head_logprobs


@pytest.mark.parametrize("wanted", [1, 3])
def test_log_probabilities_in_chunks_are_those_in_one_piece(wanted: int) -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(16, 300, bias=True)
    hidden = torch.randn(100, 16, requires_grad=True)
    ids = torch.randint(0, 300, (100, wanted) if wanted > 1 else (100,))
    config = LlamaConfig(vocab_size=300)
    weights = torch.randn(ids.shape)
    results = []
    for chunk in (None, 7):
        (head_logprobs(head, hidden, ids, config, chunk=chunk) * weights).sum().backward()
        assert hidden.grad is not None and head.weight.grad is not None
        results.append(torch.cat([hidden.grad.flatten(), head.weight.grad.flatten()]))
        hidden.grad = head.weight.grad = None
    assert torch.allclose(results[0], results[1], atol=1e-5)


def test_logits_never_exist_for_more_than_one_chunk_at_a_time() -> None:
    head = torch.nn.Linear(16, 300)
    shapes: list[int] = []
    head.register_forward_hook(lambda module, given, out: shapes.append(len(out)))
    held: list[int] = []

    def pack_hook(tensor: torch.Tensor) -> torch.Tensor:
        held.append(tensor.numel())
        return tensor

    hidden = torch.randn(100, 16, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack_hook, lambda tensor: tensor):
        scores = head_logprobs(
            head, hidden, torch.zeros(100, dtype=torch.long), LlamaConfig(vocab_size=300), chunk=8
        )
    assert max(held) < 100 * 300 / 4
    scores.sum().backward()
    assert max(shapes) == 8 and len(shapes) == 2 * 13
