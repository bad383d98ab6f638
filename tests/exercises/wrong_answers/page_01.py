"""Typical wrong answers to the exercises of page 01, and what each should be told."""

from itertools import pairwise

import torch


def squared(x_hat, x):
    return (x_hat - x) ** 2


def batch_errors(batches):
    return [squared(x_hat, x).flatten(1).sum(1) for x_hat, x in batches]


WRONG = [
    ("01-parameters", lambda ws: sum(a * b for a, b in pairwise(ws)), "biases are missing"),
    ("01-parameters", lambda ws: sum(a * b + a for a, b in pairwise(ws)), "for each output"),
    ("01-parameters", lambda ws: 59, "not for two"),
    ("01-parameters", lambda ws: 7, "should be 59"),
    ("01-error-per-image", lambda a, b: squared(a, b).sum(), "one number for the whole batch"),
    ("01-error-per-image", lambda a, b: squared(a, b).flatten(1).mean(1), "mean over the pixels"),
    ("01-error-per-image", lambda a, b: squared(a, b).flatten(1).sum(1).sqrt(), "square root"),
    ("01-error-per-image", lambda a, b: (a - b).abs().flatten(1).sum(1), "absolute"),
    ("01-error-per-image", lambda a, b: (a - b).flatten(1).sum(1) ** 2, "add before you square"),
    ("01-error-per-image", lambda a, b: squared(a, b).sum(1), "should be (3,)"),
    ("01-error-per-image", lambda a, b: [1.0, 2.0, 3.0], "expected a tensor"),
    ("01-mean-of-means", lambda bs: sum(float(e.mean()) for e in batch_errors(bs)) / len(bs), "batches of 4, 4 and 2"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).mean() / 784), "over the pixels"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum()), "sum over all images"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum() / len(bs)), "number of batches"),
    ("01-mean-of-means", lambda bs: sum(float(e.mean()) for e in batch_errors(bs)) / 10, "images are counted now"),
    ("01-mean-of-means", lambda bs: 1.0, "yours is 1"),
]
