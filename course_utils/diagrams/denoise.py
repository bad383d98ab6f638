"""Where a denoiser pulls noisy points, and the chain of a diffusion model with its three terms (page 13)."""

import torch
from matplotlib.patches import Circle
from torch import Tensor
from torch.distributions import Normal

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, arrow, bare, drawing
from course_utils.support.devices import on_cpu


@on_cpu
def pulls(points: Tensor, sigma: float, noisy: Tensor, answers: Tensor) -> None:
    """Draw the noisy density of a few points on a line, and an arrow from each noisy value to a denoiser's answer.

    Args:
        points: (K,), the clean values, all equally likely.
        sigma: of the noise.
        noisy, answers: (N,) each, what a denoiser is given and what it answers.
    """
    reach = 3 * sigma
    x = torch.linspace(points.min().item() - reach, points.max().item() + reach, 400)
    density = Normal(points, sigma).log_prob(x[:, None]).exp().mean(1)
    pairs = list(zip(noisy.tolist(), answers.tolist(), strict=True))
    alt = (
        f"The density of {len(points)} values with noise of sigma {sigma:g}. Below it an arrow from each noisy value "
        f"to the denoiser's answer: {', '.join(f'{a:g} to {b:.2f}' for a, b in pairs)}. All lead uphill."
    )
    with drawing(6.4, 3.2, alt) as axis:
        axis.fill_between(x, density, color=BLUE, alpha=0.2)
        axis.plot(x, density, color=BLUE)
        axis.plot(points, torch.zeros_like(points), "o", color=GREEN, markersize=9, clip_on=False)
        low = -0.1 * density.max().item()
        for i, (start, end) in enumerate(pairs, 1):
            axis.plot([start], [i * low], "o", color=ORANGE, markersize=5)
            if abs(end - start) > 0.03 * (x[-1] - x[0]):  # a shorter arrow would be all head
                arrow(axis, (start, i * low), (end, i * low), color=ORANGE, mutation_scale=10)
            side = -1 if end > start else 1
            axis.text(
                start + 0.2 * side,
                i * low,
                f"{start:g} to {end:.2f}",
                color=INK,
                size=9,
                va="center",
                ha="right" if side < 0 else "left",
            )
        axis.set(xlabel="x", ylabel="noisy density", yticks=[], ylim=((len(pairs) + 1) * low, 1.1 * density.max()))


@on_cpu
def fields(places: Tensor, panels: dict[str, Tensor], points: Tensor) -> None:
    """Draw arrows at the same places of a plane, a panel for each set of them, over a cloud of points.

    Args:
        places: (N, 2), where the arrows begin.
        panels: dict from a title to arrows (N, 2), drawn to one scale.
        points: (M, 2), the noisy points.
    """
    alt = f"Arrows over a cloud of noisy points: {'; '.join(panels)}. All lead towards where points are dense."
    with drawing(4 * len(panels), 3.9, alt, panels=len(panels)) as axes:
        for axis, (title, arrows) in zip([axes] if len(panels) == 1 else axes, panels.items(), strict=True):
            axis.scatter(*points.T, s=2, color=BLUE, alpha=0.25)
            axis.quiver(*places.T, *arrows.T, color=ORANGE, angles="xy", scale_units="xy", scale=8, width=0.006)
            axis.set(title=title, aspect="equal", xticks=[], yticks=[])


def chain() -> None:
    """Draw the chain of a diffusion model: noise is added to the right, a network goes back; and the ELBO's terms."""
    alt = (
        "A row of circles from the clean z 0 on the left to pure noise on the right. Arrows to the right add noise, "
        "arrows to the left are the network's. Below: reconstruction at the left end, diffusion between, prior at the "
        "right end."
    )
    names = ["0", "1", "...", "...", "T"]
    gap, wide = 2.0, 9.4
    with drawing(7.4, 2.5, alt) as axis:
        bare(axis, wide, 3.2)
        for i, name in enumerate(names):
            at = 0.7 + gap * i
            axis.add_patch(_circle(at, 1.7))
            axis.text(at, 1.7, "..." if name == "..." else f"$z_{{{name}}}$", ha="center", va="center", size=13)
            if i:
                left, right = at - gap + 0.5, at - 0.5
                arrow(axis, (left, 2.0), (right, 2.0), color=INK, connectionstyle="arc3,rad=-0.3")
                arrow(axis, (right, 1.4), (left, 1.4), color=ORANGE, connectionstyle="arc3,rad=-0.3")
        axis.text(wide / 2, 2.85, "add noise: q, no weights", ha="center", color=INK)
        axis.text(0.7 + gap / 2, 0.45, "reconstruction", ha="center", color=GREEN)
        axis.text(wide / 2 + gap / 2, 0.45, "diffusion: how well the network goes back", ha="center", color=ORANGE)
        axis.text(wide - 0.05, 1.05, "prior", ha="right", va="top", color=BLUE)


def _circle(x, y):
    return Circle((x, y), 0.42, facecolor=PALE, edgecolor=INK)
