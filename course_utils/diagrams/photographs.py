"""What page 12 shows: stations on a way, and images in colour, row by row."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, arrow, bare, drawing
from course_utils.plots import STYLE, show

BOX, GAP, TALL = 2.0, 0.75, 1.2  # of a station, in units of the sheet


def stations(ways: dict[str, Sequence[str]], alt: str) -> None:
    """Draw what happens one after the other, as boxes joined by arrows; each way has a row of its own.

    Args:
        ways: dict from a row's title to the texts of its boxes; a text may have several lines.
        alt: what the drawing shows, for those who cannot see it.
    """
    longest = max(len(texts) for texts in ways.values())
    width, height = longest * (BOX + GAP) - GAP + 0.2, len(ways) * (TALL + 0.9)
    with drawing(0.72 * width, 0.72 * height, alt) as axis:
        bare(axis, width, height)
        for row, ((title, texts), colour) in enumerate(zip(ways.items(), (BLUE, ORANGE, GREEN), strict=False)):
            y = height - (row + 1) * (TALL + 0.9) + 0.15
            axis.text(0.1, y + TALL + 0.22, title, color=colour, weight="bold", va="bottom")
            for i, text in enumerate(texts):
                x = 0.1 + i * (BOX + GAP)
                box = FancyBboxPatch(
                    (x, y), BOX, TALL, "round,pad=0,rounding_size=0.15", facecolor=PALE, edgecolor=colour
                )
                axis.add_patch(box)
                axis.text(x + BOX / 2, y + TALL / 2, text, ha="center", va="center", color=INK, size=9.5)
                if i:
                    arrow(axis, (x - GAP + 0.08, y + TALL / 2), (x - 0.08, y + TALL / 2), colour)


def colour_rows(rows: dict[str, Tensor], alt: str, titles: Sequence[str] = (), scale: float = 0.8) -> None:
    """Show rows of colour images (N, 3, H, W), one column per example; what lies beyond 0 to 1 is cut off.

    Args:
        rows: dict from a label to images; all rows have the same N.
        alt: what the picture shows, for those who cannot see it.
        titles: what stands above each column.
        scale: inches from one image to the next.
    """
    columns = max(len(images) for images in rows.values())
    size = (scale * columns, scale * len(rows))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(rows), columns, figsize=size, squeeze=False, gridspec_kw={"wspace": 0.08, "hspace": 0.08}
        )
        for line, (label, images) in zip(axes, rows.items(), strict=True):
            pixels = images.detach().cpu().float().clamp(0, 1).permute(0, 2, 3, 1).numpy()
            for i, axis in enumerate(line):
                axis.grid(False)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
                if i < len(pixels):
                    axis.imshow(pixels[i], interpolation="nearest")
            line[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
        for axis, title in zip(axes[0], titles, strict=False):
            axis.set_title(title, size="small")
    show(figure, alt)
