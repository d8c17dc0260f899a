"""A model and its tokenizer from a folder, or a sentence about why not."""

import json
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
_VARIABLES = "template_variables.json"

UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, KeyError, TypeError, AttributeError),
    *(SafetensorError, pickle.UnpicklingError),
)
"""What transformers, peft and torch raise at files that are missing, cut off or another model's."""

UNWRITABLE = (OSError, RuntimeError, SafetensorError)
"""What they raise at a folder that cannot be written to, or a full disk."""


def load_model(
    folder: Path | str, *, dtype: DType = "float32", base: Path | str | None = None
) -> tuple[Any, Any]:
    """Model and tokenizer of a folder (or a Hub id) that `from_pretrained` reads.

    A folder with adapters gives its base model in peft's wrapper; `base` says where that is when
    it is not where it was. Raises CheckpointError when anything is missing or does not fit.
    """
    if not Path(folder).exists() and _means_path(folder):
        raise CheckpointError(f"there is no model at {folder}; name a folder or a Hub id")
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
        if not Path(folder).exists():
            raise CheckpointError(
                f"there is no folder {folder}, and no model of that name came from the Hub; name "
                f"a folder or a Hub id ({reason})"
            ) from error
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


def save_variables(variables: Mapping[str, Any], folder: Path) -> None:
    """Keep beside a model what its chat template is given, as no file of transformers' has it."""
    if variables:
        (folder / _VARIABLES).write_text(json.dumps(variables), encoding="utf-8")
    else:
        (folder / _VARIABLES).unlink(missing_ok=True)


def saved_variables(folder: Path | str) -> dict[str, Any]:
    """What `save_variables` wrote into a folder; nothing where it has not. CheckpointError."""
    path = Path(folder) / _VARIABLES
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except UNREADABLE as error:
        raise CheckpointError(f"{path} is not a JSON object: {error}") from error


def _means_path(folder: Path | str) -> bool:
    """Whether it cannot be a Hub id, which is NAME or OWNER/NAME."""
    name = str(folder)
    return isinstance(folder, Path) or name.startswith((".", "/", "~")) or name.count("/") > 1


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
