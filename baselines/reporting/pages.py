"""Self-contained pages: everything inline, nothing loaded, no script but ours."""

import base64
import functools
import hashlib
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """A page from `baselines/templates`. All values are escaped; the browser's script comes along,
    with its hash, so that the page's policy lets no other script run."""
    environment = _environment()
    source, _, _ = PackageLoader("baselines").get_source(environment, "browser.js")
    page = environment.get_template(template).render(
        script=source, script_hash=_hash(source), **values
    )
    return printable(page)


def printable(text: str) -> str:
    """Lone surrogates and control characters, which no file of text may hold, made visible."""
    text = re.sub(r"[\ud800-\udfff]", "\ufffd", text)
    return re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", lambda m: chr(0x2400 + min(ord(m[0]), 0x21)), text
    )


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("baselines"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
