"""What `course data` says of files that are nearly where they should be."""

import gzip
import hashlib
import os
import shutil

import pytest
from small_mnist import make_small

from course_utils import data
from course_utils.command import cli
from course_utils.command.near_misses import near_misses

IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def root(tmp_path, monkeypatch):
    return make_small(tmp_path / "data", monkeypatch)[0]


def moved(root, how):
    """Put MNIST's files elsewhere, as people find them after a download by hand."""
    raw = root / "MNIST" / "raw"
    if how == "too deep":
        shutil.move(root / "MNIST", root / "copy")
        shutil.move(root / "copy", root / "MNIST" / "MNIST")
    elif how == "no raw":
        for file in list(raw.iterdir()):
            shutil.move(file, raw.parent / file.name)
    elif how == "Kaggle":
        for file in list(raw.iterdir()):
            name = file.name.replace("-idx", ".idx")
            (raw / file.name.replace("ubyte", "ubyte-folder")).mkdir()
            shutil.move(file, raw / file.name.replace("ubyte", "ubyte-folder") / name)
    elif how == "browser":
        for file in list(raw.iterdir()):
            (raw / f"{file.name} (1).gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()


@pytest.mark.parametrize(
    ("how", "found", "right"),
    [
        ("too deep", f"MNIST/MNIST/raw/{IMAGES}", f"MNIST/raw/{IMAGES}"),
        ("no raw", f"MNIST/{IMAGES}", f"MNIST/raw/{IMAGES}"),
        ("Kaggle", "MNIST/raw/train-images-idx3-ubyte-folder/train-images.idx3-ubyte", f"MNIST/raw/{IMAGES}"),
        ("browser", f"MNIST/raw/{IMAGES} (1).gz", f"MNIST/raw/{IMAGES}.gz"),
    ],
)
def test_misplaced_files_are_named_with_their_place_and_moving_them_helps(root, capsys, how, found, right):
    moved(root, how)
    assert cli.main(["data"]) == 0
    out = capsys.readouterr().out.replace(os.sep, "/")
    assert "not on disk in " in out and f"but {found} should be {right}: move it there" in out
    places = [line.split(": move")[0].split(" should be ") for line in near_misses(root, "mnist")]
    assert len(places) == 4
    for here, there in places:
        (root / there).parent.mkdir(exist_ok=True)
        shutil.move(root / here, root / there)
    assert near_misses(root, "mnist") == [] and data.is_on_disk("mnist")
    assert len(data.load("mnist", "train")) == 50


def test_a_folder_in_the_place_of_a_file_is_told(root, capsys):
    """One of Kaggle's archives has each file once more in a folder of the file's own name."""
    raw = root / "MNIST" / "raw"
    (raw / IMAGES).rename(raw / "train-images.idx3-ubyte")
    (raw / IMAGES).mkdir()
    cli.main(["data"])
    out = capsys.readouterr().out
    assert "move it there, once the folder of that name has another one" in out


@pytest.mark.parametrize(("mine", "other"), [("mnist", "fashion-mnist"), ("fashion-mnist", "mnist")])
def test_files_are_sent_to_the_set_that_they_belong_to(root, monkeypatch, mine, other):
    moved(root, "too deep")
    unknown = [hashlib.md5(file.encode()).hexdigest() for file in data.FILES]
    monkeypatch.setitem(data.CHECKSUMS, other, unknown)
    assert len(near_misses(root, mine)) == 4 and near_misses(root, other) == []


@pytest.mark.parametrize("up", [1, 2])
def test_a_folder_named_too_deep_is_told(root, monkeypatch, capsys, up):
    monkeypatch.setenv("COURSE_DATA", str([root / "MNIST" / "raw", root / "MNIST"][up - 1]))
    cli.main(["data"])
    assert f"{IMAGES} should be {os.path.join('MNIST', 'raw', IMAGES)}: move it there" in capsys.readouterr().out


@pytest.mark.parametrize("quote", ['"{}"', "'{}'", " {}"])
def test_quotes_around_the_path_are_told(root, monkeypatch, capsys, quote):
    monkeypatch.setenv("COURSE_DATA", quote.format(root))
    cli.main(["data"])
    assert "quotes or spaces around its path" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    cli.main(["data"])
    assert f"there is no folder {tmp_path / 'nowhere'}" in capsys.readouterr().out


def test_files_of_a_set_that_is_there_are_no_near_misses_of_another(root, capsys):
    assert near_misses(root, "fashion-mnist") == []
    cli.main(["data"])
    assert "but " not in capsys.readouterr().out


def test_damaged_files_are_told(root, capsys):
    (root / "MNIST" / "raw" / IMAGES).write_bytes(b"nothing")
    cli.main(["data"])
    out = capsys.readouterr().out
    assert f"{IMAGES} is damaged" in out and "course data mnist" in out
