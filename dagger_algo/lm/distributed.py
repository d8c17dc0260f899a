"""One fit in several processes: each takes a share of every optimizer step, gradients are summed.

Nothing else is shared out: every process holds the whole student and is handed the same examples,
and after every step all hold the same weights again. So the model needs no wrapper, and everything
that works on it in one process works in several.
"""

from collections.abc import Callable, Mapping
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


Tell = Callable[[Mapping[str, float], int], None]
"""Told of every optimizer step: its figures, and which one it is (`Trackers.step`)."""


class Alone:
    """A single process."""

    rank = 0
    count = 1

    def __init__(self, tell: Tell | None = None) -> None:
        self._tell = tell

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def spread(self, tensor: torch.Tensor) -> None: ...

    def wait(self) -> None: ...

    def log(self, figures: Mapping[str, float], step: int) -> None:
        if self._tell is not None:
            self._tell(figures, step)


class Accelerated:
    """The processes of an `accelerate.Accelerator`.

    Start them with `accelerate launch`. tell: called in the first one only; by default the
    accelerator's own trackers are told, if it was made with some. Sharded weights (FSDP, DeepSpeed)
    are not supported: a student must fit on each device.
    """

    def __init__(
        self,
        accelerator: Any,  # Any: accelerate is optional
        tell: Tell | None = None,
    ) -> None:
        self.accelerator = accelerator
        self._tell = tell
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
        if self._tell is None:
            self.accelerator.log(dict(figures), step=step)
        elif self.rank == 0:
            self._tell(figures, step)
