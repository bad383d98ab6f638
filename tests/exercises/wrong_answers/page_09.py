"""Typical wrong answers to the exercises of page 09."""

import math
from bisect import bisect_right

import torch


def popped(state_before):
    """A `pop` that finds the right symbol and computes the state by `state_before(state, start, freq, total, slot)`."""

    def pop(state, starts, freqs):
        total = sum(freqs)
        slot = state % total
        symbol = bisect_right(starts, slot) - 1
        return symbol, state_before(state, starts[symbol], freqs[symbol], total, slot)

    return pop


right = popped(lambda s, a, f, t, r: s // t * f + r - a)


def saved(d, ours, theirs):
    return d / (theirs - ours)


def noise(y):
    return y + torch.rand_like(y) - 0.5


def rate_distortion(formula=None, draw=noise, priced=None):
    """A loss with the code that `draw` makes, the price of `priced(y, noisy)`, and `formula(error, bits, worth)`."""

    def loss(model, x, worth):
        y = model.encoder(x)
        noisy = draw(y)
        error, bits = model.decoder(noisy) - x, model.bits(priced(y, noisy) if priced else noisy)
        if formula:
            return formula(error, bits, worth)
        return (worth * error.square().sum() + bits.sum()) / len(x)

    return loss


WRONG = [
    ("09-pop", lambda s, starts, freqs: right(s, starts, freqs)[1], "return two things"),
    ("09-pop", lambda s, starts, freqs: right(s, starts, freqs)[::-1], "symbol and state"),
    ("09-pop", popped(lambda s, a, f, t, r: s / t * f + r - a), "// keeps whole numbers whole"),
    ("09-pop", popped(lambda s, a, f, t, r: s), "undo the push"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t * f + r), "taken off the slot"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t * f + r + a), "a push added it"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t * f), "the remainder is missing"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t + r - a), "multiply by freq"),
    ("09-pop", popped(lambda s, a, f, t, r: s // f * t + r - a), "total and freq have changed places"),
    ("09-pop", lambda s, starts, freqs: (0, right(s, starts, freqs)[1]), "the symbol is wrong"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t), "only the multiplication"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t // f + r - a), "divided by freq once more"),
    ("09-pop", popped(lambda s, a, f, t, r: s + 1), "the state is not"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y), "nothing prepares it"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y.round()), "rounding has no gradient"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y + (y.round() - y).detach()), "rounding has no gradient"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y + torch.rand_like(y)), "between 0 and 1"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y + torch.randn_like(y)), "torch.rand, not torch.randn"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y + torch.rand(y.shape[1]) - 0.5), "noise of its own"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y + 0.2 * torch.rand_like(y)), "equally likely"),
    ("09-rate-distortion", rate_distortion(draw=lambda y: y + torch.rand(y.shape) - 0.5), "on a GPU it stops"),
    ("09-rate-distortion", rate_distortion(priced=lambda y, noisy: y), "the noisy one"),
    ("09-rate-distortion", rate_distortion(priced=lambda y, noisy: noise(y)), "draw the noise once"),
    ("09-rate-distortion", rate_distortion(lambda error, bits, w: w * error.square().sum() / 40), "where is the rate"),
    ("09-rate-distortion", lambda model, x, w: model.bits(noise(model.encoder(x))).sum(1).mean(), "never asked"),
    ("09-rate-distortion", lambda model, x, w: model.decoder(noise(model.encoder(x))).mean(), "there is no rate"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: (e.square().sum() + w * b.sum()) / 40), "not the rate"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: (e.square().sum() + b.sum()) / 40), "`worth` is missing"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * (e.square().sum() + b.sum()) / 40), "in bits already"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: (w * e.square().sum() - b.sum()) / 40), "add the two"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().sum() + b.sum()), "sum over the batch"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().mean() + b.sum() / 40), "over the pixels"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().mean() + b.mean()), "sums for each image"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: (w * e.abs().sum() + b.sum()) / 40), "absolute ones"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().flatten(1).sum(1) + b.sum(1)), "one number"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: b.sum() / 40), "that is the rate alone"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().sum() / 40 + b.mean()), "over the numbers"),
    (
        "09-rate-distortion",
        rate_distortion(lambda e, b, w: w * e.flatten(1).norm(dim=1).mean() + b.sum() / 40),
        "root of the squared error",
    ),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().sum() + b.sum() / 40), "the rate is a mean"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: w * e.square().sum() / 40 + b.sum()), "rate is summed"),
    (
        "09-rate-distortion",
        rate_distortion(lambda e, b, w: ((w * e.square().sum() + b.sum()) / 40).detach()),
        "no gradient gets from the loss",
    ),
    ("09-rate-distortion", rate_distortion(draw=lambda y: noise(y)[None]), "should get codes of shape"),
    ("09-rate-distortion", rate_distortion(priced=lambda y, noisy: noisy[:, :4]), "price is asked for codes of shape"),
    ("09-rate-distortion", rate_distortion(lambda e, b, w: 7 * e.square().sum()), "for the test batch"),
    ("09-pop", lambda s, starts, freqs: None, "is there a `return`"),
    ("09-break-even", saved, "a whole number of images"),
    ("09-break-even", lambda d, o, t: int(saved(d, o, t)), "one image too few"),
    ("09-break-even", lambda d, o, t: int(saved(d, o, t)) + 1, "one image too many"),
    ("09-break-even", lambda d, o, t: math.ceil(d / t), "our own files cost bytes"),
    ("09-break-even", lambda d, o, t: math.ceil(d / o), "theirs - ours"),
    ("09-break-even", lambda d, o, t: math.ceil(d / (o - t)), "the wrong way round"),
    ("09-break-even", lambda d, o, t: math.ceil(saved(d, o, t)), "it never pays"),
    ("09-break-even", lambda d, o, t: math.ceil(saved(d, o, t)) if t >= o else math.inf, "divides by 0"),
    ("09-break-even", lambda d, o, t: math.ceil(d / (t - o or 1)) if t >= o else math.inf, "saves nothing"),
    ("09-break-even", lambda d, o, t: 7, "too early"),
    ("09-break-even", lambda d, o, t: 10**9, "it should be 50"),
    ("09-net-bits", lambda x, p, q: q - p - x, "these are nats"),
    ("09-net-bits", lambda x, p, q: (q - p - x) * math.log(2), "in place of multiplying"),
    ("09-net-bits", lambda x, p, q: (x + p - q) / math.log(2), "a cost is positive"),
    ("09-net-bits", lambda x, p, q: x + p - q, "in bits: mind the sign"),
    ("09-net-bits", lambda x, p, q: -(x + p + q) / math.log(2), "they are taken off"),
    ("09-net-bits", lambda x, p, q: -(x + p + q), "nats are no bits"),
    ("09-net-bits", lambda x, p, q: (q - x) / math.log(2), "bits under the prior are missing"),
    ("09-net-bits", lambda x, p, q: -(x + p) / math.log(2), "without bits back"),
    ("09-net-bits", lambda x, p, q: -x / math.log(2), "pixels' share only"),
    ("09-net-bits", lambda x, p, q: (p - q - x) / math.log(2), "prior and posterior have changed places"),
    ("09-net-bits", lambda x, p, q: (q - p - x) / math.log(2) / 784, "not per pixel"),
    ("09-net-bits", lambda x, p, q: ((q - p - x) / math.log(2)).mean(), "whole batch"),
    ("09-net-bits", lambda x, p, q: 2 * x, "should cost"),
]
