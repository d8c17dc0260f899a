"""What a cell trains on, to be read: `lint.txt` in its folder, which its first fit writes."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from baselines.sweep.files import write_atomically

NAME = "lint.txt"
LINTED = "linted"
"""The phase of the message that names the file."""
_LOG = "dagger_algo.lm.lint"


@contextmanager
def lint_file(folder: Path, tell: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """While the block runs, the linter's first report goes to `folder`, and `tell` is told so. A
    job that is taken up again keeps the one that it has."""
    log = logging.getLogger(_LOG)
    before = log.level
    handler = _First(folder / NAME, tell)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


class _First(logging.Handler):
    """Writes the first record alone."""

    def __init__(self, path: Path, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._path = path
        self._tell = tell
        self._written = False

    def emit(self, record: logging.LogRecord) -> None:
        if self._written or self._path.exists():
            return
        self._written = True
        with suppress(OSError):  # a full disk is for others to tell, who lose more
            write_atomically(self._path, record.getMessage() + "\n")
        self._tell({"phase": LINTED, "path": str(self._path)})
