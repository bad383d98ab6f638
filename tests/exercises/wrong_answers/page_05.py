"""Typical wrong answers to the exercises of page 05, and what each should be told."""

import torch
from torch.nn.functional import mse_loss


def spoiled(x, share, low=0.5, high=0.5, shared=False, draw=torch.rand_like):
    """Salt and pepper in parts of `share`, or a version of it with the same mask for all images."""
    u = draw(x[:1] if shared else x).expand_as(x)
    return x.masked_fill(u < low * share, 0.0).masked_fill(u > 1 - high * share, 1.0)


def drawn_twice(x, share):
    return x.masked_fill(torch.rand_like(x) < share / 2, 0.0).masked_fill(torch.rand_like(x) < share / 2, 1.0)


def in_place(x, share):
    u = torch.rand_like(x)
    x[u < share / 2] = 0
    x[u > 1 - share / 2] = 1
    return x


def errors(x_hat, x):
    return (x_hat - x).flatten(1).square().mean(1)


def normal_equations(noisy, clean, ridge, center=(True, True), plus=None, swap=False, turn=False, b=None):
    """The filter of page 05, or a version of it with a mistake."""
    N = noisy - noisy.mean(0) if center[0] else noisy
    X = clean - clean.mean(0) if center[1] else clean
    if swap:
        N, X = X, N
    plus = ridge * torch.eye(N.shape[1], dtype=N.dtype) if plus is None else plus
    W = torch.linalg.solve(N.T @ N + plus, N.T @ X)
    right = clean.mean(0) - noisy.mean(0) @ W
    return (W.T if turn else W), right if b is None else b(noisy.mean(0), clean.mean(0), W)


ONCE = torch.randn(100, 1, 28, 28)


def grainy(x, sigma=0.5, noise=None):
    return (x + sigma * (torch.randn_like(x) if noise is None else noise)).clamp(0, 1)


def to_itself(model, x, y):
    noisy = grainy(x)
    return mse_loss(model(noisy), noisy)


def as_printed(model, x, y):
    noisy = grainy(x, noise=torch.randn(28, 28))
    return mse_loss(model(noisy), noisy)


WRONG = [
    ("05-salt", lambda x, s: spoiled(x, s, 1, 0), "there is only pepper"),
    ("05-salt", lambda x, s: spoiled(x, s, 0, 1), "there is only salt"),
    ("05-salt", lambda x, s: spoiled(x, s, 1, 1), "twice as many"),
    ("05-salt", lambda x, s: spoiled(x, s, 0.25, 0.25), "15 % of the pixels are hit"),
    ("05-salt", lambda x, s: spoiled(x, s, 0.8, 0.2), "both should be 15 %"),
    ("05-salt", lambda x, s: spoiled(x, s, shared=True), "in the same places"),
    ("05-salt", drawn_twice, "some pixels are hit twice"),
    ("05-salt", in_place, "that came in were changed"),
    ("05-salt", lambda x, s: spoiled(x, s, draw=lambda x: torch.rand(x.shape)), "on a GPU it stops"),
    ("05-salt", lambda x, s: (x + s * torch.randn_like(x)).clamp(0, 1), "exactly 0 or 1"),
    ("05-salt", lambda x, s: torch.where(torch.rand_like(x) < s, 0.5, x), "exactly 0 or 1"),
    ("05-salt", lambda x, s: spoiled(x, 0.3), "use the `share`"),
    ("05-salt", lambda x, s: x, "no pixel was hit"),
    ("05-salt", lambda x, s: x[0], "of the images' shape"),
    ("05-mean-psnr", lambda a, x: -10 * errors(a, x).mean().log10(), "PSNR of the mean error"),
    ("05-mean-psnr", lambda a, x: 10 * errors(a, x).log10().mean(), "sign is wrong"),
    ("05-mean-psnr", lambda a, x: -10 * (784 * errors(a, x)).log10().mean(), "sums the squared errors"),
    ("05-mean-psnr", lambda a, x: -10 * errors(a, x).log().mean(), "natural logarithm"),
    ("05-mean-psnr", lambda a, x: -20 * errors(a, x).log10().mean(), "factor is 10"),
    ("05-mean-psnr", lambda a, x: -errors(a, x).log10().mean(), "decibel"),
    ("05-mean-psnr", lambda a, x: -10 * (a - x).abs().flatten(1).mean(1).log10().mean(), "absolute"),
    ("05-mean-psnr", lambda a, x: -10 * (a - x).square().log10().mean(), "single pixels"),
    ("05-mean-psnr", lambda a, x: -10 * errors(a, x).log10().sum(), "sum over the images"),
    ("05-mean-psnr", lambda a, x: -10 * (a - x).flatten(1).square().mean(0).log10().mean(), "axis 1"),
    ("05-mean-psnr", lambda a, x: 10 * (255**2 / errors(a, x)).log10().mean(), "not to 255"),
    ("05-mean-psnr", lambda a, x: -10 * errors(a, x).log10(), "one number for all images"),
    ("05-mean-psnr", lambda a, x: 20.0, "yours is 20.00"),
    ("05-loss", as_printed, "all images of a batch get the same noise"),
    ("05-loss", to_itself, "hands the noise back"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x)), grainy(x)), "is the target clean"),
    ("05-loss", lambda m, x, y: mse_loss(m(x), x), "gets the clean images"),
    ("05-loss", lambda m, x, y: mse_loss(m(x), grainy(x)), "gets the clean images"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x, noise=ONCE[: len(x)])), x), "learn that by heart"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x, noise=torch.randn(len(x), 1, 1, 1))), x), "pixels of an image"),
    ("05-loss", lambda m, x, y: mse_loss(m(x + 0.5 * torch.randn_like(x)), x), "cut off at 0 and 1"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x, 0.2)), x), "not the noise of the test images"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x, noise=torch.rand_like(x))), x), "not the noise of the test"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x)), x, reduction="none").mean(0), "one number for the whole batch"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x)), x).item(), "one number for the whole batch"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x)).detach(), x), "no gradient"),
    ("05-loss", lambda m, x, y: mse_loss(grainy(x), x), "never asked"),
    ("05-loss", lambda m, x, y: -mse_loss(m(grainy(x)), x), "hands the noise back"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x)), 0.5 * x), "least for an answer"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x).flatten(1)), x.flatten(1)), "should get images of shape"),
    ("05-loss", lambda m, x, y: mse_loss(m(grainy(x, noise=torch.randn(x.shape))), x), "on a GPU it stops"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, turn=True), "transposed"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, 0), "ridge is missing"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, plus=r), "on the diagonal only"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, -r), "with a plus"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, swap=True), "mixed up"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, (False, False)), "are not centred"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, (False, True)), "noisy images are not centred"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r * len(n)), "divided by the number"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, b=lambda n, x, W: x), "only the clean mean"),
    (
        "05-linear-filter",
        lambda n, c, r: normal_equations(n, c, r, b=lambda n, x, W: n @ W - x),
        "b has the wrong sign",
    ),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, b=lambda n, x, W: x - n), "go through W"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, b=lambda n, x, W: 0 * x), "only for centred"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r, b=lambda n, x, W: x + 1), "W is right, b is not"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, r)[0], "return W, b"),
    ("05-linear-filter", lambda n, c, r: normal_equations(n, c, 2 * r), "W is not the solution"),
]
