"""Typical wrong answers to the exercises of page 10."""

import math

import torch
from torch.nn import functional as F

from course_utils.losses import mse, sse


def gain(ours, baseline, less):
    return baseline[0] - ours[0] if less else ours[0] - baseline[0]


def clearly(best, figure):
    return figure[0] - best[0] > 2 * math.hypot(best[1], figure[1])


def smallest(results):
    return min(results, key=lambda result: result[1][0])


def bars_touch(deviations):
    """Picks the simplest whose bar, so many deviations to either side, touches that of the best."""

    def pick(results):
        _, (m, s) = smallest(results)
        return next(name for name, (a, b) in results if a - m <= deviations * (s + b))

    return pick


def cut(order):
    n = len(order)
    a, b = round(0.7 * n), round(0.15 * n)
    return order.split([a, b, n - a - b])


def shuffled(n, seed):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def moved(x):
    theta = torch.eye(2, 3) + 0.07 * torch.randn(len(x), 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)


def in_training(model, x):
    return moved(x) if model.training else x


def root(z):
    return torch.linalg.cholesky(torch.cov(z.T) + 1e-4 * torch.eye(z.shape[1]))


def noise(z, n):
    return torch.randn(n, z.shape[1])


def normal(z, covariance):
    return torch.distributions.MultivariateNormal(z.mean(0), covariance)


def same_each_time(z, n):
    return z.mean(0) + torch.randn(n, 3, generator=torch.Generator().manual_seed(0)) @ root(z).T


WRONG = [
    ("10-clearly-better", lambda a, b, less: gain(a, b, less) > 0, "the spread plays no part"),
    ("10-clearly-better", lambda a, b, less: b[0] - a[0] > 2 * math.hypot(a[1], b[1]), "direction"),
    ("10-clearly-better", lambda a, b, less: abs(a[0] - b[0]) > 2 * math.hypot(a[1], b[1]), "sign of the difference"),
    ("10-clearly-better", lambda a, b, less: gain(b, a, less) > 2 * math.hypot(a[1], b[1]), "wrong way round"),
    ("10-clearly-better", lambda a, b, less: gain(a, b, less) > 2 * a[1], "baseline's spread"),
    ("10-clearly-better", lambda a, b, less: gain(a, b, less) > math.hypot(a[1], b[1]), "yours takes one"),
    ("10-clearly-better", lambda a, b, less: gain(a, b, less) > 2 * (a[1] + b[1]), "add up as squares"),
    ("10-clearly-better", lambda a, b, less: gain(a, b, less) > 2 * max(a[1], b[1]), "the larger alone"),
    ("10-clearly-better", lambda a, b, less: True, "yours is wrong"),
    ("10-clearly-better", lambda a, b, less: None, "is there a `return`"),
    ("10-one-normal", lambda z, n: noise(z, n).T, "shape (20000, 3)"),
    ("10-one-normal", lambda z, n: z.mean(0), "shape (20000, 3)"),
    ("10-one-normal", lambda z, n: z[torch.randint(len(z), (n,))], "training images themselves"),
    ("10-one-normal", same_each_time, "draw anew"),
    ("10-one-normal", lambda z, n: noise(z, n) @ root(z).T, "on average"),
    ("10-one-normal", lambda z, n: z.mean(0) + z.std(0) * noise(z, n), "by itself"),
    ("10-one-normal", lambda z, n: z.mean(0) + noise(z, n), "varies by 1"),
    ("10-one-normal", lambda z, n: z.mean(0) + noise(z, n) @ torch.cov(z.T), "a square"),
    ("10-one-normal", lambda z, n: z.mean(0) + noise(z, n) @ root(z), "wrong way round"),
    ("10-one-normal", lambda z, n: z.mean(0) + 1e-3 * noise(z, n), "nothing varies"),
    ("10-one-normal", lambda z, n: z.mean(0) + 2 * noise(z, n) @ root(z).T, "is off by"),
    ("10-one-normal", lambda z, n: normal(z, torch.cov(z.T)).sample((n,)), "fails where numbers never vary"),
    ("10-one-normal", lambda z, n: normal(z, torch.cov(z.T) + 1e-4).sample((n,)), "fails where numbers never vary"),
    (
        "10-one-normal",
        lambda z, n: normal(z, torch.cov(z.T) + 1e-4 * torch.eye(3)).sample((n,)) + 0 / z.std(),
        "hardly",
    ),
    (
        "10-one-normal",
        lambda z, n: normal(z, torch.cov(z.T) + (z.std(0).min() == 0) * torch.eye(3)).sample((n,)),
        "should hardly vary",
    ),
    ("10-split", lambda n, seed: shuffled(n, seed), "three parts"),
    ("10-split", lambda n, seed: cut(torch.rand(n)), "whole numbers"),
    ("10-split", lambda n, seed: (shuffled(n, seed)[: int(0.7 * n)], *cut(shuffled(n, seed + 1))[1:]), "in two parts"),
    ("10-split", lambda n, seed: shuffled(n, seed)[: n // 20 * 20].split([n // 20 * k for k in (14, 3, 3)]), "once"),
    ("10-split", lambda n, seed: cut(shuffled(n, seed))[::-1], "largest part"),
    ("10-split", lambda n, seed: shuffled(n, seed).split([n - 2 * (n // 3), n // 3, n // 3]), "70 %"),
    ("10-split", lambda n, seed: cut(torch.arange(n)), "shuffle"),
    ("10-split", lambda n, seed: cut(torch.randperm(n)), "same seed"),
    ("10-split", lambda n, seed: cut(shuffled(n, 5)), "use the seed"),
    ("10-warped-loss", lambda model, x, y: sse(model(moved(x)), moved(x)), "draws anew"),
    ("10-warped-loss", lambda model, x, y: sse(model(x), x), "nothing is warped"),
    ("10-warped-loss", lambda model, x, y: sse(model(x), moved(x)), "of which it knows nothing"),
    ("10-warped-loss", lambda model, x, y: sse(model(moved(x)), x), "undo warps"),
    ("10-warped-loss", lambda model, x, y: sse(model(w := moved(x)), w), "right in training"),
    (
        "10-warped-loss",
        lambda model, x, y: sse(model(w := in_training(model, x)), w if model.training else 0 * x),
        "in evaluation the copy should be compared",
    ),
    ("10-warped-loss", lambda model, x, y: mse(model(w := in_training(model, x)), w), "use `sse`"),
    ("10-warped-loss", lambda model, x, y: 20 * sse(model(w := in_training(model, x)), w), "use `sse`"),
    ("10-warped-loss", lambda model, x, y: (model(w := in_training(model, x)) - w).square(), "one number"),
    ("10-warped-loss", lambda model, x, y: sse(in_training(model, x), x), "not used"),
    ("10-warped-loss", lambda model, x, y: sse(model(w := moved(x)), w) + 0 * sse(model(x), x), "network once"),
    ("10-warped-loss", lambda model, x, y: sse(model(w := in_training(model, x)).detach(), w), "no gradient"),
    ("10-warped-loss", lambda model, x, y: sse(model(w := in_training(model, x).flatten(1)), w), "should get images"),
    ("10-warped-loss", lambda model, x, y: sse(w := moved(x), x) + 0 * model(w).sum(), "copy is missing"),
    ("10-warped-loss", lambda model, x, y: sse(model(in_training(model, x)), moved(x)), "draws anew"),
    ("10-pick", lambda results: smallest(results)[0], "not always the choice"),
    ("10-pick", lambda results: results[0][0], "however much worse"),
    (
        "10-pick",
        lambda results: [name for name, figure in results if not clearly(smallest(results)[1], figure)][-1],
        "the simplest come first",
    ),
    ("10-pick", lambda results: max(results, key=lambda result: result[1][0])[0], "less is better"),
    (
        "10-pick",
        lambda results: next(name for name, (m, s) in results if m - smallest(results)[1][0] <= 2 * s),
        "spread of the best",
    ),
    ("10-pick", bars_touch(1), "no clear lead yet"),
    ("10-pick", bars_touch(2), "the lead be clear"),
    ("10-pick", lambda results: smallest(results), "return the name"),
    ("10-pick", lambda results: "PCA", "none of the names"),
]
