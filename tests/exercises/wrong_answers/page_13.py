"""Typical wrong answers to the exercises of page 13, and what each should be told."""

import math

import torch


def denoiser(scale=2.0, power=2, sign=-1, dim=1, spread=2):
    """The best denoiser, or one with a mistake in its weights."""

    def best_denoiser(x, points, sigma):
        return torch.softmax(sign * torch.cdist(x, points) ** power / (scale * sigma**spread), dim=dim) @ points

    return best_denoiser


def not_normalised(x, points, sigma):
    return (-torch.cdist(x, points).square() / (2 * sigma**2)).exp() @ points


def score(x, points, sigma):
    return (denoiser()(x, points, sigma) - x) / sigma**2


def nearest(x, points, sigma):
    return points[torch.cdist(x, points).argmin(1)]


def diffusion_loss(
    low=0.01,
    high=0.99,
    one_time=False,
    swapped=False,
    code=True,
    noise=True,
    draw=torch.randn_like,
    twice=False,
    target="eps",
    reduce=torch.mean,
    label=False,
    asked=1,
):
    """The loss of a diffusion model, or one with a mistake."""

    def loss(model, x, y):
        t = low + (high - low) * torch.rand(1 if one_time else len(x)).expand(len(x))
        a, s = torch.cos(math.pi / 2 * t)[:, None], torch.sin(math.pi / 2 * t)[:, None]
        a, s = (s, a) if swapped else (a, s)
        eps = draw(x)
        z = (a if code else 1) * x + (s if noise else 1) * eps
        for _ in range(asked):
            eps_hat = model(z, t, y) if label else model(z, t)
        eps = draw(x) if twice else eps
        return reduce((eps_hat - {"eps": eps, "x": x, "z": z, "s eps": s * eps}[target]) ** 2)

    return loss


def term(half=0.5, one=1, power=2, reduce=torch.sum, swapped=False, difference=False, weight=True):
    """A diffusion term, or one with a mistake."""

    def diffusion_term(eps, eps_hat, t, u):
        t, u = (u, t) if swapped else (t, u)
        at_t, at_u = (1 / torch.tan(math.pi / 2 * time) ** power for time in (t, u))
        factor = at_u - at_t if difference else at_u / at_t - one
        return half * (factor if weight else 1) * reduce((eps - eps_hat) ** 2, dim=1)

    return diffusion_term


def guided(shift=0, sign=1, no_label=10):
    """Guidance, or one with a mistake."""

    def answer(model, z, t, y, w):
        without = model(z, t, torch.full_like(y, no_label))
        return without + (w + shift) * sign * (model(z, t, y) - without)

    return answer


def suspicious(level=0.01, control="unseen", percent=100.0, below=True, among=None):
    """The share of suspicious samples, or one with a mistake."""

    def answer(samples, train, unseen):
        near = torch.cdist(samples, unseen if among == "unseen" else train).min(1).values
        usual = near if control == "samples" else torch.cdist(unseen, train).min(1).values
        limit = usual.mean() if level == "mean" else usual.quantile(level)
        return percent * (near < limit if below else near >= limit).float().mean().item()

    return answer


WRONG = [
    ("13-denoiser", not_normalised, "add up to 1"),
    ("13-denoiser", score, "this is the score"),
    ("13-denoiser", lambda x, points, sigma: denoiser()(x, points, sigma) - x, "where does it end"),
    ("13-denoiser", denoiser(spread=1), "sigma is not squared"),
    ("13-denoiser", denoiser(scale=1), "a 2 below"),
    ("13-denoiser", denoiser(power=1), "not squared"),
    ("13-denoiser", denoiser(spread=0), "sigma is missing"),
    ("13-denoiser", denoiser(sign=1), "a minus is missing"),
    ("13-denoiser", nearest, "nearest clean point"),
    ("13-denoiser", denoiser(dim=0), "wrong axis"),
    ("13-denoiser", lambda x, points, sigma: points.mean(0).expand_as(x), "whatever x is"),
    ("13-denoiser", lambda x, points, sigma: points, "expected an answer for each noisy point"),
    ("13-denoiser", denoiser(scale=3), "look at the weights"),
    ("13-loss", diffusion_loss(reduce=lambda square: square), "expected one number"),
    ("13-loss", lambda model, x, y: x.square().mean(), "never asked"),
    ("13-loss", diffusion_loss(asked=2), "2 times"),
    ("13-loss", diffusion_loss(label=True), "gets no label"),
    ("13-loss", lambda model, x, y: model(x, torch.rand(1)).mean(), "one time for each code"),
    ("13-loss", lambda model, x, y: model(x[:5], torch.rand(5)).mean(), "noisy codes of shape"),
    ("13-loss", diffusion_loss(one_time=True), "same time"),
    ("13-loss", diffusion_loss(low=0.0, high=1.0), "FIRST"),
    ("13-loss", diffusion_loss(high=0.5), "spread evenly"),
    ("13-loss", diffusion_loss(swapped=True), "wrong way round"),
    ("13-loss", diffusion_loss(code=False, noise=False), "at full size"),
    ("13-loss", diffusion_loss(code=False), "a is missing"),
    ("13-loss", diffusion_loss(noise=False), "s is missing"),
    ("13-loss", diffusion_loss(draw=torch.zeros_like), "no noise"),
    ("13-loss", diffusion_loss(draw=torch.rand_like), "rand"),
    ("13-loss", diffusion_loss(draw=lambda x: torch.randn(len(x), 1).expand(-1, 5)), "all numbers of a code"),
    ("13-loss", diffusion_loss(draw=lambda x: torch.linspace(-2, 2, 5).expand(len(x), -1)), "all codes"),
    ("13-loss", diffusion_loss(draw=lambda x: 3 * torch.randn_like(x)), "with normal noise"),
    ("13-loss", diffusion_loss(reduce=torch.sum), "sum over everything"),
    ("13-loss", diffusion_loss(reduce=lambda square: square.sum(1).mean()), "sum over the dimensions"),
    ("13-loss", diffusion_loss(target="x"), "clean code"),
    ("13-loss", diffusion_loss(target="z"), "noisy code"),
    ("13-loss", diffusion_loss(target="s eps"), "s times"),
    ("13-loss", diffusion_loss(reduce=lambda square: square.sqrt().mean()), "not squared"),
    ("13-loss", diffusion_loss(reduce=lambda square: square.mean().sqrt()), "root"),
    ("13-loss", diffusion_loss(twice=True), "drawn twice"),
    ("13-loss", diffusion_loss(reduce=lambda square: 7 * square.mean()), "the loss should be"),
    ("13-loss", diffusion_loss(reduce=lambda square: square.mean().detach()), "no gradient"),
    ("13-term", term(reduce=lambda square, dim: square.sum()), "expected one number for each code"),
    ("13-term", term(swapped=True), "wrong way round"),
    ("13-term", term(half=1), "half is missing"),
    ("13-term", term(reduce=torch.mean), "a KL is a sum"),
    ("13-term", term(one=0), "the 1 was not"),
    ("13-term", term(power=1), "ratio of squares"),
    ("13-term", term(difference=True), "difference of the SNRs"),
    ("13-term", term(reduce=lambda square, dim: square.sqrt().sum(dim)), "error is not squared"),
    ("13-term", term(weight=False), "weight is missing"),
    ("13-term", term(half=0.3), "nats, not"),
    ("13-guidance", guided(shift=1), "on this page that is w = 1"),
    ("13-guidance", guided(sign=-1), "leads away"),
    ("13-guidance", guided(no_label=0), "the label 0 is a class"),
    ("13-guidance", lambda model, z, t, y, w: model(z, t, y), "w is not used"),
    ("13-guidance", lambda model, z, t, y, w: model(z, t), "label is not used"),
    ("13-guidance", lambda model, z, t, y, w: w * (model(z, t, y) - model(z, t)), "difference alone"),
    ("13-guidance", lambda model, z, t, y, w: w * model(z, t) + (1 - w) * model(z, t, y), "mixed the wrong way"),
    ("13-guidance", lambda model, z, t, y, w: model(z, t, y).mean(1), "for each code"),
    ("13-guidance", guided(shift=0.4), "off by up to"),
    ("13-copies", suspicious(percent=1.0), "are percent"),
    ("13-copies", suspicious(below=False), "*not* suspicious"),
    ("13-copies", suspicious(control="samples"), "always 1 %"),
    ("13-copies", suspicious(level=0.99), "99th"),
    ("13-copies", suspicious(level="mean"), "mean distance"),
    ("13-copies", suspicious(level=0.0), "nearest unseen code of all"),
    ("13-copies", suspicious(among="unseen"), "nearest unseen code"),
    ("13-copies", suspicious(percent=70.0), "should be suspicious, not"),
    (
        "13-copies",
        lambda samples, train, unseen: 100 * (torch.cdist(samples, train).min(1).values < 0.1),
        "expected one number",
    ),
]
