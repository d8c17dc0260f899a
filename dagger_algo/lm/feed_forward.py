"""Gated feed-forward layers that do and keep no more than training needs.

A gated layer of width I, `down(act(gate(x)) * up(x))`, keeps four vectors of I for every token: of
both projections, of the activation and of the product. The last two follow from the first two by
operations that cost next to nothing beside the matrices: here they are computed again, a slice of
tokens at a time. Of all that training keeps of a model with I = 3 D that is a quarter. (Where it
is little, in short passes through small models, it is kept.)

And what the model's last such layer says of a token matters only where that token predicts
something that is trained on, usually one token in five: it is computed there alone.
"""

import inspect
from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
"""What transformers calls them in Llama, Qwen, Mistral, Gemma and their kin."""
SLICE = {"cpu": 256}
"""Tokens whose backward pass is computed at once, by device: what fits a processor's cache."""
WIDE = 8192
"""The same on all other devices."""
SMALL = 2**19
"""Below so many entries of a product (2 MiB in float32) it is kept: memory is no matter then, and
computing it again costs a twentieth of the time."""
WHERE = "predicting_tokens"
"""The keyword that carries, through a model's layers, which tokens predict something."""


def prepare_feed_forward(model: Any) -> int:
    """Let the gated layers of a transformers model keep less from now on; how many there are.

    Outputs and gradients stay the same. A layer that computes anything else is left as it is.
    """
    alike: dict[type, bool] = {}
    layers = [m for m in model.modules() if all(hasattr(m, name) for name in PROJECTIONS)]
    for layer in layers:
        if type(layer) not in alike:
            alike[type(layer)] = _is_gated(layer)
        if alike[type(layer)]:
            layer.forward = MethodType(_forward, layer)
    last = _last_layer(model)
    attention, feed = getattr(last, "self_attn", None), getattr(last, "mlp", None)
    if attention is not None and alike.get(type(feed)) and not hasattr(attention, "before"):
        attention.before = (feed,)  # in a tuple, or it would become a part of the attention
        attention.register_forward_pre_hook(_pass_on, with_kwargs=True)
    return sum(alike[type(layer)] for layer in layers)


def only_at(
    model: Any, tokens_BL: torch.Tensor, batch_M: torch.Tensor, rows_M: torch.Tensor
) -> Any:
    """Keywords for one call of a prepared model whose last hidden states are read at these tokens
    alone: all others come out unfinished. Empty where the model cannot make use of it."""
    last = _last_layer(model)
    if last is None or not hasattr(getattr(last, "self_attn", None), "before"):
        return {}
    for function in (model.base_model.forward, last.forward):
        taken = inspect.signature(function).parameters.values()
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
            return {}
    return {WHERE: torch.unique(batch_M * tokens_BL.shape[1] + rows_M)}


def _last_layer(model: Any) -> Any:
    layers = getattr(model.base_model, "layers", None)
    return layers[-1] if layers else None


def _pass_on(attention: Any, args: Any, keywords: dict[str, Any]) -> None:
    """From the attention, which a layer gives its keywords to, to the feed-forward layer after it
    (again when the layer is computed again for its backward pass)."""
    attention.before[0].where = keywords.get(WHERE)


def _is_gated(layer: Any) -> bool:
    """Does the layer compute that very function?"""
    if not hasattr(layer, "act_fn") or type(layer.down_proj) is not torch.nn.Linear:
        return False
    weight = layer.down_proj.weight
    if weight.device.type == "meta":
        return False
    with torch.no_grad():
        probe = torch.linspace(-2, 2, 2 * len(weight), device=weight.device).to(weight.dtype)
        own = layer(probe.view(1, 2, -1))
        return isinstance(own, torch.Tensor) and torch.equal(
            own, _plain(layer, probe.view(own.shape))
        )


def _plain(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    opened = layer.act_fn(layer.gate_proj(hidden))
    out: torch.Tensor = layer.down_proj(opened * layer.up_proj(hidden))
    return out


def _forward(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    where_M = layer.__dict__.pop("where", None)
    if where_M is None:
        return _all(layer, hidden)
    out_MD = _all(layer, hidden.flatten(0, -2)[where_M])
    nothing = out_MD.new_zeros((hidden.shape[:-1].numel(), out_MD.shape[-1]))
    return nothing.index_copy(0, where_M, out_MD).view_as(hidden)


def _all(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    projections = [getattr(layer, name) for name in PROJECTIONS]
    if not torch.is_grad_enabled() or not all(map(_is_a_matrix, projections)):
        return _plain(layer, hidden)
    if hidden.shape[:-1].numel() * len(projections[0].weight) < SMALL:
        return _plain(layer, hidden)
    dtype = hidden.dtype
    if torch.is_autocast_enabled(hidden.device.type):
        dtype = torch.get_autocast_dtype(hidden.device.type)
    weights = [projection.weight for projection in projections]
    with torch.autocast(hidden.device.type, enabled=False):
        out: torch.Tensor = _Gated.apply(  # type: ignore[no-untyped-call]
            hidden, *weights, layer.act_fn, dtype
        )
    return out


def _is_a_matrix(projection: Any) -> bool:
    """And nothing besides: no bias, no adapter around it, nobody's hook."""
    hooks = (projection._forward_hooks, projection._forward_pre_hooks, projection._backward_hooks)
    return type(projection) is torch.nn.Linear and projection.bias is None and not any(hooks)


class _Gated(torch.autograd.Function):
    """The layer, computed in a dtype."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        w_gate: torch.Tensor,
        w_up: torch.Tensor,
        w_down: torch.Tensor,
        act: Callable[[torch.Tensor], torch.Tensor],
        dtype: torch.dtype,
    ) -> torch.Tensor:
        hidden = hidden.to(dtype)
        gate, up = linear(hidden, w_gate.to(dtype)), linear(hidden, w_up.to(dtype))
        ctx.save_for_backward(hidden, gate, up, w_gate, w_up, w_down)
        ctx.act = act
        return linear(act(gate) * up, w_down.to(dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: torch.Tensor) -> Any:
        hidden, gate, up, *weights = ctx.saved_tensors
        w_gate, w_up, w_down = (weight.to(hidden.dtype) for weight in weights)
        d_gate_w, d_up_w, d_down_w = (
            torch.zeros_like(w) if needed else None
            for w, needed in zip((w_gate, w_up, w_down), ctx.needs_input_grad[1:4], strict=True)
        )
        d_hidden = torch.empty_like(hidden)
        tokens = [of.flatten(0, -2) for of in (hidden, gate, up, d_out)]
        size = SLICE.get(hidden.device.type, WIDE)
        into = d_hidden.view_as(tokens[0])
        parts = zip(*(of.split(size) for of in (*tokens, into)), strict=True)
        for hidden_CD, gate_CI, up_CI, d_out_CD, d_hidden_CD in parts:
            with torch.enable_grad():
                gate_CI = gate_CI.detach().requires_grad_()
                opened_CI = ctx.act(gate_CI)
            product_CI = opened_CI.detach() * up_CI
            if d_down_w is not None:
                d_down_w.addmm_(d_out_CD.T, product_CI)
            d_product_CI = d_out_CD @ w_down
            d_up_CI = torch.mul(d_product_CI, opened_CI.detach(), out=product_CI)
            (d_gate_CI,) = torch.autograd.grad(opened_CI, gate_CI, d_product_CI.mul_(up_CI))
            if d_gate_w is not None:
                d_gate_w.addmm_(d_gate_CI.T, hidden_CD)
            if d_up_w is not None:
                d_up_w.addmm_(d_up_CI.T, hidden_CD)
            torch.mm(d_gate_CI, w_gate, out=d_hidden_CD)
            d_hidden_CD.addmm_(d_up_CI, w_up)
        of_weights = (
            None if d is None else d.to(weight.dtype)
            for d, weight in zip((d_gate_w, d_up_w, d_down_w), weights, strict=True)
        )
        return d_hidden, *of_weights, None, None
