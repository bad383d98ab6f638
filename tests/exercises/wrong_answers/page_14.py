"""Typical wrong answers to the exercises of page 14, and what each should be told."""

import math

import torch


def snr_of(signal, noise):
    def snr(gradients):
        return (signal(gradients) / noise(gradients)).mean()

    return snr


def bound_with(groups_of=None, less=math.log, draws=None):
    """`bound_at` of page 14, or a version of it with a mistake."""

    def bound_at(log_w, K):
        log_w = log_w[:draws]
        size = groups_of(log_w, K) if groups_of else K
        groups = log_w.view(-1, size, log_w.shape[1])
        return (groups.logsumexp(1) - less(size)).mean(0)

    return bound_at


WRONG = [
    ("14-share", lambda e, o, p: (p - o).mean() / (p - e).mean(), "the other part"),
    ("14-share", lambda e, o, p: (o - e).mean() / (p - o).mean(), "divides by what is left"),
    ("14-share", lambda e, o, p: (o - e).mean(), "a number of nats"),
    ("14-share", lambda e, o, p: ((o - e) / (p - e)).mean(), "mean of the images' shares"),
    ("14-share", lambda e, o, p: 100 * (o - e).mean() / (p - e).mean(), "in percent"),
    ("14-share", lambda e, o, p: (e - o).mean() / (p - e).mean(), "the sign is wrong"),
    ("14-share", lambda e, o, p: (o - e).mean() / p.mean(), "no natural zero"),
    ("14-share", lambda e, o, p: (o - e) / (p - e), "expected one number"),
    ("14-iwae-loss", lambda log_w: -log_w.mean(), "mean of the logarithms"),
    ("14-iwae-loss", lambda log_w: -log_w.logsumexp(0).mean(), "without log K"),
    ("14-iwae-loss", lambda log_w: log_w.logsumexp(0).mean() - math.log(len(log_w)), "the sign is wrong"),
    ("14-iwae-loss", lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))).sum(), "sum over the images"),
    ("14-iwae-loss", lambda log_w: -(log_w.logsumexp(1) - math.log(log_w.shape[1])).mean(), "over the images"),
    ("14-iwae-loss", lambda log_w: -log_w.exp().mean().log(), "a bound of its own"),
    ("14-iwae-loss", lambda log_w: -log_w.exp().mean(0).log().mean(), "is there a way around exp"),
    ("14-iwae-loss", lambda log_w: -(log_w.softmax(0) * log_w).sum(0).mean(), "lies above the bound"),
    ("14-iwae-loss", lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))), "expected one number"),
    ("14-iwae-loss", lambda log_w: -(log_w.logsumexp(0) - math.log(6)).mean(), "but not for five draws"),
    ("14-iwae-loss", lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))).mean().detach(), "no gradient"),
    ("14-diagnosis", lambda: ["A1", "B2", "C4", "D3"], "line A"),
    ("14-diagnosis", lambda: ["A2", "B3", "C4", "D1"], "line B"),
    ("14-diagnosis", lambda: ["A2", "B1", "C3", "D4"], "line C"),
    ("14-diagnosis", lambda: ["A2", "B1", "C4"], "a list of four"),
    ("14-diagnosis", lambda: ["A2", "B2", "C4", "D3"], "should occur once"),
    ("14-bound-at", lambda log_w, K: log_w.logsumexp(0) - math.log(len(log_w)), "all 12 draws"),
    ("14-bound-at", lambda log_w, K: log_w.mean(0), "bound at K = 1"),
    ("14-bound-at", lambda log_w, K: log_w[:K].logsumexp(0) - math.log(K), "first K draws only"),
    ("14-bound-at", bound_with(less=lambda K: 0), "log K is missing"),
    ("14-bound-at", bound_with(less=lambda K: math.log(12)), "log 12 was subtracted"),
    ("14-bound-at", bound_with(groups_of=lambda log_w, K: len(log_w) // K), "not of K"),
    ("14-bound-at", lambda log_w, K: bound_with()(log_w, K).mean(), "one number for the whole batch"),
    ("14-snr", snr_of(lambda g: g.mean(0), lambda g: g.std(0)), "the sign of a signal"),
    ("14-snr", snr_of(lambda g: g.std(0), lambda g: g.mean(0).abs()), "upside down"),
    ("14-snr", snr_of(lambda g: g.mean(0).abs(), lambda g: g.var(0)), "the variance"),
    ("14-snr", snr_of(lambda g: g.mean(0).abs(), lambda g: g.std(0) / len(g) ** 0.5), "standard error"),
    ("14-snr", snr_of(lambda g: g.mean(1).abs(), lambda g: g.std(1)), "repeats are the first axis"),
    ("14-snr", snr_of(lambda g: g.mean().abs(), lambda g: g.std()), "thrown together"),
    ("14-snr", snr_of(lambda g: g.abs().mean(0), lambda g: g.std(0)), "noise then counts as signal"),
    ("14-snr", lambda g: g.mean(0).abs() / g.std(0), "expected one number"),
    ("14-snr", lambda g: torch.stack([g.mean(0).abs().mean() / g.std(0).mean()])[0], "mean signal over the mean noise"),
]
