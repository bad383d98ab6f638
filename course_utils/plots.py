"""Every picture of the course: grey images in rows, and curves with labelled axes.

Colours are Okabe and Ito's, which the colour-blind can tell apart; figures keep a white ground, so that they can
also be read on a dark page.
"""

import io
import itertools
from collections.abc import KeysView, Sequence, ValuesView
from numbers import Integral
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from matplotlib.transforms import Bbox
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.support.guards import require_tensors
from course_utils.support.showing import display
from course_utils.support.words import described

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
# Ten classes: Petroff's colours (2021, arXiv:2107.02270), which the colour-blind can tell apart as well.
CLASS_COLOURS = [
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
]
DARK_CLASSES = (2, 4, 8)  # on whose colours white is easier to read than black
DPI = 100  # pixels of the page for an inch of a figure
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
STYLE = {
    "figure.facecolor": "white",
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "font.size": 10,
}
LARGEST = 1e300  # number that is drawn: the distance between two has to be a number too


def image_rows(
    rows: dict[str, Tensor],
    alt: str,
    scale: float = 0.75,
    titles: Sequence[str] = (),
    groups: dict[str, int] | None = None,
) -> None:
    """Show rows of images, one column per example.

    Args:
        rows: dict from a label to images (N, 1, 28, 28); all rows have the same N.
        alt: what the picture shows, for those who cannot see it.
        scale: from the left of one image to the left of the next, in inches.
        titles: what stands above each column.
        groups: dict from a title to a number of columns, for columns of several kinds: there is a gap between them.

    Raises:
        CourseError: for images of another shape or type, for NaN, for rows of different length, and for groups that
            have not as many columns together.
    """
    _require_named(rows, "rows", "images")
    rows = {label: as_images(images, f"the row {label!r}") for label, images in rows.items()}
    columns = _one_length({label: len(images) for label, images in rows.items()}, "rows")
    groups = {"": columns} if groups is None else groups
    _require_named(groups, "groups", "numbers of columns")
    whole = all(isinstance(count, Integral) and count > 0 for count in groups.values())
    if not whole or sum(groups.values()) != columns:
        raise CourseError(f"groups={groups!r}: expected {columns} columns together, as there are in each row")
    titles = list(titles)

    # In pixels of the file, and whole ones for each of an image, which so stays sharp and small.
    tall, wide = (max(images.shape[side] for images in rows.values()) for side in (2, 3))
    times = max(1, round(0.76 * scale * 2 * DPI / max(tall, wide)))
    gap = max(6 * times, 12)
    starts = [0, *itertools.accumulate(groups.values())]  # the first column of each group
    left = [i * (times * wide + gap) + 2 * gap * sum(start <= i for start in starts[1:-1]) for i in range(columns)]
    width, height = left[-1] + times * wide, len(rows) * (times * tall + gap) - gap
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(width / (2 * DPI), height / (2 * DPI)))
        for number, (label, images) in enumerate(rows.items()):
            bottom = height - times * tall - number * (times * tall + gap)
            for i, (x, image) in enumerate(zip(left, images, strict=True)):
                axis = figure.add_axes((x / width, bottom / height, times * wide / width, times * tall / height))
                axis.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set(visible=True, color="#999999")  # a frame, so that a white image has an edge
                if i == 0:
                    axis.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
                if number == 0 and i < len(titles):
                    axis.set_title(titles[i], size="medium")
        above = 1 + (44 if titles else 14) / height
        for title, start in zip(groups, starts, strict=False):
            figure.text(left[start] / width, above, title, size="medium", weight="bold", va="bottom")
    show(figure, alt)


def curves(
    lines: dict[str, Any],
    x_label: str,
    y_label: str,
    alt: str,
    x_log: bool = False,
    y_log: bool = False,
    level: tuple[str, float] | None = None,
) -> None:
    """Show one or more curves.

    Args:
        lines: dict from a label to equally long sequences (x values, y values), and a third one where error bars are
            wanted (their half lengths).
        x_label, y_label: axis labels, with the unit.
        alt: what the picture shows, for those who cannot see it.
        x_log, y_log: logarithmic axes; the ticks of a logarithmic x axis are the x values themselves.
        level: a pair (label, y value), drawn as a dashed horizontal line.

    Raises:
        CourseError: for what are no finite numbers, for sequences of different length, and for numbers of 0 and below
            on a logarithmic axis.
    """
    _require_named(lines, "lines", "pairs of sequences")
    lines = {label: _points(line, f"the curve {label!r}", x_log, y_log) for label, line in lines.items()}
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6, 3.4))
        for (label, (x, y, *half)), marker in zip(lines.items(), itertools.cycle(MARKERS), strict=False):
            style = {"marker": marker if len(x) <= 15 else None, "markersize": 5, "label": label}
            if half:
                axis.errorbar(x, y, half[0], capsize=3, **style)
            else:
                axis.plot(x, y, **style)
        if level:
            axis.axhline(level[1], color="#555555", linestyle="--", linewidth=1, label=level[0])
        if x_log:
            axis.set_xscale("log", base=2)
            ticks = sorted({value for x, *_ in lines.values() for value in x})
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        elif all(value == round(value) for x, *_ in lines.values() for value in x):
            axis.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 2.5
        if y_log:
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter("")
        axis.set(xlabel=x_label, ylabel=y_label)
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1)}  # where a long legend covers nothing
        axis.legend(frameon=False, **(beside if len(lines) > 3 else {}))
    show(figure, alt)


def bars(groups: dict[Any, float], y_label: str, alt: str) -> None:
    """Show one bar per entry of `groups`, a dict from a label to a height."""
    _require_named(groups, "groups", "heights")
    heights = _numbers(list(groups.values()), "the heights of the bars")
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6, 3))
        drawn = axis.bar([str(label) for label in groups], heights, color=COLOURS[0])
        axis.bar_label(drawn, fmt="{:.3g}")
        axis.grid(axis="x")
        axis.set_ylabel(y_label)
    show(figure, alt)


def image_grid(
    images: Tensor, columns: int, alt: str, x_label: str = "", y_label: str = "", scale: float = 0.32
) -> None:
    """Show images (N, 1, 28, 28) edge to edge, row by row, `columns` in a row; the last row is filled up with white.

    Each takes about `scale` inches: whole pixels of the file for each of its own.
    """
    pixels = as_images(images, "the grid").squeeze(1)
    if isinstance(columns, bool) or not isinstance(columns, Integral) or not 1 <= columns <= 100:
        raise CourseError(f"columns={columns!r}: expected a whole number from 1 to 100")
    pixels = F.pad(pixels, (0, 0, 0, 0, 0, -len(pixels) % columns), value=1.0)
    sheet = torch.cat([torch.cat(list(row), dim=1) for row in pixels.split(int(columns))]).numpy()
    times = max(1, round(0.9 * scale * 2 * DPI / max(pixels.shape[1:])))
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=[times * side / (2 * DPI) for side in sheet.shape[::-1]])
        axis = figure.add_axes((0, 0, 1, 1))
        axis.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[], xlabel=x_label, ylabel=y_label)
        axis.grid(False)
    show(figure, alt)


def scatter(points: Tensor, labels: Tensor, alt: str, x_label: str, y_label: str) -> None:
    """Show points (N, 2), coloured by their labels 0 to 9; each label stands among its points."""
    points, labels = as_plane(points, labels, "points")
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(5.6, 5))
        draw_scatter(axis, points, labels, dot=4, font=11)
        axis.set(xlabel=x_label, ylabel=y_label, aspect="equal")
    show(figure, alt)


def scatter_row(panels: dict[str, Tensor], labels: Tensor, alt: str) -> None:
    """Show several pictures like `scatter` side by side, without numbers on the axes.

    Args:
        panels: dict from a title to points (N, 2); all panels have the same N.
        labels: (N,), from 0 to 9.
        alt: what the picture shows, for those who cannot see it.
    """
    _require_named(panels, "panels", "points (N, 2)")
    planes = {title: as_plane(points, labels, f"the panel {title!r}") for title, points in panels.items()}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 4), squeeze=False)
        for axis, (title, (points, labels)) in zip(axes[0], planes.items(), strict=True):
            draw_scatter(axis, points, labels, dot=3, font=11)
            axis.set(title=title, xticks=[], yticks=[])
            axis.spines[:].set(visible=True, color="#999999")
    show(figure, alt)


def draw_scatter(axis: Axes, points: Tensor, labels: Tensor, dot: float, font: float) -> None:
    """Draw points (N, 2), coloured by their labels 0 to 9, and each label on a disc of its colour among its points."""
    for label in labels.unique().tolist():
        mine = points[labels == label]
        axis.scatter(mine[:, 0].numpy(), mine[:, 1].numpy(), s=dot, alpha=0.5, color=CLASS_COLOURS[label])
    for label, (x, y) in _own_places(points, labels).items():
        disc = {"boxstyle": "circle,pad=0.15", "facecolor": CLASS_COLOURS[label], "edgecolor": "white"}
        ink = "white" if label in DARK_CLASSES else "black"
        style: dict[str, Any] = {
            "size": font,
            "weight": "bold",
            "ha": "center",
            "va": "center",
            "color": ink,
            "bbox": disc,
        }
        axis.text(x, y, str(label), clip_on=True, **style)  # one beyond the axes would blow up the figure


def _own_places(points, labels):
    """For each label the point of its own that has most of its like around it, and few others."""
    if not len(points):
        return {}
    chosen = torch.linspace(0, len(points) - 1, min(len(points), 1_000), device=points.device).long()
    some, theirs = points[chosen].double(), labels[chosen]
    near = torch.exp(-(torch.cdist(some, some) / (0.15 * some.std(0, correction=0).mean()).clamp(min=1e-9)).square())
    places = {}
    for label in labels.unique().tolist():
        if not (theirs == label).any():  # too rare to be among some
            places[label] = points[labels == label].median(0).values.tolist()
            continue
        like = near[:, theirs == label].sum(1)
        best = (like * like / near.sum(1)).masked_fill(theirs != label, 0).argmax()  # many of them, and a large share
        places[label] = some[best].tolist()
    return places


def histograms(groups: dict[str, Any], x_label: str, alt: str) -> None:
    """Show how the values of each group are spread, one outline a group, each of area 1.

    Args:
        groups: dict from a label to values (N,), of whatever number each.
        x_label: what is counted, with the unit.
        alt: what the picture shows, for those who cannot see it.
    """
    _require_named(groups, "groups", "values")
    values = {label: _numbers(group, f"the group {label!r}") for label, group in groups.items()}
    low, high = min(v.min() for v in values.values()), max(v.max() for v in values.values())
    if not high / 2 - low / 2 > 1e-12 * max(abs(low), abs(high)):  # 50 bins between them are no numbers any more
        raise CourseError(f"all values are {low:g}: there is nothing to spread out")
    edges = np.linspace(low, high, 51)
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(6, 3))
        for (label, group), colour in zip(values.items(), itertools.cycle(COLOURS), strict=False):
            axis.hist(group, edges, density=True, histtype="stepfilled", alpha=0.35, color=colour, label=label)
            axis.hist(group, edges, density=True, histtype="step", color=colour)
        axis.set(xlabel=x_label, ylabel="share of images (area 1)", yticks=[])
        axis.legend(frameon=False)
    show(figure, alt)


def show(figure: Figure, alt: str) -> None:
    """Display a figure as PNG with `alt` as its text, and close it."""
    png, size = crisp_png(figure)
    plt.close(figure)
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt, **size}})


def crisp_png(figure: Figure) -> tuple[bytes, dict[str, int]]:
    """A figure with two pixels for each that it takes on the page, and the size that it takes there."""
    figure.set_dpi(2 * DPI)
    figure.draw_without_rendering()
    box = figure.get_tightbbox().padded(0.1)
    # Whole pixels: else each of an image's would be smeared over two, and the file twice as large.
    edges = np.concatenate([np.floor(2 * DPI * box.min), np.ceil(2 * DPI * box.max)]) / (2 * DPI)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=2 * DPI, bbox_inches=Bbox.from_extents(*edges))
    with Image.open(file) as image:
        return small_png(image), page_size(image)


def small_png(image: Image.Image) -> bytes:
    """The smallest PNG of a picture: of the colours that lines' edges have, 255 are enough for any eye.

    Colours are counted by their place (an octree): by their number, grey pixels would crowd out those of classes. Grey
    pictures keep all their 256 levels where that is smaller: neighbours are alike as numbers, which packs well.
    """
    image = image.convert("RGB")
    red, green, blue = (np.asarray(channel) for channel in image.split())
    grey = bool((red == green).all() and (red == blue).all())
    few = image.quantize(255, Image.Quantize.MEDIANCUT if grey else Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    kinds = [few, image.convert("L")] if grey else [few]
    files = []
    for kind in kinds:
        file = io.BytesIO()
        kind.save(file, "PNG", optimize=True)
        files.append(file.getvalue())
    return min(files, key=len)


def page_size(image: Image.Image) -> dict[str, int]:
    """The size that a picture takes on the page, with two of its pixels for each of the page's."""
    return {"width": round(image.width / 2), "height": round(image.height / 2)}


def frame(figure: Figure) -> bytes:
    """A figure as a picture of a film, the bytes of a PNG with two pixels for each that it takes on the page.

    Figures of one film should have one size (`figsize`), which nothing is cut off from, and the same limits of their
    axes: else the picture jumps. The figure is closed.
    """
    if not isinstance(figure, Figure):
        raise CourseError(f"frame makes a picture of a figure, got {described(figure)}")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=2 * DPI, pil_kwargs={"compress_level": 1})
    plt.close(figure)
    return file.getvalue()


def as_images(images: Any, name: str) -> Tensor:
    """Images (N, 1, height, width) as float32 on the CPU, or a CourseError."""
    require_tensors(images)
    if not images.is_floating_point():
        raise CourseError(
            f"{name} should be a float tensor of images, 0 for black to 1 for white, got {described(images)}"
        )
    if images.ndim != 4 or images.shape[1] != 1 or not images.numel():
        raise CourseError(
            f"{name} should be images of shape (N, 1, 28, 28), got {described(images)}; "
            ".view(-1, 1, 28, 28) makes them of rows of 784 pixels"
        )
    images = images.detach().cpu().float()
    if not images.isfinite().all():
        raise CourseError(f"{name} has NaN or infinity among its pixels: look for a division by zero before this point")
    return images


def as_plane(points: Any, labels: Any, name: str) -> tuple[Tensor, Tensor]:
    """Points (N, 2) as float64 and labels (N,) from 0 to 9, both on the CPU, or a CourseError."""
    if not isinstance(points, torch.Tensor) or points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise CourseError(f"{name} should be a tensor (N, 2) of points in the plane, got {described(points)}")
    whole = isinstance(labels, torch.Tensor) and not (labels.is_floating_point() or labels.is_complex())
    if not whole or labels.shape != points.shape[:1]:
        raise CourseError(
            f"labels should be a tensor with one whole number for each of {len(points)} points, got {described(labels)}"
        )
    if labels.min() < 0 or labels.max() >= len(CLASS_COLOURS):
        raise CourseError(f"labels should be from 0 to 9, and they go from {labels.min()} to {labels.max()}")
    points = points.detach().cpu()
    if points.is_complex() or not points.isfinite().all():
        raise CourseError(
            f"{name} has NaN or infinity among its numbers: look for a division by zero before this point"
        )
    return points.double(), labels.cpu()


def _require_named(parts, name, kind):
    if not isinstance(parts, dict) or not parts:
        raise CourseError(
            f"{name} should be a dict from labels to {kind}, with one entry or more, got {described(parts)}"
        )


def _one_length(lengths, name):
    """The length that all entries of a dict have, or a CourseError."""
    if len(set(lengths.values())) > 1:
        raise CourseError(f"the {name} should be equally long, got {lengths}")
    return next(iter(lengths.values()))


def _numbers(values, name):
    """A sequence of finite numbers as a float64 array (N,), or a CourseError."""
    if isinstance(values, torch.Tensor) and not values.is_complex():
        values = values.detach().cpu().double()
    elif isinstance(values, list | tuple | range | KeysView | ValuesView):
        values = [value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value for value in values]
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" or array.ndim != 1 or not len(array) or not (abs(array) < LARGEST).all():
            raise ValueError
    except (ValueError, TypeError, OverflowError, RuntimeError):
        raise CourseError(
            f"{name} should be a row of finite numbers, at most {LARGEST:g}, got {described(values)}"
        ) from None
    return array.astype(float)


def _points(line, name, x_log, y_log):
    """x values, y values and perhaps half lengths of error bars as arrays, or a CourseError."""
    try:
        line = list(line)
    except TypeError:
        line = [line]
    if len(line) not in (2, 3):
        raise CourseError(f"{name} should be a pair of sequences (x values, y values), got {described(line)}")
    parts = dict(zip(("x", "y", "error bars"), line, strict=False))
    parts = {part: _numbers(values, f"{part} of {name}") for part, values in parts.items()}
    if "error bars" in parts and parts["error bars"].min() < 0:
        raise CourseError(f"error bars of {name} go down to {parts['error bars'].min():g}: half lengths are 0 or more")
    _one_length({part: len(values) for part, values in parts.items()}, f"parts of {name}")
    for part, is_log in (("x", x_log), ("y", y_log)):
        if is_log and parts[part].min() <= 0:
            raise CourseError(f"{part} of {name} goes down to {parts[part].min():g}, and its axis is logarithmic")
    return list(parts.values())
