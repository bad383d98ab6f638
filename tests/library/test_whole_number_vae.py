"""The coding model: the same bits whatever the order of its sums, close to the network, whole on disk."""

import numpy as np
import pytest
import torch
from coding_models import MODELS, draw, layers, make, networks

from course_utils import CourseError, whole_number_vae
from course_utils.whole_number_vae import WholeNumberVAE


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
    for table in (whole_number_vae.PRIOR, whole_number_vae.POSTERIORS):
        assert (table >= 1).all() and np.array_equal(table, np.rint(table))
    assert whole_number_vae.PRIOR.sum() == pytest.approx(2**whole_number_vae.FREQUENCY_BITS, rel=2e-3)


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


def test_wrong_models_are_refused():
    encoder, decoder, palettes = networks()
    with pytest.raises(CourseError, match="the decoder should lead from 5 to 1568 numbers"):
        WholeNumberVAE(layers(encoder), layers(decoder), palettes[:2])
    with pytest.raises(CourseError, match="palettes should be"):
        WholeNumberVAE(layers(encoder), layers(decoder), palettes[0])
    decoder[0].weight.data[0, 0] = float("nan")
    with pytest.raises(CourseError, match="finite and between -8 and 8"):
        WholeNumberVAE(layers(encoder), layers(decoder), palettes)
