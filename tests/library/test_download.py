"""Downloads from a server that misbehaves in every way a server can: all whole, or nothing changed."""

import os
import subprocess

import pytest
import torch
from small_mnist import contents, cut, make_small, server
from torchvision import datasets

from course_utils import CourseError, data, download
from course_utils.data import load


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A data folder with a set in MNIST's format, only smaller; returns the folder and its arrays."""
    return make_small(tmp_path, monkeypatch)


@pytest.fixture
def empty(small, tmp_path, monkeypatch):
    """An empty data folder and the arrays that a server could fill it with."""
    folder = tmp_path / "empty"
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    monkeypatch.setattr(download, "DEADLINE", 1)
    monkeypatch.setattr(download, "LARGEST", 1e7)
    return folder, small[1]


def test_download_and_load(empty, monkeypatch):
    folder, arrays = empty
    with server(arrays) as url:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{url}/good/"])
        download.download("mnist")
    assert torch.equal(load("mnist", "test").y, torch.tensor(arrays["t10k-labels-idx1-ubyte"]).long())
    assert [path.name for path in folder.iterdir()] == ["MNIST"]
    download.download("mnist")  # complete already: asks no server, and there is none any more


def test_second_mirror_helps_out(empty, monkeypatch):
    _, arrays = empty
    with server(arrays) as url:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{url}/missing/", f"{url}/html/", f"{url}/good/"])
        download.download("mnist")
    assert len(load("mnist", "train")) == 50


@pytest.mark.parametrize("how", ["stall", "trickle", "endless", "half", "html", "wrong", "missing", "loop"])
def test_failed_download_changes_nothing(empty, monkeypatch, how):
    folder, arrays = empty
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "notes.txt").write_text("keep me")
    before = contents(folder)
    with server(arrays) as url:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{url}/{how}/"])
        with pytest.raises(CourseError, match=r"could not download MNIST; nothing was changed.*built-in digits"):
            download.download("mnist")
    assert contents(folder) == before
    assert not data.is_on_disk("mnist")


def test_no_network_at_all(empty, monkeypatch):
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])  # nothing listens on this port
    with pytest.raises(CourseError, match="Check the connection"):
        download.download("mnist")


def test_download_replaces_damaged_files_only_when_it_succeeds(small, monkeypatch):
    root, arrays = small
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(cut(path.read_bytes()))
    path.with_name("my_labels.csv").write_text("not ours to delete")
    before = contents(root)
    with server(arrays) as url:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{url}/half/"])
        with pytest.raises(CourseError):
            download.download("mnist")
        assert contents(root) == before
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{url}/good/"])
        download.download("mnist")
    assert len(load("mnist", "train")) == 50
    assert [p.name for p in root.iterdir()] == ["MNIST"] and [p.name for p in (root / "MNIST").iterdir()] == ["raw"]
    assert path.with_name("my_labels.csv").read_text() == "not ours to delete"


def test_download_of_what_cannot_be_downloaded():
    with pytest.raises(CourseError, match="cannot download 'digits'.*mnist, fashion-mnist"):
        download.download("digits")


def test_data_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(CourseError, match=r"cannot store MNIST in .*COURSE_DATA"):
        download.download("mnist")


def test_full_disk(empty, tmp_path, monkeypatch):
    """On a real, tiny file system where this machine lets us make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if os.name == "nt" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("making a small file system needs Linux and root")
    try:
        monkeypatch.setenv("COURSE_DATA", str(disk))
        with pytest.raises(CourseError, match=r"cannot store MNIST.*MB free.*COURSE_DATA"):
            download.download("mnist")
        monkeypatch.setitem(download.DOWNLOAD_MB, "mnist", 0)  # as if the space had looked sufficient
        with server(empty[1]) as url:
            monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{url}/good/"])
            with pytest.raises(CourseError, match=r"No space left on device.*COURSE_DATA"):
                download.download("mnist")
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
