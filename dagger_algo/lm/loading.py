"""A model and its tokenizer from a folder, or a sentence about why not."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from dagger_algo.errors import CheckpointError
from dagger_algo.lm.adapters import base_of, load_adapters

DType = Literal["float32", "bfloat16"]

UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, KeyError, TypeError, AttributeError),
    *(SafetensorError, pickle.UnpicklingError),
)
"""What transformers, peft and torch raise at files that are missing, cut off or another model's."""


def load_model(
    folder: Path | str, *, dtype: DType = "float32", base: Path | str | None = None
) -> tuple[Any, Any]:
    """Model and tokenizer of a folder (or a Hub id) that `from_pretrained` reads.

    A folder with adapters gives its base model in peft's wrapper; `base` says where that is when
    it is not where it was. Raises CheckpointError when anything is missing or does not fit.
    """
    recorded = base_of(Path(folder))
    model: Any
    found: Any
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            base or recorded or folder, dtype=getattr(torch, dtype), output_loading_info=True
        )
        model, found = loaded
    except UNREADABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"no model and tokenizer to load at {str(folder)!r}: {reason}"
        ) from error
    absent = sorted(found["missing_keys"])
    if absent:
        raise CheckpointError(
            f"the weights at {str(folder)!r} are another model's, or incomplete: {absent[0]!r} is "
            f"missing ({len(absent)} in all)"
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"the tokenizer at {str(folder)!r} has {len(tokenizer)} tokens and the model knows "
            f"{rows}: they do not belong together"
        )
    if recorded is None:
        return model, tokenizer
    try:
        return load_adapters(model, Path(folder)), tokenizer
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"the adapters in {folder} do not fit their base: {reason}"
        ) from error


def require_fit(
    own: Mapping[str, torch.Tensor], came: Mapping[str, torch.Tensor], folder: Path
) -> None:
    """CheckpointError that names the first weight in which two models differ."""
    for name in [*own, *came]:
        sides = (came.get(name), own.get(name))
        shapes = tuple("no such weight" if w is None else str(tuple(w.shape)) for w in sides)
        if shapes[0] != shapes[1]:
            raise CheckpointError(
                f"{folder} is no state of this student but another model's: {name} is {shapes[0]} "
                f"there and {shapes[1]} here"
            )
