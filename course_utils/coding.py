"""Images as files, without loss: bits-back coding with a VAE.

Page 09 explains each step; the method is BB-ANS (Townsend, Bird and Barber 2019, arXiv:1901.04866). The model is
`whole_number_vae.WholeNumberVAE`, on whose probabilities all machines agree.
"""

import hashlib
import itertools
import math
import struct
import zlib
from typing import Any

import numpy as np
from constriction import stream

from course_utils import CourseError
from course_utils.support.words import described, last_line
from course_utils.whole_number_vae import MU_LIMIT, POSTERIORS, PRIOR_MODEL, REACH, WholeNumberVAE, as_array

BLOCK = 8  # at most so many images pass through the networks together
ROWS = stream.model.Categorical(perfect=False)  # one row of relative frequencies a symbol

MAGIC, STORED, BITS_BACK, CODES = b"AEC1", 0, 1, 2
HEADER = struct.Struct("<4sBI8sI")  # magic, kind, number of images, fingerprint of the model, checksum of the pixels
DIGEST = 8  # bytes of SHA-256 at the end of a file


def compress(model: WholeNumberVAE, images: Any) -> bytes:
    """Images -> the bytes of a file, from which `decompress` returns exactly these images.

    Args:
        model: a WholeNumberVAE.
        images: uint8 array (N, 784) or (N, 1, 28, 28) with values from 0 to model.values - 1.

    Where the model would need more bytes than the pixels themselves, the pixels are stored as they are.
    """
    _require_coding_model(model)
    x = _pixels(model, images)
    coder = stream.stack.AnsCoder()
    for start, stop in blocks(len(x)):
        push_images(coder, model, x[start:stop], plain=start == 0)
    payload = coder.get_compressed().astype("<u4").tobytes()
    raw = x.astype(np.uint8).tobytes()
    kind, payload = (BITS_BACK, payload) if len(payload) < len(raw) else (STORED, raw)
    return pack(kind, len(x), model.fingerprint, raw, payload)


def decompress(model: WholeNumberVAE, data: bytes) -> np.ndarray:
    """The bytes of a file -> uint8 images (N, 784), every pixel as it was.

    Raises:
        CourseError: where the bytes are damaged, cut short or too many, or were made with another model.
    """
    _require_coding_model(model)
    kind, count, check, payload = unpack(data, model.fingerprint)
    if kind not in (STORED, BITS_BACK) or len(payload) % (784 if kind == STORED else 4):
        raise CourseError("the file holds something else than images: it was not written by `compress`")
    if kind == STORED:
        x = np.frombuffer(payload, np.uint8).reshape(-1, 784)
    else:
        try:
            coder = stream.stack.AnsCoder(np.frombuffer(payload, "<u4").astype(np.uint32))
        except ValueError as error:
            raise CourseError(f"the file was not written by `compress`: {last_line(error)}") from error
        parts = [pop_images(coder, model, stop - start, plain=start == 0) for start, stop in blocks(count)[::-1]]
        x = np.concatenate(parts[::-1]) if parts else np.zeros((0, 784), np.int32)
        if not coder.is_empty():
            raise CourseError("the file holds more than its images: it was not written by `compress`")
    x = x.astype(np.uint8)
    if len(x) != count or zlib.crc32(x.tobytes()) != check:
        raise CourseError(
            "the decoded pixels are not those that were encoded: this machine computes other probabilities. "
            "Use the version of constriction that wrote the file"
        )
    return x


def blocks(count: int) -> list[tuple[int, int]]:
    """How `count` images are cut into blocks: a list of (start, stop).

    The first image has a block of its own. Later a block is at most a quarter of what is on the stack already, so that
    there are always bits enough to take back.
    """
    cuts = [0]
    while cuts[-1] < count:
        cuts.append(min(count, cuts[-1] + min(BLOCK, max(1, cuts[-1] // 4))))
    return list(itertools.pairwise(cuts))


def push_images(coder: Any, model: WholeNumberVAE, x: np.ndarray, plain: bool = False) -> None:
    """Put a block of images (B, 784) on the stack. `plain`: take no bits back, for the first block of a file."""
    mu, row = model.posterior(x)
    z = mu if plain else mu + _pop(coder, POSTERIORS[row.ravel()]).reshape(mu.shape) - REACH  # takes bits
    _push(coder, x, model.frequencies(z))
    coder.encode_reverse((z + MU_LIMIT + REACH).ravel().astype(np.int32), PRIOR_MODEL)


def pop_images(coder: Any, model: WholeNumberVAE, count: int, plain: bool = False) -> np.ndarray:
    """Take a block of `count` images off the stack: `push_images` backwards, step by step."""
    z = coder.decode(PRIOR_MODEL, count * model.latent_dim).reshape(count, -1) - MU_LIMIT - REACH
    x = _pop(coder, model.frequencies(z)).reshape(count, 784)
    mu, row = model.posterior(x)
    offset = z - mu
    if np.abs(offset).max(initial=0) > (0 if plain else REACH):
        raise CourseError("the bytes lead to a code that no encoder could have chosen: they are damaged, compress anew")
    if not plain:
        _push(coder, offset + REACH, POSTERIORS[row.ravel()])  # gives the bits back
    return x


def pack(kind: int, count: int, fingerprint: bytes, content: bytes, payload: bytes) -> bytes:
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


def unpack(data: bytes, fingerprint: bytes) -> tuple[int, int, int, bytes]:
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


def _require_coding_model(model):
    if not isinstance(model, WholeNumberVAE):
        raise CourseError(
            f"expected a WholeNumberVAE, on whose probabilities all machines agree, got a {type(model).__name__}"
        )


def _pixels(model, images):
    """Images as int32 (N, 784), or a CourseError."""
    x = as_array(images)
    if x.dtype.kind not in "ui" or x.ndim < 2 or math.prod(x.shape[1:]) != 784:
        raise CourseError(
            f"expected whole-number images of shape (N, 784) or (N, 1, 28, 28), got {described(images)}: "
            "(255 * x).round().byte() makes them"
        )
    if x.size and not 0 <= x.min() <= x.max() < model.values:
        raise CourseError(f"the pixels range from {x.min()} to {x.max()}, but this model knows 0 to {model.values - 1}")
    return x.reshape(len(x), 784).astype(np.int32)
