"""Which episode stores a path holds, and whose episodes they are."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from baselines.evidence.names import label
from dagger_algo.conversation import Episode
from dagger_algo.errors import ConfigError
from dagger_algo.store import read

WARM = "warm start"


@dataclass(frozen=True)
class Source:
    """One store. facets: whose it is ("env", "budget", "method", "seed"), as far as known.
    own: leave out what it has from the warm start, which has a store of its own."""

    path: Path
    facets: dict[str, str]
    own: bool = False

    def episodes(self) -> Iterator[Episode]:
        """Its episodes, from the file, without touching it; those the environment broke are not
        among them. Raises StoreError for a file that is no sound store."""
        return (episode for episode in read(self.path) if episode.round > 0 or not self.own)


def sources(path: Path) -> list[Source]:
    """The stores at `path`: a store itself, a cell's folder, or a run's with all of its cells.

    Raises ConfigError when there is none.
    """
    if path.is_file():
        return [Source(path, _facets(path.parent, path.parent.parent))]
    found = [path / "episodes.jsonl"] if (path / "episodes.jsonl").is_file() else []
    found = found or sorted(path.rglob("episodes.jsonl"), key=_in_order)
    if not found:
        raise ConfigError(
            f"there are no episodes at {path}: name a store (episodes.jsonl), the folder of one "
            "cell, or that of a run"
        )
    stores = [Source(store, _facets(store.parent, path)) for store in found]
    if any(store.facets.get("method") == WARM for store in stores):
        return [
            Source(store.path, store.facets, own=store.facets.get("method") != WARM)
            for store in stores
        ]
    return stores


def _facets(folder: Path, root: Path) -> dict[str, str]:
    """From `cell.json`, else from the folders' names."""
    cell = folder / "cell.json"
    if cell.is_file():
        try:
            about = json.loads(cell.read_text(encoding="utf-8"))
            found = {k: str(about[k]) for k in ("env", "budget", "method", "seed") if about.get(k)}
            found["seed"] = str(about["seed"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"{cell} does not describe a cell ({error!r}); remove it") from error
        found["method"] = label(found.get("method", folder.name)).replace("the warm", "warm")
        return found
    names = [folder.name, folder.parent.name]
    seed = next((m[1] for name in names if (m := re.fullmatch(r"seed-(\d+)", name))), None)
    if seed is None:
        return {"method": folder.name} if folder != root and folder.name else {}
    method = next(name for name in names if not re.fullmatch(r"seed-\d+", name))
    found = {"method": WARM if method == "warm-start" else label(method), "seed": seed}
    if folder.is_relative_to(root):
        above = folder.relative_to(root).parts[:-2]
        found |= dict(zip(("env", "budget"), above, strict=False))
    return found


def _in_order(path: Path) -> list[tuple[int, str]]:
    """By number where names hold numbers, the warm start before what starts from it."""
    return [
        (int(number[-1]) if (number := re.findall(r"\d+", part)) else -(part == "warm-start"), part)
        for part in path.parts
    ]
