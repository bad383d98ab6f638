"""Typical wrong answers to the exercises of page 08, and what each should be told."""

import math

import torch


def arc(z0, z1, steps, omega=None, reverse=False):
    """Spherical interpolation, with an angle of one's own."""
    t = torch.linspace(0, 1, steps)[:, None]
    t = 1 - t if reverse else t
    if omega is None:
        omega = torch.acos(z0 @ z1 / (z0.norm() * z1.norm()))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


def line(z0, z1, steps):
    t = torch.linspace(0, 1, steps)[:, None]
    return (1 - t) * z0 + t * z1


def cosine(z0, z1):
    return z0 @ z1 / (z0.norm() * z1.norm())


def unit(z):
    return z / z.norm()


def inside(d, r):
    return (d <= r).any(1).float().mean()


WRONG = [
    ("08-log-mean-exp", lambda w: w.mean(0), "the ELBO again"),
    ("08-log-mean-exp", lambda w: w.logsumexp(0), "a sum in place of the mean"),
    ("08-log-mean-exp", lambda w: w.exp().mean(0), "the logarithm is missing"),
    ("08-log-mean-exp", lambda w: w.exp().sum(0), "and the logarithm is missing"),
    ("08-log-mean-exp", lambda w: w.logsumexp(0) + math.log(len(w)), "yours adds it"),
    ("08-log-mean-exp", lambda w: w.logsumexp(0) / len(w), "inside the logarithm"),
    ("08-log-mean-exp", lambda w: math.log(len(w)) - w.logsumexp(0), "the sign"),
    ("08-log-mean-exp", lambda w: w.max(0).values, "the largest weight alone"),
    ("08-log-mean-exp", lambda w: w.exp().mean(0).log(), "take the largest out first"),
    ("08-log-mean-exp", lambda w: w.logsumexp(1) - math.log(w.shape[1]), "over the images"),
    ("08-log-mean-exp", lambda w: w.exp().mean().log(), "one number for the whole batch"),
    ("08-log-mean-exp", lambda w: w, "should be (4,)"),
    ("08-log-mean-exp", lambda w: 2 * w.mean(0), "the first of 4 images should have"),
    ("08-log-mean-exp", lambda w: None, "is there a `return`"),
    ("08-frechet-1d", lambda a, b: (a.std() - b.std()) ** 2, "the means is missing"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2, "the spreads is missing"),
    ("08-frechet-1d", lambda a, b: ((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2).sqrt(), "root is not taken"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2 + (a.var() - b.var()) ** 2, "not that of the variances"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var(), "root of their product"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2 + (a.var() - b.var()).abs(), "just be subtracted"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()).abs() + (a.std() - b.std()) ** 2, "of the means"),
    (
        "08-frechet-1d",
        lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() - b.std()).abs(),
        "of the standard deviations",
    ),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()).abs() + (a.std() - b.std()).abs(), "square both"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() + b.std()) ** 2, "the sign of the last term"),
    ("08-frechet-1d", lambda a, b: 1.0, "it should be"),
    ("08-precision", lambda d, r: (d <= r).all(1).float().mean(), "asks for all"),
    ("08-precision", lambda d, r: (d <= r).float().mean(), "share of all pairs"),
    ("08-precision", lambda d, r: (d <= r).any(0).float().mean(), "share of balls"),
    ("08-precision", lambda d, r: (d >= r).any(1).float().mean(), "the wrong side"),
    ("08-precision", lambda d, r: 1 - inside(d, r), "outside every ball"),
    ("08-precision", lambda d, r: (d <= r).any(1).sum(), "a count"),
    ("08-precision", lambda d, r: 100 * inside(d, r), "leave out the percent"),
    ("08-precision", lambda d, r: inside(d, r.mean()), "the mean radius"),
    ("08-precision", lambda d, r: inside(d, r.max()), "the largest for all"),
    ("08-precision", lambda d, r: (d.min(1).values <= r[d.argmin(1)]).float().mean(), "the nearest image only"),
    ("08-precision", lambda d, r: 0.5, "it should be"),
    ("08-slerp", line, "the straight line"),
    ("08-slerp", lambda z0, z1, steps: arc(z0, z1, steps, reverse=True), "changed places"),
    (
        "08-slerp",
        lambda z0, z1, steps: arc(z0, z1, steps) * torch.sin(torch.acos(cosine(z0, z1))),
        "division by sin(omega)",
    ),
    ("08-slerp", lambda z0, z1, steps: arc(z0, z1, steps, cosine(z0, z1)), "arc cosine is missing"),
    (
        "08-slerp",
        lambda z0, z1, steps: arc(z0, z1, steps, torch.rad2deg(torch.acos(cosine(z0, z1)))),
        "in radians",
    ),
    (
        "08-slerp",
        lambda z0, z1, steps: arc(unit(z0), unit(z1), steps),
        "do not divide them by their lengths",
    ),
    (
        "08-slerp",
        lambda z0, z1, steps: torch.stack([unit(z) * z0.norm() for z in line(z0, z1, steps)]),
        "a fixed length",
    ),
    ("08-slerp", lambda z0, z1, steps: arc(z0, z1, steps)[1], "should be (steps, latent_dim)"),
    ("08-slerp", lambda z0, z1, steps: arc(z0, z1, steps) * 2, "begin at z0"),
    (
        "08-slerp",
        lambda z0, z1, steps: (
            line(z0, z1, steps) + line(z0, z1, steps) * 0.2 * torch.tensor([0, 0, 1, 0, 0.0])[:, None]
        ),
        "its length should be",
    ),
]
