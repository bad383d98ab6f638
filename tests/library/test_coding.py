"""Files without loss: every image comes back, on any machine; damaged files are refused."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from constriction import stream
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils import CourseError, coding
from course_utils.coding import WholeNumberVAE, blocks, compress, decompress, pop_images, push_images


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
    weight[0, 0] += 2.0**-coding.WEIGHT_BITS  # the smallest change that there is
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
from course_utils.coding import WholeNumberVAE, compress, decompress
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


def test_sums_do_not_depend_on_the_batch_or_the_order():
    model = make(size=30.0)
    x = draw("random", 40, 256, 0).astype(np.int32)
    mu, row = model.posterior(x)
    frequencies = model.frequencies(mu)
    for i in (0, 17, 39):
        one_mu, one_row = model.posterior(x[i : i + 1])
        assert np.array_equal(one_mu[0], mu[i]) and np.array_equal(one_row[0], row[i])
        assert np.array_equal(model.frequencies(mu[i : i + 1]), frequencies[784 * i : 784 * (i + 1)])
    weight, bias = model.encoder[0]
    h, order = x / 256.0, np.random.default_rng(0).permutation(784)
    assert np.array_equal(h @ weight + bias, h[:, order] @ weight[order] + bias)


def test_rounded_model_is_close_to_the_network():
    encoder, decoder, palettes = networks(seed=2)
    model = WholeNumberVAE(layers(encoder), layers(decoder), palettes)
    x = torch.rand(6, 784, generator=torch.Generator().manual_seed(0)).mul(255).round()
    with torch.no_grad():
        mu, logvar = encoder(x / 255).chunk(2, 1)
        z = torch.linspace(-2, 2, 30).mul(32).round().view(6, 5)
        w = decoder(z / 32).view(6, 3, 784).softmax(1)
    ours_mu, row = model.posterior(x.int().numpy())
    assert np.allclose(ours_mu / 32, mu, atol=0.03)
    assert np.allclose(row / 8 - 8, logvar.clamp(-8, 0.25), atol=0.1)
    p = torch.einsum("bkp,kv->bpv", w, palettes / palettes.sum(1, keepdim=True)).reshape(-1, 256)
    ours = model.frequencies(z.int().numpy())
    assert np.allclose(ours / ours.sum(1, keepdims=True), p, atol=2e-3, rtol=0.05)
    assert (ours >= 1).all() and ours.max() < 2**53 and np.array_equal(ours, np.rint(ours))


def test_tables_are_whole_positive_numbers():
    for table in (coding.PRIOR, coding.POSTERIORS):
        assert (table >= 1).all() and np.array_equal(table, np.rint(table))
    assert coding.PRIOR.sum() == pytest.approx(2**coding.FREQUENCY_BITS, rel=2e-3)


def test_blocks_cover_all_images_and_begin_with_one():
    for count in (0, 1, 2, 9, 100, 10_000):
        cut = blocks(count)
        assert [i for start, stop in cut for i in range(start, stop)] == list(range(count))
        assert all(stop - start <= max(1, start // 4) for start, stop in cut)


def test_saved_model_is_the_same_and_small(tmp_path):
    model = MODELS[256]
    size = model.save(tmp_path / "model.safetensors")
    again = WholeNumberVAE.load(tmp_path / "model.safetensors")
    assert again.fingerprint == model.fingerprint and again.values == 256 and again.latent_dim == 5
    numbers = sum(part.size for layer in model.encoder + model.decoder for part in layer)
    assert 2 * numbers < size < 2.1 * numbers + 4 * model.palettes.size + 2000
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CourseError, match="is not a coding model"):
        WholeNumberVAE.load(tmp_path / "model.safetensors")


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


def test_wrong_models_are_refused():
    encoder, decoder, palettes = networks()
    with pytest.raises(CourseError, match="the decoder should lead from 5 to 1568 numbers"):
        WholeNumberVAE(layers(encoder), layers(decoder), palettes[:2])
    with pytest.raises(CourseError, match="palettes should be"):
        WholeNumberVAE(layers(encoder), layers(decoder), palettes[0])
    decoder[0].weight.data[0, 0] = float("nan")
    with pytest.raises(CourseError, match="finite and between -8 and 8"):
        WholeNumberVAE(layers(encoder), layers(decoder), palettes)
