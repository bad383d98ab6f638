"""Typical wrong answers to the exercises of page 06, and what each should be told."""

import torch
from torchvision.transforms.functional import gaussian_blur


def pairs(normal, anomaly, ties=0.5):
    """The share of pairs in which the anomaly scores higher, ties counted with a weight."""
    difference = anomaly[:, None] - normal
    return ((difference > 0).double() + ties * (difference == 0)).mean().item()


def total(images):
    return images.flatten(1).sum(1)


def blurred(images):
    return gaussian_blur(images, 7, 1.0)


WRONG = [
    ("06-auroc", lambda n, a: pairs(n, a, 0), "ties are missing"),
    ("06-auroc", lambda n, a: pairs(n, a, 1), "not a whole win"),
    ("06-auroc", lambda n, a: pairs(a, n), "the anomaly that should score higher"),
    ("06-auroc", lambda n, a: pairs(a, n, 0), "and ties are missing"),
    ("06-auroc", lambda n, a: 100 * pairs(n, a), "leave out the percent"),
    ("06-auroc", lambda n, a: pairs(n, a) * len(n) * len(a), "these are counts"),
    ("06-auroc", lambda n, a: pairs(n, a) * len(n), "n times m"),
    ("06-auroc", lambda n, a: pairs(n, a) * len(a), "n times m"),
    ("06-auroc", lambda n, a: (a > n.mean()).float().mean(), "mean normal score"),
    ("06-auroc", lambda n, a: 0.5, "it should be 0."),
    ("06-auroc", lambda n, a: None, "is there a `return`"),
    ("06-threshold", lambda s, rate: torch.quantile(s, rate).item(), "the wrong end"),
    ("06-threshold", lambda s, rate: rate, "the rate itself"),
    ("06-threshold", lambda s, rate: s.max(), "no false alarm at all"),
    ("06-threshold", lambda s, rate: (1 - rate) * s.max(), "not of the largest score"),
    ("06-threshold", lambda s, rate: s.mean() + 2 * s.std(), "bell curve"),
    ("06-threshold", lambda s, rate: torch.quantile(s, 1 - rate / 2), "half of it at each end"),
    ("06-threshold", lambda s, rate: torch.quantile(s, 0.95), "use the rate that is given"),
    ("06-threshold", lambda s, rate: s.mean(), "should lie above"),
    ("06-precision", lambda f, a, s: f / (f + a), "plays no part"),
    ("06-precision", lambda f, a, s: f * s / (f * s + a), "1 - share"),
    ("06-precision", lambda f, a, s: f * s / (f * s + a * (1 - s)) * 100, "leave out the percent"),
    ("06-precision", lambda f, a, s: f * s + a * (1 - s), "all images that raise an alarm"),
    ("06-precision", lambda f, a, s: f * s, "divide by all alarms"),
    ("06-precision", lambda f, a, s: a * (1 - s) / (f * s + a * (1 - s)), "are *false*"),
    ("06-precision", lambda f, a, s: a * s / (a * s + f * (1 - s)), "changed places"),
    ("06-precision", lambda f, a, s: f * (1 - s) / (f * (1 - s) + a * s), "changed places"),
    ("06-precision", lambda f, a, s: f, "share of anomalies found"),
    ("06-precision", lambda f, a, s: 1 - a, "it should be 0.667"),
    ("06-blurred-per-ink", lambda x_hat, x: total((x_hat - x).square()) / total(x), "the blur is missing"),
    (
        "06-blurred-per-ink",
        lambda x_hat, x: total(blurred((x_hat - x).square())) / total(x),
        "blur the difference first",
    ),
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred(x_hat - x).square()), "the ink is missing"),
    ("06-blurred-per-ink", lambda x_hat, x: total((x_hat - x).square()), "plain squared error"),
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred(x_hat - x).square()) / total(x_hat), "not of x_hat"),
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred(x_hat - x).square()) / total(x**2), "sum of their squares"),
    (
        "06-blurred-per-ink",
        lambda x_hat, x: total(blurred(x_hat - x).square()) / x.flatten(1).mean(1),
        "that is the mean",
    ),
    ("06-blurred-per-ink", lambda x_hat, x: blurred(x_hat - x).square().flatten(1).mean(1) / total(x), "not the mean"),
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred(x_hat - x).abs()) / total(x), "in place of the square"),
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred(x_hat - x)) / total(x), "cancel out"),
    ("06-blurred-per-ink", lambda x_hat, x: total((blurred(x_hat) - x).square()) / total(x), "blurs x_hat only"),
    (
        "06-blurred-per-ink",
        lambda x_hat, x: total(gaussian_blur(x_hat - x, 7).square()) / total(x),
        "sigma should be 1",
    ),
    ("06-blurred-per-ink", lambda x_hat, x: (total(blurred(x_hat - x).square()) / total(x)).sqrt(), "square root"),
    ("06-blurred-per-ink", lambda x_hat, x: blurred(x_hat - x).square().sum() / x.sum(), "whole batch"),
    ("06-blurred-per-ink", lambda x_hat, x: blurred(x_hat - x).square(), "should be (6,)"),
    ("06-blurred-per-ink", lambda x_hat, x: torch.ones(6), "the numbers are not"),
]
