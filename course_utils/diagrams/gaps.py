"""A posterior and the normal distributions that stand in for it, and the gap of a bound in its parts (page 14)."""

from itertools import pairwise

from matplotlib.patches import Ellipse
from torch import Tensor

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PINK, drawing
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
        axis.set(xlabel="z", ylabel="density", yticks=[], ylim=(0, None), xlim=(z[0].item(), z[-1].item()))
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


@on_cpu
def on_the_plane(around: Tensor, posteriors: Tensor, ellipses: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Draw the posteriors of some images, each near its place, and each image's normal distributions as ellipses.

    Args:
        around: (N, 2, S), for each image the places along either axis.
        posteriors: (N, S, S), the density at (first number, second number), of any scale.
        ellipses: dict from a label to means (N, 2) and spreads (N, 2), three at most; drawn two spreads wide.
    """
    alt = (
        f"The posteriors of {len(posteriors)} images, each a spot on the plane of codes that is seldom an upright "
        f"ellipse; over each, two spreads wide: {', '.join(ellipses)}."
    )
    with drawing(3.2 * len(posteriors), 3.6, alt, panels=len(posteriors)) as axes:
        for i, axis in enumerate(axes if len(posteriors) > 1 else [axes]):
            across, up = (ticks.numpy() for ticks in around[i])
            axis.pcolormesh(across, up, posteriors[i].T.numpy(), cmap="Greys", shading="nearest", rasterized=True)
            for (name, (mean, spread)), (colour, line) in zip(ellipses.items(), LOOKS, strict=False):
                (x, y), (wide, tall) = mean[i].tolist(), (4 * spread[i]).tolist()
                ring = Ellipse((x, y), wide, tall, fill=False, edgecolor=colour, linestyle=line, linewidth=2)
                ring.set_label(name)
                axis.add_patch(ring)
            axis.set(xlabel="z1", aspect="equal")
            axis.locator_params(nbins=5)
            if i == 0:
                axis.set_ylabel("z2")
                axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))


@on_cpu
def stairs(levels: dict[str, float], rises: list[str]) -> None:
    """Draw bounds as stairs that rise to log p(x): each level a line, each rise with its name and size.

    Args:
        levels: dict from a label to a height in nats per image, the lowest bound first, log p(x) last.
        rises: a name for each step from one level to the next.
    """
    heights = list(levels.values())
    sizes = [f"{name} {b - a:.1f}" for name, (a, b) in zip(rises, pairwise(heights), strict=True)]
    heard = ", ".join(f"{name} {height:.1f}" for name, height in levels.items())
    alt = f"Stairs: {heard} nats per image; between them {', '.join(sizes)}."
    with drawing(6.8, 3.2, alt) as axis:
        for i, (name, height) in enumerate(levels.items()):
            axis.plot([i, len(levels)], [height, height], color=INK if i == len(levels) - 1 else BLUE, linewidth=2)
            axis.text(i + 0.03, height, f"{name}\n{height:.1f}", va="bottom", ha="left")
        for i, size in enumerate(sizes):
            low, high = heights[i : i + 2]
            axis.fill_between([i + 1, len(levels)], low, high, color=(BLUE, ORANGE)[i % 2], alpha=0.25)
            axis.text((i + 1 + len(levels)) / 2, (low + high) / 2, size, ha="center", va="center")
        room = 0.35 * (heights[-1] - heights[0])
        axis.set(
            ylabel="nats per image",
            xticks=[],
            xlim=(0, len(levels)),
            ylim=(heights[0] - 0.1 * room, heights[-1] + room),
        )
