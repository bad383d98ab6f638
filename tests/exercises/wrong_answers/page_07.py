"""Typical wrong answers to the exercises of page 07, and what each should be told."""

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.losses import mse, sse


def places(y, per_class, generator, order=None):
    """The images of each digit in turn, `per_class` of them, chosen by `order`."""
    parts = []
    for digit in range(10):
        mine = (y == digit).nonzero()[:, 0]
        parts.append(order(mine, per_class, generator))
    return torch.cat(parts)


def shuffled(mine, per_class, generator):
    return mine[torch.randperm(len(mine), generator=generator)[:per_class]]


def moved(x):
    return 0.8 * x.roll(1, -1)


def cosines(a, b):
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def which(table):
    return F.cross_entropy(table, torch.arange(len(table)))


def all_against_all(a, b, t):
    z = torch.cat([a, b])
    table = (cosines(z, z) / t).fill_diagonal_(-torch.inf)
    return F.cross_entropy(table, torch.arange(len(z)).roll(len(a)))


def steps_of(step, start=lambda Y: Y):
    def spread(S, Y, alpha, steps):
        F = start(Y)
        for _ in range(steps):
            F = step(S, F, Y, alpha)
        return F

    return spread


def writes_into_Y(S, Y, alpha, steps):
    F = Y
    for _ in range(steps):
        F *= alpha
    return F


def writes_into_F(F):
    F /= F.sum(0)
    return F / F.sum(1, keepdims=True)


def to_rows(F):
    return F / F.sum(1, keepdims=True)


WRONG = [
    ("07-balanced", lambda y, n, g: torch.randperm(len(y), generator=g)[:n], "of *each* digit"),
    ("07-balanced", lambda y, n, g: torch.randperm(len(y), generator=g)[: 10 * n], "in place of 12"),
    ("07-balanced", lambda y, n, g: places(y, n, g, lambda mine, k, _: mine[:k]), "always the same"),
    ("07-balanced", lambda y, n, g: places(y, n, None, shuffled), "generator=generator"),
    (
        "07-balanced",
        lambda y, n, g: places(y, n, g, lambda mine, k, g: torch.randperm(len(mine), generator=g)[:k]),
        "look up",
    ),
    (
        "07-balanced",
        lambda y, n, g: places(y, n, g, lambda mine, k, g: mine[torch.randint(30, (k,), generator=g)]),
        "more than once",
    ),
    ("07-balanced", lambda y, n, g: y[places(y, n, g, shuffled)], "not their digits"),
    ("07-balanced", lambda y, n, g: y == 1, "a mask"),
    ("07-balanced", lambda y, n, g: [places(y, n, g, shuffled)], "one tensor"),
    ("07-balanced", lambda y, n, g: places(y, n + 1, g, shuffled), "there should be 120"),
    ("07-balanced", lambda y, n, g: places(y, n, g, shuffled) / 1.0, "whole ones"),
    ("07-balanced", lambda y, n, g: None, "is there a `return`"),
    ("07-unwarp", lambda model, x, y: mse(model(x), x), "nothing to undo"),
    ("07-unwarp", lambda model, x, y: mse(model(x), moved(x)), "wrong way round"),
    ("07-unwarp", lambda model, x, y: mse(model((x + 0.5 * torch.randn_like(x)).clamp(0, 1)), x), "leaves an empty"),
    ("07-unwarp", lambda model, x, y: mse(model(x[torch.randperm(len(x))]), x), "each for itself"),
    ("07-unwarp", lambda model, x, y: mse(model(w := moved(x)), w), "both warped"),
    ("07-unwarp", lambda model, x, y: mse(model(moved(x)), moved(moved(x))), "a second time"),
    ("07-unwarp", lambda model, x, y: sse(model(moved(x)), x), "the mean over the pixels"),
    ("07-unwarp", lambda model, x, y: (model(moved(x)) - x).square(), "a loss is one number"),
    ("07-unwarp", lambda model, x, y: mse(moved(x), x), "the network is not used"),
    ("07-unwarp", lambda model, x, y: mse((model(w := moved(x)), w)[1], x), "the network's answer is missing"),
    ("07-unwarp", lambda model, x, y: mse(model(moved(x).flatten(1)), x.flatten(1)), "should get images of shape"),
    ("07-pairs", lambda a, b, t=0.2: which(a @ b.T / t), "bring each to length 1"),
    ("07-pairs", lambda a, b, t=0.2: which(F.normalize(a, dim=1) @ b.T / t), "only one of the two"),
    ("07-pairs", lambda a, b, t=0.2: which(F.normalize(a, dim=0) @ F.normalize(b, dim=0).T / t), "the wrong axis"),
    ("07-pairs", lambda a, b, t=0.2: which(cosines(a, b) * t), "divide"),
    ("07-pairs", lambda a, b, t=0.2: which(cosines(a, b)), "where is the temperature"),
    ("07-pairs", lambda a, b, t=0.2: which((cosines(a, b) / t).softmax(1)), "takes the softmax itself"),
    (
        "07-pairs",
        lambda a, b, t=0.2: F.cross_entropy(cosines(a, b) / t, torch.zeros(len(a), dtype=torch.long)),
        "partner of row i",
    ),
    ("07-pairs", lambda a, b, t=0.2: -which(cosines(a, b) / t), "the wrong sign"),
    ("07-pairs", lambda a, b, t=0.2: len(a) * which(cosines(a, b) / t), "take their mean"),
    ("07-pairs", lambda a, b, t=0.2: which(cosines(a, a) / t), "compared with itself"),
    ("07-pairs", all_against_all, "as SimCLR does"),
    ("07-pairs", lambda a, b, t=0.2: -cosines(a, b).diagonal().mean(), "one code for all images"),
    ("07-pairs", lambda a, b, t=0.2: mse(a, b), "one code for all images"),
    ("07-pairs", lambda a, b, t=0.2: cosines(a, b) / t, "a table of"),
    ("07-pairs", lambda a, b, t=0.2: cosines(a, b).diagonal() / t, "one number, a mean"),
    ("07-pairs", lambda a, b, t=0.2: which(cosines(a, b) / t).detach(), "no gradient"),
    ("07-pairs", lambda a, b, t=0.2: which(cosines(a, b) / t) ** 2, "should be"),
    ("07-spread", steps_of(lambda S, F, Y, a: (1 - a) * S @ F + a * Y), "changed places"),
    ("07-spread", steps_of(lambda S, F, Y, a: a * S @ F), "fade away"),
    ("07-spread", steps_of(lambda S, F, Y, a: S @ F), "and alpha too"),
    ("07-spread", steps_of(lambda S, F, Y, a: a * S @ F + (1 - a) * F), "not the Q of the step before"),
    ("07-spread", steps_of(lambda S, F, Y, a: a * S @ F + Y), "it should come with 1 - alpha"),
    ("07-spread", steps_of(lambda S, F, Y, a: S @ F + (1 - a) * Y), "should come with alpha"),
    ("07-spread", lambda S, Y, a, n: a * S @ Y + (1 - a) * Y, "starts from Y again"),
    ("07-spread", steps_of(lambda S, F, Y, a: a * S @ F + (1 - a) * Y, np.zeros_like), "not with zeros"),
    ("07-spread", lambda S, Y, a, n: steps_of(lambda S, F, Y, a: a * S @ F + (1 - a) * Y)(S, Y, a, n + 1), "too many"),
    ("07-spread", lambda S, Y, a, n: steps_of(lambda S, F, Y, a: a * S @ F + (1 - a) * Y)(S, Y, a, n - 1), "too few"),
    (
        "07-spread",
        lambda S, Y, a, n: (1 - a) * np.linalg.solve(np.eye(len(S)) - a * S, Y),
        "not until nothing changes",
    ),
    ("07-spread", lambda S, Y, a, n: S, "the shape should be that of Y"),
    ("07-spread", writes_into_Y, "is another name for it"),
    ("07-spread", lambda S, Y, a, n: Y + 1, "should begin with"),
    ("07-class-mass", lambda F: F, "nothing has changed"),
    ("07-class-mass", lambda F: F / F.sum(0) / F.sum(1, keepdims=True), "from before"),
    ("07-class-mass", lambda F: 4 * to_rows(F / F.sum(0)), "not by its mean"),
    ("07-class-mass", lambda F: F / F.sum(0), "the rows are missing"),
    ("07-class-mass", to_rows, "the columns are missing"),
    ("07-class-mass", lambda F: to_rows(F) / to_rows(F).sum(0), "the other order"),
    ("07-class-mass", lambda F: F / F.sum(), "one number for all of Q"),
    ("07-class-mass", lambda F: to_rows(F / F.max(0)), "not by its largest"),
    ("07-class-mass", lambda F: to_rows(F * F.sum(0)), "multiplied"),
    ("07-class-mass", writes_into_F, "Q itself was changed"),
    ("07-class-mass", lambda F: F.sum(1), "the shape should stay"),
    ("07-class-mass", lambda F: to_rows(F**2), "the first row should be"),
]
