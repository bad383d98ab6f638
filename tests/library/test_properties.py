"""Any input at all: public functions give the right number, or a CourseError that says what is wrong.

Figures are compared with NumPy's in double precision. What torch itself explains in so many words (numbers of another
type than the model's) may pass.
"""

import gzip
import io
import json
import math
import os
import re
from unittest import mock

import numpy as np
import pytest
import test_coding
import test_data
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import xlog1py, xlogy
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import CourseError, checks, coding, data, digits, metrics, plots, pretrained, scoreboard
from course_utils.support import files, weights
from course_utils.command import cli, execute
from course_utils.widgets import buttons, drawing_pad, preview, sliders
from course_utils.exercises import progress
from course_utils.classifier import Classifier, load_classifier
from course_utils.command.formulas import to_mathml
from course_utils.losses import bce, kl_divergence, mse, sse, vae_loss
from course_utils.models import VAE, Autoencoder, ConvAutoencoder, good_start
from course_utils.sample_images import make_sample_folder
from course_utils.training import evaluate, fit

settings.register_profile(
    "properties",
    max_examples=int(os.environ.get("COURSE_EXAMPLES", 40)),
    deadline=None,
    derandomize="COURSE_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PROFILE = settings.get_profile("properties")

SHAPES = [
    (3, 1, 28, 28),
    (1, 1, 28, 28),
    (0, 1, 28, 28),
    (3, 784),
    (2, 3, 28, 28),
    (2, 1, 14, 12),
    (7, 3),
    (2, 0),
    (5,),
    (),
]
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
OTHERS = [torch.int64, torch.uint8, torch.bool, torch.complex64]
KINDS = [
    "uniform",
    "uniform",
    "normal",
    "zeros",
    "ones",
    "equal images",
    "nan",
    "inf",
    "-inf",
    "huge",
    "tiny",
    "0 to 255",
]


@st.composite
def tensors(draw, shapes=SHAPES, dtypes=FLOATS + OTHERS, kinds=KINDS):
    """Tensors of many shapes, types, layouts and contents."""
    shape, kind = draw(st.sampled_from(shapes)), draw(st.sampled_from(kinds))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    if kind == "normal":
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
    elif kind in ("zeros", "ones"):
        x = torch.full(shape, float(kind == "ones"), dtype=torch.float64)
    elif kind == "equal images" and x.ndim and len(x):
        x = x[:1].expand(shape)
    elif kind in ("nan", "inf", "-inf") and x.numel():
        x.view(-1)[draw(st.integers(0, x.numel() - 1))] = float(kind)
    elif kind in ("huge", "tiny", "0 to 255"):
        x = x * {"huge": 1e30, "tiny": 1e-42, "0 to 255": 255}[kind]
    dtype = draw(st.sampled_from(dtypes))
    x = x.nan_to_num(0, 1e9, -1e9).to(dtype) if dtype in OTHERS[:2] else x.to(dtype)
    layout = draw(st.sampled_from(["plain", "transposed", "every second", "gradient", "no numbers"]))
    if layout == "transposed" and x.ndim > 1:
        x = x.transpose(0, -1).contiguous().transpose(0, -1)
    elif layout == "every second" and x.ndim:
        x = x.repeat_interleave(2, dim=0)[::2]
    elif layout == "no numbers" and draw(st.booleans()):
        x = x.to("meta")  # a device that every machine has
    elif layout == "gradient" and dtype in FLOATS:
        x = x.requires_grad_()
    return x


NO_TENSORS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**30),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.floats(), max_size=3),
    st.just(np.random.rand(3, 784)),
)
ANYTHING = tensors() | tensors() | tensors() | NO_TENSORS


def answer(function, *arguments, **options):
    """What the function returns, or None where it refused with a message that a reader understands."""
    try:
        return function(*arguments, **options)
    except CourseError as error:
        assert len(str(error)) > 20
    except RuntimeError as error:  # torch names both types, or says that this processor has no such operation
        if not re.search(
            r"dtype|same type|scalar type|not implemented for|Input type|same device|meta tensor", str(error)
        ):
            raise
    return None


def double(x):
    return x.detach().double().numpy()


def close(ours, theirs, dtype):
    """Equal to the precision of the type, which for short floats is little."""
    theirs = np.asarray(theirs, float)
    largest = torch.finfo(dtype).max
    tolerance = {torch.float16: 2e-2, torch.bfloat16: 1e-1}.get(dtype, 1e-4)
    with np.errstate(invalid="ignore"):
        good = np.isclose(double(ours), theirs, rtol=tolerance, atol=tolerance * 1e-2)
    return bool((good | (np.abs(theirs) > largest / 1e3) | (np.abs(theirs) < 1e-30)).all())


@PROFILE
@given(ANYTHING, ANYTHING, st.booleans())
def test_errors_and_decibels(x_hat, x, alike):
    if alike and isinstance(x, torch.Tensor):
        x_hat = x.detach().clone().flip(0) if x.ndim else x
    for function, expected in (
        (mse, lambda a, b: ((a - b) ** 2).mean()),
        (sse, lambda a, b: ((a - b) ** 2).sum() / len(a)),
        (metrics.squared_error, lambda a, b: ((a - b) ** 2).reshape(len(a), -1).sum(1)),
        (metrics.psnr, lambda a, b: -10 * np.log10(((a - b) ** 2).reshape(len(a), -1).mean(1))),
    ):
        value = answer(function, x_hat, x)
        if value is not None:
            assert x_hat.shape == x.shape and x_hat.is_floating_point() and not value.isnan().any()
            with np.errstate(divide="ignore"):
                assert close(value, expected(double(x_hat), double(x)), x.dtype), function.__name__
    similarity = answer(metrics.ssim, x_hat, x)
    if similarity is not None:
        assert similarity.shape == (len(x),) and (similarity <= 1 + 1e-4).all()


@PROFILE
@given(tensors(), tensors(), st.booleans())
def test_cross_entropy_and_kl(x_hat, x, alike):
    if alike:
        x_hat = x.detach().clone().flip(0) if x.ndim else x
    value = answer(bce, x_hat, x)
    if value is not None:
        p, y = double(x_hat), double(x)
        with np.errstate(divide="ignore"):
            expected = -np.maximum(xlogy(y, p), -100 * y) - np.maximum(xlog1py(1 - y, -p), -100 * (1 - y))
        assert close(value, expected.sum() / len(p), torch.bfloat16 if x_hat.dtype != torch.float64 else x_hat.dtype)
    kl = answer(kl_divergence, x_hat, x)
    if kl is not None and {x_hat.dtype, x.dtype} <= {torch.float32, torch.float64}:
        mu, logvar = double(x_hat), double(x)
        exact = 0.5 * (mu**2 + np.expm1(logvar) - logvar)
        assert (kl > -1e-6).all() and close(kl, exact, torch.float32)
    total = answer(vae_loss, x_hat, x, x_hat, x)
    assert total is None or torch.isfinite(total)


@PROFILE
@given(ANYTHING)
def test_models(x):
    torch.manual_seed(0)
    for model in (Autoencoder(4, 8), VAE(2, 8), ConvAutoencoder()):
        output = answer(model, x)
        if output is not None:
            image = output[0] if isinstance(output, tuple) else output
            assert image.numel() == x.numel() and ((image >= 0) & (image <= 1)).all()
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
    for build in (Autoencoder, VAE):
        model = answer(build, latent_dim, hidden_dim)
        assert model is None or (latent_dim >= 1 and hidden_dim >= 1)


@PROFILE
@given(ANYTHING, ANYTHING, st.integers(-1, 5) | NO_TENSORS)
def test_principal_components(train, test, latent_dim):
    for other in (train, test):
        x_hat = answer(metrics.pca_reconstruction, train, other, latent_dim)
        if x_hat is not None:
            assert x_hat.shape == other.shape and (torch.isfinite(x_hat).all() or other.dtype == torch.float16)


POINTS = tensors(shapes=[(7, 3), (9, 3), (8, 1), (40, 3), (3, 3), (0, 3), (7, 0), (), (2, 2, 2)])


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
    "right": lambda model, x, y: mse(model(x), x),
    "one an image": lambda model, x, y: metrics.squared_error(model(x), x),
    "nothing": lambda model, x, y: None,
    "a float": lambda model, x, y: 1.0,
    "a pair": lambda model, x, y: (mse(model(x), x), 0),
    "nan": lambda model, x, y: mse(model(x), x) * torch.nan,
    "no gradient": lambda model, x, y: mse(model(x), x).detach(),
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
    for settings_ in (
        {"epochs": epochs},
        {"epochs": 1, "lr": lr},
        {"epochs": 1, "seed": seed},
        {"epochs": 1, "batch_size": epochs},
        {"epochs": 1, "device": device},
    ):
        history = answer(fit, model, train, LOSSES[loss], progress=False, **({"device": "cpu"} | settings_))
        if history is not None:
            assert loss == "right" and len(history) == settings_["epochs"]
            assert all(math.isfinite(row["train"]) for row in history)
    value = answer(evaluate, model, train, LOSSES[loss])
    assert value is None or loss in ("right", "nan", "no gradient")


@PROFILE
@given(NO_TENSORS, NO_TENSORS, NO_TENSORS)
def test_names_and_sizes(name, split, size):
    for arguments in ((name,), ("digits", split), ("digits", "test", size), (name, split, size)):
        if not (isinstance(arguments[-1], int) and arguments[-1] > 20) and arguments[-1] is not None:
            images = answer(data.load, *arguments)
            assert images is None or len(images) == arguments[-1]
    for arguments in ((3, split), (3, "test", size)):
        drawn = answer(digits.generate, *arguments)
        assert drawn is None or drawn[0].shape == (3, 28, 28)
    if not (isinstance(size, int) and size > 1):
        answer(make_sample_folder, "nowhere", size)
    assert not os.path.exists("nowhere")


@PROFILE
@given(st.dictionaries(st.text(min_size=1, max_size=20), ANYTHING, max_size=3))
def test_scores(figures):
    with mock.patch.object(scoreboard, "display") as display:
        answer(lambda: scoreboard.score(**figures))
    for call in display.call_args_list:
        assert not re.search("<(?!/?(table|tr|td|th|p)>)", call.args[0]["text/html"])


SEVERAL = st.dictionaries(st.text("abc ", max_size=3), ANYTHING, max_size=3)
ROW = st.lists(st.floats() | st.integers(-5, 10**30) | st.none(), max_size=4) | POINTS | NO_TENSORS
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


@PROFILE
@given(ANYTHING, ANYTHING, st.lists(st.tuples(st.floats(), st.floats()), max_size=4) | NO_TENSORS, ROW)
def test_explorers(first, second, ranges, values):
    with mock.patch.object(explorers, "display"):
        for ends in (ranges, [(-3, 3)], [(0, 1), (0, 1)]):
            for start in (first, torch.zeros(3)):
                answer(explorers.latent_explorer, lambda z: second, start, ends, alt="A picture.")
        answer(explorers.latent_explorer, lambda z: torch.rand(len(z), 784), torch.zeros(3), ranges, alt="A picture.")
        answer(explorers.image_slider, lambda value: {"a": first, "b": second}, "x", [1, 2], 1, alt="A picture.")
        for start in (values[0] if isinstance(values, list) and values else 1, second):
            answer(explorers.image_slider, lambda _: {"": torch.rand(2, 1, 28, 28)}, "x", values, start, alt="A")
        answer(explorers.threshold_slider, first, second, 0.5, "x", alt="A picture.")
        answer(explorers.threshold_slider, torch.rand(5), 2 * torch.rand(5), second, "x", alt="A picture.")
        answer(drawing.draw_pad, lambda x: second, first, alt="A picture.")
        answer(drawing.draw_pad, lambda x: second, torch.rand(1, 1, 28, 28), alt="A picture.")
    assert not plots.plt.get_fignums()


IDS = st.sampled_from(["01-pca", "01-printout", "00", "10", "01", "00-step"]) | NO_TENSORS


@PROFILE
@given(IDS, ANYTHING)
def test_learning_calls(tmp_path, id, thing):
    with mock.patch.dict(os.environ, COURSE_STATE=str(tmp_path)), mock.patch.object(checks, "display"):
        answer(checks.predict, id)
        answer(checks.predict, id, thing)
        answer(checks.predict, id, result=thing)
        answer(checks.quiz, id)
        answer(checks.check, id, thing)


@PROFILE
@given(NO_TENSORS | st.sampled_from(["digits", "vae"]), NO_TENSORS | st.sampled_from(["digits", "vae"]))
def test_names_of_models_and_data(name, data_name):
    answer(trained.load_pretrained, name, data_name)
    answer(load_classifier, name)
    if not isinstance(data_name, str) or data_name != "digits":
        answer(preview.preview, data_name)
    with mock.patch.object(widgets, "display"):
        answer(widgets.download_button, name)
    if isinstance(name, str):
        answer(scoreboard.reference, name)


LAYER = st.tuples(tensors([(3, 784), (6, 3), (784, 3), (5, 5), ()]) | NO_TENSORS, tensors([(3,), (6,), (784,)]))


@PROFILE
@given(ANYTHING, st.lists(LAYER, max_size=2) | NO_TENSORS, st.lists(LAYER, max_size=2), ANYTHING)
def test_coding_of_anything(images, encoder, decoder, palettes):
    good = test_coding.MODELS[2]
    file = answer(coding.compress, good, images)
    if file is not None:
        assert np.array_equal(coding.decompress(good, file), np.asarray(images.detach()).reshape(-1, 784))
    answer(coding.decompress, good, images)
    for kind, count, part in ((images, 1, b""), (1, images, b""), (1, 1, images), (2, 3, b"abc")):
        packed = answer(coding.pack, kind, count, good.fingerprint, b"content", part)
        assert packed is None or coding.unpack(packed, good.fingerprint)[::3] == (kind, part)
    for parts in ((encoder, decoder, palettes), (encoder, decoder, torch.ones(1, 2) / 2)):
        answer(coding.WholeNumberVAE, *parts)
    encoder, decoder, _ = map(test_coding.layers, [*test_coding.networks(2)[:2], []])
    answer(coding.WholeNumberVAE, encoder, decoder, palettes)


@PROFILE
@given(st.data())
def test_files_of_coded_images_and_their_model(tmp_path, draw):
    model, path = test_coding.MODELS[2], tmp_path / "model.safetensors"
    x = test_coding.draw("one pixel", 3, 2, 0)
    file = draw.draw(mutated(coding.compress(model, x)))
    decoded = answer(coding.decompress, model, file)
    assert decoded is None or np.array_equal(decoded, x)
    model.save(path)
    path.write_bytes(draw.draw(mutated(path.read_bytes())))
    loaded = answer(coding.WholeNumberVAE.load, path)
    if loaded is not None:
        answer(coding.compress, loaded, x)
        if loaded.fingerprint != model.fingerprint:
            assert answer(coding.decompress, loaded, coding.compress(model, x)) is None


TOLD_ELSEWHERE = {"best_device", "spread"}  # take nothing, or a row of our own file


def test_all_that_pages_import_is_tried_here():
    pages = "".join(path.read_text(encoding="utf-8") for path in files.NOTEBOOKS.glob("*.ipynb"))
    imported = {
        name.strip()
        for names in re.findall(r"from course_utils[.a-z]* import ([\w, ]+)", pages)
        for name in names.split(",")
    }
    called = {name for name in imported if re.search(rf"\b{name}\(", pages)}
    here = (files.ROOT / "tests" / "test_properties.py").read_text(encoding="utf-8")
    assert len(called) > 20
    assert {name for name in called if not re.search(rf"\b{name}\b", here)} <= TOLD_ELSEWHERE


# --- files


def mutated(content):
    """Bytes that differ from `content`: a part cut out, some bytes changed, or something else altogether."""
    place = st.integers(0, len(content) - 1)
    return st.one_of(
        place.map(lambda i: content[:i]),
        st.tuples(place, place).map(lambda cut: content[: min(cut)] + content[max(cut) :]),
        st.tuples(st.integers(0, min(40, len(content) - 1)), st.integers(0, 255)).map(
            lambda change: content[: change[0]] + bytes([change[1]]) + content[change[0] + 1 :]
        ),
        st.binary(max_size=100).map(lambda more: content + more),
        st.binary(max_size=200),
        st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"\x1f\x8b" + content, gzip.compress(content)]),
    )


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """A small set without published checksums of its files, and its images."""
    root, _ = test_data.make_small(tmp_path, monkeypatch)
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


def tiny():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2))


def train_tiny(path):
    x = torch.linspace(0, 1, 8).view(4, 2)
    model = tiny()
    history = fit(
        model,
        TensorDataset(x, x),
        lambda model, x, y: mse(model(x), x),
        epochs=3,
        checkpoint=path,
        device="cpu",
        progress=False,
    )
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
def test_weights(tmp_path, draw):
    model, path = tiny(), tmp_path / "tiny.safetensors"
    checkpoints.halve(model)
    checkpoints.save(model, path, {"data": "none"})
    path.write_bytes(draw.draw(mutated(path.read_bytes())))
    loaded = answer(checkpoints.load, tiny(), path, "python -m something")
    if loaded is not None:
        pairs = zip(loaded.parameters(), model.parameters(), strict=True)
        assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


@PROFILE
@given(st.data())
def test_notebooks_and_progress(tmp_path, draw):
    cells = [{"cell_type": "code", "source": ["EPOCHS = 3\n"], "metadata": {"tags": ["parameters"]}, "outputs": []}]
    page = tmp_path / "01_page.ipynb"
    content = json.dumps({"cells": cells, "metadata": {"course": {"full": {"EPOCHS": 5}}}}).encode()
    values = st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2))
    odd = st.sampled_from(["cells", "metadata", "course", "full", "source", "tags", "cell_type"])
    key, value = draw.draw(odd), draw.draw(values)
    new = f'"{key}": {json.dumps(value)}'.encode()
    other = re.sub(rf'"{key}": (\[.*?\]|\{{.*?\}}|"\w+")'.encode(), lambda match: new, content, count=1)
    for changed in (draw.draw(mutated(content)), other):
        page.write_bytes(changed)
        for function in (runner.parameters_of, runner.full_parameters_of):
            answer(function, page)
        with mock.patch.object(files, "NOTEBOOKS", tmp_path), mock.patch.dict(os.environ, COURSE_STATE=str(tmp_path)):
            (tmp_path / "exercises").mkdir(exist_ok=True)
            (tmp_path / "exercises" / "01-x.json").write_bytes(changed)
            assert isinstance(progress.kept("exercises", "01-x"), dict) and "01_page" in progress.table()


@PROFILE
@given(st.data())
def test_folders_of_images(tmp_path, draw):
    file = io.BytesIO()
    data.Image.new("RGB", (20, 30), "red").save(file, draw.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"])))
    (tmp_path / "image.png").write_bytes(draw.draw(mutated(file.getvalue())))
    images = answer(data.load_folder, tmp_path)
    assert images is None or images.x.shape == (1, 1, 28, 28)


@PROFILE
@given(st.text() | st.from_regex(r"(\$[\\a-z{}_^$ ]{0,12}\$?[`$ ]?){1,4}", fullmatch=True))
def test_formulas(text):
    assert isinstance(to_mathml(text), str)
    assert to_mathml(f"`{text.replace('`', '').replace(chr(10), '')}x`").startswith("`")


# --- the command line

# fmt: off
WORDS = [
    "00", "1", "01_autoencoder", "77", "--full", "--claims", "--update", "--record", "--seed", "-1", "--jobs", "0",
    "-p", "EPOCHS=1", "EPOCHS=", "=1", "DATASET=x", "EPOCHS={[]: 1}", "SEED=" + "-" * 20_000 + "1", "--dataset", "auto",
    "digits", "--out", "/dev/null/x", "/proc/x", "o" * 5000, "mnist", "student", "slides", "--help", "", "\udce4",
]
# fmt: on
WORDS = st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0"), max_size=8)


@PROFILE
@given(st.sampled_from(["run", "run", "export", "data", "progress", "nothing"]), st.lists(WORDS, max_size=5))
def test_command_lines(tmp_path, command, words):
    result = runner.Result("01_page", 1.0, {"error": 1.0})
    with (
        mock.patch.object(runner, "_run", lambda jobs, *_: [result] * len(jobs)),
        mock.patch.object(runner, "_record"),
        mock.patch.object(runner, "update", lambda notebooks, *_: [result]),
        mock.patch.object(data, "_download_from", return_value="no network"),
        mock.patch.dict(os.environ, COURSE_DATA=str(tmp_path)),
        mock.patch.object(cli, "BUILD", tmp_path),
        mock.patch("course_utils.export.write_bytes"),
        mock.patch("course_utils.export._printed", return_value=b""),
        mock.patch("course_utils.runner.to_html", return_value="page"),
        mock.patch("course_utils.slides.to_slides", return_value="page"),
        mock.patch("sys.stderr", new_callable=io.StringIO) as said,
    ):
        os.chdir(tmp_path)
        try:
            status = cli.main([command, *words])
        except SystemExit as end:  # argparse has said what is wrong
            status = end.code
        finally:
            os.chdir(files.ROOT)
    assert status in (0, 1, 2) and "Traceback" not in said.getvalue()
    assert status == 0 or said.getvalue().strip()
