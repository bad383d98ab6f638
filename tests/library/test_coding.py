"""Files without loss: every image comes back, on any machine; damaged files are refused."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from coding_models import MODELS, draw, layers, make, networks
from constriction import stream
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import CourseError, coding
from course_utils.coding import blocks, compress, decompress, pop_images, push_images
from course_utils.whole_number_vae import WEIGHT_BITS, WholeNumberVAE

IMAGES = {
    "kind": st.sampled_from(["random", "constant", "constant, one a piece", "extremes", "one pixel"]),
    "count": st.integers(0, 20),
    "values": st.sampled_from(list(MODELS)),
    "seed": st.integers(0, 2**32 - 1),
}


@settings(max_examples=25, deadline=None)
@given(**IMAGES)
def test_every_image_comes_back(kind, count, values, seed):
    model, x = MODELS[values], draw(kind, count, values, seed)
    data = compress(model, x)
    assert np.array_equal(decompress(model, data), x)
    assert len(data) <= x.size + coding.HEADER.size + coding.DIGEST  # never more than the pixels and the frame


@settings(max_examples=25, deadline=None)
@given(**IMAGES, size=st.sampled_from([0.0, 1.0, 30.0]))
def test_bits_back_returns_every_image_even_where_it_does_not_pay(kind, count, values, seed, size):
    model, x = make(values, seed % 100, size), draw(kind, count, values, seed)  # size 30: clipped at every bound
    coder = stream.stack.AnsCoder()
    for start, stop in blocks(count):
        push_images(coder, model, x[start:stop], plain=start == 0)
    for start, stop in blocks(count)[::-1]:
        assert np.array_equal(pop_images(coder, model, stop - start, plain=start == 0), x[start:stop])
    assert coder.is_empty()


@settings(max_examples=25, deadline=None)
@given(
    place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255), kind=st.sampled_from(["random", "constant"])
)
def test_a_changed_byte_is_refused(place, change, kind):
    data = bytearray(compress(MODELS[256], draw(kind, 3, 256, 0)))
    data[int(place * len(data))] ^= change
    with pytest.raises(CourseError, match="damaged|not a file"):
        decompress(MODELS[256], bytes(data))


@pytest.mark.parametrize("spoil", [lambda d: d[:-1], lambda d: d[:20], lambda d: b"", lambda d: d + b"\0"])
def test_truncated_and_longer_files_are_refused(spoil):
    with pytest.raises(CourseError, match="damaged, cut short|not a file"):
        decompress(MODELS[256], spoil(compress(MODELS[256], draw("constant", 3, 256, 0))))


def test_another_model_is_refused():
    data = compress(MODELS[256], draw("constant", 3, 256, 0))
    other = make(seed=1)
    with pytest.raises(CourseError, match="made with another model"):
        decompress(other, data)
    nearly = make()
    weight = nearly.decoder[-1][0]
    weight[0, 0] += 2.0**-WEIGHT_BITS  # the smallest change that there is
    with pytest.raises(CourseError, match="made with another model"):
        decompress(nearly, data)


def test_decoding_to_wrong_pixels_is_noticed(monkeypatch):
    model = make(values=2, seed=3)
    data = compress(model, draw("constant", 4, 2, 0))
    assert data[4] == coding.BITS_BACK
    honest = WholeNumberVAE.frequencies
    monkeypatch.setattr(WholeNumberVAE, "frequencies", lambda self, z: honest(self, z) * [1, 1.5])
    with pytest.raises(CourseError, match="other probabilities|damaged|more than its images"):
        decompress(model, data)


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from course_utils.coding import compress, decompress
from course_utils.whole_number_vae import WholeNumberVAE
folder = Path(sys.argv[1])
model = WholeNumberVAE.load(folder / "model.safetensors")
x = decompress(model, (folder / "images.bin").read_bytes())
np.save(folder / "x.npy", x)
(folder / "again.bin").write_bytes(compress(model, x))
"""


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_other_processes_and_thread_counts_agree(tmp_path, threads):
    encoder, decoder, palettes = networks(seed=5)
    model = WholeNumberVAE(layers(encoder), layers(decoder), palettes)
    x = np.concatenate([draw(kind, 5, 256, 1) for kind in ("constant", "one pixel", "constant, one a piece")])
    data = compress(model, x)
    model.save(tmp_path / "model.safetensors")
    (tmp_path / "images.bin").write_bytes(data)
    environment = os.environ | {f"{name}_NUM_THREADS": threads for name in ("OMP", "MKL", "OPENBLAS")}
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], check=True, env=environment)
    assert np.array_equal(np.load(tmp_path / "x.npy"), x)
    assert (tmp_path / "again.bin").read_bytes() == data


def test_blocks_cover_all_images_and_begin_with_one():
    for count in (0, 1, 2, 9, 100, 10_000):
        cut = blocks(count)
        assert [i for start, stop in cut for i in range(start, stop)] == list(range(count))
        assert all(stop - start <= max(1, start // 4) for start, stop in cut)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 784)), "whole-number images"),
        (np.zeros((2, 28, 27), np.uint8), r"whole-number images .* got an array of shape \(2, 28, 27\) and type uint8"),
        (np.full((2, 784), 7, np.uint8), "pixels range from 7 to 7, but this model knows 0 to 1"),
        (torch.zeros(2, 1, 28, 28), "byte"),
    ],
)
def test_wrong_images_are_refused(images, message):
    with pytest.raises(CourseError, match=message):
        compress(MODELS[2], images)


def test_tensors_are_welcome():
    x = torch.randint(0, 2, (3, 1, 28, 28), dtype=torch.uint8)
    assert torch.equal(torch.from_numpy(decompress(MODELS[2], compress(MODELS[2], x))).view_as(x), x)
