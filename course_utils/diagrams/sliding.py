"""Kernels that slide and stamp, what a number of the code can see, and how much a code holds (page 03)."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from torch import Tensor
from torch.nn import functional as F

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, STYLE, bare, drawing
from course_utils.plots import frame

DOT, MINUS = "\N{MIDDLE DOT}", "\N{MINUS SIGN}"
SHEET = (9.6, 8.3)  # cells: the paper for a tiny image beside a kernel and an answer
INCHES = 0.375  # side of a cell


def first_place(x: Tensor, kernel: Tensor, stride: int) -> None:
    """Draw a kernel at its first place on a tiny image (H, W); the answers of the other places stay open."""
    alt = (
        f"A kernel of {_named(kernel)} lies on the top left corner of an image of {_named(x)}. Its numbers times the "
        f"pixels below, added up, are {_products(*_patch(x, kernel, stride, 0))}: the first number of the answer."
    )
    with drawing(SHEET[0] * 0.5, SHEET[1] * 0.5, alt) as axis:
        _draw_slide(axis, x, kernel, stride, 0)


def sliding_frames(x: Tensor, kernel: Tensor, stride: int) -> list[bytes]:
    """Pictures for `film`: a kernel (k, k) slides over a tiny image (H, W), a picture for each place."""
    return [_frame(_draw_slide, x, kernel, stride, place) for place in range(_slid(x, kernel, stride).numel())]


def stamping_frames(x: Tensor, kernel: Tensor, stride: int) -> list[bytes]:
    """Pictures for `film`: each number of a tiny image (H, W) stamps a kernel (k, k), a picture for each number."""
    return [_frame(_draw_stamp, x, kernel, stride, place) for place in range(x.numel())]


def seen_by(layers: Sequence[tuple[int, int, int]], pixels: int, at: int) -> None:
    """Draw which pixels of a row reach one number of the code, layer by layer.

    Args:
        layers: (kernel, stride, padding) of each convolution, the first one first.
        pixels: how many there are in the row.
        at: which number of the code.
    """
    sizes = [pixels]
    for kernel, stride, padding in layers:
        sizes.append((sizes[-1] + 2 * padding - kernel) // stride + 1)
    reach = [(at, at)]  # of each row that is drawn, from the code down to the pixels
    for kernel, stride, padding in reversed(layers):
        low, high = reach[0]
        reach.insert(0, (low * stride - padding, high * stride - padding + kernel - 1))
    names = ["pixels", *[f"after {number} layer{'s' * (number > 1)}" for number in range(1, len(sizes))]]
    wide, tall, step = pixels + 7.5, 2.6 * len(sizes), 2.6
    parts = [f"{high - low + 1} of {size} {name}" for (low, high), size, name in zip(reach, sizes, names, strict=True)]
    alt = (
        f"Rows of cells, one below the other; lines fan out from one number of the code to {', '.join(parts[-2::-1])}."
    )
    with drawing(8, 8 * tall / wide, alt) as axis:
        bare(axis, wide, tall)
        lefts = []  # where each row's cells begin, and how far their left edges are apart
        distance, middle = 1, 0.0  # middle: where the first cell's middle is, in pixels
        for row, size in enumerate(sizes):
            before = distance
            distance *= layers[row - 1][1] if row else 1
            middle += (layers[row - 1][0] - 1) / 2 * before - layers[row - 1][2] * before if row else 0
            lefts.append((7.2 + middle, distance))
            bottom = 0.5 + step * row
            for i in range(size):
                inside = reach[row][0] <= i <= reach[row][1]
                colour = ORANGE if inside else PALE
                axis.add_patch(Rectangle((lefts[row][0] + i * distance, bottom), 0.9, 0.9, facecolor=colour))
            axis.text(6.6, bottom + 0.45, names[row], ha="right", va="center")
            seen = reach[row][1] - reach[row][0] + 1
            centre = lefts[row][0] + distance * sum(reach[row]) / 2 + 0.45
            axis.text(centre, bottom - 0.1, f"{seen}", ha="center", va="top", color=ORANGE, weight="bold")
        for row in range(1, len(sizes)):
            own_low, own_high = (_edge(lefts[row], i, side) for side, i in enumerate(reach[row]))
            low, high = (_edge(lefts[row - 1], i, side) for side, i in enumerate(reach[row - 1]))
            top, bottom = 0.5 + step * row, 0.5 + step * (row - 1) + 0.9
            fan = [(own_low, top), (own_high, top), (high, bottom), (low, bottom)]
            axis.add_patch(Polygon(fan, facecolor=ORANGE, alpha=0.18))


def held_by(shapes: dict[str, Sequence[int]]) -> None:
    """Draw how many numbers there are in each of a few tensors, every number as a cell of one size.

    Args:
        shapes: dict from a name to the shape of one image or code: (channels, height, width) or (numbers,).
    """
    blocks = [_blocks(tuple(shape)) for shape in shapes.values()]
    counts = [math.prod(shape) for shape in shapes.values()]
    sizes = [
        (across * (wide + 1) - 1, down * (high + 1) - 1) for across, down, high, wide in blocks
    ]  # of each group of blocks, in cells
    gap, lead = 14, 9
    width, height = sum(size[0] for size in sizes) + gap * len(sizes), max(size[1] for size in sizes) + lead + 1
    named = [f"{name}: {count:,} numbers" for name, count in zip(shapes, counts, strict=True)]
    with drawing(8.5, 8.5 * height / width, f"Cells of one size, one for each number. {'; '.join(named)}.") as axis:
        bare(axis, width, height)
        left = gap / 2
        for name, count, (wide, high), block, colour in zip(
            shapes, counts, sizes, blocks, (INK, ORANGE, GREEN, BLUE), strict=False
        ):
            bottom = 1 + (height - lead - 1 - high) / 2
            _draw_blocks(axis, left, bottom, block, colour)
            axis.text(left + wide / 2, height - 3.2, name, ha="center", va="center")
            axis.text(
                left + wide / 2, height - 6.8, f"{count:,}", ha="center", va="center", color=colour, weight="bold"
            )
            left += wide + gap


def _slid(x, kernel, stride):
    return F.conv2d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def _patch(x, kernel, stride, place):
    """The kernel, and the pixels below it at one place."""
    row, column = divmod(place, _slid(x, kernel, stride).shape[1])
    k = len(kernel)
    return kernel, x[row * stride : row * stride + k, column * stride : column * stride + k]


def _products(kernel, patch):
    """What is added up at one place, without the zeros of the kernel: "1·2 - 1·1 = 1"."""
    text = ""
    for weight, pixel in zip(kernel.flatten().tolist(), patch.flatten().tolist(), strict=True):
        if weight:
            sign = f" {MINUS} " if weight < 0 else " + " if text else ""
            text += f"{sign.lstrip() if not text else sign}{abs(weight):g}{DOT}{pixel:g}"
    return f"{text} = {_number((kernel * patch).sum())}"


def _number(value):
    return f"{float(value):g}".replace("-", MINUS)


def _named(x):
    return " x ".join(map(str, x.shape)) + " numbers"


def _frame(draw, *arguments):
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=[side * INCHES for side in SHEET])
        draw(figure.add_axes((0, 0, 1, 1)), *arguments)
        return frame(figure)


def _draw_slide(axis, x, kernel, stride, place):
    answer = _slid(x, kernel, stride)
    row, column = divmod(place, answer.shape[1])
    bare(axis, *SHEET)
    _draw_numbers(axis, 0.3, 7.4, x, "image")
    _draw_numbers(axis, 6.3, 7.4, kernel, "kernel", colour=ORANGE)
    known = [
        [_number(answer[i, j]) if (i, j) <= (row, column) else "?" for j in range(answer.shape[1])]
        for i in range(answer.shape[0])
    ]
    _draw_numbers(axis, 6.3, 3.4, known, "answer", marked=(row, column, 1), colour=BLUE)
    _mark(axis, 0.3, 7.4, row * stride, column * stride, len(kernel), ORANGE)
    axis.text(0.3, 0.5, _products(*_patch(x, kernel, stride, place)), size=9.5, va="center", color=INK)


def _draw_stamp(axis, x, kernel, stride, place):
    row, column = divmod(place, x.shape[1])
    before, stamped = torch.zeros_like(x), torch.zeros_like(x)
    before.view(-1)[:place] = x.flatten()[:place]
    stamped.view(-1)[place] = x[row, column]
    before, stamped = (
        F.conv_transpose2d(part[None, None], kernel[None, None], stride=stride)[0, 0] for part in (before, stamped)
    )
    bare(axis, *SHEET)
    _draw_numbers(axis, 0.3, 7.4, x, "input", marked=(row, column, 1), colour=BLUE)
    _draw_numbers(axis, 0.3, 4.5, kernel, "kernel", colour=ORANGE)
    _draw_numbers(axis, 4.3, 7.4, before + stamped, "output")
    _mark(axis, 4.3, 7.4, row * stride, column * stride, len(kernel), ORANGE)
    both = [(a, b) for a, b in zip(before.flatten().tolist(), stamped.flatten().tolist(), strict=True) if a and b]
    sums = ", ".join(f"{_number(a)} + {_number(b)} = {_number(a + b)}" for a, b in both)
    axis.text(0.3, 0.9, f"{_number(x[row, column])} times the kernel, added to the output", size=9.5, va="center")
    axis.text(0.3, 0.3, f"overlaps: {sums}" if both else "", size=9.5, va="center")


def _draw_numbers(axis: Axes, left, top, numbers, name, marked=None, colour=INK):
    """A table of numbers, each in a cell of side 1, below its name."""
    axis.text(left, top + 0.2, name, va="bottom", color=colour, weight="bold")
    for i, line in enumerate(numbers):
        for j, value in enumerate(line):
            text = value if isinstance(value, str) else _number(value)
            axis.add_patch(
                Rectangle(
                    (left + j, top - i - 1), 1, 1, facecolor=PALE if text not in "0?" else "none", edgecolor="#999999"
                )
            )
            axis.text(left + j + 0.5, top - i - 0.53, text, ha="center", va="center", size=12)
    if marked:
        row, column, side = marked
        _mark(axis, left, top, row, column, side, colour)


def _mark(axis, left, top, row, column, side, colour):
    """A frame around a square of cells."""
    corner = (left + column, top - row - side)
    axis.add_patch(Rectangle(corner, side, side, facecolor=colour, alpha=0.15))
    axis.add_patch(Rectangle(corner, side, side, facecolor="none", edgecolor=colour, linewidth=2.5))


def _edge(row, i, side):
    """The left (0) or right (1) edge of a cell of a row."""
    left, distance = row
    return left + i * distance + 0.9 * side


def _blocks(shape):
    """How many blocks lie side by side and one above the other, and the height and width of each, in cells."""
    if len(shape) == 1:
        return 1, 1, -(-shape[0] // 4), 4
    across = 1
    while across * across * 2 < shape[0] * 2 and shape[0] % (across * 2) == 0:
        across *= 2
    return across, shape[0] // across, shape[1], shape[2]


def _draw_blocks(axis, left, bottom, block, colour):
    across, down, high, wide = block
    corners = [(left + i * (wide + 1), bottom + j * (high + 1)) for i in range(across) for j in range(down)]
    thin: list[tuple] = []
    thick: list[tuple] = []  # lines as (start, end), drawn as one path each: a drawing of a fifth of the size
    for x, y in corners:
        axis.add_patch(Rectangle((x, y), wide, high, facecolor=PALE))
        for k in range(wide + 1):
            (thin if 0 < k < wide else thick).append(((x + k, y), (x + k, y + high)))
        for k in range(high + 1):
            (thin if 0 < k < high else thick).append(((x, y + k), (x + wide, y + k)))
    for lines, width in ((thin, 0.25), (thick, 0.9)):
        points = [point for line in lines for point in line]
        path = Path(points, [Path.MOVETO, Path.LINETO] * len(lines))
        axis.add_patch(PathPatch(path, edgecolor=colour, facecolor="none", linewidth=width, capstyle="projecting"))
