"""Controls beside a picture that follows them. Where widgets cannot run, a still picture is seen in their place."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from course_utils import CourseError
from course_utils.plots import COLOURS, STYLE
from course_utils.support.guards import require_images
from course_utils.support.words import described
from course_utils.widgets.live import DPI, call, live, repainter

LARGEST = 1e6  # number that a slider can be set to
SCALE = 0.8  # inches of an image's side


def image_slider(
    rows: Callable[[float], dict[str, Tensor]], name: str, values: Sequence[float], start: float, *, alt: str
) -> None:
    """A slider over a few values of one quantity, above rows of images that depend on it.

    Args:
        rows: function from a value to a dict from a label to images (N, 1, 28, 28); the number of rows and of images
            is the same for all values.
        name: of the quantity, for example "sigma".
        values: what the slider can be set to.
        start: the value to begin with, which is the one of the still picture.
        alt: what that picture shows, for those who cannot see it.
    """
    values = values.tolist() if isinstance(values, np.ndarray | Tensor) else values
    is_list = isinstance(values, list | tuple | range)
    if not is_list or not all(isinstance(value, Real) and abs(value) < LARGEST for value in values):
        raise CourseError(f"the slider for {name} needs a list of numbers to choose from, got {described(values)}")
    if not isinstance(start, Real) or start not in values:
        raise CourseError(f"the slider for {name} cannot start at {start!r}: expected one of {list(values)}")

    def drawn(value):
        images = call(rows, "`rows`", value)
        if not isinstance(images, dict) or not images:
            raise CourseError(f"`rows` should return a dict from labels to images, got {described(images)}")
        for tensor in images.values():
            require_images(tensor)
        lengths = [len(tensor) for tensor in images.values()]
        if len(set(lengths)) > 1 or not lengths[0]:
            raise CourseError(f"`rows` gave rows of {lengths} images: expected equally many, and one at least")
        return images

    slider = ipywidgets.SelectionSlider(
        options=[(f"{value:g}", value) for value in values], value=start, description=name
    )
    draw = _sheet(drawn(start), title=f"{name} = {start:g}")
    live([slider], lambda: draw(drawn(slider.value), f"{name} = {slider.value:g}"), alt)


def threshold_slider(normal: Any, anomaly: Any, start: float, x_label: str, *, alt: str) -> None:
    """A threshold to move over the scores of normal images and anomalies, beside the four counts that it leads to.

    Args:
        normal, anomaly: scores (n,) and (m,); what lies above the threshold raises an alarm.
        start: the threshold to begin with, which is the one of the still picture.
        x_label: what the score is, with the unit.
        alt: what that picture shows, for those who cannot see it.
    """
    try:
        normal, anomaly = (torch.as_tensor(scores).detach().cpu().flatten() for scores in (normal, anomaly))
        if normal.is_complex() or anomaly.is_complex():
            raise TypeError("these are complex numbers")
        normal, anomaly = normal.double(), anomaly.double()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"expected two tensors of scores: {error}") from error
    both = torch.cat([normal, anomaly])
    if not len(normal) or not len(anomaly) or not torch.isfinite(both).all():
        raise CourseError("a threshold needs finite scores of at least one normal image and one anomaly")
    if not isinstance(start, Real) or not abs(float(start)) < 1e38:
        raise CourseError(f"start={start!r}: expected a threshold, one number")
    low, high = both.min().item(), both.max().item()
    if low == high:
        raise CourseError(f"all scores are {low:g}, and no threshold can tell them apart")
    edges = np.linspace(low, high, 61)
    with plt.rc_context(STYLE):
        figure, (axis, table) = plt.subplots(1, 2, figsize=(9, 2.9), width_ratios=(2, 1), layout="constrained")
        for scores, label, colour in ((normal, "normal", COLOURS[0]), (anomaly, "anomalies", COLOURS[1])):
            axis.hist(scores.numpy(), edges, density=True, histtype="stepfilled", alpha=0.4, color=colour, label=label)
        line = axis.axvline(start, color="black", linestyle="--", label="threshold")
        axis.set(xlabel=x_label, ylabel="share of images (area 1)", yticks=[])
        axis.legend(frameon=False)
        table.imshow([[0.0, 0.25], [0.25, 0.0]], cmap="Greys", vmin=0, vmax=1)
        table.set(xticks=[0, 1], yticks=[0, 1], xticklabels=["passed", "alarm"], yticklabels=["normal", "anomalies"])
        table.xaxis.tick_top()
        table.grid(False)
        cells = [[table.text(j, i, "", ha="center", va="center") for j in (0, 1)] for i in (0, 1)]
        title = axis.set_title("threshold", size="medium")
    paint = repainter(figure, [line, title, *cells[0], *cells[1]])

    slider = ipywidgets.FloatSlider(
        start, min=low, max=high, step=(high - low) / 200, description="threshold", readout_format=".3g"
    )

    def draw():
        limit = slider.value
        line.set_xdata([limit, limit])
        for row, scores in zip(cells, (normal, anomaly), strict=True):
            alarms = int((scores > limit).sum())
            for cell, count in zip(row, (len(scores) - alarms, alarms), strict=True):
                cell.set_text(f"{count:,}\n{100 * count / len(scores):.1f} %")
        false_alarms, found = (100 * (scores > limit).double().mean() for scores in (normal, anomaly))
        title.set_text(f"threshold {limit:.3g}: {false_alarms:.1f} % false alarms, {found:.1f} % of anomalies found")
        return paint()

    live([slider], draw, alt)


def _sheet(rows, title):
    """A function that draws rows of images (dict from a label to (N, 1, 28, 28)), of as many as the given ones."""
    tall, wide = len(rows), len(next(iter(rows.values())))
    inch = 2 * DPI  # pixels
    scale = round(SCALE * inch / 28) * 28 / inch  # whole pixels for each of an image
    left, top = round(0.09 * (max(map(len, rows)) + 2) * inch) / inch, 0.3  # for labels and title
    width, height = left + scale * wide, top + scale * tall
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(width, height))
        axis = figure.add_axes((left / width, 0, 1 - left / width, 1 - top / height))
        picture = axis.imshow(_tiles(rows), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        labels = [
            axis.text(-4, 28 * i + 13.5, label, ha="right", va="center", clip_on=False) for i, label in enumerate(rows)
        ]
        heading = axis.set_title(title, size="medium")
    paint = repainter(figure, [picture, heading, *labels])

    def draw(rows, title):
        picture.set_data(_tiles(rows))
        heading.set_text(title)
        for text, label in zip(labels, rows, strict=True):
            text.set_text(label)
        return paint()

    return draw


def _tiles(rows):
    """Rows of images as one image (28 rows, 28 columns), edge to edge."""
    return torch.cat([torch.cat([*images.detach().cpu().squeeze(1)], dim=1) for images in rows.values()]).numpy()
