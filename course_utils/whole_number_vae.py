"""A VAE whose sums come out the same on every machine, so that what one has encoded another can decode.

A file can be decoded only if encoder and decoder agree on every probability to the last bit. Floating-point sums depend
on their order, and so on the machine, the number of threads and the size of the batch. `WholeNumberVAE` therefore keeps
all numbers on grids so coarse that float64 holds every sum exactly, and takes every exponential from a table of whole
numbers. `coding.py` codes images with it.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from constriction import stream
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from course_utils import CourseError
from course_utils.support.files import given, write_bytes
from course_utils.support.words import described

WEIGHT_BITS = 12  # weights are multiples of 2^-12 and below 8, so that each is a 16-bit whole number; biases below 1000
SIGNAL_BITS = 10  # what passes from layer to layer is a multiple of 2^-10 between -256 and 256
LOGIT_BITS = 5  # logits are rounded to multiples of 2^-5
CODE_BITS = 5  # the grid of z: multiples of 2^-5
MU_LIMIT = 6 << CODE_BITS  # |mu| <= 6, in steps of that grid
LOGVAR_STEPS = 8  # logvar is a multiple of 1/8 ...
LOGVAR_RANGE = (-8.0, 0.25)  # ... between these two
FREQUENCY_BITS = 20  # probabilities in the tables are whole numbers out of 2^20


class WholeNumberVAE:
    """A VAE for coding, rounded to whole numbers of small steps so that any machine computes the same bits.

    Args:
        encoder: list of (weight (out, in), bias (out,)), one a layer, from 784 pixels to 2 * latent_dim numbers: mu and
            logvar. Between layers stands a Hardswish, h * clip(h + 3, 0, 6) / 6, which needs no exponential.
        decoder: the same from latent_dim numbers to K * 784 logits: for each pixel K weights of a mixture.
        palettes: (K, V) probabilities, each row a distribution over the V pixel values; p(value) = sum_k w_k palette_k.

    Every argument may be an array or a tensor. A pixel's value v (0 to V - 1) enters the encoder as v / (V - 1).

    Raises:
        CourseError: for weights that are not finite or not between -8 and 8, and for shapes that do not fit.
    """

    def __init__(self, encoder: Any, decoder: Any, palettes: Any) -> None:
        palettes = _array(palettes)
        if palettes.ndim != 2 or not 2 <= palettes.shape[1] <= 256:
            raise CourseError(
                f"palettes should be (K, V) probabilities with V from 2 to 256, got shape {palettes.shape}"
            )
        sums = palettes.sum(1, keepdims=True)
        if not ((palettes >= 0).all() and np.isfinite(sums).all() and sums.all()):
            raise CourseError("each row of palettes should be finite numbers that are not negative, and not all 0")
        self.values = palettes.shape[1]
        (weight, bias), *rest = _layers(encoder, "encoder")
        self.encoder = _rounded_layers([(weight * (self._unit / (self.values - 1)), bias), *rest])
        self.decoder = _rounded_layers(_layers(decoder, "decoder"))
        self.palettes = np.rint(palettes / sums * 2**FREQUENCY_BITS) + 1  # nothing is impossible
        self._check_shapes()

    def _check_shapes(self):
        """Notes latent_dim; a CourseError unless the layers fit each other, the pixels and the palettes."""
        self.latent_dim = self.decoder[0][0].shape[0] if self.decoder[0][0].ndim else 0
        for name, layers, start, end in (
            ("encoder", self.encoder, 784, 2 * self.latent_dim),
            ("decoder", self.decoder, self.latent_dim, 784 * len(self.palettes)),
        ):
            fits = all(weight.ndim == 2 and bias.shape == weight.shape[1:] for weight, bias in layers)
            sizes = [size for weight, _ in layers for size in weight.shape]  # in, out of each layer
            if not fits or sizes[0] != start or sizes[-1] != end or sizes[1:-1:2] != sizes[2:-1:2]:
                raise CourseError(
                    f"the {name} should lead from {start} to {end} numbers, with a weight (out, in) and a bias (out,) "
                    f"for each layer; its weights are {[weight.shape[::-1] for weight, _ in layers]}"
                )

    @property
    def _unit(self):
        """Pixels enter as v / unit, 256 or for two values 1: dividing by a power of two is exact."""
        return 1 << (self.values - 2).bit_length()

    @property
    def fingerprint(self) -> bytes:
        """8 bytes that change with any weight and any entry of a table; part of every file."""
        tables = [self.palettes, PRIOR, POSTERIORS, EXPONENTIALS]
        digest = hashlib.sha256()
        for array in [part for layer in self.encoder + self.decoder for part in layer] + tables:
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array, "<f8").tobytes())
        return digest.digest()[:8]

    def posterior(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """q(z|x): pixel values (B, 784) -> mu (B, latent_dim) in steps of 2^-5, row of the table POSTERIORS (ditto)."""
        mu, logvar = np.split(_through(self.encoder, x / self._unit), 2, axis=1)
        mu = np.clip(np.rint(mu * 2**CODE_BITS), -MU_LIMIT, MU_LIMIT).astype(np.int32)
        low, high = LOGVAR_RANGE
        row = np.rint((np.clip(logvar, low, high) - low) * LOGVAR_STEPS).astype(np.int32)
        return mu, row

    def frequencies(self, z: np.ndarray) -> np.ndarray:
        """p(x|z): z (B, latent_dim) in steps of 2^-5 -> relative frequencies (B * 784, V), whole numbers as float64."""
        logits = _through(self.decoder, z / 2.0**CODE_BITS).reshape(len(z), -1, 784)
        steps = np.rint(logits * 2**LOGIT_BITS)
        below = np.clip(steps.max(1, keepdims=True) - steps, 0, len(EXPONENTIALS) - 1).astype(np.int64)
        weights = EXPONENTIALS[below]  # (B, K, 784), whole numbers up to 2^20
        return weights.transpose(0, 2, 1).reshape(-1, len(self.palettes)) @ self.palettes  # below 2^53: exact

    def save(self, path: str | Path) -> int:
        """Write the model as safetensors with 16-bit weights; returns the size in bytes."""
        tensors = {"palettes": self.palettes.astype(np.int32)}
        for name, layers in (("encoder", self.encoder), ("decoder", self.decoder)):
            for i, (weight, bias) in enumerate(layers):
                tensors[f"{name}.{i}.weight"] = np.ascontiguousarray(weight * 2**WEIGHT_BITS, np.int16)
                tensors[f"{name}.{i}.bias"] = (bias * 2**WEIGHT_BITS).astype(np.int32)
        content = save_tensors(tensors)
        write_bytes(path, content)
        return len(content)

    @classmethod
    def load(cls, path: str | Path) -> "WholeNumberVAE":
        """The model in a file that `save` wrote."""
        try:
            tensors = load_tensors(given(path).read_bytes())
            model = cls.__new__(cls)
            model.palettes = tensors["palettes"].astype(np.float64)
            model.values = model.palettes.shape[1]
            for name in ("encoder", "decoder"):
                count = sum(key.startswith(f"{name}.") for key in tensors) // 2
                parts = [[tensors[f"{name}.{i}.{part}"] for part in ("weight", "bias")] for i in range(count)]
                setattr(model, name, [(w / 2.0**WEIGHT_BITS, b / 2.0**WEIGHT_BITS) for w, b in parts])
            model._check_shapes()
        except Exception as error:  # a damaged file fails in whichever way its bytes lead to
            raise CourseError(f"{path} is not a coding model of this course, or is damaged: save it anew") from error
        return model


def _array(values):
    """A float64 array of an array or a tensor."""
    array = as_array(values)
    if array.dtype.kind not in "biuf":
        raise CourseError(f"expected an array or a tensor of real numbers, got {described(values)}")
    return array.astype(np.float64)


def as_array(values: Any) -> np.ndarray:
    """The array of an array, a tensor or a list; one of no numbers where NumPy cannot make one."""
    try:
        return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except (TypeError, ValueError, RuntimeError):  # lists of unequal length, and types of torch that NumPy has not
        return np.zeros(0, object)


def _layers(layers, name):
    """(weight, bias) of each layer as arrays."""
    try:
        pairs = [(weight, bias) for weight, bias in layers]
    except (TypeError, ValueError):
        pairs = []
    if not pairs:
        raise CourseError(f"the {name} should be a list of pairs (weight, bias), one a layer, got {described(layers)}")
    return [(_array(weight), _array(bias)) for weight, bias in pairs]


def _rounded_layers(layers):
    """Weights as (in, out) and biases on the grid of 2^-12, or a CourseError where they are too large for it."""
    for weight, bias in layers:
        if not ((np.abs(weight) < 7.99).all() and (np.abs(bias) < 1000).all()):  # true of NaN as well
            raise CourseError(
                "the weights should be finite and between -8 and 8, the biases below 1000: did training blow up?"
            )
    step = 2.0**-WEIGHT_BITS  # adding 0.0 turns -0.0 into 0.0, which is the same number and other bytes
    return [(np.rint(weight.T / step) * step + 0.0, np.rint(bias / step) * step + 0.0) for weight, bias in layers]


def _through(layers, h):
    """Linear layers with Hardswish between them.

    Inputs are multiples of 2^-10 up to 256, weights multiples of 2^-12 below 8. So products are multiples of 2^-22
    below 2^11, and the sum of up to 2^20 of them is exact in float64, in whatever order. Hardswish takes each number
    for itself: there is no order, and IEEE arithmetic rounds the same way everywhere.
    """
    for weight, bias in layers[:-1]:
        h = h @ weight + bias
        h = h * np.clip(h + 3, 0, 6) / 6
        h = np.clip(np.rint(h * 2**SIGNAL_BITS) / 2**SIGNAL_BITS, -1, 256)
    weight, bias = layers[-1]
    return h @ weight + bias


def _bell(sigma, reach):
    """Masses of N(0, sigma^2) in the cells of the z grid from -reach to reach, as whole numbers, none of them 0."""
    edges = (np.arange(-reach, reach + 2) - 0.5) / 2**CODE_BITS / sigma
    cdf = np.array([0.5 * math.erfc(-edge / math.sqrt(2)) for edge in edges])
    return np.rint(np.diff(cdf) * 2.0**FREQUENCY_BITS) + 1


_SIGMAS = [
    math.exp(k / LOGVAR_STEPS / 2 + LOGVAR_RANGE[0] / 2)
    for k in range(int((LOGVAR_RANGE[1] - LOGVAR_RANGE[0]) * LOGVAR_STEPS) + 1)
]
REACH = math.ceil(6 * _SIGMAS[-1] * 2**CODE_BITS)  # six standard deviations, in steps of the z grid
POSTERIORS = np.stack([_bell(sigma, REACH) for sigma in _SIGMAS])  # (67, 2 * REACH + 1)
PRIOR = _bell(1.0, MU_LIMIT + REACH)  # (2 * (MU_LIMIT + REACH) + 1,)
PRIOR_MODEL = stream.model.Categorical(PRIOR, perfect=False)
EXPONENTIALS = np.rint(np.exp(-np.arange(16 << LOGIT_BITS) / 2**LOGIT_BITS) * 2.0**FREQUENCY_BITS)  # e^-d, d < 16
