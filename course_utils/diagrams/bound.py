"""The ELBO as a curve that touches log p(x), and what a KL divergence asks for in each direction (page 02)."""

import torch
from torch import Tensor
from torch.distributions import Normal

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PINK, drawing
from course_utils.support.devices import on_cpu


@on_cpu
def elbo_curve(prior: Tensor, likelihood: Tensor, q: float | None = None) -> None:
    """Draw the ELBO over all q for two codes, below the line that it touches.

    Args:
        prior, likelihood: (2,), p(z) and p(x | z) of the two codes.
        q: the probability of the first code under q; its gap is shown.
    """
    joint = (prior * likelihood).cpu()
    log_p, best = joint.sum().log().item(), (joint[0] / joint.sum()).item()
    first = torch.linspace(0.001, 0.999, 500)
    both = torch.stack([first, 1 - first])
    elbo = (both * (joint[:, None].log() - both.log())).sum(0)
    alt = (
        f"The ELBO as a curve over q of the first code: it lies below log p(x) = {log_p:.2f} everywhere, "
        f"and touches it at {best:.2f}, the posterior."
    )
    if q is not None:
        at = torch.tensor([q, 1 - q])
        here = (at * (joint.log() - at.log())).sum().item()
        alt += f" At q = {q:g} it is {here:.2f}, a gap of {log_p - here:.2f}."
    with drawing(6.4, 3.6, alt) as axis:
        axis.axhline(log_p, color=INK, linestyle="--")
        axis.text(0.02, log_p + 0.05, f"log p(x) = {log_p:.2f}")
        axis.plot(first, elbo, color=BLUE, linewidth=2)
        axis.plot([best], [log_p], "o", color=GREEN, markersize=9)
        axis.annotate(
            f"touches at the posterior, {best:.2f}",
            (best, log_p),
            (best - 0.42, log_p + 0.32),
            color=GREEN,
            arrowprops={"arrowstyle": "-", "color": GREEN},
        )
        if q is not None:
            axis.plot([q, q], [here, log_p], color=ORANGE, linewidth=2, marker="_", markersize=10)
            axis.text(q - 0.02, (here + log_p) / 2, f"gap {log_p - here:.2f}", color=ORANGE, ha="right", va="center")
            axis.text(q + 0.02, here - 0.08, f"ELBO {here:.2f}", color=BLUE, va="top")
        axis.set(xlabel="q(first code | x)", ylabel="nats", xlim=(0, 1), ylim=(elbo.min().item(), log_p + 0.5))


@on_cpu
def asymmetry() -> tuple[float, float]:
    """Draw a distribution with two humps, and the normal distributions nearest to it in either direction of the KL.

    Returns:
        The means of the two: the one of the smallest KL(q || p), and the one of the smallest KL(p || q).
    """
    z = torch.linspace(-6, 6, 1201)
    step = (z[1] - z[0]).item()
    p = 0.6 * Normal(-1.8, 0.6).log_prob(z).exp() + 0.4 * Normal(1.8, 0.6).log_prob(z).exp()
    grid = torch.cartesian_prod(torch.linspace(-3, 3, 61), torch.linspace(0.3, 3, 55))  # means and spreads
    log_q = Normal(grid[:, :1], grid[:, 1:]).log_prob(z)  # (candidates, places)
    kl_qp = (log_q.exp() * (log_q - p.log())).sum(1) * step
    kl_pq = (p * (p.log() - log_q)).sum(1) * step
    one, both = grid[kl_qp.argmin()].tolist(), grid[kl_pq.argmin()].tolist()
    alt = (
        f"A distribution p with two humps, at -1.8 and 1.8. The normal q with the smallest KL(q || p) sits on one of "
        f"them, with mean {one[0]:.1f} and spread {one[1]:.1f}; that with the smallest KL(p || q) covers both, with "
        f"mean {both[0]:.1f} and spread {both[1]:.1f}."
    )
    with drawing(6.8, 3.1, alt) as axis:
        axis.fill_between(z, p, color=PINK, alpha=0.25)
        axis.plot(z, p, color=PINK, label="p")
        for (mean, spread), colour, line, name in (
            (one, BLUE, "-", "smallest KL(q || p): on one hump"),
            (both, ORANGE, "--", "smallest KL(p || q): over both"),
        ):
            axis.plot(z, Normal(mean, spread).log_prob(z).exp(), line, color=colour, linewidth=2, label=name)
        axis.set(xlabel="z", ylabel="density", yticks=[], xlim=(-5, 6), ylim=(0, 0.45 / one[1]))
        axis.legend(frameon=False, loc="upper right")
    return one[0], both[0]
