"""Typical wrong answers to the exercises of page 04, and what each should be told."""

import torch


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


def half_turned(images):
    variances, directions = torch.linalg.eigh(torch.cov(images.T, correction=0))
    return images.mean(0), variances.flip(0), directions.T


def dropped(variances):
    return variances.flip(0).cumsum(0)


def neighbours(codes, queries, k, largest=False):
    return torch.cdist(queries, codes).topk(k, largest=largest).indices


WRONG = [
    ("04-pca", principal(centre=False), "not centred"),
    ("04-pca", principal(order=0), "from the smallest variance to the largest: turn them around"),
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
]
