"""`python -m dagger_algo export` and `import`."""

import argparse
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from dagger_algo import filters, store
from dagger_algo.conversation import Actor, Episode
from dagger_algo.errors import ConfigError
from dagger_algo.exchange import minari, rows
from dagger_algo.exchange.export import write

_EXPORT = """\
Write the episodes of a store as a dataset that TRL's SFTTrainer and others accept.

messages (one row per episode, what was executed) is for training on whole episodes, for instance
those that succeeded:
    python -m dagger_algo export runs/demo/seed-0/sft/episodes.jsonl demos.parquet --keep success
prompt_completion (one row per label) is DAgger's data: the state visited, and what the teacher
would have done there:
    python -m dagger_algo export runs/demo/seed-0/dagger/episodes.jsonl labels.parquet \\
        --format prompt_completion

Then: load_dataset("parquet", data_files="labels.parquet", split="train"). The store may be one
that is being written to at this moment; it is not changed."""

_IMPORT = """\
Make an episode store of conversational data: rows with "messages", or with "prompt" and
"completion", in a .parquet or .jsonl file; or a Minari dataset of texts, as minari:NAME.
A file that `export --format messages` wrote comes back exactly as it was.
    python -m dagger_algo import demos.parquet episodes.jsonl
    python -m dagger_algo import minari:tightrope/expert-v0 episodes.jsonl"""


def export(arguments: Sequence[str]) -> int:
    """The command `export`."""
    parser = _parser("export", _EXPORT)
    parser.add_argument("store", type=Path, help="episodes.jsonl of a run")
    parser.add_argument("out", type=Path, help="the new file: .parquet or .jsonl")
    parser.add_argument(
        "--format",
        choices=("messages", "prompt_completion"),
        default="messages",
        help="one row per episode, or one row per label (default: messages)",
    )
    parser.add_argument(
        "--keep",
        choices=sorted(filters.NAMED),
        nargs="+",
        default=[],
        help="only episodes that pass all of these filters",
    )
    given = parser.parse_args(arguments)
    keep = filters.named(given.keep)
    count = write(filter(keep, store.read(given.store)), given.out, given.format)
    print(f"{count} rows written to {given.out}")
    return 0


def take_in(arguments: Sequence[str]) -> int:
    """The command `import`."""
    parser = _parser("import", _IMPORT)
    parser.add_argument("data", help="a .parquet or .jsonl file, or minari:NAME")
    parser.add_argument("store", type=Path, help="the new episode store, for instance e.jsonl")
    parser.add_argument(
        "--actor",
        choices=[actor.value for actor in Actor],
        default=Actor.TEACHER.value,
        help="who acted in data that does not say: the teacher's actions become labels, the "
        "student's do not (default: teacher)",
    )
    given = parser.parse_args(arguments)
    if given.store.exists():
        raise ConfigError(f"{given.store} exists: move it away, or choose another name")
    found = _found(given.data, Actor(given.actor))
    first = next(found, None)
    if first is None:
        raise ConfigError(f"{given.data} holds no episodes")
    part = given.store.with_name(given.store.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with store.EpisodeStore(part) as out:
            out.extend(chain([first], found))
            count = len(out)
        part.rename(given.store)
    finally:
        part.unlink(missing_ok=True)
    print(f"{count} episodes written to {given.store}")
    return 0


def _found(data: str, actor: Actor) -> Iterator[Episode]:
    if data.startswith("minari:"):
        name = data.removeprefix("minari:")
        return minari.episodes_of(minari.load(name), actor, name)
    return rows.episodes_of(rows.read_rows(Path(data)), actor, data)


def _parser(name: str, text: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"python -m dagger_algo {name}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
