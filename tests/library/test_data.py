"""Data sets by name, damaged files, and folders of a reader's own."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_mnist import SMALL, cut, flip, make_small
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from course_utils import CourseError, data, digits
from course_utils.data import ImageSet, load
from course_utils.support.files import data_dir


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A data folder with a set in MNIST's format, only smaller; returns the folder and its arrays."""
    return make_small(tmp_path, monkeypatch)


# --- loading


def test_built_in_digits(capsys):
    train = load("digits", "train", 100)
    assert capsys.readouterr().out == "Data: built-in digits, train split, 100 of 50,000 images\n"
    images, factors = digits.generate(100)
    assert torch.equal((train.x * 255).round().byte().squeeze(1), images)
    assert torch.equal(train.y, factors["digit"]) and torch.equal(train.factors["slant"], factors["slant"])
    x, y = next(iter(DataLoader(train, batch_size=64, shuffle=True)))
    assert x.shape == (64, 1, 28, 28) and x.dtype == torch.float32 and y.dtype == torch.int64


def test_train_and_val_together_are_one_after_the_other(monkeypatch):
    monkeypatch.setattr(data, "SIZES", SMALL)
    both = load("digits", "train+val")
    assert torch.equal(both.x, torch.cat([load("digits", "train").x, load("digits", "val").x]))
    assert len(both) == len(both.factors["pen"]) == 60


def test_files_are_split_as_documented(small):
    _, arrays = small
    images = torch.tensor(arrays["train-images-idx3-ubyte"]).unsqueeze(1) / 255
    assert torch.equal(load("mnist", "train").x, images[:50])
    assert torch.equal(load("mnist", "val").x, images[50:])
    assert torch.equal(load("mnist", "train+val").x, images)
    assert torch.equal(load("mnist", "test", 7).y, torch.tensor(arrays["t10k-labels-idx1-ubyte"])[:7].long())


def test_real_mnist_is_what_torchvision_and_totensor_give(mnist):
    theirs = datasets.MNIST(data_dir(), train=False, transform=transforms.ToTensor())
    ours = load("mnist", "test")
    assert len(ours) == 10_000 and ours.y.bincount().tolist() == torch.bincount(theirs.targets).tolist()
    for i in (0, 1, 9_999):
        assert torch.equal(ours[i][0], theirs[i][0]) and ours[i][1] == theirs[i][1]


def test_auto_is_mnist_where_it_is_and_the_variable_overrides(small, tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_DATASET")
    assert data.resolve("auto") == "mnist"
    monkeypatch.setenv("COURSE_DATASET", "digits")
    assert data.resolve("auto") == "digits" and data.resolve("mnist") == "mnist"
    monkeypatch.delenv("COURSE_DATASET")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "elsewhere"))
    assert data.resolve("auto") == "digits"
    monkeypatch.setenv("COURSE_DATASET", "mnits")
    with pytest.raises(CourseError, match=r"'mnits' in the variable COURSE_DATASET.*digits, mnist"):
        load()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnits",), r"unknown data set 'mnits'.*auto, digits, mnist, fashion-mnist"),
        (("digits", "dev"), r"unknown split 'dev'.*train, val"),
        (("digits", "train", 50_001), r"size=50001.*has 50,000 images.*'train\+val' has 60,000"),
        (("digits", "test", 0), r"size=0.*ask for 1 to 10,000"),
        (("digits", "test", 2.5), r"size=2.5"),
        (("digits", "test", True), r"size=True"),
        (("digits", "test", -1), r"size=-1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(CourseError, match=message):
        load(*arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(3, 28, 28), r"shape \(N, 1, 28, 28\).*\(3, 28, 28\)"),
        (torch.zeros(3, 1, 28, 28, dtype=torch.uint8), "uint8"),
        (torch.rand(3, 1, 28, 28) * 255, "divide pixels of 0 to 255 by 255"),
        (torch.rand(3, 1, 28, 28) * 2 - 1, r"leave out Normalize"),
        (torch.full((3, 1, 28, 28), torch.nan), "NaN"),
    ],
)
def test_images_that_are_none(x, message):
    with pytest.raises(CourseError, match=message):
        ImageSet(x, torch.zeros(3), "mine")


# --- damaged files


@pytest.mark.parametrize("damage", [cut, flip, lambda c: b"", lambda c: b"<html>busy</html>"])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_damaged_file_is_named_with_a_remedy(small, file, damage):
    root, _ = small
    path = root / "MNIST" / "raw" / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CourseError, match=rf"{file} is damaged.*course data mnist"):
        load("mnist", "train")
    assert len(load("mnist", "test")) == 10  # the other files are still good


def test_unreadable_file_is_named(small, monkeypatch):
    def refuse(*_):  # root may read everything, so permissions alone would not show it
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CourseError, match=r"cannot read .*t10k-images-idx3-ubyte: Permission denied"):
        load("mnist", "test")


def test_missing_file_is_named(small):
    root, _ = small
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(CourseError, match=r"not on disk.*t10k-labels-idx1-ubyte.*course data mnist"):
        load("mnist", "test")


@pytest.mark.parametrize("damage", [cut, lambda c: b"\1\2\3\4" + c[4:], lambda c: c[:4] + b"\0\0\0\7" + c[8:]])
def test_damaged_file_without_a_checksum(small, damage):
    """Fashion-MNIST has no published checksums of unpacked files: torchvision's reader and the sizes must notice."""
    root, _ = small
    os.rename(root / "MNIST", root / "FashionMNIST")
    assert len(load("fashion-mnist", "train")) == 50
    path = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CourseError, match=r"damaged.*course data fashion-mnist"):
        load("fashion-mnist", "train")


def test_file_that_differs_from_the_archive_beside_it(small):
    root, _ = small
    os.rename(root / "MNIST", root / "FashionMNIST")
    path = root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len(load("fashion-mnist", "train")) == 50
    path.write_bytes(flip(path.read_bytes()))
    with pytest.raises(CourseError, match="damaged"):
        load("fashion-mnist", "train")


@pytest.fixture
def own(tmp_path):
    """A folder with one image of nearly every kind: all show the same ramp from black (left) to white (right)."""
    folder = tmp_path / "my images"
    (folder / "turned").mkdir(parents=True)
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1))
    grey = Image.fromarray(ramp.round().astype(np.uint8))
    grey.save(folder / "grey.png")
    grey.convert("RGB").save(folder / "colour.jpg", quality=95)
    grey.convert("CMYK").save(folder / "print.jpg", quality=95)
    grey.convert("P").save(folder / "palette.gif")
    Image.fromarray((ramp * 257).round().astype(np.uint16)).save(folder / "deep.png")
    Image.fromarray((ramp / 255).astype(np.float32)).save(folder / "float.tiff")
    grey.resize((5000, 5000)).save(folder / "huge.png")
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))  # transparent, to be laid on white
    clear.putalpha(Image.fromarray((255 - ramp).round().astype(np.uint8)))
    clear.save(folder / "clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # "turn me clockwise to see me upright"
    grey.rotate(90).save(folder / "turned" / "turned.jpg", exif=turned, quality=95)
    return folder


def test_own_images_of_every_kind_look_alike(own, capsys):
    images = data.load_folder(own)
    assert len(images) == 9 and images.name == "my images" and images.y.tolist() == [0] * 8 + [1]
    assert "9 images of your own from 'my images'; 9 brought to 28 x 28 pixels" in capsys.readouterr().out
    expected = torch.linspace(0, 1, 28).expand(1, 28, 28)
    for image in images.x:
        assert (image - expected).abs().max() < 0.04
    assert torch.allclose(data.load_folder(own, invert=True).x, 1 - images.x)


def test_own_images_keep_their_proportions(tmp_path, capsys):
    tall = Image.new("L", (100, 200), 255)
    tall.paste(0, (20, 20, 80, 180))
    tall.save(tmp_path / "tall.png")
    Image.new("L", (1, 1), 51).save(tmp_path / "tiny.png")
    Image.new("L", (28, 28), 51).save(tmp_path / "right.png")
    right, tall, tiny = data.load_folder(tmp_path).x
    assert "2 brought to 28 x 28 pixels, 0 made grey" in capsys.readouterr().out
    assert tall[0, :, :7].min() == 1 and tall[0, :, 21:].min() == 1 and tall[0, 14, 11:17].max() == 0
    assert torch.equal(right, tiny) and right.unique().tolist() == [pytest.approx(0.2)]


def test_unreadable_files_are_named_and_skipped(own, capsys):
    whole = (own / "grey.png").read_bytes()
    (own / "half.png").write_bytes(whole[: len(whole) // 2])
    (own / "empty.png").write_bytes(b"")
    (own / "notes.txt").write_text("milk, bread")
    (own / "negative.tiff").symlink_to(own / "nowhere.tiff")
    (own / ".thumbnails").mkdir()
    (own / ".thumbnails" / "grey.png").write_bytes(b"not looked at")
    assert len(data.load_folder(own)) == 9
    out = capsys.readouterr().out
    for line in ("'half.png': ", "'empty.png': no image", "'notes.txt': no image", "'negative.tiff': No such file"):
        assert f"Skipped {line}" in out
    assert "thumbnails" not in out and str(own) not in out


@pytest.mark.parametrize("content", [None, "nothing", "notes.txt"])
def test_folder_without_images_says_so(tmp_path, content):
    folder = tmp_path / "own"
    if content:
        folder.mkdir()
        if content != "nothing":
            (folder / content).write_text("milk")
    message = {None: "there is no folder", "nothing": "it has no files", "notes.txt": "'notes.txt': no image"}[content]
    with pytest.raises(CourseError, match=message):
        data.load_folder(folder)
