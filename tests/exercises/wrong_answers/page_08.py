"""Typical wrong answers to the exercises of page 08, and what each should be told."""

import math

import torch
from torch.nn import functional as F


def inside(d, r, axis):
    return (d <= r).any(axis).float().mean()


def both(formula):
    """Precision and coverage by one formula of distances, radius and axis."""
    return lambda d, r: (formula(d, r, 1), formula(d, r, 0))


def nll(logits, x):
    return (F.softplus(logits) - x * logits).sum(-1)


def kl(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(-1)


def drawn(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def conditional(
    target=lambda x, seen: seen,
    seen=lambda x: torch.bernoulli(x.flatten(1)),
    draw=drawn,
    to_encoder=lambda c: c,
    to_decoder=lambda c: c,
    total=lambda copy, kl: (copy + kl).mean(),
):
    """A conditional loss, with a part of one's own."""

    def loss(model, x, c):
        pixels = seen(x)
        mu, logvar = model.encode(torch.cat([pixels, to_encoder(c)], 1))
        logits = model.decode(torch.cat([draw(mu, logvar), to_decoder(c)], 1))
        return total(nll(logits, target(x, pixels)), kl(mu, logvar))

    return loss


WRONG = [
    ("08-log-mean-exp", lambda w: w.mean(0), "the ELBO again"),
    ("08-log-mean-exp", lambda w: w.logsumexp(0), "a sum in place of the mean"),
    ("08-log-mean-exp", lambda w: w.exp().mean(0), "missing at the end"),
    ("08-log-mean-exp", lambda w: w.exp().sum(0), "and the logarithm is missing"),
    ("08-log-mean-exp", lambda w: w.logsumexp(0) + math.log(len(w)), "yours adds it"),
    ("08-log-mean-exp", lambda w: w.logsumexp(0) / len(w), "inside the logarithm"),
    ("08-log-mean-exp", lambda w: math.log(len(w)) - w.logsumexp(0), "the sign"),
    ("08-log-mean-exp", lambda w: w.max(0).values, "the largest weight alone"),
    ("08-log-mean-exp", lambda w: w.exp().mean(0).log(), "take the largest out first"),
    ("08-log-mean-exp", lambda w: w.max() + (w - w.max()).exp().mean(0).log(), "each image's own largest"),
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
    (
        "08-frechet-1d",
        lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var() - 2 * a.var() * b.var(),
        "the root is missing",
    ),
    (
        "08-frechet-1d",
        lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var() - a.std() * b.std(),
        "the factor 2",
    ),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2 + (a.var() - b.var()).abs(), "just be subtracted"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()).abs() + (a.std() - b.std()) ** 2, "difference of the means"),
    (
        "08-frechet-1d",
        lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() - b.std()).abs(),
        "of the standard deviations",
    ),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()).abs() + (a.std() - b.std()).abs(), "square both"),
    ("08-frechet-1d", lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() + b.std()) ** 2, "the sign of the last term"),
    ("08-frechet-1d", lambda a, b: 1.0, "it should be"),
    ("08-coverage", both(lambda d, r, axis: (d <= r).all(axis).float().mean()), "asks for all"),
    ("08-coverage", both(lambda d, r, axis: (d <= r).float().mean()), "share of all pairs"),
    ("08-coverage", lambda d, r: (inside(d, r, 0), inside(d, r, 1)), "changed places"),
    ("08-coverage", lambda d, r: (inside(d, r, 1), inside(d, r, 1)), "coverage: that is the other one"),
    ("08-coverage", lambda d, r: (inside(d, r, 0), inside(d, r, 0)), "precision: that is the other one"),
    ("08-coverage", both(lambda d, r, axis: (d >= r).any(axis).float().mean()), "the wrong side"),
    ("08-coverage", both(lambda d, r, axis: 1 - inside(d, r, axis)), "share outside"),
    ("08-coverage", both(lambda d, r, axis: (d <= r).any(axis).sum()), "a count"),
    ("08-coverage", both(lambda d, r, axis: 100 * inside(d, r, axis)), "leave out the percent"),
    ("08-coverage", both(lambda d, r, axis: inside(d, r.mean(), axis)), "the mean radius"),
    ("08-coverage", both(lambda d, r, axis: inside(d, r.max(), axis)), "the largest for all"),
    (
        "08-coverage",
        lambda d, r: ((d.min(1).values <= r[d.argmin(1)]).float().mean(), inside(d, r, 0)),
        "precision: not the nearest image only",
    ),
    (
        "08-coverage",
        lambda d, r: (inside(d, r, 1), len(d.argmin(1)[d.min(1).values <= r[d.argmin(1)]].unique()) / len(r)),
        "coverage: a ball may hold",
    ),
    ("08-coverage", lambda d, r: inside(d, r, 1), "two numbers"),
    ("08-coverage", lambda d, r: ((d <= r).any(1), (d <= r).any(0)), "take the mean in the end"),
    ("08-coverage", lambda d, r: (0.5, 0.5), "it should be"),
    ("08-conditional", conditional(to_decoder=torch.zeros_like), "decoder is never told"),
    ("08-conditional", conditional(to_encoder=torch.zeros_like), "encoder is never told"),
    ("08-conditional", conditional(to_decoder=lambda c: c.flip(0)), "each image's own"),
    ("08-conditional", conditional(to_decoder=lambda c: c / 10), "as it came in"),
    ("08-conditional", conditional(target=lambda x, seen: torch.bernoulli(x.flatten(1))), "pays much"),
    ("08-conditional", conditional(target=lambda x, seen: x.flatten(1)), "asked for grey pixels"),
    ("08-conditional", conditional(seen=lambda x: x.flatten(1)), "gets grey pixels"),
    ("08-conditional", conditional(seen=lambda x: (x.flatten(1) > 0.5).float()), "decided at 1/2"),
    (
        "08-conditional",
        conditional(draw=lambda mu, logvar: mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape)),
        "on a GPU it stops",
    ),
    ("08-conditional", conditional(draw=lambda mu, logvar: mu), "mu itself"),
    (
        "08-conditional",
        conditional(draw=lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu)),
        "a spread of",
    ),
    ("08-conditional", conditional(total=lambda copy, kl: copy.mean()), "the KL is missing"),
    ("08-conditional", conditional(total=lambda copy, kl: kl.mean()), "reconstruction is missing"),
    ("08-conditional", conditional(total=lambda copy, kl: (copy - kl).mean()), "wrong sign"),
    ("08-conditional", conditional(total=lambda copy, kl: (copy + kl).sum()), "yours is a sum"),
    ("08-conditional", conditional(total=lambda copy, kl: copy + kl), "a loss is one number"),
    ("08-conditional", conditional(total=lambda copy, kl: (copy + kl / 50).mean()), "not averaged"),
    ("08-conditional", conditional(total=lambda copy, kl: (copy + kl).mean() + 5), "the loss should be"),
    ("08-conditional", conditional(total=lambda copy, kl: (copy + kl).mean().detach()), "no gradient"),
    ("08-conditional", conditional(to_encoder=lambda c: c[:, :0]), "the encoder should get"),
    ("08-conditional", conditional(to_decoder=lambda c: c[:, :0]), "the decoder should get"),
]
