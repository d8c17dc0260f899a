"""`python -m dagger_algo lint`: what would be trained on, of a store, with a model's tokens."""

import argparse
import importlib.util
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dagger_algo import store
from dagger_algo.errors import ConfigError
from dagger_algo.examples import imitate

_ABOUT = """\
Show which characters of a store's labels would be trained on, and look for what ruins training in
silence: an empty mask, a label cut off, an end of turn left out, a prefix that changes between
turns, packed segments that see each other, control tokens inside content, text that the tokenizer
loses. Exit code 1 when something is found that forbids training.
    python -m dagger_algo lint --model runs/demo/student --store runs/demo/episodes.jsonl"""


def lint(arguments: Sequence[str]) -> int:
    """The command `lint`."""
    parser = argparse.ArgumentParser(
        prog="python -m dagger_algo lint",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, help="folder (or Hub id) of the student")
    parser.add_argument("--store", required=True, type=Path, help="episodes.jsonl of a run")
    parser.add_argument("--episodes", type=int, default=8, help="how many to look at (default: 8)")
    parser.add_argument(
        "--template", type=json.loads, default={}, metavar="JSON",
        help="options for the chat template, such as '{\"enable_thinking\": false}'",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if given.episodes < 1:
        raise ConfigError(f"--episodes must be at least 1, not {given.episodes}")

    from dagger_algo.lm.codec import ChatCodec
    from dagger_algo.lm.lint import lint as look
    from dagger_algo.lm.loading import load_model

    episodes = (episode for episode in store.read(given.store) if any(imitate([episode])))
    chosen = list(islice(episodes, given.episodes))
    model, tokenizer = load_model(given.model)
    report = look(
        list(imitate(chosen)),
        ChatCodec(tokenizer, given.template),
        model,
        names=[repr(episode.key) for episode in chosen],
    )
    show(report)
    return 1 if report.failures else 0


def show(report: Any) -> None:
    """Print a report, in colour where rich is installed."""
    if importlib.util.find_spec("rich") is None:
        print(report)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        print(report)
        return
    text = Text()
    for span in report.spans:
        text.append(span.text, style="black on green" if span.trained else "dim")
    console.print(text)
    for line in report.lines():
        colour = {"FAILED": "bold red", "warning": "yellow"}.get(line.split(":")[0], "")
        console.print(Text(line, style=colour))
