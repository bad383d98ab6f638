"""The plane of two-number codes as a map: a marker to drag, and beside it the image that its place decodes to."""

import io
from collections.abc import Callable
from numbers import Real

import anywidget
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor

from course_utils import CourseError
from course_utils.plots import DPI, STYLE, as_plane, crisp_png, draw_scatter
from course_utils.support.files import ASSETS
from course_utils.support.words import described
from course_utils.widgets.live import decoded, live

SIDE = 4.2  # inches of the map, with its ticks; of that
LEFT, BELOW, REST = 0.15, 0.13, 0.02  # are beside the plane, on each of its four sides
PLANE = (LEFT, REST, 1 - LEFT - REST, 1 - BELOW - REST)  # left, top, width and height, as shares of the picture
PIXELS = 16  # of the picture, two for each of the page, for one of the image
STOPS = 10  # places whose images the still picture shows
SPAN = 3.0  # half the width of a map, unless told otherwise
LARGEST = 1e6  # what it is below


class Map(anywidget.AnyWidget):
    """The map in the browser; `at` is where the marker is."""

    _esm = ASSETS / "latent_map.js"
    _css = ASSETS / "latent_map.css"
    picture = traitlets.Bytes().tag(sync=True)  # a PNG
    plane = traitlets.List(traitlets.Float()).tag(sync=True)  # left, top, width and height, as shares of the picture
    span = traitlets.Float().tag(sync=True)  # the plane goes from -span to span
    at = traitlets.List(traitlets.Float()).tag(sync=True)


def latent_map(
    decode: Callable[[Tensor], Tensor], codes: Tensor, labels: Tensor, *, alt: str, span: float = SPAN
) -> None:
    """A map of two-number codes, on which a marker is moved with mouse, finger or keyboard; its image follows.

    The still picture shows the map, and the images of ten places on a circle.

    Args:
        decode: function from codes (N, 2) to N images of 28 x 28 pixels in [0, 1], in any shape.
        codes: (N, 2), the points of the map.
        labels: (N,), from 0 to 9, their colours.
        alt: what the still picture shows, for those who cannot see it.
        span: the map goes from -span to span, in both directions.
    """
    points, labels = as_plane(codes, labels, "codes")
    if isinstance(span, bool) or not isinstance(span, Real) or not 0 < float(span) < LARGEST:
        raise CourseError(f"span={described(span)}: expected a number above 0, such as 3.0")
    span = float(span)
    kind = codes.dtype if codes.is_floating_point() else torch.float32

    def images(places):
        return decoded(decode, torch.tensor(places, dtype=kind, device=codes.device))

    still = _still(points, labels, span, images)
    control = Map(
        picture=on_plane(SIDE, lambda axis: draw_map(axis, points, labels, span)),
        plane=[*PLANE],
        span=span,
        at=[0.0, 0.0],
    )

    def draw():
        image = (255 * images([list(control.at)])[0, 0].clamp(0, 1)).round().byte().numpy()
        file = io.BytesIO()
        Image.fromarray(image.repeat(PIXELS, 0).repeat(PIXELS, 1)).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def side_by_side(children):
        return ipywidgets.HBox(children, layout={"flex_flow": "row wrap", "align_items": "flex-start"})

    live([control], draw, alt, still=still, trait="at", box=side_by_side)


def draw_map(axis: Axes, points: Tensor, labels: Tensor, span: float) -> None:
    """Draw those of the points (N, 2) from -span to span, coloured by their labels (N,) from 0 to 9."""
    on_map = (points.abs() <= span).all(1)  # labels stand among these
    draw_scatter(axis, points[on_map], labels[on_map], dot=4, font=11)
    axis.set(xlabel="z1", ylabel="z2", xlim=(-span, span), ylim=(-span, span))
    axis.spines[:].set(visible=True, color="#999999")


def on_plane(side: float, draw: Callable[[Axes], None]) -> bytes:
    """A square picture of `side` inches as the bytes of a PNG, with axes exactly where a browser expects the plane."""
    near = {"axes.labelpad": 2, "xtick.major.pad": 2, "ytick.major.pad": 2}  # labels have room in a small one as well
    with plt.rc_context(STYLE | near):
        figure = plt.figure(figsize=(side, side))
        draw(figure.add_axes((LEFT, BELOW, *PLANE[2:])))
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=2 * DPI)
    plt.close(figure)
    return file.getvalue()


def _still(points, labels, span, images):
    """The map with some places on a circle, and the images of these places, as the bytes of a PNG."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(STOPS) / STOPS  # as a clock goes
    places = span / 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    names = [chr(ord("a") + stop) for stop in range(STOPS)]
    decoded_there = images(places.tolist())  # which may fail, before there is a figure
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(9.4, SIDE), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))
        axis = left.subplots()
        draw_map(axis, points, labels, span)
        axis.set_aspect("equal")
        axis.add_patch(plt.Circle((0, 0), span / 2, fill=False, linestyle="--", color="black"))
        for name, place in zip(names, places, strict=True):
            axis.plot(*place, "o", markersize=17, color="white", markeredgecolor="black")
            axis.text(*place, name, ha="center", va="center_baseline")
        for cell, name, image in zip(right.subplots(2, STOPS // 2).flat, names, decoded_there, strict=True):
            cell.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
            cell.set(title=name, xticks=[], yticks=[])
            cell.spines[:].set(visible=True, color="#999999")
            cell.grid(False)
    png, _ = crisp_png(figure)
    plt.close(figure)
    return png
