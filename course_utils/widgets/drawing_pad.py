"""A pad to draw on, and what it takes to make a drawing look like an image of the data sets."""

from collections.abc import Callable

import anywidget
import ipywidgets
import numpy as np
import torch
import traitlets
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.support.files import ASSETS
from course_utils.support.guards import require_images
from course_utils.support.words import described
from course_utils.widgets.live import call, live

SIDE = 112  # pixels of the pad, on each side: four for each of the 28
BOX = 20  # pixels of the box into which the ink of a digit fits


class Pad(anywidget.AnyWidget):
    """The pad in the browser; `ink` holds SIDE x SIDE bytes, row by row, 255 for white."""

    _esm = ASSETS / "drawing_pad.js"
    _css = ASSETS / "drawing_pad.css"
    ink = traitlets.CBytes().tag(sync=True)  # a browser sends a memoryview


def draw_pad(look: Callable[[Tensor], bytes], start: Tensor, *, alt: str) -> None:
    """A pad to draw on with mouse, finger or keyboard, beside a picture of what models make of the drawing.

    Args:
        look: function from an image (1, 1, 28, 28) in [0, 1] to a picture as the bytes of a PNG, in a tenth of a
            second or less; see `live.repainter`.
        start: the image (1, 1, 28, 28) that is on the pad to begin with, and in the still picture.
        alt: what the still picture shows, for those who cannot see it.
    """
    require_images(start)
    if len(start) != 1:
        raise CourseError(f"the pad shows one image, (1, 1, 28, 28), and got {len(start)}")
    pad = Pad(ink=enlarged(start).numpy().tobytes())
    seen = [start]

    def draw():
        ink = torch.frombuffer(bytearray(pad.ink), dtype=torch.uint8).reshape(SIDE, SIDE) / 255
        if ink.any():  # a pad that was cleared waits for the next drawing
            seen[0] = centred(ink)
        picture = call(look, "`look`", seen[0])
        if not isinstance(picture, bytes) or not picture.startswith(b"\x89PNG"):
            raise CourseError(f"`look` should return the bytes of a PNG, got {described(picture)}")
        return picture

    live([pad], draw, alt, trait="ink", box=ipywidgets.HBox)


def enlarged(image: Tensor) -> Tensor:
    """An image as if it had been drawn on the pad: (1, 1, 28, 28) in [0, 1] -> (SIDE, SIDE), bytes."""
    ink = F.interpolate(image, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)
    return (255 * ink[0, 0]).round().byte()


def centred(ink: Tensor) -> Tensor:
    """A drawing as MNIST's makers would have prepared it: (height, width) in [0, 1] -> (1, 1, 28, 28).

    The ink is shrunk, or enlarged, to fit into 20 x 20 pixels with its proportions kept, and put into 28 x 28 pixels so
    that its centre of mass is in the middle (LeCun et al. 1998). A drawing without ink stays without.
    """
    rows, columns = ((ink.amax(axis) > 0.2).nonzero() for axis in (1, 0))
    page = torch.zeros(1, 1, 28, 28, device="cpu")
    if not len(rows):
        return page
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(BOX * side / max(ink.shape))) for side in ink.shape)
    sheet = Image.fromarray((255 * ink).round().byte().numpy())
    for size in ((width, sheet.height), (width, height)):  # in one step, the order would be up to Pillow's version
        sheet = sheet.resize(size, Image.Resampling.BOX)
    small = np.array(sheet)
    # The middle of 28 pixels is 13.5, but the mean of MNIST's centres of mass is 14 (pixels count from 0). Sums of
    # whole numbers are exact: a drawing half-way between two places goes to the same one everywhere.
    top, left = (
        min(max(0, round(14 - float(np.arange(side) @ small.sum(1 - axis, dtype=int) / small.sum()))), 28 - side)
        for axis, side in enumerate(small.shape)
    )
    page[0, 0, top : top + height, left : left + width] = torch.from_numpy(small) / 255
    return page
