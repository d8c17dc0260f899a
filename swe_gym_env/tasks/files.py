"""A user's own repair tasks: one JSON object per line of a file, read and written.

Fields of a line (those marked * may be left out):

    id              text, unique within the file
    statement       the problem in words; what the agent reads
    files           {path: text}, laid down in the work tree before the agent starts
    test_command    shell command that shows the visible tests failing
    grade_command   shell command that runs the hidden tests and prints one
                    "PASSED name" or "FAILED name ..." line per test
    gold_files      {path: text} after the repair; files that it does not name stay as they are
    hidden_tests    {path: text}, laid over the tree before grading; may be {}
    fail_to_pass    names of tests that fail now and must pass; at least one
    pass_to_pass*   names of tests that pass now and must still pass
    image*          container image for the docker backend
    tags*           {name: text}, for tables

Paths are relative to the work tree, with forward slashes, and stay inside it.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from swe_gym_env.errors import TaskError
from swe_gym_env.grading import HiddenTests
from swe_gym_env.task import Privileged, Task
from swe_gym_env.tasks.fields import checked_text, shown


def load_task_file(
    path: str | Path, *, on_error: Literal["raise", "skip"] = "raise"
) -> tuple[Task, ...]:
    """All tasks of a file, in its order.

    A row that cannot be used raises TaskError with file, line and field; with on_error="skip" it
    is left out with a warning that says the same. A file without any usable task is a TaskError.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error is {on_error!r}; expected 'raise' or 'skip'")
    tasks: dict[str, Task] = {}
    first_line: dict[str, int] = {}
    for number, line in _lines(Path(path)):
        try:
            task = _task(_parse(line))
            if task.id in tasks:
                raise TaskError(f"field 'id': {task.id!r} is taken by line {first_line[task.id]}")
        except TaskError as error:
            message = f"{path}, line {number}: {error}"
            if on_error == "raise":
                raise TaskError(message) from None
            warnings.warn(f"skipped a task: {message}", stacklevel=2)
            continue
        tasks[task.id], first_line[task.id] = task, number
    if not tasks:
        raise TaskError(f"{path}: no usable task; expected one JSON object per line")
    return tuple(tasks.values())


def dump_task_file(tasks: Iterable[Task], path: str | Path) -> None:
    """Write tasks so that `load_task_file` gives them back."""
    lines = [json.dumps(_row(task)) for task in tasks]
    Path(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their number; only a line feed ends a line in JSONL."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TaskError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TaskError(f"{path}, line {line}: not UTF-8 text: {error.reason}") from error
    return ((n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip())


def _parse(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise TaskError(f"expected a JSON object with the fields of a task, got {shown(row)}")
    return row


def _task(row: Mapping[str, Any]) -> Task:
    for name in row:
        if name not in _FIELDS:
            raise TaskError(f"field {name!r} is unknown; known are {', '.join(_FIELDS)}")
    value: dict[str, Any] = {}
    for name, (check, *default) in _FIELDS.items():
        if name not in row and not default:
            raise TaskError(f"field {name!r} is missing")
        value[name] = default[0] if name not in row else check(name, row[name])
    if not value["fail_to_pass"]:
        raise TaskError("field 'fail_to_pass': names no test, so nothing could show a repair")
    return Task(
        **{n: value[n] for n in ("id", "statement", "files", "test_command")},
        harness=HiddenTests(value["grade_command"]),
        privileged=Privileged(
            gold_files={**value["files"], **value["gold_files"]},
            **{n: value[n] for n in ("hidden_tests", "fail_to_pass", "pass_to_pass")},
        ),
        image=value["image"],
        tags=dict(value["tags"]),
    )


def _row(task: Task) -> dict[str, Any]:
    if not isinstance(task.harness, HiddenTests):
        raise TaskError(f"task {task.id!r} is not made of files, so it cannot be written as such")
    answer = task.privileged
    row = {"grade_command": task.harness.command}
    row = {n: row.get(n) or getattr(answer if hasattr(answer, n) else task, n) for n in _FIELDS}
    return {name: dict(v) if isinstance(v, Mapping) else v for name, v in row.items()}


def _filled(name: str, value: Any) -> str:
    if not checked_text(name, value).strip():
        raise TaskError(f"field {name!r}: expected text, got an empty one")
    return str(value)


def _maybe_text(name: str, value: Any) -> str | None:
    return None if value is None else _filled(name, value)


def _names(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TaskError(f"field {name!r}: expected a list of test names, got {shown(value)}")
    return tuple(_filled(name, entry) for entry in value)


def _texts(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TaskError(f"field {name!r}: expected an object of texts, got {shown(value)}")
    return {key: checked_text(f"{name}[{key}]", entry) for key, entry in value.items()}


def _tree(name: str, value: Any) -> dict[str, str]:
    texts = _texts(name, value)
    for path in texts:
        parts = PurePosixPath(path).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in path or path.endswith("/"):
            raise TaskError(f"field {name!r}: {path!r} is not the path of a file inside the tree")
    return texts


_FIELDS: Mapping[str, tuple[Callable[[str, Any], Any], *tuple[Any, ...]]] = {
    "id": (_filled,),
    "statement": (_filled,),
    "files": (_tree,),
    "test_command": (_filled,),
    "grade_command": (_filled,),
    "gold_files": (_tree,),
    "hidden_tests": (_tree,),
    "fail_to_pass": (_names,),
    "pass_to_pass": (_names, ()),
    "image": (_maybe_text, None),
    "tags": (_texts, {}),
}
