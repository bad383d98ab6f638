"""A line through a cloud, which is PCA, and a curve through a bent one, which is an autoencoder (page 01)."""

import torch
from matplotlib.collections import LineCollection
from torch import Tensor

from course_utils.diagrams.drawing import BLUE, INK, ORANGE, arrow, drawing


def line_through_cloud(points: Tensor, x_label: str, y_label: str) -> None:
    """Draw points (N, 2), their mean, the line of PCA through it, and the way from each point to its copy on the line.

    A few hundred points can be told apart.
    """
    mean, direction = _first_direction(points)
    along = (points - mean) @ direction  # (N,), the code
    copies = mean + along[:, None] * direction
    left = ((points - copies).square().sum() / (points - mean).square().sum()).item()
    alt = (
        f"A cloud of {len(points)} points, and a line through their mean. A thin line leads from each point to its "
        f"foot on the line; squared and added up, these are {100 * left:.0f} % of the squared distances to the mean."
    )
    with drawing(7, 4.6, alt) as axis:
        _cloud(axis, points, copies, x_label, y_label)
        ends = torch.stack([mean + (t * along.abs().max()) * direction for t in (-1.1, 1.1)])
        axis.plot(*ends.T.tolist(), color=ORANGE, linewidth=1.5, zorder=1)
        tip = mean + along.std() * direction
        arrow(axis, tuple(mean.tolist()), tuple(tip.tolist()), INK, linewidth=2.2, zorder=5)
        axis.plot(*mean.tolist(), "o", color=INK, markersize=8, zorder=5)
        note = {"color": INK, "weight": "bold", "textcoords": "offset points", "zorder": 6}
        note["bbox"] = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5}
        axis.annotate("mean", mean.tolist(), xytext=(8, -16), **note)
        axis.annotate("direction", tip.tolist(), xytext=(8, -10), **note)


def cloud_and_copies(points: Tensor, copies: dict[str, Tensor]) -> None:
    """Draw points (N, 2) once for each entry of `copies`, from a title to copies (N, 2), joined with what they copy."""
    errors = {title: (points - copy).square().sum(1).mean().item() for title, copy in copies.items()}
    told = "; ".join(f"{title}: {error:.3f}" for title, error in errors.items())
    alt = f"The same cloud of {len(points)} points, each joined to its copy. Squared error per point: {told}."
    with drawing(4 * len(copies), 3.6, alt, panels=len(copies)) as axes:
        panels = axes if isinstance(axes, list) else [axes]
        for axis, (title, copy) in zip(panels, copies.items(), strict=True):
            _cloud(axis, points, copy, "", "")
            axis.set(title=f"{title}: {errors[title]:.3f}", xticks=[], yticks=[])


def _first_direction(points):
    """The mean of points (N, 2), and the unit vector along which they vary most, pointing to the right."""
    mean = points.mean(0)
    direction = torch.linalg.svd(points - mean, full_matrices=False)[2][0]
    return mean, direction if direction[0] >= 0 else -direction


def _cloud(axis, points, copies, x_label, y_label):
    """Points, their copies, and a thin line from each to its copy."""
    ways = LineCollection(torch.stack([points, copies], 1).tolist(), colors="#8c8c8c", linewidths=0.7, zorder=2)
    axis.add_collection(ways)
    axis.scatter(*points.T.tolist(), s=14, color=BLUE, zorder=3)
    axis.scatter(*copies.T.tolist(), s=9, color=ORANGE, zorder=4)
    axis.set(xlabel=x_label, ylabel=y_label, aspect="equal")
