"""Files that are whole whatever happens while they are written."""

from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Either the whole file is there, or the old one is. An OSError names the file."""
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
