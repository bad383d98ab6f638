"""Small models that code images, with random weights, and images that are hard for some coder."""

import numpy as np
import torch
from torch import nn

from course_utils.whole_number_vae import WholeNumberVAE


def networks(values=256, seed=0, size=1.0):
    """Encoder and decoder with random weights, as torch modules, and palettes."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(784, 20), nn.Hardswish(), nn.Linear(20, 10))
    decoder = nn.Sequential(nn.Linear(5, 20), nn.Hardswish(), nn.Linear(20, 3 * 784))
    for layer in (encoder[0], encoder[2], decoder[0], decoder[2]):
        nn.init.normal_(layer.weight, std=size * layer.in_features**-0.5).data.clamp_(-7.9, 7.9)
    return encoder, decoder, torch.rand(3, values) ** 8


def layers(module):
    return [(part.weight, part.bias) for part in module if isinstance(part, nn.Linear)]


def make(values=256, seed=0, size=1.0):
    encoder, decoder, palettes = networks(values, seed, size)
    return WholeNumberVAE(layers(encoder), layers(decoder), palettes)


MODELS = {values: make(values) for values in (2, 3, 256)}


def draw(kind, count, values, seed):
    """Images (count, 784) of a kind that is hard for some coder."""
    random = np.random.default_rng(seed)
    x = np.zeros((count, 784), np.uint8)
    if kind == "random":
        x[:] = random.integers(0, values, x.shape)
    elif kind == "constant":
        x[:] = random.integers(0, values)
    elif kind == "constant, one a piece":
        x[:] = random.integers(0, values, (count, 1))
    elif kind == "extremes":
        x[:] = (values - 1) * random.integers(0, 2, x.shape)
    elif kind == "one pixel":
        x[np.arange(count), random.integers(0, 784, count)] = values - 1
    return x
