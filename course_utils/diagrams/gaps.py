"""A posterior and the normal distributions that stand in for it, and the gap of a bound in its parts (page 14)."""

from itertools import pairwise

import torch
from matplotlib.patches import Ellipse
from torch import Tensor

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, PINK, drawing
from course_utils.support.devices import on_cpu

LOOKS = ((ORANGE, "--"), (BLUE, "-"), (GREEN, ":"))


@on_cpu
def beside_posterior(z: Tensor, posterior: Tensor, guesses: dict[str, Tensor]) -> None:
    """Draw the posterior of one number, and the densities that should be like it.

    Args:
        z, posterior: (N,), places and the density there.
        guesses: dict from a label to a density (N,), three at most.
    """
    peaks = ", ".join(f"{name} around {z[density.argmax()].item():.1f}" for name, density in guesses.items())
    alt = (
        f"The posterior of a code of one number, with its highest point at {z[posterior.argmax()].item():.1f}; {peaks}."
    )
    with drawing(6.8, 3.0, alt) as axis:
        axis.fill_between(z, posterior, color=PINK, alpha=0.25)
        axis.plot(z, posterior, color=PINK, label="posterior p(z | x)")
        for (name, density), (colour, line) in zip(guesses.items(), LOOKS, strict=False):
            axis.plot(z, density, line, color=colour, linewidth=2, label=name)
        axis.set(xlabel="z", ylabel="density", yticks=[], ylim=(0, None))
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


@on_cpu
def on_the_plane(side: Tensor, posteriors: Tensor, ellipses: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Draw the posteriors of some images over a plane of codes, and each image's normal distributions as ellipses.

    Args:
        side: (S,), the places along either axis.
        posteriors: (N, S, S), the density at (first number, second number), of any scale.
        ellipses: dict from a label to means (N, 2) and spreads (N, 2), three at most; drawn at two spreads.
    """
    alt = (
        f"The posteriors of {len(posteriors)} images, each a spot on the plane of codes that is seldom an upright "
        f"ellipse; over each, two spreads wide: {', '.join(ellipses)}."
    )
    with drawing(3.2 * len(posteriors), 3.6, alt, panels=len(posteriors)) as axes:
        for i, axis in enumerate(axes if len(posteriors) > 1 else [axes]):
            centres = torch.stack([mean[i] for mean, _ in ellipses.values()])
            reach = max(3.2 * spread[i].max().item() for _, spread in ellipses.values())
            middle = centres.mean(0).tolist()
            reach += (centres - centres.mean(0)).abs().max().item()
            inside = [(side > m - reach) & (side < m + reach) for m in middle]
            shown = posteriors[i][inside[0]][:, inside[1]]
            ticks = [side[part].numpy() for part in inside]
            axis.pcolormesh(*ticks, shown.T.numpy(), cmap="Greys", shading="nearest", rasterized=True)
            for (name, (mean, spread)), (colour, line) in zip(ellipses.items(), LOOKS, strict=False):
                wide, tall = (4 * spread[i]).tolist()
                ring = Ellipse(tuple(mean[i].tolist()), wide, tall, fill=False, edgecolor=colour, linestyle=line, linewidth=2)
                ring.set_label(name)
                axis.add_patch(ring)
            axis.set(xlabel="z1", aspect="equal")
            axis.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
            if i == 0:
                axis.set_ylabel("z2")
                axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))


@on_cpu
def stairs(levels: dict[str, float], unit: str = "nats per image") -> None:
    """Draw bounds as stairs that rise to log p(x): each level a line, each rise with its size.

    Args:
        levels: dict from a label to a height, the lowest bound first, log p(x) last.
        unit: of the heights.
    """
    names, heights = list(levels), list(levels.values())
    rises = [b - a for a, b in pairwise(heights)]
    alt = "Stairs: " + ", ".join(f"{name} {height:.1f}" for name, height in levels.items()) + f" {unit}."
    with drawing(6.8, 3.2, alt) as axis:
        for i, (name, height) in enumerate(levels.items()):
            axis.plot([i, len(names)], [height, height], color=INK if i == len(names) - 1 else BLUE, linewidth=2)
            axis.text(i, height, f"{name}\n{height:.1f}", va="bottom", ha="left")
        for i, rise in enumerate(rises):
            axis.fill_between([i + 1, len(names)], heights[i], heights[i + 1], color=(PALE, ORANGE)[i % 2], alpha=0.5)
            axis.text(
                (i + 1 + len(names)) / 2, (heights[i] + heights[i + 1]) / 2, f"{rise:.1f}", ha="center", va="center"
            )
        room = 0.3 * (heights[-1] - heights[0]) + 1e-9
        axis.set(ylabel=unit, xticks=[], xlim=(0, len(names)), ylim=(heights[0] - 0.1 * room, heights[-1] + 1.5 * room))
