"""Valid input of every kind: no public function refuses it, and figures are those of NumPy, SciPy and scikit-learn.

A CourseError fails these tests, and the last one shows that it would: it makes each function refuse everything.
`test_any_input.py` has input of any kind.
"""

import copy
import functools
import io
import itertools
import math
import random
import tempfile
from pathlib import Path
from unittest import mock

import coding_models
import numpy as np
import pytest
import references
import small_mnist
import small_training
import textbook
import torch
from any_input import (
    FLOATS,
    LAYOUTS,
    PROFILE,
    accepted_by,
    accepts,
    close,
    double,
    notices_refusal,
    public_functions,
    tensors,
)
from constriction import stream
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.special import expit
from scipy.stats import multivariate_normal
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import mean_squared_error
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import (
    classifier,
    coding,
    data,
    digits,
    losses,
    metrics,
    models,
    photographs,
    plots,
    pretrained,
    resuming,
    sample_images,
    scenes,
    training,
    whole_number_vae,
)

NUMBERS = ["uniform", "normal", "zeros", "ones", "equal images", "tiny", "0 to 255"]
UNIT = ["uniform", "zeros", "ones", "equal images"]  # from 0 to 1
SINGLE, PRECISE = [torch.float32], [torch.float32, torch.float64]
IMAGES = [(3, 1, 28, 28), (1, 1, 28, 28), (5, 1, 28, 28)]
SEEDS = st.integers(0, 2**32 - 1)


def some(shapes, kinds=UNIT, dtypes=FLOATS):
    return tensors(shapes, dtypes, kinds, LAYOUTS)


@st.composite
def pairs(draw, shapes, kinds=UNIT, dtypes=FLOATS, second=None):
    """Two tensors of one shape and one type."""
    shape, dtype = draw(st.sampled_from(shapes)), draw(st.sampled_from(dtypes))
    return draw(some([shape], kinds, [dtype])), draw(some([shape], second or kinds, [dtype]))


def rows(x):
    return double(x).reshape(len(x), -1)


# --- losses and figures

BATCHES = [(3, 1, 28, 28), (1, 1, 28, 28), (3, 784), (2, 3, 28, 28), (7, 3), (5, 2, 2)]


@accepts("losses.mse", "losses.full", "losses.sse", "metrics.squared_error")
@PROFILE
@given(pairs(BATCHES, NUMBERS))
def test_squared_errors(pair):
    x_hat, x = pair
    a, b = rows(x_hat), rows(x)
    assert close(losses.mse(x_hat, x), mean_squared_error(b, a), x.dtype)
    assert close(losses.sse(x_hat, x), np.linalg.norm(a - b) ** 2 / len(x), x.dtype)
    assert close(metrics.squared_error(x_hat, x), np.linalg.norm(a - b, axis=1) ** 2, x.dtype)


@accepts("losses.cross_entropy", "losses.kl_divergence", "losses.vae_loss")
@PROFILE
@given(pairs([(4, 784), (1, 784)], dtypes=PRECISE), pairs([(4, 3)], ["uniform", "normal", "zeros"], PRECISE))
def test_cross_entropy_and_kl(images, code):
    (p, x), (mu, logvar) = images, code
    entropy = references.cross_entropy(double(p), double(x))
    kl = references.kl_divergence(double(mu), double(logvar))
    assert close(losses.cross_entropy(p, x), entropy, torch.bfloat16 if p.dtype == torch.float32 else p.dtype)
    assert close(losses.kl_divergence(mu, logvar), kl, mu.dtype)
    assume(len(x) == len(mu))
    for shape in ((4, 784), (4, 1, 28, 28)):
        total = losses.vae_loss(p, x.reshape(shape), mu, logvar)
        assert close(total, entropy + kl.sum(), torch.bfloat16 if p.dtype == torch.float32 else p.dtype)


@accepts("metrics.psnr", "metrics.ssim")
@PROFILE
@given(pairs([(3, 1, 28, 28), (1, 1, 11, 20)], ["uniform", "normal", "ones", "0 to 255"], FLOATS, second=UNIT))
def test_decibels_and_similarity(pair):
    x_hat, x = pair
    a, b = double(x_hat), double(x)
    with np.errstate(divide="ignore"):
        decibels = [peak_signal_noise_ratio(image, other, data_range=1) for image, other in zip(b, a, strict=True)]
    short = x.dtype not in PRECISE
    assert double(metrics.psnr(x_hat, x)) == pytest.approx(decibels, abs=0.3 if short else 1e-3)
    expected = references.ssim_by_formula(torch.from_numpy(a), torch.from_numpy(b))
    tolerance = 1e-2 if np.abs(a).max() > 10 or short else 1e-3  # where squares are large, float32 loses digits too
    assert double(metrics.ssim(x_hat, x)) == pytest.approx(expected.numpy(), abs=tolerance)


@accepts("metrics.pca_reconstruction")
@PROFILE
@given(
    some([(20, 1, 9, 8), (9, 1, 16, 16)], ["uniform", "normal"], [torch.float64]),
    some([(3, 1, 9, 8), (3, 1, 16, 16)], ["uniform", "normal"], [torch.float64]),
    st.integers(1, 8),
)
def test_principal_components(train, test, count):
    test = test if test.shape[1:] == train.shape[1:] else train
    x_hat = metrics.pca_reconstruction(train, test, count)
    expected = references.principal_components(rows(train), rows(test), count)
    assert x_hat.shape == test.shape and np.allclose(rows(x_hat), expected, atol=1e-6)
    metrics.pca_reconstruction(train.float(), test.bfloat16(), np.int64(min(len(train), 9)))


CLOUDS = [(12, 3), (30, 5), (8, 1)]


@accepts("metrics.frechet_distance", "metrics.precision_recall", "metrics.coverage")
@PROFILE
@given(st.sampled_from(CLOUDS), st.sampled_from([torch.float32, torch.float64]), st.integers(1, 5), st.data())
def test_distances_of_clouds(shape, dtype, k, draw):
    a = draw.draw(some([shape], ["uniform", "normal"], [dtype]))
    b = draw.draw(some([(shape[0] + 3, shape[1])], ["uniform", "normal", "0 to 255"], [dtype]))
    expected = references.frechet_distance(double(a), double(b))
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    a, b = a.double(), b.double()
    shares = references.share_inside(double(b), double(a), k), references.share_inside(double(a), double(b), k)
    assert metrics.precision_recall(a, b, k) == pytest.approx(shares)
    assert metrics.coverage(a, b, k) == pytest.approx(references.coverage(double(a), double(b), k))


@accepts("metrics.log_likelihood")
@PROFILE
@given(
    some([(13, 4), (1, 4), (3, 2, 2)], ["uniform", "normal", "zeros"], PRECISE),
    st.integers(1, 250),
    st.floats(0.2, 3),
    st.floats(0.2, 3),
    st.integers(0, 2**31),
)
def test_likelihood_of_a_model_with_an_exact_answer(x, samples, prior_std, noise, seed):
    """x = z + noise, whose posterior is normal: with it, one sample tells the likelihood exactly."""
    shrink, logvar = 1 / (1 + noise**2 / prior_std**2), -np.log(1 / prior_std**2 + 1 / noise**2)

    def encode(part):
        part = part.flatten(1).double()
        return shrink * part, torch.full_like(part, logvar)

    def log_p(part, z):
        return -0.5 * ((part.flatten(1) - z) / noise).square().sum(-1) - 4 * np.log(noise * np.sqrt(2 * np.pi))

    estimate = metrics.log_likelihood(x, encode, log_p, samples, prior_std, seed)
    exact = multivariate_normal(np.zeros(4), (prior_std**2 + noise**2) * np.eye(4)).logpdf(rows(x))
    assert estimate.numpy() == pytest.approx(exact, abs=1e-3)


# --- models


def dense(layer, h):
    return h @ double(layer.weight).T + double(layer.bias)


def relu(h):
    return np.maximum(h, 0)


WIDTHS = st.integers(1, 20)
BOUNDED = ["uniform", "normal", "zeros", "ones", "equal images"]


@accepts(
    "models.Autoencoder.__init__",
    "models.Autoencoder.forward",
    "models.VAE.__init__",
    "models.VAE.forward",
    "models.VAE.encode",
    "models.VAE.reparameterize",
    "models.VAE.decode",
)
@PROFILE
@given(some([*IMAGES, (2, 784)], BOUNDED, SINGLE), WIDTHS, WIDTHS, SEEDS)
def test_layers_of_fully_connected_models(x, latent_dim, hidden_dim, seed):
    torch.manual_seed(seed)
    autoencoder, vae = models.Autoencoder(latent_dim, hidden_dim), models.VAE(latent_dim, hidden_dim)
    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    h = relu(dense(encoder[2], relu(dense(encoder[0], rows(x)))))
    x_hat = autoencoder(x)
    assert x_hat.shape == (len(x), 1, 28, 28)
    assert np.allclose(rows(x_hat), expit(dense(decoder[2], relu(dense(decoder[0], h)))), atol=1e-4)

    torch.manual_seed(seed)
    recon_x, mu, logvar = vae(x)
    h = relu(dense(vae.fc1, rows(x)))
    assert np.allclose(double(mu), dense(vae.fc21, h), atol=1e-4)
    assert np.allclose(double(logvar), dense(vae.fc22, h), atol=1e-4)
    torch.manual_seed(seed)
    z = double(mu) + np.exp(double(logvar) / 2) * torch.randn(mu.shape).double().numpy()
    assert np.allclose(double(recon_x), expit(dense(vae.fc4, relu(dense(vae.fc3, z)))), atol=1e-4)


@accepts("models.ConvAutoencoder.forward")
@PROFILE
@given(some([(3, 1, 28, 28), (1, 1, 12, 20), (0, 1, 28, 28)], BOUNDED, SINGLE), SEEDS)
def test_convolutions_are_the_textbooks(x, seed):
    torch.manual_seed(seed)
    ours, theirs = models.ConvAutoencoder(), textbook.ConvAutoencoder().double()
    theirs.load_state_dict(ours.state_dict())
    assert torch.allclose(ours(x).double(), theirs(x.double()), atol=1e-4)


@accepts("models.good_start")
@PROFILE
@given(some([(40, 1, 28, 28), (2, 1, 28, 28)], ["uniform", "normal", "0 to 255"], SINGLE), SEEDS)
def test_a_good_start_gives_the_first_layer_unit_spread(x, seed):
    torch.manual_seed(seed)
    for model in (models.Autoencoder(5, 11), models.VAE(3, 7), models.ConvAutoencoder()):
        models.good_start(model, x)
        first = next(layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d))
        inside = first(x.flatten(1)) if isinstance(first, nn.Linear) else first(x)[..., 1:-1, 1:-1]
        assert inside.std().item() == pytest.approx(1, abs=0.02 if isinstance(first, nn.Linear) else 0.2)
        assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@functools.cache
def committed(name, data_name="digits"):
    """A trained model, loaded once."""
    return (
        classifier.load_classifier(data_name) if name == "classifier" else pretrained.load_pretrained(name, data_name)
    )


@accepts("classifier.Classifier.features", "classifier.Classifier.classify", "classifier.Classifier.forward")
@PROFILE
@given(some([*IMAGES, (300, 1, 28, 28)], dtypes=SINGLE))
def test_each_image_is_classified_for_itself(x):
    model = committed("classifier")
    features, answers = model.features(x), model.classify(x)
    assert features.shape == (len(x), 64) and answers.shape == (len(x),)
    for i in {0, len(x) - 1}:
        assert torch.allclose(model.features(x[i : i + 1])[0], features[i], atol=1e-3)
    logits = dense(model.head, relu(double(features)))
    assert np.allclose(double(model(x)), logits, atol=1e-2)
    best = np.sort(logits, axis=1)
    clear = best[:, -1] - best[:, -2] > 1e-3
    assert (answers.numpy() == logits.argmax(1))[clear].all()


@accepts("pretrained.load_pretrained", "pretrained.measure", "pretrained.noisy", "classifier.load_classifier")
@PROFILE
@given(st.sampled_from(sorted(pretrained.RECIPES)), st.sampled_from(["digits", "mnist"]), st.integers(1, 30), SEEDS)
def test_trained_models_are_measured(name, data_name, size, seed):
    model = pretrained.load_pretrained(name, data_name)
    assert classifier.load_classifier(data_name)
    images = data.load("digits", "test", size)
    value = pretrained.measure(name, model, images)
    with torch.no_grad():
        if name in ("autoencoder", "convolutional"):
            expected = np.linalg.norm(rows(model(images.x)) - rows(images.x), axis=1) ** 2
            assert value == pytest.approx(expected.mean(), rel=1e-4)
        if name == "classifier":
            assert value == pytest.approx(100 * np.mean(model(images.x).argmax(1).numpy() != images.y.numpy()))
    assert np.isfinite(value)
    torch.manual_seed(seed)
    grainy = pretrained.noisy(images.x, 0.3)
    torch.manual_seed(seed)
    noise = torch.randn(images.x.shape).double().numpy()
    assert np.allclose(double(grainy), np.clip(double(images.x) + 0.3 * noise, 0, 1), atol=1e-6)


# --- training


@accepts(
    "training.fit",
    "training.evaluate",
    "training.batches",
    "training.best_device",
    "training.Training.run",
    "resuming.fit_resumable",
)
@PROFILE
@given(
    some([(13, 6), (1, 6), (8, 6)], ["uniform", "normal", "zeros"], SINGLE),
    st.integers(1, 3),
    st.integers(1, 20),
    st.floats(1e-6, 1e-1),
    st.integers(0, 2**62),
    st.booleans(),
    st.booleans(),
)
def test_training_is_the_loop_written_out(x, epochs, batch_size, lr, seed, one_cycle, validated):
    assert training.best_device().type in ("cpu", "cuda", "mps")
    x = x.detach()
    train, model = TensorDataset(x, torch.arange(len(x))), nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 6))
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed, "one_cycle": one_cycle}
    expected = small_training.by_hand(copy.deepcopy(model), x, **settings)
    options = settings | {"val": train if validated else None, "device": "cpu", "progress": False}
    again = copy.deepcopy(model)
    history = training.fit(model, train, small_training.loss, **options)
    assert [row["train"] for row in history] == pytest.approx(expected, rel=1e-4, abs=1e-7)

    error = mean_squared_error(rows(x), rows(model(x)))
    assert training.evaluate(model, train, small_training.loss, batch_size) == pytest.approx(error, rel=1e-4, abs=1e-7)
    assert ("val" in history[-1]) == validated and history[-1].get("val", error) == pytest.approx(
        error, rel=1e-4, abs=1e-7
    )
    order = [y for _, labels in training.batches(train, batch_size, torch.Generator()) for y in labels.tolist()]
    assert sorted(order) == list(range(len(x)))

    with tempfile.TemporaryDirectory() as folder:
        history = resuming.fit_resumable(Path(folder, "run.pt"), again, train, small_training.loss, **options)
        again = nn.Sequential(nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 6))
        resumed = resuming.fit_resumable(
            Path(folder, "run.pt"),
            again,
            train,
            small_training.loss,
            **(options | {"epochs": epochs + (not one_cycle)}),
        )
    assert [row["train"] for row in history] == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert [row["train"] for row in resumed[:epochs]] == [row["train"] for row in history]
    assert len(resumed) == epochs + (not one_cycle)


@accepts("training.random_states", "training.set_random_states")
@PROFILE
@given(st.integers(0, 2**62), st.integers(0, 5))
def test_random_numbers_repeat_from_a_state_on(seed, drawn):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shuffle, cpu = torch.Generator().manual_seed(seed + 1), torch.device("cpu")
        torch.rand(drawn), torch.rand(drawn, generator=shuffle)
        states = training.random_states(shuffle, cpu)
        first = torch.rand(3), torch.rand(3, generator=shuffle)
        training.set_random_states(states, shuffle, cpu)
        assert all(map(torch.equal, first, (torch.rand(3), torch.rand(3, generator=shuffle))))


# --- data


@accepts("data.ImageSet.__init__")
@PROFILE
@given(some([*IMAGES, (0, 1, 28, 28)]), st.none() | st.just({}))
def test_image_sets_hold_what_they_are_given(x, factors):
    images = data.ImageSet(x, torch.arange(len(x)), "mine", factors)
    assert images.x is x and len(images) == len(x) and images.factors is factors


@accepts("data.load", "data.resolve", "digits.generate", "digits.render", "digits.draw_factors")
@PROFILE
@given(st.sampled_from(digits.SPLITS), st.integers(1, 30), st.integers(0, 2**40 - 1))
def test_digits_are_a_stream_that_the_factors_draw(split, size, seed):
    drawn, factors = digits.generate(size, split, seed)
    assert drawn.shape == (size, 28, 28) and torch.equal(digits.render(factors), drawn)
    assert torch.equal(digits.generate(size // 2, split, seed)[0], drawn[: size // 2])
    other = digits.draw_factors(size, torch.Generator().manual_seed(seed))
    assert set(other) == set(factors) and other["pressure"].shape == (size, 2)
    images = data.load(data.resolve("digits"), split, size)
    expected, factors = digits.generate(size, split)
    assert np.array_equal(images.x.squeeze(1).numpy(), expected.numpy().astype(np.float32) / 255)
    assert torch.equal(images.y, factors["digit"])


@accepts("data.load", "data.is_on_disk", "data.read_idx", "data.read_whole", "data.owners_of", "data.raw_folder")
@PROFILE
@given(st.sampled_from(["train", "val", "train+val", "test"]), st.none() | st.integers(1, 10))
def test_files_are_read_as_numpy_reads_them(split, size):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        _, arrays = small_mnist.make_small(Path(folder), patch)
        assert data.is_on_disk("mnist")
        images = data.load("mnist", split, size)
    part = "t10k" if split == "test" else "train"
    start, stop = {"train": (0, 50), "val": (50, 60), "train+val": (0, 60), "test": (0, 10)}[split]
    stop = stop if size is None else start + size
    pixels = arrays[f"{part}-images-idx3-ubyte"][start:stop].astype(np.float32) / 255
    assert np.array_equal(images.x.squeeze(1).numpy(), pixels)
    assert np.array_equal(images.y.numpy(), arrays[f"{part}-labels-idx1-ubyte"][start:stop])


@accepts("data.load_folder", "image_files.find", "image_files.read")
@PROFILE
@given(
    st.lists(
        st.tuples(
            st.integers(1, 90), st.integers(1, 90), st.sampled_from(["1", "L", "RGB", "RGBA", "P", "I;16"]), SEEDS
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_folders_of_images_of_any_size_and_mode(kinds, invert):
    with tempfile.TemporaryDirectory() as folder:
        exact = np.random.default_rng(kinds[0][3]).integers(0, 256, (28, 28), dtype=np.uint8)
        Image.fromarray(exact).save(Path(folder, "0.png"))
        for i, (width, height, mode, seed) in enumerate(kinds, 1):
            noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
            image = (
                Image.fromarray(noise.astype(np.uint16) * 257)
                if mode == "I;16"
                else Image.fromarray(noise).convert(mode)
            )
            image.save(Path(folder, f"{i}.png"))
        images = data.load_folder(folder, invert)
    assert len(images) == 1 + len(kinds) and 0 <= images.x.min() <= images.x.max() <= 1
    expected = exact.astype(np.float32) / 255
    assert np.allclose(images.x[0, 0].numpy(), 1 - expected if invert else expected)


@accepts("sample_images.make_sample_folder")
@PROFILE
@given(st.integers(2, 12), st.integers(0, 999))
def test_sample_folders_hold_as_many_images_as_asked_for(count, seed):
    with tempfile.TemporaryDirectory() as folder:
        sample_images.make_sample_folder(folder, count, seed)
        assert len(data.load_folder(folder)) == count


# --- photographs

COLOURS = [(3, 3, 64, 64), (1, 3, 64, 64)]


@accepts("photographs.open_photograph")
@PROFILE
@given(
    st.integers(1, 80),
    st.integers(1, 80),
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"]),
    st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "GIF"]),
    SEEDS,
)
def test_photographs_of_any_size_mode_and_format(width, height, mode, kind, seed):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    deep = {"I;16": noise.astype(np.uint16) * 257, "F": noise.astype(np.float32) / 255}
    image = Image.fromarray(deep[mode]) if mode in deep else Image.fromarray(noise).convert(mode)
    with tempfile.TemporaryDirectory() as folder:
        try:
            image.save(Path(folder, "é 日本"), kind)
        except OSError:  # a format that has no such images
            assume(False)
        opened = photographs.open_photograph(Path(folder, "é 日本"))
    assert opened.size == (width, height) and opened.mode == "RGB"
    if kind == "TIFF" and mode != "1":  # which loses nothing
        apart = np.asarray(opened.convert("L")).astype(int) - noise
        assert np.abs(apart).max() <= 1


@accepts("photographs.split_folders")
@PROFILE
@given(st.sets(st.sampled_from(["train", "test", "cats"])), st.booleans())
def test_parts_of_a_folder(names, as_text):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            Path(folder, name).mkdir()
        whole = Path(folder), None
        expected = (Path(folder, "train"), Path(folder, "test")) if names >= {"train", "test"} else whole
        assert photographs.split_folders(folder if as_text else Path(folder)) == expected


@accepts(
    "photographs.negative_elbo",
    "photographs.bits_per_dimension",
    "photographs.PhotographVAE.encode",
    "photographs.PhotographVAE.decode",
    "photographs.PhotographVAE.forward",
    "photographs.ResidualBlock.forward",
)
@PROFILE
@given(some(COLOURS, dtypes=SINGLE), st.integers(1, 4), st.integers(1, 5), st.floats(-4, 1))
def test_the_loss_of_photographs(x, latent_dim, width, log_sigma):
    vae = photographs.PhotographVAE(latent_dim, width)
    eps = torch.randn(len(x), latent_dim)
    with torch.no_grad():
        vae.log_sigma.fill_(log_sigma)
        x_hat, mu, logvar = vae(x, eps)
        assert vae.decode(vae.encode(x)[0]).shape == x_hat.shape == x.shape
        nats = photographs.negative_elbo(vae, x, eps).item()
    a, b, mean, log_variance = rows(x_hat), rows(x), double(mu), double(logvar)
    sigma, step = math.exp(log_sigma), 1 / 255
    squared = (a - b) ** 2 + step**2 / 12
    recon_loss = (squared / (2 * sigma**2) + math.log(sigma) + 0.5 * math.log(2 * math.pi) - math.log(step)).sum(1)
    kl = references.kl_divergence(mean, log_variance).reshape(len(x), -1).sum(1)
    assert nats == pytest.approx((recon_loss + kl).mean(), rel=1e-4, abs=0.5)
    assert photographs.bits_per_dimension(nats) == pytest.approx(nats / np.log(2) / 12_288)


@accepts("scenes.make_scene_folder", "scenes.draw_scene")
@settings(PROFILE, max_examples=3)
@given(st.integers(80, 99), SEEDS)
def test_scene_folders_hold_as_many_scenes_as_asked_for(count, seed):
    with tempfile.TemporaryDirectory() as folder:
        scenes.make_scene_folder(folder, count, seed)
        parts = [photographs.PhotographFolder(part) for part in photographs.split_folders(folder)]
        assert sum(map(len, parts)) == count and all(image.size == (64, 64) for image, _ in parts[1])
    for kind in scenes.CLASSES:
        drawn_twice = [scenes.draw_scene(kind, random.Random(seed)).tobytes() for _ in range(2)]
        assert drawn_twice[0] == drawn_twice[1]


# --- pictures

ALT = "A picture."
FINITE = st.floats(-1e6, 1e6)
SERIES = st.integers(1, 20).flatmap(
    lambda n: st.tuples(*[st.lists(FINITE, min_size=n, max_size=n) for _ in range(3)], st.booleans())
)


def drawn(function, *arguments, **options):
    """The figure that a function of `plots` shows."""
    shown = []
    with mock.patch.object(plots, "show", lambda figure, alt: shown.append(figure) or plots.plt.close(figure)):
        function(*arguments, **options)
    return shown[0]


@accepts("plots.image_rows", "plots.image_grid", "plots.as_images")
@PROFILE
@given(
    st.dictionaries(st.text("abc ", max_size=3), some([(3, 1, 28, 28)], NUMBERS), min_size=1, max_size=3),
    some([(5, 1, 28, 28), (1, 1, 12, 9)], NUMBERS),
    st.integers(1, 7),
)
def test_images_stand_where_they_should(several, images, columns):
    figures = [drawn(plots.image_rows, several, ALT, titles=["a", "b"])]
    figures.append(drawn(plots.image_rows, several, ALT, groups={"one": 1, "two": 2}))
    axes = figures[columns % 2].axes
    for axis, image in zip(axes, itertools.chain(*several.values()), strict=True):
        assert np.array_equal(axis.images[0].get_array(), image[0].detach().float().numpy())
    sheet = drawn(plots.image_grid, images, columns, ALT).axes[0].images[0].get_array()
    height, width = images.shape[2:]
    for i, image in enumerate(plots.as_images(images, "the images")):
        top, left = i // columns * height, i % columns * width
        assert np.array_equal(sheet[top : top + height, left : left + width], image[0].numpy())


@accepts("plots.curves", "plots.bars")
@PROFILE
@given(st.dictionaries(st.text("abc ", min_size=1, max_size=3), SERIES, min_size=1, max_size=4))
def test_curves_and_bars_show_the_numbers(several):
    lines = {label: (x, torch.tensor(y)) for label, (x, y, _, _) in several.items()}
    axis = drawn(plots.curves, lines, "x", "y", ALT, level=("level", 0.5)).axes[0]
    for line, (x, y) in zip(axis.lines[:-1], lines.values(), strict=True):
        assert line.get_xdata().tolist() == x and np.allclose(line.get_ydata(), y.numpy(), rtol=1e-6)
    with_bars = {label: (x, y, np.abs(half)) for label, (x, y, half, _) in several.items()}
    assert len(drawn(plots.curves, with_bars, "x", "y", ALT).axes[0].containers) == len(several)
    positive = {label: (1 + np.abs(x), 1 + np.abs(y)) for label, (x, y, _, _) in several.items()}
    drawn(plots.curves, positive, "x", "y", ALT, x_log=True, y_log=True)
    heights = {label: torch.tensor(y[0]) if tensor else y[0] for label, (_, y, _, tensor) in several.items()}
    bars = drawn(plots.bars, heights, "y", ALT).axes[0].patches
    assert np.allclose([bar.get_height() for bar in bars], [float(height) for height in heights.values()], rtol=1e-6)


@accepts("plots.histograms")
@PROFILE
@given(
    st.lists(FINITE, min_size=1, max_size=30), st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30, unique=True)
)
def test_histograms_count_as_numpy_does(first, second):
    groups = {"first": first, "second": torch.tensor(second)}
    together = [*first, *second]
    assume(max(together) - min(together) > 1e-3)
    axis = drawn(plots.histograms, groups, "x", ALT).axes[0]
    for values, patch in zip(groups.values(), axis.patches[::2], strict=True):
        edges = np.linspace(min(together), max(together), 51)
        density, _ = np.histogram(np.asarray(values, float), edges, density=True)
        assert patch.get_xy()[:, 1].max() == pytest.approx(density.max())


@accepts("plots.scatter", "plots.scatter_row", "plots.draw_scatter", "plots.as_plane")
@PROFILE
@given(some([(7, 2), (1, 2), (30, 2)], NUMBERS), st.integers(1, 10), st.integers(0, 999))
def test_points_and_their_labels_are_all_drawn(points, classes, seed):
    labels = torch.randint(classes, (len(points),), generator=torch.Generator().manual_seed(seed))
    figures = [drawn(plots.scatter, points, labels, ALT, "z1", "z2")]
    figures.append(drawn(plots.scatter_row, {"left": points, "right": points}, labels, ALT))
    for axis in [axis for figure in figures for axis in figure.axes]:
        assert {text.get_text() for text in axis.texts} == {str(label) for label in labels.tolist()}
        shown = np.concatenate([collection.get_offsets() for collection in axis.collections])
        assert np.allclose(np.sort(shown, axis=0), np.sort(rows(points), axis=0))


@accepts("plots.show", "plots.crisp_png", "plots.small_png", "plots.page_size")
@PROFILE
@given(st.integers(1, 5), st.integers(1, 5), st.text(max_size=10))
def test_figures_are_shown_as_png_with_their_text(width, height, alt):
    plots.plt.close("all")
    with mock.patch.object(plots, "display") as display:
        plots.show(plots.plt.figure(figsize=(width, height)), alt)
    bundle = display.call_args.args[0]
    assert bundle["text/plain"] == alt and Image.open(io.BytesIO(bundle["image/png"])).format == "PNG"
    assert not plots.plt.get_fignums()


# --- coding

CODED = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["random", "constant", "constant, one a piece", "extremes", "one pixel"]),
        "count": st.integers(0, 12),
        "values": st.sampled_from([2, 3, 17, 256]),
        "seed": st.integers(0, 2**32 - 1),
    }
)


@accepts(
    "coding.compress",
    "coding.decompress",
    "coding.pack",
    "coding.unpack",
    "coding.blocks",
    "coding.push_images",
    "coding.pop_images",
    "whole_number_vae.WholeNumberVAE.__init__",
    "whole_number_vae.WholeNumberVAE.posterior",
    "whole_number_vae.WholeNumberVAE.frequencies",
    "whole_number_vae.WholeNumberVAE.save",
    "whole_number_vae.WholeNumberVAE.load",
    "whole_number_vae.as_array",
)
@PROFILE
@given(CODED, st.booleans(), st.sampled_from([0.0, 1.0, 5.0]))
def test_any_model_codes_any_images_without_loss(wanted, as_tensor, size):
    encoder, decoder, palettes = coding_models.networks(wanted["values"], wanted["seed"] % 1000, size)
    layers = [coding_models.layers(module) for module in (encoder, decoder)]
    if not as_tensor:
        layers = [[tuple(part.detach().numpy() for part in layer) for layer in module] for module in layers]
        palettes = palettes.numpy()
    model = whole_number_vae.WholeNumberVAE(*layers, palettes)
    x = coding_models.draw(**wanted)
    file = coding.compress(model, torch.from_numpy(x).view(-1, 1, 28, 28) if as_tensor else x)
    assert np.array_equal(coding.decompress(model, file), x)
    kind, count, _, payload = coding.unpack(file, model.fingerprint)
    assert (
        count == len(x)
        and coding.unpack(coding.pack(kind, count, b"8 bytes.", b"", payload), b"8 bytes.")[3] == payload
    )

    coder = stream.stack.AnsCoder()
    cuts = coding.blocks(len(x))
    for start, stop in cuts:
        coding.push_images(coder, model, x[start:stop].astype(np.int32), plain=start == 0)
    back = [coding.pop_images(coder, model, stop - start, plain=start == 0) for start, stop in reversed(cuts)]
    assert np.array_equal(np.concatenate([*reversed(back), np.zeros((0, 784), int)]), x) and coder.is_empty()

    mu = np.zeros((1, 784)) if not len(x) else x[:1].astype(float)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(mu / (wanted["values"] - 1)).float())[:, :5].clamp(-6, 6)
    if size <= 1:
        assert np.allclose(model.posterior(mu)[0] / 2**whole_number_vae.CODE_BITS, expected, atol=0.06)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model"))
        assert whole_number_vae.WholeNumberVAE.load(Path(folder, "model")).fingerprint == model.fingerprint


# --- that these tests notice refusals

TOLD_ELSEWHERE = {
    "plots.frame": "the size of a film's picture, in widgets/test_film.py",
    "pretrained.make": "trains, in test_pretrained.py",
    "pretrained.main": "trains, in test_pretrained.py",
    "download.download": "fetches, in test_download.py",
    "data.reader": "torchvision's class, for the download",
    "whole_number_vae.WholeNumberVAE.fingerprint": "an attribute, of 8 bytes",
}
OTHER_FLOORS = ("checks.", "scoreboard.")  # tests/exercises/test_properties.py


@pytest.mark.parametrize(("name", "test"), accepted_by(globals()))
def test_a_function_that_refuses_everything_fails_its_property(name, test, monkeypatch):
    notices_refusal(name, test, monkeypatch)


def test_every_public_function_has_a_property():
    covered = {name for name, _ in accepted_by(globals())} | set(TOLD_ELSEWHERE)
    assert {name for name in public_functions() - covered if not name.startswith(OTHER_FLOORS)} == set()
