"""One fit in several processes: each takes a share of every optimizer step, gradients are summed.

Nothing else is shared out: every process holds the whole student and is handed the same examples,
and after every step all hold the same weights again. So the model needs no wrapper, and everything
that works on it in one process works in several.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch


class Processes(Protocol):
    """Those that fit one student together."""

    rank: int
    count: int

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        ...

    def spread(self, tensor: torch.Tensor) -> None:
        """Overwrite it with the first process's."""
        ...

    def wait(self) -> None:
        """Until all are here."""
        ...

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Tell the trackers, if there are any."""
        ...


class Alone:
    """A single process, without trackers."""

    rank = 0
    count = 1

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def spread(self, tensor: torch.Tensor) -> None: ...

    def wait(self) -> None: ...

    def log(self, figures: Mapping[str, float], step: int) -> None: ...


class Accelerated:
    """The processes, and the trackers, of an `accelerate.Accelerator`.

    Start them with `accelerate launch`; for trackers make it with `log_with="tensorboard"` (or
    "wandb", ...) and call its `init_trackers` first. Sharded weights (FSDP, DeepSpeed) are not
    supported: a student must fit on each device.
    """

    def __init__(self, accelerator: Any) -> None:  # Any: accelerate is optional
        self.accelerator = accelerator
        self.rank: int = accelerator.process_index
        self.count: int = accelerator.num_processes

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        summed: torch.Tensor = self.accelerator.reduce(tensor, reduction="sum")
        return summed

    def spread(self, tensor: torch.Tensor) -> None:
        from accelerate.utils import broadcast

        tensor.copy_(broadcast(tensor.clone(), from_process=0))

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self.accelerator.log(dict(figures), step=step)
