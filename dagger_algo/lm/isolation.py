"""Do packed segments see each other? Log-probabilities of the packed batch beside those of
separate samples.

The trap (transformers with sdpa): trajectories laid end to end in one row are kept apart only
with `use_cache=False` and no attention mask; an all-ones mask or `use_cache=True` mixes them, and
nothing says so.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from dagger_algo.examples import Example, Target
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.logprobs import head_logprobs
from dagger_algo.lm.packing import Batch, Packed, collate, join, rows_for
from dagger_algo.lm.supervision import Pair, expected, prefixes

Scorer = Callable[[Any, Batch], torch.Tensor]
"""A model and a batch to the (M,) log-probabilities of the batch's targets."""


def check_isolation(
    examples: Sequence[Example],
    packs: Sequence[Packed],
    names: Sequence[str],
    codec: ChatCodec,
    model: Any,
    scorer: Scorer,
    probes: int = 6,
) -> list[str]:
    """A sentence for each of a few labels whose log-probabilities change by being packed."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return _compare(examples, packs, names, codec, model, scorer, probes)
    finally:
        model.train(training)


def _compare(
    examples: Sequence[Example],
    packs: Sequence[Packed],
    names: Sequence[str],
    codec: ChatCodec,
    model: Any,
    scorer: Scorer,
    probes: int,
) -> list[str]:
    parameter = next(model.parameters())
    device, dtype = parameter.device, parameter.dtype
    if torch.is_autocast_enabled(device.type):
        dtype = torch.get_autocast_dtype(device.type)
    together = scorer(model, collate(packs, device, rows_for(model))).float().cpu().tolist()
    joined = join(packs)
    seen = prefixes(joined)
    keys = ((seen[row], token) for row, token in zip(joined.rows, joined.targets, strict=True))
    packed: dict[Pair, float] = dict(zip(keys, together, strict=True))
    labels = [
        (n, target, pairs)
        for n, example in enumerate(examples)
        for target, pairs in zip(example.targets, expected(example, codec), strict=True)
    ]
    # The last labels have the most before them that they must not see.
    step = max(1, len(labels) // probes)
    sentences = []
    for n, target, pairs in labels[::-1][::step][:probes]:
        alone = _alone(examples[n], target, codec, model)
        apart = [
            abs(packed[pair] - own)
            for pair, own in zip(pairs, alone, strict=True)
            if pair in packed
        ]
        eps = torch.finfo(dtype).eps
        if apart and not max(apart) < max(1e-3, 4 * eps * max(map(abs, alone))):
            where = f"episode {names[n]}, turn {target.turn}"
            sentences.append(
                f"{where}: in the packed batch, log-probabilities of the label "
                f"{target.action.text[:60]!r} differ by up to {max(apart):.2g} nats from those of "
                "the same text alone: it sees other segments, or not all of its own prefix"
            )
    return sentences


def _alone(example: Example, target: Target, codec: ChatCodec, model: Any) -> list[float]:
    """One sample for one label, nothing packed: its tokens' log-probabilities."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    device = next(model.parameters()).device
    prefix, label = codec.state(example.state(target)), codec.action_ids(target.action)
    ids = torch.tensor([[*prefix, *label]], device=device)
    hidden = whole.base_model(input_ids=ids, use_cache=False).last_hidden_state[0]
    targets = torch.tensor(label, device=device)
    rows = hidden[len(prefix) - 1 : -1]
    scores = head_logprobs(whole.get_output_embeddings(), rows, targets, whole.config)
    return [float(score) for score in scores]
