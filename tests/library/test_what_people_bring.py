"""Images, folders, precision and devices as people bring them: the right value, or a message that says what to do."""

import gzip
import hashlib
import io
import os
import ssl
import sys
import urllib.error

import numpy as np
import pytest
import torch
from PIL import Image
from small_mnist import cut, make_small
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from course_utils import CourseError, data, download, losses, metrics
from course_utils.data import load, load_folder
from course_utils.diagrams import bound, clouds, plane
from course_utils.models import VAE, Autoencoder
from course_utils.resuming import fit_resumable
from course_utils.support.files import write_bytes
from course_utils.training import fit

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
            return losses.vae_loss(recon_x, x, mu, logvar) / len(x)

    torch.manual_seed(0)
    history = fit(VAE(), train, loss, epochs=2, batch_size=128, device="cpu", progress=False)
    assert history[1]["train"] < history[0]["train"] < 600


@pytest.mark.parametrize(("dtype", "value"), [(torch.float16, 3.0), (torch.bfloat16, 2.5), (torch.float16, 60_000.0)])
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


# --- devices


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
    with pytest.raises(CourseError, match="leave a single one for the last batch, from which BatchNorm1d") as raised:
        fit(model, train, mse_of, epochs=1, batch_size=batch_size, progress=False)
    assert f"batch_size={better}" in str(raised.value)
    fit(model, train, mse_of, epochs=1, batch_size=better, progress=False)
    fit(Autoencoder(), train, mse_of, epochs=1, batch_size=batch_size, progress=False)


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
