"""Typical wrong answers to the exercises of page 12, and what each should be told."""

import math

import torch


def flip(key, probability=0.5, axis=2):
    """The flip of page 12 with another seed, share or axis."""

    def random_flip(x, index, epoch):
        generator = torch.Generator().manual_seed(key(index, epoch))
        return x.flip(axis) if torch.rand((), generator=generator) < probability else x

    return random_flip


def both(index, epoch):
    return 1_000_003 * epoch + index


def unseeded(x, index, epoch):
    return x.flip(2) if torch.rand(()) < 0.5 else x


CONSTANT = math.log(2 * math.pi) + 1


def nll(scale=1.0, constant=CONSTANT, over=None, times=1.0, detached=False, log=0.5):
    """The Gaussian loss of page 12, or a version of it with a mistake."""

    def fitted_nll(x_hat, x):
        x_hat = x_hat.detach() if detached else x_hat
        error = (x_hat - x).square().mean()
        return times * (over or x[0].numel()) * (log * error.log() + 0.5 * constant) * scale

    return fitted_nll


def sigma_of_each(x_hat, x):
    error = (x_hat - x).square().flatten(1).mean(1)
    return (0.5 * x[0].numel() * (torch.log(2 * math.pi * error) + 1)).mean()


def half_detached(x_hat, x):
    error = (x_hat - x).square().mean()
    value = 0.5 * x[0].numel() * (torch.log(2 * math.pi * error) + 1)
    return value.detach() + 0 * error


def since_last(losses, patience):
    return len(losses) > patience and losses[-1] > losses[-1 - patience], losses[-1] == min(losses)


def rises(losses, patience):
    return len(losses) > 1 and losses[-1] >= losses[-2], _best(losses)


def _best(losses):
    return all(losses[-1] < loss for loss in losses[:-1])


def never(losses, patience):
    return False, _best(losses)


def falls_is_best(losses, patience):
    return False, len(losses) == 1 or losses[-1] < losses[-2]


def nan_is_best(losses, patience):
    best = min(range(len(losses)), key=lambda i: losses[i])
    return len(losses) - 1 - best >= patience, not any(losses[-1] >= loss for loss in losses[:-1])


def export(training=False, batches=(1, 7), reduce=torch.max, absolute=True):
    """The comparison of page 12, or a version of it with a mistake."""

    def export_error(model, exported, x):
        if not training:
            model.eval()
        found = []
        for size in batches:
            some = x[:size]
            with torch.no_grad():
                difference = model(some) - torch.from_numpy(exported(some.numpy()))
            found.append(reduce(difference.abs() if absolute else difference))
        return max(found).item()

    return export_error


WRONG = [
    ("12-flip", unseeded, "asked twice"),
    ("12-flip", flip(lambda index, epoch: index), "where does the epoch come in"),
    ("12-flip", flip(lambda index, epoch: epoch), "where does the number of the image come in"),
    ("12-flip", flip(lambda index, epoch: 0), "the same for all images and epochs"),
    ("12-flip", flip(both, probability=0.1), "half of them were asked for"),
    ("12-flip", flip(both, axis=1), "stands on its head"),
    ("12-flip", flip(both, axis=0), "red and blue"),
    ("12-flip", lambda x, index, epoch: x.flip(2) if (index + epoch) % 2 else x, "follow a pattern"),
    ("12-flip", lambda x, index, epoch: x[None], "of the shape that came in"),
    ("12-fitted-nll", nll(over=1), "mean over the values"),
    ("12-fitted-nll", nll(times=5), "sum over all images"),
    ("12-fitted-nll", nll(times=-1), "sign is wrong"),
    ("12-fitted-nll", nll(constant=1), "2 pi is missing"),
    ("12-fitted-nll", nll(constant=math.log(2 * math.pi)), "divided by 2 sigma^2"),
    ("12-fitted-nll", nll(log=1.0), "taken for log sigma"),
    ("12-fitted-nll", nll(over=64), "three channels"),
    ("12-fitted-nll", nll(detached=True), "no gradient"),
    ("12-fitted-nll", half_detached, "its gradient is not"),
    ("12-fitted-nll", sigma_of_each, "one for all was asked for"),
    ("12-fitted-nll", lambda x_hat, x: 0.5 * (x_hat - x).square().sum() / len(x), "half the squared error alone"),
    ("12-fitted-nll", lambda x_hat, x: (x_hat - x).square().flatten(1).sum(1), "a tensor without axes"),
    ("12-early-stopping", lambda losses, patience: False, "two answers"),
    ("12-early-stopping", falls_is_best, "that is not the best so far"),
    ("12-early-stopping", rises, "you stop too early"),
    ("12-early-stopping", never, "you go on"),
    ("12-early-stopping", since_last, "only equals the best"),
    ("12-early-stopping", nan_is_best, "NaN counts as the best"),
    ("12-early-stopping", lambda losses, patience: (False, False), "since there is no other"),
    ("12-export-error", export(training=True), "training mode"),
    ("12-export-error", export(batches=(7,)), "never asked for a batch of one"),
    ("12-export-error", export(batches=(1,)), "only asked for single images"),
    ("12-export-error", export(reduce=torch.mean), "a mean hides a single fault"),
    ("12-export-error", export(absolute=False), "is the sign left on"),
    ("12-export-error", export(reduce=torch.sum), "the largest over both batches"),
]
