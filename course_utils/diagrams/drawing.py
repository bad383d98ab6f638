"""How drawings look, and how they get onto a page: as vector graphics, with a still picture where none are shown."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from course_utils.plots import COLOURS, crisp_png
from course_utils.support.showing import display

INK, PAPER, PALE = "#222222", "#ffffff", "#e8eef4"  # lines and text; ground, also on a dark page; areas
BLUE, ORANGE, GREEN, PINK = COLOURS[:4]
STYLE = {
    "figure.facecolor": PAPER,
    "font.size": 11,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "svg.fonttype": "none",  # text stays text: small, sharp, and the same on every machine
    "svg.hashsalt": "course",  # or every drawing had other names inside
}


@contextmanager
def drawing(width: float, height: float, alt: str, panels: int = 1, **grid: Any) -> Iterator[Any]:
    """Axes to draw on; at the end of the block the drawing is shown.

    Args:
        width, height: in inches; text is 11 points, so a width of 6 still reads well on a phone.
        alt: what the drawing shows, for those who cannot see it.
        panels: how many axes side by side.
        grid: as for `plt.subplots`, for example `width_ratios=(2, 1)`.

    Yields:
        One Axes, or a list of them. Those with nothing to measure call `bare`.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, panels, figsize=(width, height), layout="constrained", squeeze=False, **grid)
        try:
            yield axes[0, 0] if panels == 1 else list(axes[0])
            show_drawing(figure, alt)
        finally:
            plt.close(figure)


def show_drawing(figure: Figure, alt: str) -> None:
    """Display a figure as SVG, as PNG where a program shows no SVG, and with `alt` as its text."""
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{_quoted(alt)}"', 1)
    png, size = crisp_png(figure)
    bundle = {"image/svg+xml": svg, "image/png": png, "text/plain": alt}
    display(bundle, metadata={"image/png": {"alt": alt, **size}})


def bare(axis: Axes, width: float, height: float) -> None:
    """Make axes a sheet of paper: no ticks, no frame, equal units from (0, 0) to (width, height)."""
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axis.axis("off")


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], color: str = INK, **style: Any) -> None:
    """An arrow from one point to another, for example with `connectionstyle="arc3,rad=0.3"` or `linestyle="--"`."""
    usual: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 14, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    axis.add_patch(FancyArrowPatch(start, end, color=color, **usual | style))


def _quoted(text):
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
