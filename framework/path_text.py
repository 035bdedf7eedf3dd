"""Paths as recipes name them: refused where no file system could have them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Tag

_MOST_BYTES = 3500  # Linux takes 4096; the rest is for what lies below the path
_MOST_PART = 255


def _possible(text: str) -> str:
    if not text:
        raise ValueError("no file is named; give a path")
    parts = [part.encode("utf-8", "surrogateescape") for part in text.split("/")]
    if "\0" in text:
        raise ValueError("a path cannot hold NUL; take it out")
    if sum(len(part) + 1 for part in parts) > _MOST_BYTES or max(map(len, parts)) > _MOST_PART:
        raise ValueError(
            f"this path is too long; a name in it may have {_MOST_PART} bytes, and all of it {_MOST_BYTES}: shorten it"
        )
    try:
        Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"nobody here is called '{parts[0].decode(errors='replace')[1:]}', whose home '~' would be; write the path out"
        ) from None
    return text


PathText = Annotated[str, AfterValidator(_possible)]
# Told apart beforehand, so that an error speaks of the form that was meant.
PathTexts = Annotated[
    Annotated[PathText, Tag("one")] | Annotated[dict[str, PathText], Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, dict) else "one"),
]
