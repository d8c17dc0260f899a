"""One run in several processes: the first one collects, keeps the books and evaluates; all fit."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from dagger_algo.errors import DaggerError
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

    What one of them raises of this package (DaggerError) is raised in the first, and the others
    wait for what comes next; any other error in what all do leaves them out of step, and ends the
    run. While the first collects the others wait, and no longer than the process group's timeout
    allows: give the Accelerator an InitProcessGroupKwargs with one beyond the longest round.
    """
    if student.processes.rank:
        while (told := _broadcast(None)) is not None:
            with suppress(DaggerError):  # which the first process hears of
                _call(student, *told)
        yield None
        return
    if not isinstance(student.processes, Accelerated):
        yield student
        return
    leader: Any = _Leader(student)
    try:
        yield leader
    finally:
        if leader.in_step:
            _broadcast(None)


class _Leader:
    """The student as it is, but that it tells the others what all must do at the same time.

    in_step: the others are waiting to be told.
    """

    def __init__(self, student: LMPolicy) -> None:
        self._student = student
        self.in_step = True

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
        if not self.in_step:
            raise RuntimeError(
                f"{name} cannot be done together: an earlier error has left the processes out of "
                "step. Start the run again, which goes on from its last checkpoint"
            )
        _broadcast((name, args, options))
        self.in_step = False
        try:
            result = _call(self._student, name, args, options)
        except DaggerError:
            self.in_step = True
            raise
        self.in_step = True
        return result


def _call(student: LMPolicy, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a method of the student returns when all call it; DaggerError where it is raised in one
    of them, and then in all."""
    from accelerate.utils import gather_object

    result, error = None, None
    try:
        result = getattr(student, name)(*args, **options)
    except DaggerError as found:
        error = found
    said = gather_object([None if error is None else str(error)])
    if error is not None:
        raise error
    for rank, sentence in enumerate(said):
        if sentence is not None:
            raise DaggerError(f"{name} failed in process {rank}: {sentence}")
    return result


def _broadcast(told: Any) -> Any:
    """What the first process said, in all of them."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([told])[0]
