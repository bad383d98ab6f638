"""Photographs as people bring them: each file is read as it is meant, or named and left out."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rough_photographs import BROKEN, CLASSES, make_rough_folder
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from course_utils import CourseError
from course_utils.photographs import PhotographFolder, PhotographVAE, negative_elbo, open_photograph, split_folders

TO_PIXELS = v2.Compose([v2.Resize(64), v2.CenterCrop(64), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


@pytest.fixture(scope="module")
def rough(tmp_path_factory):
    """A folder of rough files, and what those show that can be read."""
    root = tmp_path_factory.mktemp("é") / "photographs of 日本"
    return root, make_rough_folder(root)


def test_every_kind_of_file_shows_what_it_shows(rough):
    root, shown = rough
    images = PhotographFolder(root, TO_PIXELS)
    found = {Path(path).name: images[i][0] for i, (path, _) in enumerate(images.samples)}
    assert found.keys() == shown.keys()
    for name, image in found.items():
        assert image.shape == (3, 64, 64) and image.dtype == torch.float32
        apart = np.abs(image.numpy().transpose(1, 2, 0) - shown[name])
        # JPEG's blocks and a palette's steps; at the border of what is seen through, a row may be mixed
        assert apart.mean() < 0.02 and np.quantile(apart, 0.95) < 0.06, (name, apart.mean(), np.quantile(apart, 0.95))


def test_broken_files_are_named_and_left_out(rough, capsys):
    root, shown = rough
    images = PhotographFolder(root)
    said = capsys.readouterr().out
    assert len(images) == len(shown) and images.classes == CLASSES
    assert len(images.skipped) == len(BROKEN)
    for lines in (images.skipped, said.splitlines()):
        assert {name for name in BROKEN if sum(name in line for line in lines) == 1} == BROKEN


def test_only_some_of_many_broken_files_are_named(tmp_path, capsys):
    (tmp_path / "a").mkdir()
    for i in range(9):
        (tmp_path / "a" / f"{i}.jpg").write_bytes(b"")
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "good.png")
    assert len(PhotographFolder(tmp_path).skipped) == 9
    assert capsys.readouterr().out.count("\n") == 4


@pytest.mark.parametrize("workers", [0, 2])
def test_rough_files_make_batches_on_which_a_network_learns(rough, workers):
    images = PhotographFolder(rough[0], TO_PIXELS)
    (x, y), *rest = DataLoader(images, batch_size=len(images), num_workers=workers)
    assert not rest and x.shape == (len(rough[1]), 3, 64, 64) and set(y.tolist()) == {0, 1}
    assert x.min() >= 0 and x.max() <= 1
    torch.testing.assert_close(x, torch.stack([images[i][0] for i in range(len(images))]))
    torch.manual_seed(0)
    vae = PhotographVAE(latent_dim=2, width=2)
    loss = negative_elbo(vae, x)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in vae.parameters())


def test_floats_that_are_no_light_are_refused(tmp_path):
    for name, value in {"nan": np.nan, "below": -1.0}.items():
        Image.fromarray(np.full((4, 4), value, np.float32)).save(tmp_path / f"{name}.tiff")
        with pytest.raises(ValueError, match="expected numbers of 0 and more"):
            open_photograph(tmp_path / f"{name}.tiff")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_and_hidden_files_are_passed_over(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("good.png", ".hidden.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "a" / name)
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    images = PhotographFolder(tmp_path)
    assert [Path(path).name for path, _ in images.samples] == ["good.png"] and len(images.skipped) == 1


def test_folders_that_hold_no_photographs_say_what_was_expected(tmp_path):
    with pytest.raises(CourseError, match=r"missing' is no folder with class folders.*1\.jpg"):
        PhotographFolder(tmp_path / "missing")
    (tmp_path / "loose").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "loose" / "a.png")  # in no class
    with pytest.raises(CourseError, match="class folders"):
        PhotographFolder(tmp_path / "loose")
    with pytest.raises(CourseError, match="class folders"):
        PhotographFolder(tmp_path / "loose" / "a.png")
    (tmp_path / "empty" / "cats").mkdir(parents=True)
    with pytest.raises(CourseError, match="they are empty"):
        PhotographFolder(tmp_path / "empty")
    (tmp_path / "empty" / "cats" / "1.jpg").write_text("no photograph")
    with pytest.raises(CourseError, match=r"no image in the class folders.*1\.jpg"):
        PhotographFolder(tmp_path / "empty")


def test_where_training_and_test_images_lie(tmp_path):
    assert split_folders(tmp_path) == (tmp_path, None)
    (tmp_path / "train").mkdir()
    assert split_folders(tmp_path) == (tmp_path, None)
    (tmp_path / "test").mkdir()
    assert split_folders(tmp_path) == (tmp_path / "train", tmp_path / "test")
