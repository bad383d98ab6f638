"""Typical wrong answers to the exercises of page 04, and what each should be told."""

import numpy as np
import torch

from course_utils.losses import mse, sse


def principal(order=1, turn=True, centre=True, power=1, scale=False):
    """PCA of page 04, or a version of it with a mistake."""

    def pca(images):
        spread = torch.cov(images.T, correction=0) if centre else images.T @ images / len(images)
        variances, directions = torch.linalg.eigh(spread)
        rows = (directions.T if turn else directions).flip(0) if order else directions.T
        variances = variances.flip(0) if order else variances
        return images.mean(0), variances**power, rows * variances[:, None] if scale else rows

    return pca


def by_svd(factor):
    """PCA by singular values, of which `factor` makes variances."""

    def pca(images):
        _, lengths, rows = torch.linalg.svd(images - images.mean(0), full_matrices=False)
        return images.mean(0), factor(lengths, len(images)), rows

    return pca


def by_numpy(images):
    """PCA by NumPy, all turned around as NumPy does it: with negative strides."""
    variances, directions = np.linalg.eigh(np.cov(images.numpy().T))
    return images.numpy().mean(0), variances[::-1], directions.T[::-1]


def half_turned(images):
    variances, directions = torch.linalg.eigh(torch.cov(images.T, correction=0))
    return images.mean(0), variances.flip(0), directions.T


def dropped(variances):
    return variances.flip(0).cumsum(0)


def neighbours(codes, queries, k, largest=False):
    return torch.cdist(queries, codes).topk(k, largest=largest).indices


def ordered(low=1, high=31, keep=None, fill=0.0, target=None, loss=sse, gain=1.0, cut_off=False, detach=False):
    """The objective of page 04 that puts the numbers in order, or a version of it with a mistake."""

    def objective(model, x, y):
        z = model.encode(x)
        m = torch.randint(low, high, (len(x), 1))
        place = torch.arange(z.shape[1])
        kept = keep(place, m, z) if keep else place < m
        z = torch.where(kept, gain * z, fill(z) if callable(fill) else torch.full_like(z, fill))
        z = z.detach() if detach else z
        x_hat = model.decode(z[:, : int(m[0])] if cut_off else z)
        return loss(x_hat, model(x) if target == "copy" else x)

    return objective


WRONG = [
    ("04-pca", principal(centre=False), "not centred"),
    ("04-pca", principal(order=0), "from the smallest variance to the largest: turn them around"),
    ("04-pca", lambda x: (x.mean(0), *torch.linalg.eigh(torch.cov(x.T))), "from the smallest variance to the largest"),
    ("04-pca", lambda x: (x.mean(0), *torch.linalg.eigh(x.T @ x / len(x))), "not centred, and these run"),
    ("04-pca", by_numpy, "they are NumPy's"),
    ("04-pca", half_turned, "the components run from the smallest"),
    ("04-pca", lambda x: (x.mean(0), *principal()(x)[1:2], principal()(x)[2].T), "in the columns"),
    ("04-pca", principal(turn=False), "not the eigenvectors"),
    ("04-pca", principal(power=0.5), "standard deviations"),
    ("04-pca", principal(scale=True), "do not scale it"),
    ("04-pca", by_svd(lambda s, n: s), "singular values"),
    ("04-pca", by_svd(lambda s, n: s**2), "divide them by the number of images"),
    ("04-pca", by_svd(lambda s, n: s**2 / (s**2).sum()), "shares of the variance"),
    ("04-pca", by_svd(lambda s, n: s * 0 + 1), "not the eigenvalues"),
    ("04-pca", lambda x: principal()(x)[1:], "return three things"),
    ("04-pca", lambda x: (x.mean(1), *principal()(x)[1:]), "mean should have shape (5,)"),
    ("04-pca", lambda x: (x.mean().expand(5), *principal()(x)[1:]), "not over the pixels"),
    ("04-numbers-needed", lambda v, e: int((dropped(v) >= e).sum()), "compare with >"),
    ("04-numbers-needed", lambda v, e: len(v) - int((dropped(v) > e).sum()), "how many have to stay"),
    ("04-numbers-needed", lambda v, e: int((dropped(v) > e).sum()) + 1, "one too many"),
    ("04-numbers-needed", lambda v, e: int((dropped(v) > e).sum()) - 1, "one too few"),
    ("04-numbers-needed", lambda v, e: int((v.cumsum(0) < v.sum() - e).sum()) + 1, "the mean image alone"),
    ("04-numbers-needed", lambda v, e: int((v > e).sum()), "not each of them alone"),
    ("04-numbers-needed", lambda v, e: int((v.cumsum(0) <= e).sum()), "not the kept ones"),
    ("04-numbers-needed", lambda v, e: int((v.cumsum(0) > e).sum()), "begin with the smallest"),
    ("04-numbers-needed", lambda v, e: int((dropped(v) > e * v.sum()).sum()), "not a share"),
    ("04-numbers-needed", lambda v, e: dropped(v) > e, "tensor of several"),
    ("04-numbers-needed", lambda v, e: 30, "it should be 3"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, k, True)].mode(1).values, "farthest"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, 1)[:, 0]], "k of them have a vote"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, k)].float().mean(1), "not their mean"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, k)].median(1).values, "not the middle one"),
    ("04-knn-vote", lambda c, y, q, k: neighbours(c, q, k).mode(1).values, "look up their labels"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, k)], "let them vote"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, 3)].mode(1).values, "use the k that is given"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, k + 1)[:, 1:]].mode(1).values, "not the query itself"),
    ("04-knn-vote", lambda c, y, q, k: y[neighbours(c, q, k)].mode(0).values, "the shape should be (3,)"),
    ("04-knn-vote", lambda c, y, q, k: y[0].expand(3), "not the most frequent"),
    ("04-knn-vote", lambda c, y, q, k: [3, 8, 3], "expected a tensor"),
    ("04-ordered", lambda model, x, y: sse(model(x), x), "no code was cut"),
    ("04-ordered", lambda model, x, y: sse(x, x), "nothing was decoded"),
    ("04-ordered", ordered(cut_off=True), "the decoder expects all 30 numbers"),
    ("04-ordered", ordered(high=30), "upper end"),
    ("04-ordered", ordered(low=0), "keep no number at all"),
    ("04-ordered", ordered(low=10), "fewer than 10 numbers"),
    ("04-ordered", ordered(low=10, high=11), "every code keeps 10 numbers"),
    ("04-ordered", ordered(keep=lambda place, m, z: place >= m - 1), "the other way round"),
    ("04-ordered", ordered(keep=lambda place, m, z: torch.rand_like(z) < 0.5), "as by dropout"),
    ("04-ordered", ordered(fill=lambda z: z.mean(0).expand_as(z)), "a mean stands behind the cut"),
    ("04-ordered", ordered(fill=0.5), "behind it they should be 0"),
    ("04-ordered", ordered(gain=2.0), "not be scaled"),
    ("04-ordered", ordered(target="copy"), "compare with x"),
    ("04-ordered", ordered(loss=mse), "sum over them"),
    ("04-ordered", ordered(loss=lambda x_hat, x: len(x) * sse(x_hat, x)), "mean over the images"),
    ("04-ordered", ordered(loss=lambda x_hat, x: (x_hat - x).square().sum((1, 2, 3))), "a loss is one number"),
    ("04-ordered", ordered(loss=lambda x_hat, x: (x_hat - x).abs().sum() / len(x)), "not the squared error"),
    ("04-ordered", ordered(detach=True), "no gradient"),
]
