"""What page 08 counts: the weights of a few draws, and the balls around a few points."""

from collections.abc import Callable

import torch
from matplotlib.patches import Circle
from torch import Tensor
from torch.distributions import Distribution

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, drawing
from course_utils.support.devices import on_cpu


@on_cpu
def weighed_draws(joint: Callable[[Tensor], Tensor], q: Distribution, draws: Tensor) -> None:
    """Draw importance sampling of one number: p(x, z), whose area is p(x), q, and what each draw from q weighs.

    Args:
        joint: from places z (N,) to p(x, z) there, (N,); next to 0 outside of -3 to 3.5.
        q: where the draws come from.
        draws: (K,), some z; each weighs p(x, z) / q(z).
    """
    z = torch.linspace(-3, 3.5, 1301)
    weights = joint(draws) / q.log_prob(draws).exp()
    area = torch.trapezoid(joint(z), z).item()
    alt = (
        f"Left: p(x, z) over z, an area of {area:.3f}, and the density q, with {len(draws)} draws from it. Right: "
        f"their weights, {', '.join(f'{w:.2f}' for w in weights)}, with a mean of {weights.mean():.3f}."
    )
    with drawing(7.6, 3.0, alt, panels=2, width_ratios=(3, 2)) as (left, right):
        left.fill_between(z, joint(z), color=ORANGE, alpha=0.25)
        left.plot(z, joint(z), color=ORANGE, linewidth=2, label=f"p(x, z): area p(x) = {area:.3f}")
        left.plot(z, q.log_prob(z).exp(), "--", color=BLUE, linewidth=2, label="q(z | x), area 1")
        left.vlines(draws.numpy(), 0, q.log_prob(draws).exp(), color=BLUE, linewidth=0.8)
        left.plot(draws, joint(draws), "o", color=ORANGE)
        left.plot(draws, q.log_prob(draws).exp(), "o", color=BLUE)
        left.set(xlabel="z", yticks=[], ylim=(0, 1.5 * q.log_prob(z).exp().max().item()), xlim=(-3, 3.5))
        left.legend(frameon=False, loc="upper left")
        places = range(1, len(draws) + 1)
        right.bar(places, weights.tolist(), color=ORANGE, alpha=0.5)
        right.axhline(area, color=ORANGE, linewidth=2)
        right.axhline(weights.mean().item(), color=INK, linestyle="--")
        right.set(xlabel="draw", ylabel="w", xticks=list(places), ylim=(0, 1.3 * weights.max().item()))
        right.set_title(f"mean of w: {weights.mean():.3f} (dashed)", fontsize=11)


@on_cpu
def balls(real: Tensor, samples: Tensor, around: str = "real") -> None:
    """Draw two sets of points, and balls around one of them that reach to the nearest neighbour in the same set.

    Args:
        real, samples: (N, 2) and (M, 2).
        around: "real" or "samples", whose points have balls.
    """
    sets = {"real": real, "samples": samples}
    other = "samples" if around == "real" else "real"
    centres, dots = sets[around], sets[other]
    radius = torch.cdist(centres, centres).kthvalue(2, dim=1).values
    inside = torch.cdist(dots, centres) <= radius  # (dots, centres)
    found, holding = int(inside.any(1).sum()), int(inside.any(0).sum())
    named = {"real": "real points", "samples": "samples"}
    alt = (
        f"Points of two sets, and balls around the {named[around]}. {found} of {len(dots)} {named[other]} lie in a "
        f"ball; {holding} of {len(centres)} balls hold one."
    )
    every = torch.cat([real, samples, centres + radius[:, None], centres - radius[:, None]])
    (left, bottom), (right, top) = (every.min(0).values - 0.2).tolist(), (every.max(0).values + 0.2).tolist()
    with drawing(5.6, 5.6 * (top - bottom) / (right - left), alt) as axis:
        for (x, y), r, held in zip(centres.tolist(), radius.tolist(), inside.any(0).tolist(), strict=True):
            colour = GREEN if held else INK
            axis.add_patch(Circle((x, y), r, facecolor=colour, alpha=0.12, linewidth=0))
            axis.add_patch(Circle((x, y), r, fill=False, edgecolor=colour, linewidth=1))
        for name, colour, mark in (("real", INK, "o"), ("samples", ORANGE, "D")):
            axis.plot(*sets[name].T.numpy(), mark, color=colour, markersize=7, label=name)
        axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        axis.axis("off")
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
