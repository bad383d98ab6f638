"""Typical wrong answers to the exercises of all pages, and what each should be told."""

from itertools import pairwise

import torch
from torch.nn import functional as F


def squared(x_hat, x):
    return (x_hat - x) ** 2


def stamped(x, kernel, step=2, replace=False, size=(9, 11)):
    """What the exercise of page 03 asks for at stride 2, or a version of it with a mistake."""
    out = torch.zeros(size)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            patch = out[step * i : step * i + 3, step * j : step * j + 3]
            patch.copy_(x[i, j] * kernel + (0 if replace else patch))
    return out


def field(layers, start=1, step=lambda kernel, distance: (kernel - 1) * distance, early=False, add=False):
    """The receptive field, or a version of it with a mistake."""
    total, distance = start, 1
    for kernel, stride in layers:
        total += step(kernel, distance * stride if early else distance)
        distance = distance + stride if add else distance * stride
    return total


def batch_errors(batches):
    return [squared(x_hat, x).flatten(1).sum(1) for x_hat, x in batches]


def weight_ratio(by_pixels, by_latents, by_batch):
    """The hidden beta of page 11, or a version that forgets to divide by one of the sizes."""

    def weight(reduction, size, batch_size):
        batch_size = batch_size if by_batch else 1
        return {"sum": 1, "batchmean": 1 / batch_size, "mean": 1 / (batch_size * size)}[reduction]

    def answer(recon, kl, pixels, latent_dim, batch_size):
        latent_weight = weight(kl, latent_dim if by_latents else 1, batch_size)
        return latent_weight / weight(recon, pixels if by_pixels else 1, batch_size)

    return answer


def negative_elbo(reduction="sum", per=True, sign=1, scale=1, over=None):
    """The negative ELBO of page 11, or a version of it with a mistake."""

    def vae_loss(recon_x, x, mu, logvar):
        recon = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction=reduction)
        kl = 0.5 * (mu**2 + (scale * logvar).exp() - logvar - 1).sum()
        return recon / (len(x) if per and reduction == "sum" else 1) + sign * kl / (over or (len(x) if per else 1))

    return vae_loss


# (exercise, answer, part of what the learner is told)
WRONG = [
    ("00-flatten", lambda x: x.reshape(784, -1), "one row per image"),
    ("00-flatten", lambda x: x.reshape(5, 784), "not for two"),
    ("00-flatten", lambda x: x.reshape(784, -1).T, "mixed up"),
    ("00-flatten", lambda x: x, "(5, 784)"),
    ("00-flatten", lambda x: 784, "expected a tensor"),
    ("00-squared-difference", lambda a, b: squared(a, b).mean(), "mean over the pixels"),
    ("00-squared-difference", lambda a, b: (a - b).abs().sum(), "absolute"),
    ("00-squared-difference", lambda a, b: (a - b).sum(), "cancel out"),
    ("00-squared-difference", squared, "add all pixels up"),
    ("00-squared-difference", lambda a, b: 1.0, "not the sum"),
    ("00-step", lambda w, g, lr: w + lr * g, "uphill"),
    ("00-step", lambda w, g, lr: w - g, "learning rate is missing"),
    ("00-step", lambda w, g, lr: -lr * g, "change of the weights"),
    ("00-step", lambda w, g, lr: w, "not the weights"),
    ("00-step", lambda w, g, lr: w - 0.1 * g, "use the lr that is given"),
    ("00-step", lambda w, g, lr: None, "is there a `return`"),
    ("00-flatten", lambda x: x.transpose(2, 3).reshape(-1, 784), "another order"),
    ("00-squared-difference", lambda a, b: squared(a, b).reshape(3, 784).sum(), "raised RuntimeError"),
    ("01-parameters", lambda ws: sum(a * b for a, b in pairwise(ws)), "biases are missing"),
    ("01-parameters", lambda ws: sum(a * b + a for a, b in pairwise(ws)), "for each output"),
    ("01-parameters", lambda ws: 59, "not for two"),
    ("01-parameters", lambda ws: 7, "should be 59"),
    ("01-error-per-image", lambda a, b: squared(a, b).sum(), "one number for the whole batch"),
    ("01-error-per-image", lambda a, b: squared(a, b).flatten(1).mean(1), "mean over the pixels"),
    ("01-error-per-image", lambda a, b: squared(a, b).flatten(1).sum(1).sqrt(), "square root"),
    ("01-error-per-image", lambda a, b: (a - b).abs().flatten(1).sum(1), "absolute"),
    ("01-error-per-image", lambda a, b: squared(a, b).sum(1), "should be (3,)"),
    ("01-error-per-image", lambda a, b: [1.0, 2.0, 3.0], "expected a tensor"),
    ("01-mean-of-means", lambda bs: sum(float(e.mean()) for e in batch_errors(bs)) / len(bs), "batches of 4, 4 and 2"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).mean() / 784), "over the pixels"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum()), "sum over all images"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum() / len(bs)), "number of batches"),
    ("01-mean-of-means", lambda bs: 1.0, "yours is 1"),
    ("02-reparameterize", lambda m, lv: m + lv.exp() * torch.randn_like(m), "which is the variance"),
    ("02-reparameterize", lambda m, lv: m + lv * torch.randn_like(m), "take its exponential"),
    ("02-reparameterize", lambda m, lv: m + torch.randn_like(m), "multiply the noise"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp(), "where is the random part"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.rand_like(m), "randn, not rand"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.randn(1, 2), "one for each number"),
    ("02-reparameterize", lambda m, lv: (lv / 2).exp() * torch.randn_like(m), "the mean of z is not mu"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.randn(len(m), 1), "all numbers of a code"),
    ("02-reparameterize", lambda m, lv: m + (2 * lv).exp() * torch.randn_like(m), "not the standard deviation"),
    ("02-reparameterize", lambda m, lv: torch.normal(m, (lv / 2).exp()), "no gradient reaches"),
    ("02-kl", lambda m, lv: [1.0] * 6, "expected a tensor"),
    ("02-interpolate", lambda a, b, n: torch.linspace(0, 1, 5)[:, None] * (b - a) + a, "for 5 steps only"),
    ("02-kl", lambda m, lv: 0.5 * (1 + lv - m**2 - lv.exp()).sum(1), "sign"),
    ("02-kl", lambda m, lv: -(1 + lv - m**2 - lv.exp()).sum(1), "1/2"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).mean(1), "mean over the dimensions"),
    ("02-kl", lambda m, lv: -0.5 * (1 + 2 * lv - m**2 - (2 * lv).exp()).sum(1), "not of the standard deviation"),
    ("02-kl", lambda m, lv: -0.5 * (lv - m**2 - lv.exp()).sum(1), "the 1 is missing"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).sum(), "one number for the whole batch"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).sum(0), "should be (6,)"),
    ("02-interpolate", lambda a, b, n: torch.linspace(1, 0, n)[:, None] * (b - a) + a, "from z1 to z0"),
    ("02-interpolate", lambda a, b, n: torch.arange(n)[:, None] / n * (b - a) + a, "an end is missing"),
    ("02-interpolate", lambda a, b, n: torch.linspace(0, 1, n)[:, None] ** 2 * (b - a) + a, "not even"),
    ("02-interpolate", lambda a, b, n: a, "should be (5, 3)"),
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) // s, "stands at the beginning"),
    ("03-conv-size", lambda n, k, s, p: (n + p - k) // s + 1, "both sides"),
    ("03-conv-size", lambda n, k, s, p: (n - k) // s + 1, "frame of zeros is missing"),
    ("03-conv-size", lambda n, k, s, p: n + 2 * p - k + 1, "stride is missing"),
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) / s + 1, "whole number"),
    ("03-conv-size", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "round down"),
    ("03-conv-size", lambda n, k, s, p: 14, "PyTorch makes 24 pixels"),
    ("03-transposed-size", lambda n, k, s, p, o: n * s + k - 2 * p + o, "n - 1 steps"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k - p + o, "both sides"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k + 2 * p + o, "smaller here"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k - 2 * p, "output_padding is missing"),
    ("03-transposed-size", lambda n, k, s, p, o: n * s, "PyTorch makes"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, replace=True), "overlap they should add up"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, step=1), "`stride` pixels further"),
    ("03-stamp", lambda x, kernel, s: stamped(torch.ones_like(x), kernel), "equally strong"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.T), "turned around"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(3 * s + 3, 4 * s + 3)), "`stride` that is given"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(10, 11)), "shape (9, 11)"),
    ("03-stamp", lambda x, kernel, s: x.new_ones(9, 11), "the numbers are not"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.flip(0, 1)), "turned around"),
    ("03-stamp", lambda x, kernel, s: torch.zeros(9, 11), "still all zeros"),
    ("03-receptive-field", lambda ls: field(ls, add=True), "distances multiply"),
    ("03-receptive-field", lambda ls: field(ls, step=lambda k, d: k - 1), "strides are missing"),
    ("03-receptive-field", lambda ls: field(ls, 0, lambda k, d: k), "overlap"),
    ("03-receptive-field", lambda ls: field(ls, early=True), "not for itself"),
    ("03-receptive-field", lambda ls: field(ls, start=0), "field of 1 pixel"),
    ("03-receptive-field", lambda ls: 7, "gradient reaches"),
    ("11-hidden-beta", lambda recon, kl, **sizes: 1.0, "look at each weight alone"),
    ("11-hidden-beta", lambda recon, kl, **sizes: 784.0, "nothing is hidden"),
    ("11-hidden-beta", lambda *a, **k: 1 / weight_ratio(True, True, True)(*a, **k), "upside down"),
    ("11-hidden-beta", weight_ratio(True, True, False), 'recon="sum", kl="batchmean"'),
    ("11-hidden-beta", weight_ratio(True, False, True), 'recon="sum", kl="mean"'),
    (
        "11-hidden-beta",
        lambda r, k, pixels, latent_dim, batch_size: weight_ratio(True, True, True)(r, k, 12, 5, 7),
        "use the sizes",
    ),
    ("11-mended-loss", negative_elbo("mean"), "mean over the pixels"),
    ("11-mended-loss", negative_elbo(per=False), "sum over all images"),
    ("11-mended-loss", negative_elbo(sign=-1), "wrong sign"),
    ("11-mended-loss", negative_elbo(sign=-1, scale=2), "wrong sign"),
    ("11-mended-loss", negative_elbo(scale=2), "logarithm of sigma"),
    ("11-mended-loss", negative_elbo(over=1), "the KL is the sum over all images"),
    ("11-mended-loss", negative_elbo(over=18), "averaged over the latent dimensions"),
    ("11-mended-loss", negative_elbo(over=3), "twice too large"),
    ("11-mended-loss", negative_elbo(over=5), "not the one of the formula"),
    ("11-mended-loss", lambda r, x, m, lv: 1.0, "expected one number, as a tensor"),
    (
        "11-mended-loss",
        lambda r, x, m, lv: ((r - x.view(-1, 784)) ** 2).sum(),
        "only the reconstruction should",
    ),
    ("11-active-units", lambda mu: mu.var(0) > 0.01, "expected one number"),
    ("11-active-units", lambda mu: int((mu.std(0) > 0.01).sum()), "standard deviation"),
    ("11-active-units", lambda mu: int((mu.pow(2).mean(0) > 0.01).sum()), "tells nothing"),
    ("11-active-units", lambda mu: int((mu.var(1) > 0.01).sum()), "counts images"),
    ("11-active-units", lambda mu: mu.shape[1], "every unit was counted"),
    ("11-active-units", lambda mu: float((mu.var(0) > 0.01).float().mean()), "share of the units"),
    ("11-active-units", lambda mu: 3, "not for another"),
    ("11-active-units", lambda mu: 0, "nothing was counted"),
    ("11-active-units", lambda mu: "3", "expected a number"),
]
