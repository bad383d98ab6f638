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


def squares(model, x):
    return (model(x) - x).flatten(1).square()


def per_outline(model, x):
    outline = x.diff(dim=2).abs().flatten(1).sum(1) + x.diff(dim=3).abs().flatten(1).sum(1)
    return squares(model, x).mean(1) / outline


def trimmed(select=per_outline, average=None, keep=None, largest=False, finish=torch.mean):
    """The loss that the exercise asks for, or a version of it with a mistake."""

    def loss(model, x, y, share):
        count = len(x) - round(share * len(x)) if keep is None else keep(len(x), share)
        chosen = select(model, x).topk(count, largest=largest).indices
        return finish((average or (lambda model, x: squares(model, x).mean(1)))(model, x)[chosen])

    return loss


def of_pixels(model, x, y, share):
    flat = squares(model, x).flatten()
    return flat.sort().values[: round((1 - share) * len(flat))].mean()


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
    ("06-auroc", lambda n, a: (a[:, None] > n).double().mean(0), "both axes"),
    ("06-auroc", lambda n, a: None, "is there a `return`"),
    ("06-threshold", lambda s, rate: torch.quantile(s, rate).item(), "the wrong end"),
    ("06-threshold", lambda s, rate: rate, "the rate itself"),
    ("06-threshold", lambda s, rate: s.max(), "no false alarm at all"),
    ("06-threshold", lambda s, rate: (1 - rate) * s.max(), "not of the largest score"),
    ("06-threshold", lambda s, rate: s.mean() + 2 * s.std(), "bell curve"),
    ("06-threshold", lambda s, rate: torch.quantile(s, 1 - rate / 2), "half of it at each end"),
    ("06-threshold", lambda s, rate: torch.quantile(s, 0.95), "use the rate that is given"),
    ("06-threshold", lambda s, rate: torch.quantile(s, 1 - rate / 100), "do not divide it by 100"),
    ("06-threshold", lambda s, rate: torch.quantile(s, (1 - rate) / 100), "counts from 0 to 100"),
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
    ("06-precision", lambda f, a, s: round(f * s / (f * s + a * (1 - s)), 3), "rounded"),
    ("06-precision", lambda f, a, s: f * s / (f * s + a * (1 - s)) + 4e-6 * s, "0.7500000, yours is 0.750002"),
    ("06-precision", lambda f, a, s: 1 - a, "it should be 0.0291545, yours is 0.98"),
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
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred((x_hat - x).abs()).square()) / total(x), "no absolute value"),
    ("06-blurred-per-ink", lambda x_hat, x: total(blurred(x_hat - x).square()) / x.sum(), "not of the whole batch"),
    ("06-blurred-per-ink", lambda x_hat, x: blurred(x_hat - x).square().flatten(1).sum(0) / x.sum(), "should be (6,)"),
    ("06-blurred-per-ink", lambda x_hat, x: torch.ones(6), "the numbers are not"),
    ("06-trimmed", lambda model, x, y, share: squares(model, x).mean(), "no image is left out"),
    ("06-trimmed", trimmed(select=lambda model, x: squares(model, x).mean(1)), "left out by the plain error"),
    ("06-trimmed", trimmed(average=per_outline), "averaged is their plain error"),
    ("06-trimmed", trimmed(largest=True), "*smallest* errors"),
    ("06-trimmed", trimmed(largest=True, keep=lambda n, share: round(share * n)), "should go: keep"),
    ("06-trimmed", trimmed(keep=lambda n, share: round(share * n)), "keeps the share"),
    ("06-trimmed", trimmed(keep=lambda n, share: n - 1), "whatever the share"),
    ("06-trimmed", trimmed(keep=lambda n, share: n - round(0.1 * n)), "share that is given"),
    ("06-trimmed", trimmed(finish=torch.sum), "not the sum"),
    ("06-trimmed", lambda *args: trimmed(finish=torch.sum)(*args) / len(args[1]), "divide by their number"),
    ("06-trimmed", trimmed(average=lambda model, x: squares(model, x).sum(1)), "over the pixels"),
    ("06-trimmed", of_pixels, "not single pixels"),
    (
        "06-trimmed",
        lambda model, x, y, share: squares(model, x).sort(1).values[:, : round((1 - share) * 784)].mean(),
        "worst pixels of each image",
    ),
    (
        "06-trimmed",
        lambda model, x, y, share: squares(model, x)[: len(x) - round(share * len(x))].mean(),
        "last images",
    ),
    ("06-trimmed", trimmed(finish=lambda errors: errors), "a loss is one number"),
    ("06-trimmed", trimmed(finish=lambda errors: errors.mean().detach()), "no gradient reaches"),
    ("06-trimmed", trimmed(finish=torch.max), "try it by hand"),
]
