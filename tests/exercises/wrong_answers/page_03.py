"""Typical wrong answers to the exercises of page 03, and what each should be told."""

import torch
from torch import nn
from torch.nn import functional as F


def stamped(x, kernel, step=2, replace=False, size=(9, 11)):
    """What the exercise of page 03 asks for at stride 2, or a version of it with a mistake."""
    out = torch.zeros(size)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            patch = out[step * i : step * i + 3, step * j : step * j + 3]
            patch.copy_(x[i, j] * kernel + (0 if replace else patch))
    return out


def field(layers, start=1, step=lambda kernel, distance: (kernel - 1) * distance, early=False, add=False):
    """The receptive field, or a version of it with a mistake."""
    total, distance = start, 1
    for kernel, stride in layers:
        total += step(kernel, distance * stride if early else distance)
        distance = distance + stride if add else distance * stride
    return total


def cost(maps_in, maps_out, kernel, places):
    return (maps_in * kernel**2 + 1) * maps_out, maps_in * maps_out * kernel**2 * places


def shift(low=-3, high=4):
    return torch.randint(low, high, (2,)).tolist()


def moved(x, down, right):
    return F.pad(x, (right, -right, down, -down))


def built(
    latent_dim=32,
    maps=(8, 16),
    relu=nn.ReLU,
    end=nn.Sigmoid,
    out=1,
    bias=True,
    flat=True,
    on_code=nn.Identity,
    leave=(),
):
    """The network of page 03 with a code of 32 numbers, or a version of it with a mistake."""
    few, many = maps
    layers = {
        "conv 1": nn.Conv2d(1, few, 3, stride=2, padding=1, bias=bias),
        "relu 1": relu(),
        "conv 2": nn.Conv2d(few, many, 3, stride=2, padding=1, bias=bias),
        "relu 2": relu(),
        "flatten": nn.Flatten() if flat else nn.Identity(),
        "down": nn.Linear(many * 49, latent_dim, bias=bias),
        "on code": on_code(),
        "up": nn.Linear(latent_dim, many * 49, bias=bias),
        "relu 3": relu(),
        "unflatten": nn.Unflatten(1, (many, 7, 7)),
        "deconv 1": nn.ConvTranspose2d(many, few, 3, stride=2, padding=1, output_padding=out, bias=bias),
        "relu 4": relu(),
        "deconv 2": nn.ConvTranspose2d(few, 1, 3, stride=2, padding=1, output_padding=out, bias=bias),
        "end": end(),
    }
    return nn.Sequential(*[layer for name, layer in layers.items() if name not in leave])


class Around(nn.Module):
    """The right layers, but the image also goes around the code."""

    def __init__(self, latent_dim):
        super().__init__()
        self.layers = built(latent_dim)

    def forward(self, x):
        return (self.layers(x) + 0.01 * x) / 1.01


KEPT = built()
WRONG = [
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) // s, "stands at the beginning"),
    ("03-conv-size", lambda n, k, s, p: (n + p - k) // s + 1, "both sides"),
    ("03-conv-size", lambda n, k, s, p: (n - k) // s + 1, "frame of zeros is missing"),
    ("03-conv-size", lambda n, k, s, p: n + 2 * p - k + 1, "stride is missing"),
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) / s + 1, "whole number"),
    ("03-conv-size", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "round down"),
    ("03-conv-size", lambda n, k, s, p: 14, "for n = 28, kernel = 5, stride = 1, padding = 0 PyTorch makes 24 pixels"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, replace=True), "overlap they should add up"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, step=1), "`stride` pixels further"),
    ("03-stamp", lambda x, kernel, s: stamped(torch.ones_like(x), kernel), "equally strong"),
    ("03-stamp", lambda x, kernel, s: stamped(x, torch.ones_like(kernel)), "multiply x[i, j] by the kernel"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.T), "turned around"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(3 * s + 3, 4 * s + 3)), "`stride` that is given"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(10, 11)), "shape (9, 11)"),
    ("03-stamp", lambda x, kernel, s: x.new_ones(9, 11), "the numbers are not"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.flip(0, 1)), "turned around"),
    ("03-stamp", lambda x, kernel, s: torch.zeros(9, 11), "still all zeros"),
    ("03-receptive-field", lambda ls: field(ls, add=True), "distances multiply"),
    ("03-receptive-field", lambda ls: field(ls, step=lambda k, d: k - 1), "strides are missing"),
    ("03-receptive-field", lambda ls: field(ls, 0, lambda k, d: k), "overlap"),
    ("03-receptive-field", lambda ls: field(ls, early=True), "not for itself"),
    ("03-receptive-field", lambda ls: field(ls, start=0), "field of 1 pixel"),
    ("03-receptive-field", lambda ls: 7, "gradient reaches"),
    ("03-build", lambda latent_dim: [nn.Flatten(), nn.Linear(784, latent_dim)], "an nn.Sequential around it"),
    ("03-build", lambda latent_dim: KEPT, "build a new network at every call"),
    ("03-build", lambda latent_dim: built(32), "use the argument"),
    ("03-build", lambda latent_dim: built(latent_dim, flat=False), "do not get through"),
    ("03-build", lambda latent_dim: built(latent_dim, out=0), "`output_padding` says it"),
    ("03-build", lambda latent_dim: built(latent_dim, leave=("deconv 1", "deconv 2", "unflatten")), "unflatten"),
    ("03-build", lambda latent_dim: built(latent_dim, maps=(16, 32)), "8 maps after the first layer"),
    ("03-build", lambda latent_dim: built(latent_dim, bias=False), "no biases"),
    ("03-build", lambda latent_dim: built(latent_dim, leave=("relu 1", "relu 2")), "encoder is one linear function"),
    ("03-build", lambda latent_dim: built(latent_dim, leave=("relu 3", "relu 4")), "decoder is one linear function"),
    ("03-build", lambda latent_dim: built(latent_dim, leave=("relu 2",)), "behind the second convolution a ReLU"),
    ("03-build", lambda latent_dim: built(latent_dim, leave=("relu 3",)), "behind the second linear layer a ReLU"),
    ("03-build", lambda latent_dim: built(latent_dim, leave=("relu 1", "relu 4")), "behind the first convolution"),
    ("03-build", lambda latent_dim: built(latent_dim, on_code=nn.ReLU), "the code is free to be negative"),
    ("03-build", lambda latent_dim: built(latent_dim, end=nn.Identity), "between 0 and 1"),
    ("03-build", lambda latent_dim: built(latent_dim, end=nn.Tanh), "between 0 and 1"),
    ("03-build", Around, "what goes around the narrow layer"),
    ("03-cost", lambda i, o, k, n: i * o * k * k * n, "expected two numbers"),
    ("03-cost", lambda i, o, k, n: cost(i, o, k, n)[::-1], "parameters come first"),
    ("03-cost", lambda i, o, k, n: (i * o * k * k, i * o * k * k * n), "biases are missing"),
    ("03-cost", lambda i, o, k, n: (i * o * k * k + i, i * o * k * k * n), "goes *out*"),
    ("03-cost", lambda i, o, k, n: (cost(i, o, k, n)[0], cost(i, o, k, n)[0] * n), "takes no multiplication"),
    ("03-cost", lambda i, o, k, n: (i * o * k + o, i * o * k * n), "kernel x kernel"),
    ("03-cost", lambda i, o, k, n: (o * k * k + o, o * k * k * n), "reads all maps"),
    ("03-cost", lambda i, o, k, n: cost(i, o, k, 1), "at every place"),
    ("03-cost", lambda i, o, k, n: cost(i, o, k, n * n)[:2], "squared already"),
    ("03-cost", lambda i, o, k, n: (cost(i, o, k, n)[0], 9), "multiplications, yours are 9"),
    ("03-jitter", lambda x: x[0], "in the same shape"),
    ("03-jitter", lambda x: F.pad(x, (3, 0, 3, 0)), "in the same shape"),
    ("03-jitter", lambda x: (x + moved(x, *shift())) / 2, "as bright as before"),
    ("03-jitter", lambda x: x.roll(shift(), (2, 3)), "zeros should come in"),
    ("03-jitter", lambda x: moved(x, 2, -1), "in the same way"),
    ("03-jitter", lambda x: moved(x, 0, shift()[0]), "one direction only"),
    ("03-jitter", lambda x: moved(x, *shift(-5, 6)), "3 at most"),
    ("03-jitter", lambda x: moved(x, *shift(-3, 3)), "upper end"),
    ("03-jitter", lambda x: moved(x, *shift(0, 4)), "negative numbers"),
    ("03-jitter", lambda x: moved(x, *shift(-2, 3)), "expected all shifts"),
    ("03-jitter", lambda x: moved(x, *shift()[:1] * 2), "along a diagonal"),
]
