"""The plane of two-number codes: where images have their codes, and what every place decodes to (page 02)."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import Tensor
from torch.distributions import Normal

from course_utils.plots import CLASS_COLOURS, STYLE, draw_scatter, frame, show
from course_utils.support.devices import on_cpu

SPAN = 3.5  # the codes are shown from -SPAN to SPAN
STEPS = 15  # decoded places along an axis
FILM_STEPS, FILM_CODES = 9, 500  # the same in the small pictures of a film, and how many codes these show


@on_cpu
def places(steps: int = STEPS) -> Tensor:
    """Codes (steps * steps, 2), row by row from the top left, at even steps of the prior's probability."""
    ticks = Normal(0.0, 1.0).icdf((torch.arange(steps) + 0.5) / steps)
    return torch.cartesian_prod(-ticks, ticks).flip(1)


def plane_frame(decode: Callable[[Tensor], Tensor], codes: Tensor, labels: Tensor) -> bytes:
    """A picture for `film`: codes (N, 2) and what the places of the plane decode to, at one moment of the training."""
    return frame(_plane(decode, codes[:FILM_CODES], labels[:FILM_CODES], width=6.4, steps=FILM_STEPS))


def latent_plane(decode: Callable[[Tensor], Tensor], codes: Tensor, labels: Tensor, alt: str) -> None:
    """Show codes (N, 2) with the prior's circle and a legend, beside what the places of the plane decode to."""
    show(_plane(decode, codes, labels, width=11.0, steps=STEPS), alt)


def islands(panels: dict[str, Tensor], labels: Tensor, alt: str) -> None:
    """Show two-number codes of several models side by side, each with ticks of its own and the prior's circle."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 4.4), layout="constrained")
        for axis, (title, codes) in zip(axes, panels.items(), strict=True):
            draw_scatter(axis, codes, labels, dot=4, font=11)
            _prior(axis)
            axis.set(title=title, xlabel="z1", ylabel="z2", aspect="equal", adjustable="datalim")
        _legend(axes[-1])
    show(figure, alt)


@torch.no_grad()
def _plane(decode: Callable, codes: Tensor, labels: Tensor, width: float, steps: int) -> Figure:
    """The two panels: codes, and decoded places."""
    grid, legend = places(steps), width > 8
    pictures = decode(grid).reshape(steps, steps, 28, 28)
    with plt.rc_context(STYLE | {"font.size": 10 if legend else 8}):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(width, 0.5 * width), layout="constrained", width_ratios=(1.15 if legend else 1, 1)
        )
        draw_scatter(left, codes, labels, dot=5 if legend else 3, font=width + 1)
        _prior(left)
        left.set(xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), aspect="equal", xlabel="z1", ylabel="z2")
        if legend:
            _legend(left)
        sheet = pictures.permute(0, 2, 1, 3).reshape(28 * steps, 28 * steps)
        right.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        shown = range(steps // 2 % 2, steps, 2)  # the middle is among them
        middles = [28 * i + 13.5 for i in shown]
        ticks = [f"{grid[i, 0]:.1f}" for i in shown]
        right.set(xticks=middles, yticks=middles, xticklabels=ticks, yticklabels=ticks[::-1], xlabel="z1", ylabel="z2")
        right.grid(False)
    return figure


def _prior(axis: Axes) -> None:
    """The circle that holds 86 of 100 draws from the prior."""
    axis.add_patch(Circle((0, 0), 2, fill=False, linestyle="--", linewidth=1.5, edgecolor="black"))


def _legend(axis: Axes) -> None:
    """The colours of the labels, and the prior's circle."""
    dots = [Line2D([], [], marker="o", linestyle="", color=c, label=str(i)) for i, c in enumerate(CLASS_COLOURS)]
    ring = Line2D([], [], linestyle="--", color="black", label="prior")
    axis.legend(handles=[*dots, ring], frameon=False, loc="upper left", bbox_to_anchor=(1, 1), handlelength=1.2)
