"""Image files of any kind and depth as grey images of one size, with one white for all of them."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.support.words import last_line

BITS, MOST, SIGNED_MOST = 258, 281, 341  # tags of a TIFF file: bits per sample, and the largest value there may be
DEPTHS = (8, 10, 12, 14, 16, 32)  # bits in which cameras and scanners count, whatever the file has room for
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # where such a file names its kind


@dataclass
class Found:
    """What was read from files, in their order.

    Attributes:
        images: grey images (side, side) from 0 to 1, float32, one for each file in `files`.
        notes: what a reader should know of them, a line each.
        skipped: a line on each file that is no image, or a damaged one.
        resized, greyed: how many had another size, and how many colours.
    """

    files: list[Path] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    resized: int = 0
    greyed: int = 0


@dataclass
class _Deep:
    """An image of more than eight bits, shrunk, in the units of its file."""

    pixels: np.ndarray
    largest: float
    bits: int | None  # that its file says it counts in; None for floating-point numbers


def find(root: Path) -> list[Path]:
    """All files below a folder, sorted, also behind links; but no name, of file or folder, that begins with a dot."""
    return sorted(_walk(root, ()))


def read(files: list[Path], root: Path, side: int) -> Found:
    """Read files as grey images of `side` x `side` pixels; lines name them by their path in `root`."""
    found, deep, several = Found(), {}, {}
    for file in files:
        name = repr(str(file.relative_to(root)))
        try:
            image, size, coloured, frames = _read(file, side)
        except Exception as error:  # a damaged file fails in whichever way its bytes lead to
            found.skipped.append(f"{name}: {_reason(file, error)}")
            continue
        if isinstance(image, _Deep):
            deep[len(found.images)] = image
        found.images.append(image)
        found.files.append(file)
        found.resized += size != (side, side)
        found.greyed += coloured
        if frames > 1:
            several[name] = frames
    for floats in (False, True):
        _scale(found, {i: image for i, image in deep.items() if (image.bits is None) == floats}, floats)
    if several:
        name, frames = max(several.items(), key=lambda item: item[1])
        count = f"{len(several)} file{'s hold' if len(several) > 1 else ' holds'}"
        found.notes.append(
            f"{count} more than one image ({name} {frames}): the first of each was taken. Save the others as files of "
            "their own to have them too"
        )
    if found.images and max(image.max() for image in found.images) < 0.1:
        found.notes.append(
            "nothing in these images is brighter than a tenth of white: if that is not meant, brighten them first"
        )
    return found


def _walk(place: Path, above: tuple) -> Iterator[Path]:
    known = os.stat(place)
    here = (known.st_dev, known.st_ino)
    if here in above:  # a link that leads back up
        return
    try:
        entries = list(os.scandir(place))
    except OSError:  # not ours to read: `read` will say so
        yield place
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), (*above, here))
        else:
            yield Path(entry.path)


def _read(file, side):
    """One file as float32 (side, side) from 0 to 1, or _Deep; its size; whether it has colours; how many images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images, and refuses enormous ones
        with Image.open(file) as opened:
            size, coloured = opened.size, opened.mode[0] not in "1LIF"
            frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)  # a phone's preview is no image
            tags = getattr(opened, "tag_v2", {})
            opened.draft(None, (4 * side, 4 * side))  # a large JPEG is then read at a fraction of its size
            image = ImageOps.exif_transpose(opened)
    if image.mode[0] in "IF":  # of which Pillow would cut off all that exceeds 255
        return _deep(image, tags, side), size, coloured, frames
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(_square(image.convert("L"), side), dtype=np.float32) / 255, size, coloured, frames


def _deep(image, tags, side):
    pixels = np.asarray(image, dtype=np.float64)
    if not (pixels.min() >= 0 and pixels.max() < np.inf):  # true of NaN as well
        raise ValueError(f"its pixels range from {pixels.min():g} to {pixels.max():g}, expected numbers of 0 and more")
    bits = None
    if image.mode != "F":
        said = [tags[tag] for tag in (MOST, SIGNED_MOST) if tag in tags]
        values = [int(np.max(value)).bit_length() for value in said] or [int(np.max(tags.get(BITS, 16)))]
        bits = min(values)
    shrunk = np.asarray(_square(Image.fromarray(pixels.astype(np.float32)), side))
    return _Deep(shrunk.clip(0, pixels.max()), float(pixels.max()), bits)


def _square(image, side):
    """The whole image, shrunk or enlarged, and filled up to a square with the grey of its border."""
    grey = np.asarray(image)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    middle: Any = float(np.median(border)) if image.mode == "F" else int(np.median(border))
    return ImageOps.pad(image, (side, side), color=middle)


def _scale(found, deep, floats):
    """Bring deep images of one kind, by their places, to 0 to 1 with a white that all of them share."""
    if not deep:
        return
    largest = max(image.largest for image in deep.values())
    if floats:
        white, why = (1.0, "none is larger") if largest <= 1 else (largest, "their largest value")
    else:
        said = max(image.bits for image in deep.values())
        if said < 16 and largest < 2**said:
            bits, why = said, "as their files say"
        else:  # whatever has room for 16 bits says 16
            bits = next(bits for bits in DEPTHS if largest < 2**bits)
            why = f"{bits} bits hold their largest value, {largest:,.0f}"
        white = 2.0**bits - 1
    for place, image in deep.items():
        found.images[place] = (image.pixels / white).clip(0, 1).astype(np.float32)
    kind = "of floating-point numbers" if floats else "deeper than 8 bits"
    found.notes.append(f"{len(deep)} image{'s' if len(deep) > 1 else ''} {kind}: white is {white:,.6g} for all ({why})")


def _reason(file, error):
    """Why a file was skipped."""
    if not isinstance(error, UnidentifiedImageError):
        return last_line(error)[:100]
    with open(file, "rb") as opened:
        head = opened.read(32)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:
        return "a HEIC image, which Pillow cannot read: save it as JPEG or PNG, as a phone's settings can do"
    if head.startswith((b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")):
        return "a JPEG XL image, which Pillow cannot read: save it as JPEG or PNG"
    return "no image"
