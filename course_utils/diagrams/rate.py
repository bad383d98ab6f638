"""The curve of rate and distortion, each point with its beta, and codes beside the prior (page 11)."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal

from course_utils.diagrams.drawing import BLUE, ORANGE, drawing
from course_utils.support.devices import on_cpu


def rate_distortion(swept: dict[str, tuple[float, float]], others: dict[str, tuple[float, float]]) -> None:
    """Draw distortion against rate: models of one sweep as a curve, and others beside it.

    Args:
        swept: dict from a label to (rate, distortion), in nats per image; a line joins them in the order of their rate.
        others: the same, for models that are no part of the sweep.
    """
    line = sorted(swept.items(), key=lambda entry: entry[1][0])
    alt = "Distortion against rate, in nats per test image. " + "; ".join(
        f"{label}: rate {rate:.1f}, distortion {distortion:.0f}"
        for label, (rate, distortion) in [*line, *others.items()]
    )
    far = max(rate for rate, _ in [*swept.values(), *others.values()]) / 2
    with drawing(6.8, 3.8, alt) as axis:
        axis.plot([rate for _, (rate, _) in line], [distortion for _, (_, distortion) in line], color=BLUE, marker="o")
        for i, (label, point) in enumerate(line):  # above the curve and below it in turn, where neighbours are near
            place: dict[str, Any] = {"xytext": (-6, -15), "ha": "right"} if i % 2 else {"xytext": (7, 5)}
            axis.annotate(label, point, textcoords="offset points", color=BLUE, **place)
        for label, point in others.items():
            axis.plot(*point, "X", color=ORANGE, markersize=8)
            place = {"xytext": (4, 9), "ha": "right"} if point[0] > far else {"xytext": (9, 0)}
            axis.annotate(label, point, textcoords="offset points", color=ORANGE, **place)
        axis.set(xlabel="rate: KL, nats per test image", ylabel="distortion, nats per test image")
        axis.margins(x=0.1, y=0.15)


@on_cpu
def beside_the_prior(codes: dict[str, Tensor]) -> None:
    """Draw how one number of the code is spread, for each model, before the density of N(0, 1) as an area.

    Args:
        codes: dict from a label to (N,), one number of each code.
    """
    edges = torch.linspace(-14, 14, 57)
    middles = (edges[1:] + edges[:-1]) / 2
    z = torch.linspace(-14, 14, 561)
    spreads = ", ".join(f"{label} {values.std():.1f}" for label, values in codes.items())
    alt = f"How the first number of the code is spread, beside N(0, 1). Standard deviations: {spreads}."
    with drawing(6.8, 3.4, alt) as axis:
        axis.fill_between(z, Normal(0.0, 1.0).log_prob(z).exp(), color="#cccccc", label="N(0, 1)")
        for label, values in codes.items():
            axis.plot(middles, torch.histogram(values.cpu(), edges, density=True).hist, linewidth=2, label=label)
        axis.set(xlabel="first dimension of z", ylabel="density", xlim=(-14, 14))
        axis.legend(frameon=False, loc="upper left")
