"""Typical wrong answers to the exercises of page 01, and what each should be told."""

import copy

import torch
from torch import nn

FLAT, BACK = nn.Flatten(), nn.Unflatten(1, (1, 28, 28))


def squared(x_hat, x):
    return (x_hat - x) ** 2


def batch_errors(batches):
    return [squared(x_hat, x).flatten(1).sum(1) for x_hat, x in batches]


def model(size=None, hidden=128, bends=(True, True), end=True, flat=True, back=True, code=(), bias=True):
    """A function that builds the autoencoder that is asked for, or one with a part left out, or put in."""

    def build(latent_dim):
        z = size or latent_dim
        encoder = [FLAT] * flat + [nn.Linear(784, hidden)] + [nn.ReLU()] * bends[0] + [nn.Linear(hidden, z), *code]
        decoder = [nn.Linear(z, hidden, bias=bias)] + [nn.ReLU()] * bends[1] + [nn.Linear(hidden, 784)]
        decoder += [nn.Sigmoid()] * end + [BACK] * back
        return nn.Sequential(nn.Sequential(*encoder), nn.Sequential(*decoder))

    return build


def in_one_row(latent_dim):
    encoder, decoder = model()(latent_dim)
    return nn.Sequential(*encoder, *decoder)


def no_hidden_layers(latent_dim):
    return nn.Sequential(
        nn.Sequential(FLAT, nn.Linear(784, latent_dim)), nn.Sequential(nn.Linear(latent_dim, 784), nn.Sigmoid(), BACK)
    )


def bad_join(latent_dim):
    encoder, decoder = model()(latent_dim)
    decoder[0] = nn.Linear(64, 128)
    return nn.Sequential(encoder, decoder)


ONLY_ONE = model()(5)


def epoch(
    clear="first", step=True, loss=nn.functional.mse_loss, result=lambda losses, n: sum(losses) / len(losses), times=1
):
    """A function that trains for an epoch, or goes wrong in one way."""

    def train_epoch(model, loader, optimizer):
        losses = []
        for _ in range(times):
            for x, _ in loader:
                value = loss(model(x), x)
                if clear == "first":
                    optimizer.zero_grad()
                value.backward()
                if clear == "between":
                    optimizer.zero_grad()
                if step:
                    optimizer.step()
                losses.append(value.item())
        return result(losses, len(loader.dataset))

    return train_epoch


def returns_too_early(model, loader, optimizer):
    for x, _ in loader:
        loss = squared(model(x), x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()


def step_after_the_loop(model, loader, optimizer):
    optimizer.zero_grad()
    for x, _ in loader:
        loss = squared(model(x), x).mean()
        loss.backward()
    optimizer.step()
    return loss.item()


def all_after_the_loop(model, loader, optimizer):
    for x, _ in loader:
        loss = squared(model(x), x).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def learns_labels(model, loader, optimizer):
    for x, y in loader:
        loss = squared(model(x), y.view(-1, 1, 1, 1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def trains_a_copy(model, loader, optimizer):
    other = copy.deepcopy(model)
    return epoch()(other, loader, torch.optim.SGD(other.parameters(), lr=1e-6))


def forgets_gradients(model, loader, optimizer):
    with torch.no_grad():
        return epoch()(model, loader, optimizer)


WRONG = [
    ("01-autoencoder", model(size=64), "same size for every `latent_dim`"),
    ("01-autoencoder", lambda n: tuple(model()(n)), "these are its parts"),
    ("01-autoencoder", lambda n: [784, 128, n, 128, 784], "these are its parts"),
    ("01-autoencoder", lambda n: "model", "got str"),
    ("01-autoencoder", in_one_row, "two parts"),
    ("01-autoencoder", model(flat=False), "begin with nn.Flatten()"),
    ("01-autoencoder", model(back=False), "makes images of them"),
    ("01-autoencoder", model(hidden=64), "784, 128, 5, 128, 784 numbers, yours are 784, 64, 5, 64, 784"),
    ("01-autoencoder", no_hidden_layers, "yours are 784, 5, 784"),
    ("01-autoencoder", bad_join, "puts out 5 numbers, and the next one wants 64"),
    ("01-autoencoder", model(code=[nn.ReLU()]), "free to be negative"),
    ("01-autoencoder", model(bends=(False, True)), "in the encoder nothing follows"),
    ("01-autoencoder", model(bends=(True, False)), "in the decoder nothing follows"),
    ("01-autoencoder", model(end=False), "leave the range"),
    ("01-autoencoder", model(bias=False), "without its bias"),
    ("01-autoencoder", lambda n: ONLY_ONE if n == 5 else model()(n), "build a new model"),
    ("01-mean-of-means", lambda bs: sum(float(e.mean()) for e in batch_errors(bs)) / len(bs), "batches of 4, 4 and 2"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).mean() / 784), "over the pixels"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum()), "sum over all images"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum() / len(bs)), "number of batches"),
    ("01-mean-of-means", lambda bs: sum(float(e.mean()) for e in batch_errors(bs)) / 10, "images are counted now"),
    ("01-mean-of-means", lambda bs: 1.0, "yours is 1"),
    ("01-train-epoch", epoch(clear="never"), "add up from batch to batch"),
    ("01-train-epoch", epoch(clear="between"), "no weight of `model` has changed"),
    ("01-train-epoch", epoch(step=False), "no weight of `model` has changed"),
    ("01-train-epoch", trains_a_copy, "no weight of `model` has changed"),
    ("01-train-epoch", forgets_gradients, "raised RuntimeError: element 0 of tensors does not require grad"),
    ("01-train-epoch", returns_too_early, "only the first batch"),
    ("01-train-epoch", step_after_the_loop, "one step for the whole epoch"),
    ("01-train-epoch", all_after_the_loop, "inside of the loop"),
    ("01-train-epoch", learns_labels, "depends on the labels"),
    ("01-train-epoch", epoch(times=2), "more than once"),
    ("01-train-epoch", epoch(loss=lambda a, b: squared(a, b).sum()), "summed over the pixels"),
    ("01-train-epoch", epoch(loss=lambda a, b: squared(a, b).flatten(1).sum(1).mean()), "sum per image"),
    ("01-train-epoch", epoch(loss=lambda a, b: -squared(a, b).mean()), "climbs"),
    ("01-train-epoch", epoch(loss=nn.functional.l1_loss), "mean squared error"),
    ("01-train-epoch", epoch(result=lambda losses, n: sum(losses)), "return their mean"),
    ("01-train-epoch", epoch(result=lambda losses, n: sum(losses) / n), "divided by the number of images"),
    ("01-train-epoch", epoch(result=lambda losses, n: losses[-1]), "last batch's loss"),
    ("01-train-epoch", epoch(result=lambda losses, n: 784 * sum(losses) / 3), "per pixel"),
    ("01-train-epoch", epoch(result=lambda losses, n: 1.0), "yours is 1"),
    ("01-train-epoch", epoch(result=lambda losses, n: None), "is there a `return`?"),
    ("01-pca-copy", lambda x, m, d: (x - m) @ d.T, "these are the codes"),
    ("01-pca-copy", lambda x, m, d: (x - m) @ d.T @ d, "put it back"),
    ("01-pca-copy", lambda x, m, d: m + x @ d.T @ d, "never taken off"),
    ("01-pca-copy", lambda x, m, d: x @ d.T @ d, "where is the mean?"),
    ("01-pca-copy", lambda x, m, d: x - m - (x - m) @ d.T @ d, "left over"),
    ("01-pca-copy", lambda x, m, d: x.clone(), "the image itself"),
    ("01-pca-copy", lambda x, m, d: m.expand_as(x), "every copy is the mean"),
    ("01-pca-copy", lambda x, m, d: 2 * x, "the numbers are not"),
    ("01-pca-copy", lambda x, m, d: [1.0], "expected a tensor"),
    ("01-pca-copy", lambda x, m, d: x.sum(1), "should be (4, 6)"),
]
