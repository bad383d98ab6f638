"""Points, islands and clouds; and the two ways through a random draw (page 02)."""

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, PINK, arrow, bare, drawing
from course_utils.support.devices import on_cpu

# Codes of twelve images, three of each of four digits, as an autoencoder might place them.
POINTS = torch.tensor(
    [
        *([-4.1, 2.6], [-3.3, 3.1], [-3.6, 2.1]),
        *([2.9, 3.4], [3.8, 3.0], [3.5, 2.2]),
        *([-1.4, -3.2], [-0.6, -3.7], [-0.5, -2.8]),
        *([4.3, -1.9], [4.9, -2.7], [4.0, -2.9]),
    ],
    device="cpu",
)
# The means and the spreads of the same images' clouds, as a VAE might place them.
MEANS = torch.tensor(
    [
        *([-1.1, 0.7], [-0.5, 1.3], [-1.5, 0.1]),
        *([0.8, 1.2], [1.5, 0.6], [0.6, 0.5]),
        *([-0.9, -0.8], [-0.3, -1.4], [-0.3, -0.4]),
        *([0.7, -0.9], [1.4, -0.5], [0.3, -1.6]),
    ],
    device="cpu",
)
SPREADS = torch.tensor([0.45, 0.5], device="cpu").repeat(12, 1)
INKS = [BLUE, ORANGE, GREEN, PINK]


@on_cpu
def points_and_clouds(random: tuple[float, float] = (0.4, 0.9)) -> None:
    """Draw an autoencoder's codes, where a random place is far from all, beside a VAE's clouds inside the prior.

    Args:
        random: the place of a random code, in both.
    """
    gap = (torch.tensor(random) - POINTS).norm(dim=1).min().item()
    inside = int((((torch.tensor(random) - MEANS) / SPREADS).norm(dim=1) < 2).sum())
    alt = (
        f"Left, points: twelve codes on four islands; a random code, a cross, is {gap:.1f} away from the nearest. "
        f"Right, clouds: the same twelve images as overlapping ellipses that fill the prior's circle; the cross "
        f"lies within {inside} of them."
    )
    with drawing(8.4, 4.0, alt, panels=2) as (left, right):
        for axis, title in ((left, "autoencoder: an image is a point"), (right, "VAE: an image is a cloud")):
            axis.set(xlim=(-5.6, 5.8), ylim=(-4.6, 4.6), aspect="equal", xlabel="z1", ylabel="z2", title=title)
            axis.plot(*random, "x", color=INK, markersize=11, markeredgewidth=3, zorder=4)
        for i, point in enumerate(POINTS.tolist()):
            left.plot(*point, "o", color=INKS[i // 3], markersize=7)
        left.annotate("a random code:\nno image near it", random, (-4.9, -1.2), arrowprops={"arrowstyle": "-"})
        _clouds(right, MEANS, SPREADS)
        right.add_patch(Circle((0, 0), 2, fill=False, linestyle="--", linewidth=1.8, edgecolor=INK))
        right.annotate("prior N(0, I):\nmost draws lie inside", (1.4, 1.43), (1.6, 3.2), arrowprops={"arrowstyle": "-"})


def _clouds(axis: Axes, mu: torch.Tensor, sigma: torch.Tensor) -> None:
    """Each normal distribution as two ellipses, one and two standard deviations wide."""
    for i, (centre, spread) in enumerate(zip(mu.tolist(), sigma.tolist(), strict=True)):
        for wide in (1, 2):
            size = [2 * wide * s for s in spread]
            axis.add_patch(Ellipse(centre, *size, facecolor=INKS[i // 3], edgecolor="none", alpha=0.2))
        axis.plot(*centre, "o", color=INKS[i // 3], markersize=4)


def two_ways(mu: float, sigma: float, eps: float) -> None:
    """Draw z = mu + sigma eps twice: as a finished draw that no gradient passes, and as a sum that it passes."""
    z = mu + sigma * eps
    alt = (
        "Two ways from mu and sigma to z. Left, z comes out of a draw, and the gradient that flows back from the loss "
        f"stops there. Right, z = {mu:g} + {sigma:g} x {eps:g} = {z:g} is a sum; the draw of eps stands beside it, and "
        "the gradient flows back to mu and sigma."
    )
    wide, tall = 5.4, 4.0
    with drawing(10.4, 4.0, alt, panels=2) as (left, right):
        for axis, title in ((left, "drawn"), (right, "reparameterised")):
            bare(axis, wide, tall)
            axis.text(wide / 2, 3.8, title, ha="center", weight="bold")
            _box(axis, 0.8, 3.1, f"$\\mu$ = {mu:g}")
            _box(axis, 0.8, 1.3, f"$\\sigma$ = {sigma:g}")
            _box(axis, 4.6, 2.2, "loss")
        _box(left, 2.7, 2.2, f"draw from\nN({mu:g}, {sigma:g}²)\nz = {z:g}", ORANGE, height=1.3)
        _box(right, 2.7, 2.2, f"z = $\\mu$ + $\\sigma\\varepsilon$\n= {z:g}", BLUE, height=1.1)
        _box(right, 2.7, 0.5, f"draw $\\varepsilon$ = {eps:g}", ORANGE)
        arrow(right, (2.7, 0.88), (2.7, 1.6))
        for axis in (left, right):
            for y, end in ((3.1, 2.45), (1.3, 1.95)):
                arrow(axis, (1.53, y), (1.95, end))
            arrow(axis, (3.42, 2.3), (3.87, 2.3))
            arrow(axis, (3.87, 2.05), (3.42, 2.05), GREEN, linestyle="--")
        left.plot([1.72], [2.2], "x", color=GREEN, markersize=13, markeredgewidth=3)
        left.text(2.7, 0.5, "the gradient stops at the draw", color=GREEN, ha="center")
        arrow(right, (2.3, 2.8), (1.56, 3.3), GREEN, linestyle="--", connectionstyle="arc3,rad=0.2")
        arrow(right, (2.3, 1.6), (1.56, 1.1), GREEN, linestyle="--", connectionstyle="arc3,rad=-0.2")
        right.text(4.5, 0.5, "the gradient\npasses", color=GREEN, ha="center", va="center")


def _box(axis: Axes, x: float, y: float, text: str, edge: str = INK, height: float = 0.7) -> None:
    box = FancyBboxPatch((x - 0.68, y - height / 2), 1.36, height, boxstyle="round,pad=0.03,rounding_size=0.1")
    box.set(facecolor=PALE, edgecolor=edge, linewidth=1.6)
    axis.add_patch(box)
    axis.text(x, y, text, ha="center", va="center")
