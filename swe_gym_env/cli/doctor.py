"""`doctor`: is this machine ready, and if not, how is it mended?"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from swe_gym_env.cli import checks, leftovers
from swe_gym_env.cli.leftovers import Leftover
from swe_gym_env.cli.text import clean
from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.images.checks import Finding, check_images
from swe_gym_env.images.engine import connect
from swe_gym_env.images.ledger import cache_folder
from swe_gym_env.sandbox.local import remove_folder

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}
_SHOWN = 5


@dataclass(frozen=True)
class Doctor:
    """Check this machine: sandboxes (really opened), the engine, disk, datasets, leftovers.

    Each line is ok, a warning, or a failure with a sentence on how to mend it.

    For example:
    $ swe-gym doctor
    $ swe-gym doctor --mend
    $ swe-gym doctor --json | jq .usable

    Exit code 1 when there is no way to run commands in isolation here.
    """

    mend: bool = False
    """Remove what killed runs have left."""
    image: str | None = None
    """The image to try a container with; without it, a small one that is there."""
    json: bool = False
    """One JSON object instead of lines."""


def run(command: Doctor) -> int:
    """Print what was found."""
    console = Console(highlight=False)
    found: list[Finding] = []
    for finding in _examine(command):
        found.append(finding)
        if not command.json:
            _print(finding, console)
    usable = any(
        finding.state == "ok" and finding.what in ("bubblewrap", "unshare", "container")
        for finding in found
    )
    if command.json:
        print(json.dumps({"usable": usable, "findings": [asdict(f) for f in found]}, indent=2))
    elif not usable:
        console.print("No sandbox can be had here.", style="red")
    return 0 if usable else 1


def _print(finding: Finding, console: Console) -> None:
    console.print(f"{finding.state:8}", style=_STYLES[finding.state], end="")
    console.print(clean(f"{finding.what}: {finding.said}", ""), markup=False, soft_wrap=True)
    if finding.mend:
        console.print(clean(f"        → {finding.mend}", ""), markup=False, soft_wrap=True)


def _examine(command: Doctor) -> Iterator[Finding]:
    yield checks.check_platform()
    yield from checks.check_packages()
    yield from checks.check_sandboxes()
    try:
        client = connect()
    except SandboxUnavailable as error:
        yield Finding("engine", "warning", str(error), _mend_engine(str(error)))
    else:
        yield from _examine_engine(client, command)
    yield checks.check_space("cache", cache_folder(), 1)
    yield from checks.check_datasets()
    yield _left("folders left", leftovers.on_disk(), command.mend, _remove_folders)


def _examine_engine(client: Any, command: Doctor) -> Iterator[Finding]:
    yield Finding("engine", "ok", f"version {client.version()['Version']}")
    # Before a container is opened: that removes leftovers, too.
    left = leftovers.on_engine(client)
    yield _left("leftovers", left, command.mend, lambda _: leftovers.remove_from_engine(client))
    yield checks.check_container(client, command.image)
    yield from check_images(client)


def _mend_engine(said: str) -> str:
    if "pip install" in said:
        return 'pip install "swe-dagger[docker]"'
    if "ermission" in said:
        return "join the group that may use it: `sudo usermod -aG docker $USER`, then log in again"
    return (
        "start it (`sudo systemctl start docker`) or point DOCKER_HOST at one; tasks without an "
        'image of their own need none: backend="isolated"'
    )


def _left(
    what: str, found: list[Leftover], mend: bool, remove: Callable[[list[Leftover]], None]
) -> Finding:
    if not found:
        return Finding(what, "ok", "none")
    names = "; ".join(f"{one.kind} {one.name}: {one.why}" for one in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    if not mend:
        said = f"{len(found)} of runs that were killed ({names}{more})"
        return Finding(what, "warning", said, "remove them: swe-gym doctor --mend")
    remove(found)
    return Finding(what, "ok", f"removed {len(found)} ({names}{more})")


def _remove_folders(found: list[Leftover]) -> None:
    for one in found:
        remove_folder(Path(one.name))
