"""Image files of any kind and depth as grey images of one size, with one white for all of them."""

import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.support.words import last_line

# Tags of a TIFF file: bits per sample, the largest value there may be, and what 0 means: white, if it is 0 itself.
BITS, MOST, SIGNED_MOST, ZERO_IS = 258, 281, 341, 262
STRETCHED = ("JPEG2000", "PPM")  # formats that say their white, and that Pillow stretches to 16 bits
DEPTHS = (8, 10, 12, 14, 16, 32)  # bits in which cameras and scanners count, whatever the file has room for
FOREIGN = {  # how a file begins in formats that people have, and Pillow has not
    "HEIC": rb"....ftyp(he[iv][cmsx]|mif1|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "DICOM": rb".{128}DICM",
    "SVG": rb"\s*(<\?xml.*)?<svg",
    "PDF": rb"%PDF",
}


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
    sure: bool  # that white is all of these bits: what has room for 16 may hold 12


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
    here = os.path.realpath(place)
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
        if os.path.isdir(entry.path):
            yield from _walk(Path(entry.path), (*above, here))
        else:
            yield Path(entry.path)


def _read(file, side):
    """One file as float32 (side, side) from 0 to 1, or _Deep; its size; whether it has colours; how many images."""
    if file.is_fifo():  # which would be waited for
        raise ValueError("no file, but a pipe")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images, and refuses enormous ones
        with Image.open(file) as opened:
            size, coloured = opened.size, opened.mode[0] not in "1LIF"
            frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)  # a phone's preview is no image
            tags, stretched = getattr(opened, "tag_v2", {}), opened.format in STRETCHED
            opened.draft(None, (4 * side, 4 * side))  # a large JPEG is then read at a fraction of its size
            image = ImageOps.exif_transpose(opened)
    if image.mode[0] in "IF":  # of which Pillow would cut off all that exceeds 255
        return _deep(image, tags, stretched, side), size, coloured, frames
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(_square(image.convert("L"), side), dtype=np.float32) / 255, size, coloured, frames


def _deep(image, tags, stretched, side):
    pixels = np.asarray(image, dtype=np.float64)
    if not (pixels.min() >= 0 and pixels.max() < np.inf):  # true of NaN as well
        raise ValueError(f"its pixels range from {pixels.min():g} to {pixels.max():g}, expected numbers of 0 and more")
    bits = None
    if image.mode != "F":
        said = [int(np.max(tags[tag])).bit_length() for tag in (MOST, SIGNED_MOST) if tag in tags]
        bits = min([bits for bits in said if bits] or [int(np.max(tags.get(BITS, 16)))])  # some say 0 of a black image
        if tags.get(ZERO_IS) == 0:
            pixels = 2.0**bits - 1 - pixels
    shrunk = np.asarray(_square(Image.fromarray(pixels.astype(np.float32)), side))
    sure = stretched or (bits is not None and bits < 16)
    return _Deep(shrunk.clip(0, pixels.max()), float(pixels.max()), bits, sure)


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
        bits, why = max(image.bits for image in deep.values()), "as their files say"
        if largest >= 2**bits or not any(image.sure for image in deep.values() if image.bits == bits):
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
        head = opened.read(500)
    kind = next((kind for kind, begins in FOREIGN.items() if re.match(begins, head, re.DOTALL)), None)
    if not kind:
        return "no image"
    hint = ", as a phone's settings can do" if kind == "HEIC" else ""
    return f"a file of the format {kind}, which Pillow cannot read: save it as JPEG or PNG{hint}"
