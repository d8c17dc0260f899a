"""`python -m dagger_algo lint`: what would be trained on, of a store, with a model's tokens."""

import argparse
import importlib.util
import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
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
loses, labels that do not fit into the model's context. Exit code 1 when something is found that
forbids training.
    python -m dagger_algo lint --model runs/demo/seed-0/dagger/checkpoint \\
        --store runs/demo/seed-0/dagger/episodes.jsonl"""


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
        "--template", metavar="JSON",
        help="variables of the chat template, such as '{\"enable_thinking\": false}' "
        "(default: as they were saved with the model)",
    )  # fmt: skip
    parser.add_argument(
        "--max-new-tokens", type=int, default=256, metavar="N",
        help="longest action of the student, which decides what it sees of episodes that are "
        "longer than its context (default: 256)",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if given.episodes < 1:
        raise ConfigError(f"--episodes must be at least 1, not {given.episodes}")
    template = None if given.template is None else _variables(given.template)

    from dagger_algo.lm.context import fit_context
    from dagger_algo.lm.lint import Finding
    from dagger_algo.lm.lint import lint as look
    from dagger_algo.lm.sampling import Sampling
    from dagger_algo.policies.lm import LMPolicy

    sampling = Sampling(max_new_tokens=given.max_new_tokens)
    episodes = (episode for episode in store.read(given.store) if any(imitate([episode])))
    chosen = list(islice(episodes, given.episodes))
    policy = LMPolicy.load(given.model, sampling=sampling, template=template)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # a finding each, below
        fitted = fit_context(
            imitate(chosen),
            policy.codec,
            policy.model.config,
            policy.learner.room,
            [repr(episode.key) for episode in chosen],
        )
    report = look(
        fitted.examples, policy.codec, policy.model, names=fitted.names, packs=fitted.items
    )
    lost = (Finding("left out", f"episode {sentence}") for sentence in fitted.unfit)
    report = replace(
        report, findings=(*report.findings, *lost), notes=(*report.notes, *fitted.notes)
    )
    show(report)
    return 1 if report.failures else 0


def _variables(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--template is not JSON ({error}): {text}") from error
    if not isinstance(found, dict):
        raise ConfigError(
            "--template takes a JSON object of variables by name, such as "
            f'{{"enable_thinking": false}}, not {text}'
        )
    return found


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
