"""LoRA through peft: few weights are trained, and a checkpoint is those few."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dagger_algo.errors import CheckpointError, ConfigError

_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters (Hu et al. 2021, 2106.09685)."""

    rank: int = 16
    """Rank of every adapter."""
    alpha: float = 32.0
    """Adapters are scaled by alpha / rank."""
    dropout: float = 0.0
    """On their inputs, in training."""
    targets: tuple[str, ...] = ()
    """Names of the linear layers that get one; none means all but the output head."""


def add_lora(model: Any, lora: Lora, seed: int = 0) -> Any:
    """The model in peft's wrapper, everything frozen but fresh adapters in float32.

    They change nothing until trained, and are the same for the same seed. Raises ConfigError when
    peft is not installed or no layer has such a name.
    """
    peft = _peft()
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or "all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return peft.get_peft_model(model, config)
        except ValueError as error:
            raise ConfigError(f"no adapters for this model: {error}") from error


def base_of(folder: Path) -> str | None:
    """Where the base model of the adapters in a folder is; None when it holds a whole model."""
    if not (folder / _CONFIG).is_file():
        return None
    name: str | None = _peft().PeftConfig.from_pretrained(folder).base_model_name_or_path
    if not name:
        raise CheckpointError(
            f"{folder} holds adapters and does not say of which model; name it with base="
        )
    return name


def load_adapters(model: Any, folder: Path) -> Any:
    """The model with the adapters of a folder, to be trained on."""
    return _peft().PeftModel.from_pretrained(model, folder, is_trainable=True)


def save_adapters(wrapped: Any, folder: Path) -> None:
    """Write the adapters as peft reads them, with the place of their base."""
    for config in wrapped.peft_config.values():
        base = config.base_model_name_or_path
        if base and Path(base).is_dir():
            config.base_model_name_or_path = str(Path(base).resolve())
    wrapped.save_pretrained(folder, save_embedding_layers=False)


def adapter_state(wrapped: Any) -> dict[str, torch.Tensor]:
    """The adapters' weights by name."""
    state: dict[str, torch.Tensor] = _peft().get_peft_model_state_dict(
        wrapped, save_embedding_layers=False
    )
    return state


def saved_adapter_state(folder: Path) -> dict[str, torch.Tensor]:
    """The same of a folder that `save_adapters` wrote."""
    state: dict[str, torch.Tensor] = _peft().load_peft_weights(str(folder), device="cpu")
    return state


def set_adapter_state(wrapped: Any, state: dict[str, torch.Tensor]) -> None:
    """Take over weights that `adapter_state` gave."""
    _peft().set_peft_model_state_dict(wrapped, state)


def _peft() -> Any:  # Any: peft is optional
    try:
        import peft
    except ImportError:
        raise ConfigError('LoRA needs peft: pip install "swe-dagger[lora]"') from None
    return peft
