"""Images as files, without loss: bits-back coding with a VAE whose sums come out the same on every machine.

A file can be decoded only if encoder and decoder agree on every probability to the last bit. Floating-point sums depend
on their order, and so on the machine, the number of threads and the size of the batch. `WholeNumberVAE` therefore keeps
all numbers on grids so coarse that float64 holds every sum exactly, and takes every exponential from a table of whole
numbers. Page 09 explains each step; the method is BB-ANS (Townsend, Bird and Barber 2019, arXiv:1901.04866).
"""

import hashlib
import itertools
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from constriction import stream
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from course_utils import CourseError, files
from course_utils.trial import described

WEIGHT_BITS = 12  # weights are multiples of 2^-12 and below 8, so that each is a 16-bit whole number; biases below 1000
SIGNAL_BITS = 10  # what passes from layer to layer is a multiple of 2^-10 between -256 and 256
LOGIT_BITS = 5  # logits are rounded to multiples of 2^-5
CODE_BITS = 5  # the grid of z: multiples of 2^-5
MU_LIMIT = 6 << CODE_BITS  # |mu| <= 6, in steps of that grid
LOGVAR_STEPS = 8  # logvar is a multiple of 1/8 ...
LOGVAR_RANGE = (-8.0, 0.25)  # ... between these two
FREQUENCY_BITS = 20  # probabilities in the tables are whole numbers out of 2^20
BLOCK = 8  # at most so many images pass through the networks together
ROWS = stream.model.Categorical(perfect=False)  # one row of relative frequencies a symbol

MAGIC, STORED, BITS_BACK, CODES = b"AEC1", 0, 1, 2
HEADER = struct.Struct("<4sBI8sI")  # magic, kind, number of images, fingerprint of the model, checksum of the pixels
DIGEST = 8  # bytes of SHA-256 at the end of a file


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

    def __init__(self, encoder, decoder, palettes):
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
    def fingerprint(self):
        """8 bytes that change with any weight and any entry of a table; part of every file."""
        tables = [self.palettes, PRIOR, POSTERIORS, EXPONENTIALS]
        digest = hashlib.sha256()
        for array in [part for layer in self.encoder + self.decoder for part in layer] + tables:
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array, "<f8").tobytes())
        return digest.digest()[:8]

    def posterior(self, x):
        """q(z|x): pixel values (B, 784) -> mu (B, latent_dim) in steps of 2^-5, row of the table POSTERIORS (ditto)."""
        mu, logvar = np.split(_through(self.encoder, x / self._unit), 2, axis=1)
        mu = np.clip(np.rint(mu * 2**CODE_BITS), -MU_LIMIT, MU_LIMIT).astype(np.int32)
        low, high = LOGVAR_RANGE
        row = np.rint((np.clip(logvar, low, high) - low) * LOGVAR_STEPS).astype(np.int32)
        return mu, row

    def frequencies(self, z):
        """p(x|z): z (B, latent_dim) in steps of 2^-5 -> relative frequencies (B * 784, V), whole numbers as float64."""
        logits = _through(self.decoder, z / 2.0**CODE_BITS).reshape(len(z), -1, 784)
        steps = np.rint(logits * 2**LOGIT_BITS)
        below = np.clip(steps.max(1, keepdims=True) - steps, 0, len(EXPONENTIALS) - 1).astype(np.int64)
        weights = EXPONENTIALS[below]  # (B, K, 784), whole numbers up to 2^20
        return weights.transpose(0, 2, 1).reshape(-1, len(self.palettes)) @ self.palettes  # below 2^53: exact

    def save(self, path):
        """Write the model as safetensors with 16-bit weights; returns the size in bytes."""
        tensors = {"palettes": self.palettes.astype(np.int32)}
        for name, layers in (("encoder", self.encoder), ("decoder", self.decoder)):
            for i, (weight, bias) in enumerate(layers):
                tensors[f"{name}.{i}.weight"] = np.ascontiguousarray(weight * 2**WEIGHT_BITS, np.int16)
                tensors[f"{name}.{i}.bias"] = (bias * 2**WEIGHT_BITS).astype(np.int32)
        content = save_tensors(tensors)
        files.write_bytes(path, content)
        return len(content)

    @classmethod
    def load(cls, path):
        """The model in a file that `save` wrote."""
        try:
            tensors = load_tensors(Path(path).read_bytes())
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


def compress(model, images):
    """Images -> the bytes of a file, from which `decompress` returns exactly these images.

    Args:
        model: a WholeNumberVAE.
        images: uint8 array (N, 784) or (N, 1, 28, 28) with values from 0 to model.values - 1.

    Where the model would need more bytes than the pixels themselves, the pixels are stored as they are.
    """
    x = _pixels(model, images)
    coder = stream.stack.AnsCoder()
    for start, stop in blocks(len(x)):
        push_images(coder, model, x[start:stop], plain=start == 0)
    payload = coder.get_compressed().astype("<u4").tobytes()
    raw = x.astype(np.uint8).tobytes()
    kind, payload = (BITS_BACK, payload) if len(payload) < len(raw) else (STORED, raw)
    return pack(kind, len(x), model.fingerprint, raw, payload)


def decompress(model, data):
    """The bytes of a file -> uint8 images (N, 784), every pixel as it was.

    Raises:
        CourseError: where the bytes are damaged, cut short or too many, or were made with another model.
    """
    kind, count, check, payload = unpack(data, model.fingerprint)
    if kind == STORED:
        x = np.frombuffer(payload, np.uint8).reshape(count, 784)
    else:
        coder = stream.stack.AnsCoder(np.frombuffer(payload, "<u4").astype(np.uint32))
        parts = [pop_images(coder, model, stop - start, plain=start == 0) for start, stop in blocks(count)[::-1]]
        x = np.concatenate(parts[::-1]) if parts else np.zeros((0, 784), np.int32)
        if not coder.is_empty():
            raise CourseError("the file holds more than its images: it was not written by `compress`")
    x = x.astype(np.uint8)
    if zlib.crc32(x.tobytes()) != check:
        raise CourseError(
            "the decoded pixels are not those that were encoded: this machine computes other probabilities. "
            "Use the version of constriction that wrote the file"
        )
    return x


def blocks(count):
    """How `count` images are cut into blocks: a list of (start, stop).

    The first image has a block of its own. Later a block is at most a quarter of what is on the stack already, so that
    there are always bits enough to take back.
    """
    cuts = [0]
    while cuts[-1] < count:
        cuts.append(min(count, cuts[-1] + min(BLOCK, max(1, cuts[-1] // 4))))
    return list(itertools.pairwise(cuts))


def push_images(coder, model, x, plain=False):
    """Put a block of images (B, 784) on the stack. `plain`: take no bits back, for the first block of a file."""
    mu, row = model.posterior(x)
    z = mu if plain else mu + _pop(coder, POSTERIORS[row.ravel()]).reshape(mu.shape) - REACH  # takes bits
    _push(coder, x, model.frequencies(z))
    coder.encode_reverse((z + MU_LIMIT + REACH).ravel().astype(np.int32), PRIOR_MODEL)


def pop_images(coder, model, count, plain=False):
    """Take a block of `count` images off the stack: `push_images` backwards, step by step."""
    z = coder.decode(PRIOR_MODEL, count * model.latent_dim).reshape(count, -1) - MU_LIMIT - REACH
    x = _pop(coder, model.frequencies(z)).reshape(count, 784)
    mu, row = model.posterior(x)
    offset = z - mu
    if np.abs(offset).max(initial=0) > (0 if plain else REACH):
        raise CourseError("the bytes lead to a code that no encoder could have chosen: they are damaged")
    if not plain:
        _push(coder, offset + REACH, POSTERIORS[row.ravel()])  # gives the bits back
    return x


def pack(kind, count, fingerprint, content, payload):
    """A file: header, payload, and the first 8 bytes of their SHA-256.

    Args:
        kind: STORED, BITS_BACK or CODES.
        count: number of images.
        fingerprint: 8 bytes that name the model.
        content: the bytes that a reader should end up with; the header keeps their checksum.
        payload: what was coded.
    """
    if {type(kind), type(count)} != {int} or kind not in (STORED, BITS_BACK, CODES) or not 0 <= count < 2**32:
        raise CourseError(
            f"kind={kind!r}, count={count!r}: expected STORED, BITS_BACK or CODES, and a number of images"
        )
    for name, part in (("fingerprint", fingerprint), ("content", content), ("payload", payload)):
        if not isinstance(part, bytes):
            raise CourseError(f"{name} should be bytes, got {described(part)}")
    if len(fingerprint) != 8:
        raise CourseError(f"the fingerprint should have 8 bytes, got {len(fingerprint)}")
    body = HEADER.pack(MAGIC, kind, count, fingerprint, zlib.crc32(content)) + payload
    return body + hashlib.sha256(body).digest()[:DIGEST]


def unpack(data, fingerprint):
    """The inverse of `pack`: (kind, count, checksum of the content, payload).

    Raises:
        CourseError: where the bytes are no such file, were changed in any place, or belong to another model.
    """
    if not isinstance(data, bytes | bytearray):
        raise CourseError(f"expected the bytes of a file, as `compress` returns them, got {described(data)}")
    if len(data) < HEADER.size + DIGEST or data[: len(MAGIC)] != MAGIC:
        raise CourseError(
            f"these {len(data)} bytes are not a file of this course, which would begin with {MAGIC!r} and have "
            f"{HEADER.size + DIGEST} bytes or more"
        )
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(body).digest()[:DIGEST] != digest:
        raise CourseError("the file is damaged, cut short or has bytes too many: its checksum does not fit")
    _, kind, count, made_with, check = HEADER.unpack(body[: HEADER.size])
    if made_with != fingerprint:
        raise CourseError(
            f"the file was made with another model ({made_with.hex()}, this is {fingerprint.hex()}): "
            "load the one it was made with"
        )
    return kind, count, check, body[HEADER.size :]


def _push(coder, symbols, rows):
    coder.encode_reverse(symbols.ravel().astype(np.int32), ROWS, rows)


def _pop(coder, rows):
    return coder.decode(ROWS, rows)


def _pixels(model, images):
    """Images as int32 (N, 784), or a CourseError."""
    x = _converted(images)
    if x.dtype.kind not in "ui" or x.ndim < 2 or math.prod(x.shape[1:]) != 784:
        raise CourseError(
            f"expected whole-number images of shape (N, 784) or (N, 1, 28, 28), got {described(images)}: "
            "(255 * x).round().byte() makes them"
        )
    if x.size and not 0 <= x.min() <= x.max() < model.values:
        raise CourseError(f"the pixels range from {x.min()} to {x.max()}, but this model knows 0 to {model.values - 1}")
    return x.reshape(len(x), 784).astype(np.int32)


def _array(values):
    """A float64 array of an array or a tensor."""
    array = _converted(values)
    if array.dtype.kind not in "biuf":
        raise CourseError(f"expected an array or a tensor of real numbers, got {described(values)}")
    return array.astype(np.float64)


def _converted(values):
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
