"""Any store of episodes as a page to read: `python -m baselines view PATH`."""

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from baselines.reporting.entries import EPISODE_LIMIT, Shelf, of_episode, payload
from baselines.reporting.pages import render
from baselines.reporting.stores import sources
from baselines.sweep.files import write_atomically
from dagger_algo.errors import ConfigError


@dataclass(frozen=True)
class View:
    """Read episodes turn by turn, with search and filters, in one page that needs no network.

    The stores are only read, also while a run is still writing to them.
    """

    path: tyro.conf.Positional[Path]
    """A store (episodes.jsonl), the folder of one cell, or that of a run with all of its cells."""
    out: Path | None = None
    """The page to write; without it PATH with the ending .html, or episodes.html in the folder."""
    limit: int = EPISODE_LIMIT
    """The most episodes on the page. Of more, that many at most are chosen, evenly spread."""
    open_page: Annotated[bool, tyro.conf.arg(name="open")] = True
    """Open it in the web browser."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigError(f"--limit must be at least 1, not {self.limit}")

    @property
    def page(self) -> Path:
        """Where the page goes."""
        if self.out is not None:
            return self.out
        if self.path.is_dir():
            return self.path / "episodes.html"
        return self.path.with_suffix(".html")


def view(config: View, console: Console) -> Path:
    """Write the page, say where it is and, if that is wanted, open it; returns its path.

    Raises ConfigError when there are no episodes at the path, StoreError when a store is damaged.
    """
    if not config.path.exists():
        raise ConfigError(f"there is nothing at {config.path}")
    shelf = Shelf(config.limit)
    for source in sources(config.path):
        for episode in source.episodes():
            if shelf.wants():
                shelf.add(of_episode(episode, source.facets))
    page = render(
        "episodes.html.j2",
        title=str(config.path),
        data=payload(shelf.entries, shelf.note()),
    )
    write_atomically(config.page, page)
    words = f"{len(shelf.entries):,} episodes: {config.page}"
    console.print(words, markup=False, highlight=False, soft_wrap=True)
    if shelf.note():
        console.print(shelf.note(), markup=False, highlight=False)
    if config.open_page and not webbrowser.open(config.page.resolve().as_uri()):
        console.print("no web browser was found: open the page yourself", highlight=False)
    return config.page
