"""One run in several processes: the first one collects, keeps the books and evaluates; all fit."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from dagger_algo.examples import Example
from dagger_algo.lm.distributed import Accelerated
from dagger_algo.policies.lm import LMPolicy


@contextmanager
def together(student: LMPolicy) -> Iterator[LMPolicy | None]:
    """In the first process the student that a `Run` there is handed; in the others None, and not
    before that run is over: until then they fit, save and load along with it.

        with together(LMPolicy.load(folder, processes=Accelerated(Accelerator()))) as shared:
            if shared is not None:
                dagger(Run(shared, ...))

    While the first collects the others wait, and no longer than the process group's timeout allows:
    give the Accelerator an InitProcessGroupKwargs with one beyond the longest round.
    """
    if student.processes.rank:
        while (told := _broadcast(None)) is not None:
            name, args, options = told
            getattr(student, name)(*args, **options)
        yield None
        return
    try:
        leader: Any = _Leader(student) if isinstance(student.processes, Accelerated) else student
        yield leader
    finally:
        if isinstance(student.processes, Accelerated):
            _broadcast(None)


class _Leader:
    """The student as it is, but that it tells the others what all must do at the same time."""

    def __init__(self, student: LMPolicy) -> None:
        self._student = student

    def update(self, examples: Iterable[Example], **options: Any) -> Any:
        return self._together("update", list(examples), **options)

    def save(self, *args: Any) -> Any:
        return self._together("save", *args)

    def save_state(self, *args: Any) -> Any:
        return self._together("save_state", *args)

    def load_state(self, *args: Any) -> Any:
        return self._together("load_state", *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._student, name)

    def _together(self, name: str, *args: Any, **options: Any) -> Any:
        _broadcast((name, args, options))
        return getattr(self._student, name)(*args, **options)


def _broadcast(told: Any) -> Any:
    """What the first process said, in all of them."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([told])[0]
