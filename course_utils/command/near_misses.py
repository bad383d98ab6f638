"""What lies in the data folder and is nearly a set of images: for `course data`, where one is not found."""

import contextlib
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from course_utils import data

# The four files under other names too: Kaggle has a dot for the second hyphen, browsers add " (1)".
ALIKE = re.compile(r"(train|t10k)-(images|labels)[-.]idx([13])-ubyte(?: ?\(\d+\))?(\.gz)?", re.IGNORECASE)
DEEP = 5  # folders below the data folder that are looked into


def near_misses(root: Path, name: str) -> list[str]:
    """A line on each thing that is nearly right, with what to do; none where nothing is.

    Args:
        root: the data folder.
        name: a set that is not on disk.
    """
    if not os.path.isdir(root):
        if any(part != part.strip(" '\"") for part in root.parts):
            return [f"the variable COURSE_DATA has quotes or spaces around its path, {str(root)!r}: leave them out"]
        return [f"there is no folder {root}: make it, or name another one in the variable COURSE_DATA"]
    places = {data.raw_folder(root, other): other for other in data.DOWNLOADS}
    wanted, lines = data.raw_folder(root, name), []
    for path in _files(root, DEEP):
        if not (match := ALIKE.fullmatch(path.name)):
            continue
        right = f"{match[1]}-{match[2]}-idx{match[3]}-ubyte{match[4] or ''}".lower()
        if path.name == right and path.parent in places:
            continue
        owners = _owners(path, right.removesuffix(".gz"))
        if owners and name not in owners:
            continue  # another one's
        if not owners and name == "mnist" and "fashion" in str(path.relative_to(root)).lower():
            continue  # more likely the other one's
        here, there = os.path.relpath(path, root), wanted / right
        first = ", once the folder of that name has another one" if there.is_dir() else ""
        lines.append(f"{here} should be {os.path.relpath(there, root)}: move it there{first}")
    return lines


def _owners(path: Path, file: str) -> list[str]:
    """The sets that have this content in one of their FILES; none where it cannot be told."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        content = path.read_bytes()
        return data.owners_of(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content, file)
    return []


def _files(folder: Path, deep: int) -> Iterator[Path]:
    """All files in a folder and in those below it, to a depth."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not ours to read
        return
    for entry in entries:
        if entry.is_file():
            yield Path(entry.path)
        elif deep and entry.is_dir() and not entry.name.startswith("."):
            yield from _files(Path(entry.path), deep - 1)
