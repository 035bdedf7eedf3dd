"""The site of the documents (mkdocs.yml): files elsewhere in the repository that documents link to become pages of it, so that every link
leads somewhere, here as on a code host."""

import os
import re
from pathlib import Path
from posixpath import dirname, relpath
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
ROOT = DOCS.parent
ELSEWHERE = "repository"
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add the files to which documents link, and those to which these do in their turn."""
    waiting = [DOCS / file.src_uri for file in files if file.is_documentation_page()]
    seen = set(waiting)
    while waiting:
        for target in linked(waiting.pop()):
            if target not in seen and target.is_file():
                seen.add(target)
                if DOCS not in target.parents:
                    files.append(File.generated(config, uri_of(target), content=as_page(target)))
                    waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Have links lead to where their files are in the site."""
    here = place_of(page.file.src_uri)

    def led(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(here.parent / match[1]))
        return relpath(uri_of(target), dirname(page.file.src_uri)) if target.is_file() else match[1]

    return LINK.sub(led, markdown) if here.suffix == ".md" else markdown


def linked(path: Path) -> list[Path]:
    """The files to which a document links."""
    if path.suffix != ".md":
        return []
    return [Path(os.path.normpath(path.parent / name)) for name in LINK.findall(path.read_text(encoding="utf-8"))]


def uri_of(path: Path) -> str:
    """Where a file of the repository is in the site, before it is built."""
    if DOCS in path.parents:
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    return f"{ELSEWHERE}/{name}" if path.suffix == ".md" else f"{ELSEWHERE}/{name}.md"


def place_of(uri: str) -> Path:
    """The file of which a page of the site is made."""
    name = uri.removeprefix(f"{ELSEWHERE}/")
    if name == uri:
        return DOCS / uri
    there = ROOT / name
    return there if there.is_file() else ROOT / name.removesuffix(".md")


def as_page(path: Path) -> str:
    """A file's text, as a document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    fence = "~~~~"
    language = {".py": "python", ".yaml": "yaml", ".sbatch": "bash"}.get(path.suffix, "text")
    return f"# {path.relative_to(ROOT)}\n\n{fence}{language}\n{text}\n{fence}\n"
