"""Images, folders, precision and devices as people bring them: the right value, or a message that says what to do."""

import gzip
import hashlib
import io
import itertools
import os
import ssl
import sys
import urllib.error

import coding_models
import numpy as np
import pytest
import torch
from PIL import Image
from small_mnist import cut, make_small
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from course_utils import CourseError, checks, coding, data, download, losses, metrics, plots, resuming
from course_utils.data import load, load_folder
from course_utils.diagrams import bound, clouds, plane
from course_utils.diagrams.drawing import show_drawing
from course_utils.exercises.patients import curves_of
from course_utils.models import VAE, Autoencoder, good_start
from course_utils.resuming import fit_resumable
from course_utils.sample_images import make_sample_folder
from course_utils.support.attempt import attempt
from course_utils.support.files import write_bytes
from course_utils.training import Training, evaluate, fit
from course_utils.whole_number_vae import WholeNumberVAE

RAMP = np.tile(np.linspace(0, 1, 28), (28, 1))  # black on the left, white on the right


def mse_of(model, x, y):
    return losses.mse(model(x), x)


# --- deep images


@pytest.mark.parametrize(
    ("whites", "files", "printed"),
    [
        ({"a.png": 4095}, {}, "12 bits hold their largest value, 4,095"),
        ({"a.tiff": 1023, "b.png": 700}, {"b.png": 700 / 1023}, "10 bits hold their largest value, 1,023"),
        ({"a.png": 65535, "dim.png": 4095}, {"dim.png": 4095 / 65535}, "white is 65,535 for all"),
        ({"a.tiff": 16383.0}, {}, "white is 16,383 for all (their largest value)"),
        ({"a.tiff": 255.0, "dim.tiff": 51.0}, {"dim.tiff": 0.2}, "white is 255 for all"),
        ({"a.tiff": 1.2, "b.tiff": 1.0}, {"b.tiff": 1 / 1.2}, "white is 1.2 for all"),
        ({"a.tiff": 1.0, "dim.tiff": 0.5}, {"dim.tiff": 0.5}, "white is 1 for all (none is larger)"),
    ],
)
def test_deep_images_of_a_folder_share_one_white(tmp_path, capsys, whites, files, printed):
    for name, white in whites.items():
        pixels = (RAMP * white).astype(np.float32) if isinstance(white, float) else (RAMP * white).round()
        Image.fromarray(pixels if isinstance(white, float) else pixels.astype(np.uint16)).save(tmp_path / name)
    images = load_folder(tmp_path).x
    for name, image in zip(sorted(whites), images, strict=True):
        assert (image - files.get(name, 1) * torch.tensor(RAMP)).abs().max() < 0.005
    assert printed in capsys.readouterr().out


def test_what_a_tiff_says_of_its_depth_counts(tmp_path, capsys):
    dark = (RAMP * 500).round().astype(np.uint16)  # 9 bits would hold them, its file says 12
    Image.fromarray(dark).save(tmp_path / "a.tiff", tiffinfo={281: 4095})
    assert load_folder(tmp_path).x.max() == pytest.approx(500 / 4095, abs=1e-3)
    assert "white is 4,095" in capsys.readouterr().out


@pytest.mark.parametrize(("white", "warned"), [(20, True), (60, False)])
def test_a_folder_in_the_dark_is_noticed(tmp_path, capsys, white, warned):
    Image.fromarray((RAMP * white).astype(np.uint8)).save(tmp_path / "a.png")
    load_folder(tmp_path)
    assert ("brighter than a tenth" in capsys.readouterr().out) == warned


@pytest.mark.parametrize(("values", "said"), [([-0.5, 1], "range from -0.5 to 1"), ([np.nan, 1], "from nan to nan")])
def test_images_of_no_known_scale_are_skipped(tmp_path, capsys, values, said):
    Image.fromarray(np.array([values, values], dtype=np.float32)).save(tmp_path / "a.tiff")
    Image.new("L", (28, 28), 255).save(tmp_path / "b.png")
    assert len(load_folder(tmp_path)) == 1 and said in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["pgm", "jp2"])
def test_formats_that_say_their_white_are_not_made_brighter(tmp_path, ending):
    dark = (RAMP * 255).round()  # of 4,095: Pillow stretches both formats to 16 bits
    if ending == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 28 28 4095\n" + dark.astype(">u2").tobytes())
    else:
        Image.fromarray((dark * 16).astype(np.uint16)).save(tmp_path / "a.jp2")
    assert load_folder(tmp_path).x.max() == pytest.approx(255 / 4095, abs=1e-3)


def test_zero_is_white_where_a_deep_tiff_says_so(tmp_path):
    Image.fromarray((RAMP * 65535).astype(np.uint16)).save(tmp_path / "a.tiff", tiffinfo={262: 0})
    assert (load_folder(tmp_path).x[0, 0] - torch.tensor(1 - RAMP)).abs().max() < 1e-3


@pytest.mark.parametrize("tags", [{}, {281: 0}])
def test_a_black_deep_image_stays_black(tmp_path, tags):
    Image.fromarray(np.zeros((28, 28), np.uint16)).save(tmp_path / "a.tiff", tiffinfo=tags)
    assert not load_folder(tmp_path).x.any()


# --- several images in a file, links, formats


@pytest.mark.parametrize("ending", ["tiff", "gif", "webp"])
def test_further_images_of_a_file_are_not_passed_over_in_silence(tmp_path, capsys, ending):
    frames = [Image.new("L", (28, 28), 80 * i) for i in range(4)]
    for name, count in (("stack", 4), ("pair", 2)):
        frames[0].save(tmp_path / f"{name}.{ending}", save_all=True, append_images=frames[1:count])
    frames[3].save(tmp_path / f"single.{ending}")
    assert len(load_folder(tmp_path)) == 3
    assert f"2 files hold more than one image ('stack.{ending}' 4): the first" in capsys.readouterr().out


def test_linked_folders_are_classes_and_circles_end(tmp_path, capsys):
    real = tmp_path / "elsewhere"
    for label in ("cats", "dogs"):
        (real / label).mkdir(parents=True)
        Image.new("L", (28, 28), 255).save(real / label / "1.png")
    own = tmp_path / "own"
    own.mkdir()
    for link, target in (("a cats", real / "cats"), ("b dogs", real / "dogs")):
        (own / link).symlink_to(target, target_is_directory=True)
    (real / "dogs" / "back").symlink_to(own, target_is_directory=True)
    (own / "c.png").symlink_to(real / "cats" / "1.png")
    images = load_folder(own)
    assert len(images) == 3 and images.y.tolist() == [0, 1, 2]  # cats, dogs, and the linked file
    assert "Skipped" not in capsys.readouterr().out


@pytest.mark.parametrize(("link", "target"), [("loop", "loop"), ("gone.png", "nowhere"), ("up", "..")])
def test_links_that_lead_nowhere_are_no_hindrance(tmp_path, link, target):
    own = tmp_path / "own" / "deep"
    own.mkdir(parents=True)
    Image.new("L", (28, 28), 255).save(own / "a.png")
    (own / link).symlink_to(target)
    assert len(load_folder(tmp_path / "own")) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes of this kind")
def test_a_pipe_among_the_images_is_not_waited_for(tmp_path, capsys):
    Image.new("L", (28, 28), 255).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe")
    images, error = attempt(5, load_folder, tmp_path)
    assert error is None and len(images) == 1 and "Skipped 'pipe'" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["locked", "deep/locked"])
def test_a_folder_that_may_not_be_read_is_named_and_the_others_are_read(tmp_path, monkeypatch, capsys, place):
    locked, scandir = tmp_path / place, os.scandir
    locked.mkdir(parents=True)
    Image.new("L", (28, 28), 255).save(tmp_path / "a.png")

    def refuse(path):  # root may read everything, so permissions alone would not show it
        if os.fspath(path) == str(locked):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert len(load_folder(tmp_path)) == 1
    assert f"Skipped {os.path.join(*place.split('/'))!r}: " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.heic", "photo.jpg"])
@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIC"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x1cftypmsf1\0\0\0\0msf1hevc", "HEIC"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"plain text", "no image"),
    ],
)
def test_a_format_that_cannot_be_read_is_named(tmp_path, capsys, name, head, said):
    (tmp_path / name).write_bytes(head + bytes(100))
    Image.new("L", (28, 28), 255).save(tmp_path / "b.png")
    load_folder(tmp_path)
    out = capsys.readouterr().out
    assert f"Skipped '{name}': " in out and said in out and ("save it as JPEG or PNG" in out) == (said != "no image")


# --- consoles


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_console_that_cannot_show_a_name_shows_a_question_mark(tmp_path, monkeypatch, encoding):
    folder = tmp_path / "\N{HIRAGANA LETTER NE}\N{HIRAGANA LETTER KO}"
    folder.mkdir()
    Image.new("L", (28, 28), 255).save(folder / "a.png")
    (folder / "\N{GREEK SMALL LETTER ALPHA}.txt").write_text("no image")
    console = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(console, encoding=encoding))
    assert load_folder(folder).name == folder.name
    sys.stdout.flush()
    shown = folder.name if encoding == "utf-8" else "??"
    assert f"from '{shown}'".encode(encoding) in console.getvalue()


FIGURE = "A code of \N{GREEK SMALL LETTER MU} and \N{GREEK SMALL LETTER SIGMA}."


@pytest.mark.parametrize(
    "show",
    [
        lambda: plots.bars({"a": 1}, "y", FIGURE),
        lambda: plots.image_grid(torch.zeros(1, 1, 28, 28), 1, FIGURE),
        lambda: show_drawing(plots.plt.figure(), FIGURE),
    ],
)
def test_a_script_says_what_a_figure_shows_in_place_of_its_bytes(monkeypatch, show):
    console = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(console, encoding="ascii"))
    show()
    sys.stdout.flush()
    assert console.getvalue().split(os.linesep.encode()) == [b"A code of ? and ?.", b""]


# --- files fetched by hand


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A set whose four archives lie where the files should, packed by whoever."""
    root, arrays = make_small(tmp_path / "data", monkeypatch)
    for file in list((root / "MNIST" / "raw").iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), compresslevel=1))
        file.unlink()
    return root, arrays


@pytest.mark.parametrize("folder", ["MNIST", "FashionMNIST"])
def test_archives_fetched_by_hand_are_unpacked(fetched, capsys, folder):
    root, arrays = fetched
    os.rename(root / "MNIST", root / folder)
    name = {"MNIST": "mnist", "FashionMNIST": "fashion-mnist"}[folder]
    assert data.is_on_disk(name)
    x = load(name, "train+val").x
    assert torch.equal((x * 255).round().byte().squeeze(1), torch.tensor(arrays["train-images-idx3-ubyte"]))
    assert "Unpacked train-images-idx3-ubyte.gz" in capsys.readouterr().out
    load(name, "train+val")
    assert "Unpacked" not in capsys.readouterr().out


def test_archives_on_a_disk_that_can_only_be_read_are_read(fetched, monkeypatch):
    root, arrays = fetched

    def refuse(path, content, write=data.write_bytes):
        if root in path.parents:
            raise CourseError("cannot write: Read-only file system")
        write(path, content)

    monkeypatch.setattr(data, "write_bytes", refuse)
    assert torch.equal(load("mnist", "test").y, torch.tensor(arrays["t10k-labels-idx1-ubyte"]).long())
    assert not list(root.rglob("*ubyte"))


@pytest.mark.parametrize("damage", [cut, lambda c: b"<html>", lambda c: gzip.compress(b"other data")])
def test_a_damaged_archive_is_named_and_left(fetched, damage):
    root, _ = fetched
    archive = root / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    archive.write_bytes(damage(archive.read_bytes()))
    before = archive.read_bytes()
    with pytest.raises(CourseError, match=r"t10k-images-idx3-ubyte.gz is damaged.*course data mnist"):
        load("mnist", "test")
    assert archive.read_bytes() == before and not archive.with_suffix("").exists()


def test_another_sets_files_are_told(tmp_path, monkeypatch):
    root, _ = make_small(tmp_path, monkeypatch)
    os.rename(root / "MNIST", root / "FashionMNIST")
    other = [hashlib.md5(file.encode()).hexdigest() for file in data.FILES]
    monkeypatch.setitem(data.CHECKSUMS, "fashion-mnist", other)
    with pytest.raises(CourseError, match="train-images-idx3-ubyte belongs to MNIST"):
        load("fashion-mnist")


# --- precision


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["mse", "sse", "cross_entropy", "squared_error", "psnr", "ssim"])
def test_half_precision_is_added_up_in_float32(dtype, name):
    function = getattr(losses, name, None) or getattr(metrics, name)
    generator = torch.Generator().manual_seed(0)
    x_hat, x = (torch.rand(128, 1, 28, 28, generator=generator).to(dtype) for _ in range(2))
    value, exact = function(x_hat, x), function(x_hat.double(), x.double())
    assert value.dtype == torch.float32 and torch.isfinite(value).all()
    assert torch.allclose(value.double(), exact, rtol=1e-4)


def test_kl_of_half_precision_does_not_overflow():
    logvar = torch.full((2, 3), 15.0, dtype=torch.float16)  # exp(15) is beyond 65,504
    assert torch.allclose(losses.kl_divergence(torch.zeros_like(logvar), logvar), torch.full((2, 3), 1634500.2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_vae_is_trained_under_autocast(dtype):
    train = load("digits", "train", 256)

    def loss(model, x, y):
        with torch.autocast("cpu", dtype=dtype):
            recon_x, mu, logvar = model(x)
            total = losses.vae_loss(recon_x, x, mu, logvar)
        assert recon_x.dtype == dtype and total.dtype == torch.float32
        return total / len(x)

    torch.manual_seed(0)
    history = fit(VAE(), train, loss, epochs=2, batch_size=128, device="cpu", progress=False)
    assert history[1]["train"] < history[0]["train"] < 600


@pytest.mark.parametrize(("dtype", "value"), [(torch.float16, 20.0), (torch.bfloat16, 2.5), (torch.float16, 60_000.0)])
def test_the_mean_loss_of_an_epoch_is_not_added_up_in_half_precision(dtype, value):
    train = TensorDataset(torch.rand(5_000, 1, 28, 28), torch.zeros(5_000))

    def loss(model, x, y):
        return (0 * model.decoder[0].bias.sum() + value).to(dtype)

    history = fit(Autoencoder(), train, loss, epochs=1, device="cpu", progress=False)
    assert history[0]["train"] == pytest.approx(value, rel=1e-6)


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # PyTorch's, of a step that it batches one by one
def test_gradients_of_single_images():
    generator = torch.Generator().manual_seed(0)
    x_hat, x = torch.rand(2, 6, 784, generator=generator).clamp(0.01, 0.99)
    per_image = torch.func.vmap(torch.func.grad(losses.cross_entropy))(x_hat, x)
    assert torch.allclose(per_image, (x_hat - x) / (x_hat * (1 - x_hat)), rtol=1e-4)
    jacobian = torch.func.jacrev(losses.cross_entropy)(x_hat, x)
    assert torch.allclose(jacobian, per_image)


def by_function(x_hat, x):
    return nn.functional.binary_cross_entropy(x_hat, x, reduction="sum")


@pytest.mark.parametrize("transform", [torch.func.hessian, torch.func.jacfwd])
def test_slopes_of_slopes_and_forward_mode(transform):
    x_hat, x = torch.rand(2, 1, 7, generator=torch.Generator().manual_seed(0)).clamp(0.01, 0.99)
    assert torch.allclose(transform(losses.cross_entropy)(x_hat, x), transform(by_function)(x_hat, x), rtol=1e-4)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("figure", [losses.sse, losses.kl_divergence, metrics.squared_error, metrics.psnr])
def test_figures_of_single_images(figure):
    x_hat, x = torch.rand(2, 6, 1, 784, generator=torch.Generator().manual_seed(0))
    one_by_one = torch.stack([figure(*pair) for pair in zip(x_hat, x, strict=True)])
    assert torch.allclose(torch.func.vmap(figure)(x_hat, x), one_by_one)


# --- devices


class NoFloat64(TorchFunctionMode):
    """The images as if they were on an Apple GPU, which has no float64: only what went to the CPU may become double."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if function is torch.Tensor.cpu:
            return result.clone()
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        ours = [value for value in tensors if getattr(value, "there", False)]
        for part in (result if isinstance(result, tuple) else [result]) if ours else []:
            if isinstance(part, torch.Tensor):
                if part.dtype == torch.double:
                    raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
                part.there = True
        return result


@pytest.mark.parametrize("what", ["checkpoint", "likelihood"])
def test_images_of_an_apple_gpu_meet_no_float64(tmp_path, what):
    x = torch.rand(4, 1, 28, 28)
    x.there = True
    with NoFloat64():
        if what == "checkpoint":
            training = Training(Autoencoder(2, 4), TensorDataset(x, torch.zeros(4)), mse_of, epochs=1, device="cpu")
            assert resuming._kind(training)["images"][0] == 4
        else:
            value = metrics.log_likelihood(
                x, lambda x: (x.flatten(1)[:, :2], x.flatten(1)[:, :2]), lambda x, z: -z.square().sum(-1), 5
            )
            assert value.dtype == torch.double and torch.isfinite(value).all()


def test_a_patient_is_watched_whatever_the_default_device():
    train = load("digits", "train", 64)
    expected = curves_of("healthy", train, steps=1)
    torch.set_default_device("meta")
    try:
        assert curves_of("healthy", train, steps=1) == expected
    finally:
        torch.set_default_device(None)


def test_another_default_device_changes_nothing(tmp_path, shown):
    Image.new("L", (28, 28), 255).save(tmp_path / "a.png")
    models = [Autoencoder(), Autoencoder()]
    models[1].load_state_dict(models[0].state_dict())

    def run(model):
        train, mine = load("digits", "train", 200), load_folder(tmp_path)
        history = fit(model, train, mse_of, epochs=1, device="cpu", progress=False)
        bound.elbo_curve(torch.full((2,), 0.5, device="cpu"), torch.full((2,), 0.4, device="cpu"), q=0.3)
        clouds.points_and_clouds()
        return train, mine, plane.places(), history[0]["train"]

    expected = run(models[0])
    torch.set_default_device("meta")  # as the other one: it holds no numbers, and refuses a CPU's generator
    try:
        found = run(models[1])
    finally:
        torch.set_default_device(None)
    for before, after in zip(expected[:2], found[:2], strict=True):
        assert torch.equal(before.x, after.x) and torch.equal(before.y, after.y)
    assert torch.equal(expected[2], found[2]) and expected[3] == found[3]
    assert shown[0]["text/plain"] == shown[2]["text/plain"] and shown[1]["text/plain"] == shown[3]["text/plain"]


# --- disks, masks and paths


@pytest.mark.parametrize("error", [PermissionError(1, "Operation not permitted"), OSError(95, "Not supported")])
def test_a_disk_that_refuses_modes_is_written_to(tmp_path, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    for name in ("chmod", "fchmod", "lchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    write_bytes(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask of this kind")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_follows_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "file", b"whole")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_checkpoint_in_the_home_folder(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    train = load("digits", "train", 64)
    fit_resumable("~/deep/run.pt", Autoencoder(), train, mse_of, epochs=1, device="cpu", progress=False)
    assert (tmp_path / "deep" / "run.pt").is_file() and not os.path.exists("~")


def test_every_path_may_begin_in_the_home_folder(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    make_sample_folder("~/shapes", 2)
    coding_models.MODELS[2].save("~/model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "shapes"] and not os.path.exists("~")
    assert len(load_folder("~/shapes")) == 2 and WholeNumberVAE.load("~/model").values == 2


@pytest.mark.parametrize("path", [None, 5, "", "a\0b", b"folder"])
def test_what_is_no_path_is_told(path):
    for function in (load_folder, lambda path: fit_resumable(path, Autoencoder(), WHOLE, mse_of, epochs=1)):
        with pytest.raises(CourseError, match="is no path: expected text"):
            function(path)


@pytest.mark.parametrize(
    ("path", "said"), [("a.png", "is a file: give the path of the folder"), ("x" * 300, "no folder")]
)
def test_what_is_no_folder_is_told(tmp_path, path, said):
    (tmp_path / "a.png").touch()
    with pytest.raises(CourseError, match=said):
        load_folder(tmp_path / path)


def test_a_name_too_long_for_the_disk_is_told(tmp_path):
    with pytest.raises(CourseError, match="cannot write .*too long"):
        fit_resumable(tmp_path / ("x" * 300), Autoencoder(), WHOLE, mse_of, epochs=1, progress=False)


def test_a_folder_stands_for_its_name(tmp_path, monkeypatch):
    Image.new("L", (28, 28), 255).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert load_folder(".").name == tmp_path.name


@pytest.mark.parametrize("name", ["real.pt", "elsewhere/real.pt"])
def test_what_a_link_leads_to_is_written(tmp_path, name):
    (tmp_path / "link.pt").symlink_to(tmp_path / name)
    write_bytes(tmp_path / "link.pt", b"whole")
    assert (tmp_path / "link.pt").is_symlink() and (tmp_path / name).read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["", "deep"])
def test_a_folder_is_no_checkpoint(tmp_path, name):
    (tmp_path / "deep").mkdir()
    with pytest.raises(CourseError, match=r"is a folder: name a file in it, for example .*run\.pt"):
        fit_resumable(tmp_path / name, Autoencoder(), load("digits", "train", 64), mse_of, epochs=1)


# --- what is handed to `fit`


class Pictures(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError(i)
        return torch.rand(1, 28, 28), 0


WHOLE = TensorDataset(torch.rand(10, 1, 28, 28), torch.zeros(10))


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (Subset(WHOLE, [0, 1]), r"a Subset: write TensorDataset\(\*train.dataset\[train.indices\]\)"),
        (DataLoader(WHOLE, 5), r"a DataLoader.*train.dataset and batch_size=5"),
        (WHOLE[:5], r"a tuple: write TensorDataset\(\*train\)"),
        (WHOLE.tensors[0], r"a Tensor of shape \(10, 1, 28, 28\): write TensorDataset\(x, y\)"),
        (Pictures(), r"a Pictures: write TensorDataset\(torch.stack"),
        (TensorDataset(torch.rand(3, 1, 28, 28)), r"one of 1 tensors, with 3 images"),
        (TensorDataset(torch.rand(0, 1, 28, 28), torch.zeros(0)), r"one of 2 tensors, with 0 images"),
        (TensorDataset(torch.rand(3, 1, 28, 28).double(), torch.zeros(3)), r"float64.*float32: hand over x.float\(\)"),
        ([1, 2], "a list"),
    ],
)
def test_what_is_no_set_of_images_is_told_with_what_to_write(train, said):
    with pytest.raises(CourseError, match=said):
        fit(Autoencoder(), train, mse_of, epochs=1)


@pytest.mark.parametrize(
    "write",
    [
        lambda: TensorDataset(*(train := Subset(WHOLE, [0, 1])).dataset[train.indices]),
        lambda: DataLoader(WHOLE, 5).dataset,
        lambda: TensorDataset(*WHOLE[:5]),
        lambda: TensorDataset(torch.stack([x for x, _ in Pictures()]), torch.tensor([y for _, y in Pictures()])),
    ],
)
def test_what_the_messages_propose_works(write):
    assert fit(Autoencoder(), write(), mse_of, epochs=1, progress=False)


@pytest.mark.parametrize(("images", "batch_size", "better"), [(641, 64, 63), (9, 4, 3), (7, 2, 4)])
def test_a_last_batch_of_one_image_meets_no_batch_norm(images, batch_size, better):
    narrow = nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Linear(8, 784), nn.Unflatten(1, (1, 28, 28))
    model = nn.Sequential(*narrow)
    train = TensorDataset(torch.rand(images, 1, 28, 28), torch.zeros(images))
    with pytest.raises(CourseError, match="leave a single one for the last batch, from which BatchNorm") as raised:
        fit(model, train, mse_of, epochs=1, batch_size=batch_size, progress=False)
    assert f"batch_size={better}" in str(raised.value)
    fit(model, train, mse_of, epochs=1, batch_size=better, progress=False)
    fit(Autoencoder(), train, mse_of, epochs=1, batch_size=batch_size, progress=False)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_single_images_with_many_pixels_a_channel_are_enough_for_batch_norm(batch_size):
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3, padding=1))
    assert fit(model, WHOLE, mse_of, epochs=1, batch_size=batch_size, device="cpu", progress=False)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.uint8])
def test_images_of_any_type_reach_a_loss_that_casts_them(dtype):
    train = TensorDataset(WHOLE.tensors[0].to(dtype), WHOLE.tensors[1])
    options = {"epochs": 1, "device": "cpu", "progress": False}
    assert fit(Autoencoder(), train, lambda model, x, y: losses.mse(model(x.float()), x.float()), **options)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(784, 784))
    with pytest.raises(CourseError, match=r"and the model's weights float32: hand over x.float\(\)"):
        fit(plain, train, lambda model, x, y: model(x).mean(), **options)
    with pytest.raises(CourseError, match="hand over"):
        evaluate(plain, train, lambda model, x, y: model(x).mean())


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.functional.mse_loss, losses.mse, losses.vae_loss, None])
def test_a_loss_of_two_images_is_told_with_what_to_write(loss):
    with pytest.raises(CourseError, match=r"function of \(model, x, y\).*lambda model, x, y: mse\(model\(x\), x\)"):
        fit(Autoencoder(), WHOLE, loss, epochs=1)


@pytest.mark.parametrize("model", [Autoencoder, WHOLE, None])
def test_what_is_no_model_is_told(model):
    for function in (lambda: fit(model, WHOLE, mse_of, epochs=1), lambda: good_start(model, WHOLE.tensors[0])):
        with pytest.raises(CourseError, match="expected a model, an nn.Module, got"):
            function()


def test_a_device_without_numbers_costs_no_weights():
    model = Autoencoder()
    with pytest.raises(CourseError, match="expected 'cpu', 'cuda' or 'mps'"):
        fit(model, WHOLE, mse_of, epochs=1, device="meta")
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_a_filter_without_parameters_is_evaluated():
    assert evaluate(nn.Identity(), WHOLE, mse_of, batch_size=np.int64(3)) == 0


def test_an_infinite_psnr_is_told_as_such():
    class Same(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scale * x

    with pytest.raises(CourseError, match="PSNR of two equal images, which is infinite"):
        fit(Same(), WHOLE, lambda model, x, y: -metrics.psnr(model(x), x).mean(), epochs=1)


# --- certificates


@pytest.mark.parametrize(
    "reason", ["unable to get local issuer certificate", "self-signed certificate in certificate chain"]
)
def test_an_unknown_certificate_is_named_with_remedies(tmp_path, monkeypatch, reason):
    def refuse(*_, **__):
        error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {reason}")
        raise urllib.error.URLError(error)

    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(download.urllib.request, "urlopen", refuse)
    with pytest.raises(CourseError, match="certificate.*Install Certificates.command.*SSL_CERT_FILE"):
        download.download("mnist")


@pytest.mark.parametrize(
    ("reasons", "remedy"),
    [
        (["certificate verify failed: certificate has expired"], "clock right"),
        (["certificate verify failed: certificate is not yet valid"], "clock right"),
        (["certificate verify failed: Hostname mismatch, certificate is not valid for 'x'"], "log in to this network"),
        (["certificate verify failed: unable to get issuer certificate", "timed out"], "SSL_CERT_FILE"),
        (["timed out"], "Check the connection"),
    ],
)
def test_what_a_certificate_lacks_decides_the_remedy(tmp_path, monkeypatch, reasons, remedy):
    answers = itertools.cycle(reasons)

    def refuse(*_, **__):
        raise urllib.error.URLError(ssl.SSLError(1, next(answers)))

    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(download.urllib.request, "urlopen", refuse)
    with pytest.raises(CourseError, match=f"{remedy}.*built-in digits"):
        download.download("mnist")


def test_a_folder_in_the_place_of_a_file_is_told_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").mkdir(parents=True)
    with pytest.raises(CourseError, match="t10k-labels-idx1-ubyte is a folder, and should be a file: move it away"):
        download.download("mnist")


# --- figures


def test_a_coding_model_of_another_kind_is_told():
    images = np.zeros((1, 784), np.uint8)
    with pytest.raises(CourseError, match="expected a WholeNumberVAE.*got a VAE"):
        coding.compress(VAE(), images)


@pytest.mark.parametrize("kind", [coding.STORED, coding.BITS_BACK, coding.CODES])
@pytest.mark.parametrize("payload", [b"", b"abc", bytes(4), bytes(785)])
def test_files_of_other_things_are_told(kind, payload):
    model = coding_models.MODELS[2]
    with pytest.raises(CourseError, match=r"not written by `compress`|not those that were encoded|damaged"):
        coding.decompress(model, coding.pack(kind, 1, model.fingerprint, b"", payload))


@pytest.mark.parametrize("values", [[-1e308, 1e308], [1e16, 1e16 + 2]])
def test_values_that_no_bins_can_hold_are_told(values):
    with pytest.raises(CourseError, match="at most 1e\\+300|nothing to spread out"):
        plots.histograms({"a": values}, "x", "alt")


@pytest.mark.parametrize("number", [np.float32(5), np.int64(5), torch.tensor(5.0)])
def test_a_guess_may_be_a_number_of_any_library(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setenv("COURSE_STATE", str(tmp_path))
    checks.predict("01-pca", number)
    checks.predict("01-pca", result=number)
    assert "you guessed 5 %; the result is 5 %" in capsys.readouterr().out
