"""Any input at all: public functions give the right number, or a CourseError that says what is wrong.

Figures are compared with NumPy's in double precision. What torch itself explains in so many words (numbers of another
type than the model's) may pass. `test_properties.py` has input that none may refuse.
"""

import io
import math
import os
import re
from unittest import mock

import coding_models
import numpy as np
import pytest
import references
import small_mnist
import torch
from any_input import ANYTHING, NO_TENSORS, POINTS, PROFILE, ROW, answer, close, double, mutated, tensors
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import coding, data, digits, losses, metrics, plots
from course_utils.classifier import Classifier, load_classifier
from course_utils.models import VAE, Autoencoder, ConvAutoencoder, good_start
from course_utils.photographs import (
    PhotographFolder,
    PhotographVAE,
    bits_per_dimension,
    negative_elbo,
    open_photograph,
    split_folders,
)
from course_utils.pretrained import load_pretrained
from course_utils.resuming import fit_resumable
from course_utils.sample_images import make_sample_folder
from course_utils.scenes import make_scene_folder
from course_utils.support.files import ROOT
from course_utils.support.notebooks import find, read
from course_utils.training import evaluate, fit
from course_utils.whole_number_vae import WholeNumberVAE


@PROFILE
@given(ANYTHING, ANYTHING, st.booleans())
def test_errors_and_decibels(x_hat, x, alike):
    if alike and isinstance(x, torch.Tensor):
        x_hat = x.detach().clone().flip(0) if x.ndim else x
    for function, expected in (
        (losses.mse, lambda a, b: ((a - b) ** 2).mean()),
        (losses.sse, lambda a, b: ((a - b) ** 2).sum() / len(a)),
        (metrics.squared_error, lambda a, b: ((a - b) ** 2).reshape(len(a), -1).sum(1)),
        (metrics.psnr, lambda a, b: -10 * np.log10(((a - b) ** 2).reshape(len(a), -1).mean(1))),
    ):
        value = answer(function, x_hat, x)
        if value is not None:
            assert x_hat.shape == x.shape and x_hat.is_floating_point()
            assert function in (losses.mse, losses.sse) or not value.isnan().any()
            with np.errstate(divide="ignore", invalid="ignore"):
                assert close(value, expected(double(x_hat), double(x)), x.dtype), function.__name__
    similarity = answer(metrics.ssim, x_hat, x)
    if similarity is not None:
        assert similarity.shape == (len(x),) and (similarity <= 1 + 1e-4).all()


@PROFILE
@given(tensors(), tensors(), st.booleans())
def test_cross_entropy_and_kl(x_hat, x, alike):
    if alike:
        x_hat = x.detach().clone().flip(0) if x.ndim else x
    value = answer(losses.cross_entropy, x_hat, x)
    if value is not None:
        expected = references.cross_entropy(double(x_hat), double(x))
        assert close(value, expected, torch.bfloat16 if x_hat.dtype != torch.float64 else x_hat.dtype)
    kl = answer(losses.kl_divergence, x_hat, x)
    if kl is not None and {x_hat.dtype, x.dtype} <= {torch.float32, torch.float64}:
        with np.errstate(over="ignore", invalid="ignore"):
            exact = references.kl_divergence(double(x_hat), double(x))
        assert not (kl < -1e-6).any() and close(kl, exact, torch.float32)
    total = answer(losses.vae_loss, x_hat, x, x_hat, x)
    assert total is None or not total < 0


@PROFILE
@given(ANYTHING)
def test_models(x):
    torch.manual_seed(0)
    for model in (Autoencoder(4, 8), VAE(2, 8), ConvAutoencoder()):
        output = answer(model, x)
        if output is not None:
            image = output[0] if isinstance(output, tuple) else output
            assert image.numel() == x.numel() and not ((image < 0) | (image > 1)).any()
            assert torch.isfinite(image).all() or not (x.abs() < 1e29).all()
        answer(good_start, model, x)
        assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    features = answer(Classifier().eval().features, x)
    assert features is None or features.shape == (len(x), 64)
    images = answer(data.ImageSet, x, x, "mine")
    assert images is None or (images.x.shape[1:] == (1, 28, 28) and len(images.y) == len(images.x))


WIDTHS = NO_TENSORS | st.integers(-2, 6)


@PROFILE
@given(WIDTHS, WIDTHS)
def test_widths_of_models(latent_dim, hidden_dim):
    if any(isinstance(width, int) and width > 100 for width in (latent_dim, hidden_dim)):
        return
    for build in (Autoencoder, VAE, PhotographVAE):
        model = answer(build, latent_dim, hidden_dim)
        assert model is None or (latent_dim >= 1 and hidden_dim >= 1)


@PROFILE
@given(ANYTHING, ANYTHING, st.integers(-1, 5) | NO_TENSORS)
def test_principal_components(train, test, latent_dim):
    for other in (train, test):
        x_hat = answer(metrics.pca_reconstruction, train, other, latent_dim)
        if x_hat is not None:
            assert x_hat.shape == other.shape and (torch.isfinite(x_hat).all() or other.dtype == torch.float16)


@PROFILE
@given(POINTS | NO_TENSORS, POINTS | NO_TENSORS, st.integers(-1, 5) | NO_TENSORS)
def test_distances_of_clouds(a, b, k):
    distance = answer(metrics.frechet_distance, a, b)
    if distance is not None:
        size = max(1, np.abs(double(a)).max(), np.abs(double(b)).max()) ** 2
        assert math.isfinite(distance) and distance > -1e-6 * size
        assert answer(metrics.frechet_distance, a, a) == pytest.approx(0, abs=1e-6 * size)
    shares = answer(metrics.precision_recall, a, b, k)
    assert shares is None or all(0 <= share <= 1 for share in shares)
    shares = answer(metrics.precision_recall, a, a, k)
    assert shares is None or shares == (1, 1)  # every point is a point of the set
    covered = answer(metrics.coverage, a, b, k)
    assert covered is None or 0 <= covered <= 1
    assert answer(metrics.coverage, a, a, k) in (None, 1)


@PROFILE
@given(ANYTHING, st.sampled_from(["right", "nan", "one number", "huge"]), st.integers(-1, 3) | NO_TENSORS, NO_TENSORS)
def test_log_likelihood(x, how, samples, prior_std):
    if isinstance(samples, int) and samples > 10:
        return

    def encode(part):
        rows = part.reshape(len(part), -1).float()[:, :2]
        return (rows * torch.nan if how == "nan" else rows), (rows * 0 + 1e4 if how == "huge" else rows * 0)

    def log_p(part, z):
        return z.sum() if how == "one number" else -z.square().sum(-1)

    for std in (1.0, prior_std):
        value = answer(metrics.log_likelihood, x, encode, log_p, samples, std)
        assert value is None or (value.shape == (len(x),) and torch.isfinite(value).all() and how == "right")


LOSSES = {
    "right": lambda model, x, y: losses.mse(model(x), x),
    "one an image": lambda model, x, y: metrics.squared_error(model(x), x),
    "nothing": lambda model, x, y: None,
    "a float": lambda model, x, y: 1.0,
    "a pair": lambda model, x, y: (losses.mse(model(x), x), 0),
    "nan": lambda model, x, y: losses.mse(model(x), x) * torch.nan,
    "no gradient": lambda model, x, y: losses.mse(model(x), x).detach(),
}


@PROFILE
@given(
    ANYTHING,
    st.sampled_from(sorted(LOSSES)),
    st.integers(-1, 2) | NO_TENSORS,
    st.sampled_from([1e-3, 0.0, -1.0, math.nan, math.inf, "fast", None]),
    st.sampled_from([0, 3, -1, 1.5, "x", None, 10**30]),
    st.sampled_from(["cpu", "gpu", 5, "cuda:77"]),
)
def test_training(x, loss, epochs, lr, seed, device):
    if isinstance(epochs, int) and epochs > 10:
        return
    model = Autoencoder(2, 4)
    train = TensorDataset(x, torch.zeros(len(x))) if isinstance(x, torch.Tensor) and x.ndim else x
    for settings in (
        {"epochs": epochs},
        {"epochs": 1, "lr": lr},
        {"epochs": 1, "seed": seed},
        {"epochs": 1, "batch_size": epochs},
        {"epochs": 1, "device": device},
    ):
        history = answer(fit, model, train, LOSSES[loss], progress=False, **({"device": "cpu"} | settings))
        if history is not None:
            assert loss == "right" and len(history) == settings["epochs"]
            assert all(math.isfinite(row["train"]) for row in history)
    value = answer(evaluate, model, train, LOSSES[loss])
    assert value is None or loss in ("right", "nan", "no gradient")


@PROFILE
@given(NO_TENSORS, NO_TENSORS, NO_TENSORS)
def test_names_and_sizes(tmp_path, name, split, size):
    for arguments in ((name,), ("digits", split), ("digits", "test", size), (name, split, size)):
        if not (isinstance(arguments[-1], int) and arguments[-1] > 20) and arguments[-1] is not None:
            images = answer(data.load, *arguments)
            assert images is None or len(images) == arguments[-1]
    for arguments in ((3, split), (3, "test", size)):
        drawn = answer(digits.generate, *arguments)
        assert drawn is None or drawn[0].shape == (3, 28, 28)
    if not (isinstance(size, int) and size > 1):
        answer(make_sample_folder, tmp_path / "nowhere", size)
        answer(make_scene_folder, tmp_path / "nowhere", size)
    answer(make_scene_folder, tmp_path / "nowhere", 80, "no seed")
    for path in (name, split):
        assert answer(PhotographFolder, path) is None
        answer(split_folders, path)
    assert not os.path.exists(tmp_path / "nowhere")


@PROFILE
@given(NO_TENSORS | st.sampled_from(["digits", "vae"]), NO_TENSORS | st.sampled_from(["digits", "vae"]))
def test_names_of_models(name, data_name):
    answer(load_pretrained, name, data_name)
    answer(load_classifier, name)


SEVERAL = st.dictionaries(st.text("abc ", max_size=3), ANYTHING, max_size=3)
LINES = st.dictionaries(st.text("abc ", max_size=3), st.lists(ROW, max_size=4) | st.tuples(ROW, ROW), max_size=9)


@PROFILE
@given(SEVERAL, LINES, ANYTHING, POINTS | tensors([(7, 2), (9, 2), (0, 2)]), st.integers(-1, 200) | NO_TENSORS)
def test_pictures(several, lines, images, points, columns):
    labels, alt = torch.arange(7) % 3, "A picture."
    with mock.patch.object(plots, "display") as display:
        for function, *arguments in (
            (plots.image_rows, several, alt),
            (plots.image_rows, images, alt),
            (plots.image_rows, {"": images}, alt),
            (plots.image_grid, images, columns, alt),
            (plots.image_grid, images, 3, alt),
            (plots.curves, lines, "x", "y", alt),
            (plots.curves, lines, "x", "y", alt, True, True),
            (plots.bars, {label: line[0] for label, line in lines.items() if line}, "y", alt),
            (plots.bars, {"a": columns, "b": 1}, "y", alt),
            (plots.histograms, {label: row for label, line in lines.items() for row in line[:1]}, "x", alt),
            (plots.scatter, points, labels, alt, "x", "y"),
            (plots.scatter, points, images, alt, "x", "y"),
            (plots.scatter_row, several, labels, alt),
        ):
            answer(function, *arguments)
    for call in display.call_args_list:
        assert call.args[0]["image/png"].startswith(b"\x89PNG")
    assert not plots.plt.get_fignums()


LAYER = st.tuples(tensors([(3, 784), (6, 3), (784, 3), (5, 5), ()]) | NO_TENSORS, tensors([(3,), (6,), (784,)]))


@PROFILE
@given(ANYTHING, st.lists(LAYER, max_size=2) | NO_TENSORS, st.lists(LAYER, max_size=2), ANYTHING)
def test_coding_of_anything(images, encoder, decoder, palettes):
    good = coding_models.MODELS[2]
    file = answer(coding.compress, good, images)
    if file is not None:
        assert np.array_equal(coding.decompress(good, file), np.asarray(images.detach()).reshape(-1, 784))
    answer(coding.decompress, good, images)
    for kind, count, part in ((images, 1, b""), (1, images, b""), (1, 1, images), (2, 3, b"abc")):
        packed = answer(coding.pack, kind, count, good.fingerprint, b"content", part)
        assert packed is None or coding.unpack(packed, good.fingerprint)[::3] == (kind, part)
    for parts in ((encoder, decoder, palettes), (encoder, decoder, torch.ones(1, 2) / 2)):
        answer(WholeNumberVAE, *parts)
    encoder, decoder, _ = map(coding_models.layers, [*coding_models.networks(2)[:2], []])
    answer(WholeNumberVAE, encoder, decoder, palettes)


# --- files


@PROFILE
@given(st.data())
def test_files_of_coded_images_and_their_model(tmp_path, draw):
    model, path = coding_models.MODELS[2], tmp_path / "model.safetensors"
    x = coding_models.draw("one pixel", 3, 2, 0)
    file = draw.draw(mutated(coding.compress(model, x)))
    decoded = answer(coding.decompress, model, file)
    assert decoded is None or np.array_equal(decoded, x)
    model.save(path)
    path.write_bytes(draw.draw(mutated(path.read_bytes())))
    loaded = answer(WholeNumberVAE.load, path)
    if loaded is not None:
        answer(coding.compress, loaded, x)
        if loaded.fingerprint != model.fingerprint:
            assert answer(coding.decompress, loaded, coding.compress(model, x)) is None


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """A small set without published checksums of its files, and its images."""
    root, _ = small_mnist.make_small(tmp_path, monkeypatch)
    os.rename(root / "MNIST", root / "FashionMNIST")
    return root / "FashionMNIST" / "raw"


@PROFILE
@given(st.data())
def test_idx_files(fashion, draw):
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        whole = (fashion / name).read_bytes()
        (fashion / name).write_bytes(draw.draw(mutated(whole)))
        images = answer(data.load, "fashion-mnist", "test")
        assert images is None or (images.x.shape == (10, 1, 28, 28) and len(images.y) == 10 and images.y.max() < 10)
        (fashion / name).write_bytes(whole)


def train_tiny(path):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(2, 2)), torch.linspace(0, 1, 8).view(4, 2)
    history = fit_resumable(path, model, TensorDataset(x, x), LOSSES["right"], epochs=3, device="cpu", progress=False)
    return [row["train"] for row in history], [value.tolist() for value in model.state_dict().values()]


@PROFILE
@given(st.data())
def test_checkpoints(tmp_path, draw):
    path = tmp_path / "run.pt"
    path.unlink(missing_ok=True)
    expected = train_tiny(path)
    path.write_bytes(draw.draw(mutated(path.read_bytes())))
    assert answer(train_tiny, path) in (None, expected)


@PROFILE
@given(st.data())
def test_folders_of_images(tmp_path, draw):
    file = io.BytesIO()
    Image.new("RGB", (20, 30), "red").save(file, draw.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"])))
    (tmp_path / "image.png").write_bytes(draw.draw(mutated(file.getvalue())))
    images = answer(data.load_folder, tmp_path)
    assert images is None or images.x.shape == (1, 1, 28, 28)


@PROFILE
@given(st.data())
def test_folders_of_photographs(tmp_path, draw):
    file = io.BytesIO()
    Image.new("RGB", (20, 30), "red").save(file, draw.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"])))
    (tmp_path / "class").mkdir(exist_ok=True)
    (tmp_path / "class" / "image.png").write_bytes(draw.draw(mutated(file.getvalue())))
    images = answer(PhotographFolder, tmp_path)
    assert images is None or images[0][0].mode == "RGB" == open_photograph(tmp_path / "class" / "image.png").mode


@PROFILE
@given(tensors(shapes=[(2, 3, 64, 64), (0, 3, 64, 64), (3, 64, 64), (2, 1, 64, 64), (2, 3, 32, 32)]) | ANYTHING)
def test_losses_of_photographs(x):
    torch.manual_seed(0)
    loss = answer(negative_elbo, PhotographVAE(latent_dim=2, width=2), x)
    if loss is not None:
        assert loss.ndim == 0 and x.shape == (2, 3, 64, 64)
        assert math.isclose(bits_per_dimension(loss.item()), loss.item() / 12_288 / math.log(2)) or loss.isnan()


# --- that nothing is left out

TOLD_ELSEWHERE = {
    *("best_device", "spread", "resolve"),  # take nothing, a row of our own file, or a name, which `load` is tried with
    *("PlaneVAE", "Training", "curves_of"),  # take nothing, or what `fit` is tried with
    *("hourglass", "cloud_and_copies", "line_through_cloud"),  # drawings of a page's own numbers
    *("rate_distortion", "beside_the_prior"),
    *("stations", "colour_rows", "held_by", "owned_numbers", "balls", "weighed_draws", "pairs"),
}


def test_all_that_pages_import_is_tried_with_any_input():
    pages = "".join("\n".join(cell["source"] for cell in read(path)["cells"]) for path in find())
    imported = {
        name.strip()
        for names in re.findall(r"from course_utils[._a-z]* import ([\w, ]+)", pages)
        for name in names.split(",")
    }
    called = {name for name in imported if re.search(rf"\b{name}\(", pages)}
    places = ("library/test_any_input.py", "widgets/test_properties.py", "exercises/test_properties.py")
    here = "".join((ROOT / "tests" / place).read_text(encoding="utf-8") for place in places)
    assert len(called) > 20
    assert {name for name in called if not re.search(rf"\b{name}\b", here)} <= TOLD_ELSEWHERE
