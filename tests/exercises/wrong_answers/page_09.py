"""Typical wrong answers to the exercises of page 09."""

import math
from bisect import bisect_right


def popped(state_before):
    """A `pop` that finds the right symbol and computes the state by `state_before(state, start, freq, total, slot)`."""

    def pop(state, starts, freqs):
        total = sum(freqs)
        slot = state % total
        symbol = bisect_right(starts, slot) - 1
        return symbol, state_before(state, starts[symbol], freqs[symbol], total, slot)

    return pop


right = popped(lambda s, a, f, t, r: s // t * f + r - a)


def smooth(counts):
    return (counts + 1) / (counts + 1).sum()


def saved(d, ours, theirs):
    return d / (theirs - ours)


WRONG = [
    ("09-pop", lambda s, starts, freqs: right(s, starts, freqs)[1], "return two things"),
    ("09-pop", lambda s, starts, freqs: right(s, starts, freqs)[::-1], "changed places"),
    ("09-pop", popped(lambda s, a, f, t, r: s / t * f + r - a), "// keeps whole numbers whole"),
    ("09-pop", popped(lambda s, a, f, t, r: s), "undo the push"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t * f + r), "taken off the slot"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t * f + r + a), "a push added it"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t * f), "the remainder is missing"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t + r - a), "multiply by freq"),
    ("09-pop", popped(lambda s, a, f, t, r: s // f * t + r - a), "total and freq have changed places"),
    ("09-pop", lambda s, starts, freqs: (0, right(s, starts, freqs)[1]), "the symbol is wrong"),
    ("09-pop", popped(lambda s, a, f, t, r: s // t), "the state is not"),
    ("09-pop", lambda s, starts, freqs: None, "is there a `return`"),
    ("09-code-bits", lambda codes, counts: -(counts / counts.sum())[codes].log2().sum(), "Add one to every count"),
    ("09-code-bits", lambda codes, counts: smooth(counts)[codes].log2().sum(), "a cost is positive"),
    ("09-code-bits", lambda codes, counts: -smooth(counts)[codes].log().sum(), "these are nats"),
    ("09-code-bits", lambda codes, counts: -smooth(counts)[codes].log2().mean(), "a sum, not a mean"),
    ("09-code-bits", lambda codes, counts: -(smooth(counts) * smooth(counts).log2()).sum(), "entropy of the table"),
    (
        "09-code-bits",
        lambda codes, counts: -(smooth(counts) * smooth(counts).log2()).sum() * len(codes),
        "look up each code",
    ),
    ("09-code-bits", lambda codes, counts: -((counts + 1) / counts.sum())[codes].log2().sum(), "should sum to 1"),
    ("09-code-bits", lambda codes, counts: -smooth(counts)[codes].log2().sum() / 8, "not bytes"),
    ("09-code-bits", lambda codes, counts: 8 * len(codes), "it should be"),
    ("09-break-even", saved, "a whole number of images"),
    ("09-break-even", lambda d, o, t: int(saved(d, o, t)), "one image too few"),
    ("09-break-even", lambda d, o, t: int(saved(d, o, t)) + 1, "one image too many"),
    ("09-break-even", lambda d, o, t: math.ceil(d / t), "our own files cost bytes"),
    ("09-break-even", lambda d, o, t: math.ceil(d / o), "theirs - ours"),
    ("09-break-even", lambda d, o, t: math.ceil(d / (o - t)), "the wrong way round"),
    ("09-break-even", lambda d, o, t: math.ceil(saved(d, o, t)), "it never pays"),
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
