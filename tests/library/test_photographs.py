"""Photographs as people bring them: each file is read as it is meant, or named and left out. And their loss."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rough_photographs import BROKEN, CLASSES, make_rough_folder
from scipy.stats import norm
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from course_utils import CourseError
from course_utils.photographs import (
    PhotographFolder,
    PhotographVAE,
    bits_per_dimension,
    negative_elbo,
    open_photograph,
    split_folders,
)
from course_utils.scenes import CLASSES as SCENES
from course_utils.scenes import make_scene_folder

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


def test_a_folder_among_the_data_is_found_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "data" / "mine" / "train").mkdir(parents=True)
    (tmp_path / "data" / "mine" / "test").mkdir()
    (tmp_path / "elsewhere" / "mine").mkdir(parents=True)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert split_folders("mine") == (tmp_path / "data" / "mine" / "train", tmp_path / "data" / "mine" / "test")
    monkeypatch.chdir(tmp_path / "elsewhere")  # what lies here is meant first
    assert split_folders("mine") == (tmp_path / "elsewhere" / "mine", None)


# --- the folder that the course draws


def test_scenes_are_the_same_for_a_seed_and_every_class_is_in_both_parts(tmp_path):
    folders = [tmp_path / name for name in ("one", "again", "other")]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        make_scene_folder(folder, count=80, seed=seed)
    files = [path.relative_to(folders[0]) for path in sorted(folders[0].rglob("*.jpg"))]
    one, again, other = ([(folder / file).read_bytes() for file in files] for folder in folders)
    assert one == again and len(set(one)) == len(files) == 80
    assert all(a != b for a, b in zip(one, other, strict=True))
    for part, each in (("train", 8), ("test", 2)):
        images = PhotographFolder(folders[0] / part, TO_PIXELS)
        assert images.classes == list(SCENES) and images.targets == sorted(list(range(8)) * each)
        assert not images.skipped and all(image.std() > 0.03 for image, _ in images)


def test_a_scene_folder_says_what_it_cannot_do(tmp_path):
    with pytest.raises(CourseError, match="count=79"):
        make_scene_folder(tmp_path, count=79)
    with pytest.raises(CourseError, match="seed=-1"):
        make_scene_folder(tmp_path, seed=-1)
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="cannot write"):
        make_scene_folder(tmp_path / "file" / "folder", count=80)


# --- the loss


@pytest.mark.parametrize("sigma", [0.02, 0.2])
def test_the_loss_is_the_exact_code_length_but_for_what_jensens_inequality_costs(sigma):
    torch.manual_seed(0)
    vae = PhotographVAE(latent_dim=3, width=2)
    vae.log_sigma.data.fill_(math.log(sigma))
    x = (255 * (0.5 + sigma * torch.randn(4, 3, 64, 64))).round().clamp(0, 255) / 255  # an untrained one says 0.5
    eps = torch.randn(4, 3)
    with torch.no_grad():
        x_hat, mu, logvar = vae(x, eps)
        loss = negative_elbo(vae, x, eps).item()
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean().item()
    apart = (x - x_hat).abs().double().numpy()
    # the probability of the interval of width 1/255 that a pixel of 8 bits stands for
    log_p = np.log(norm.sf((apart - 1 / 510) / sigma) - norm.sf((apart + 1 / 510) / sigma)).sum() / len(x)
    # what Jensen's inequality costs: half the variance of the log density over the interval, where that is narrow
    cost = (apart**2).mean() / sigma**4 / 255**2 / 24 / math.log(2)
    exact = bits_per_dimension(kl - log_p)
    assert bits_per_dimension(loss) - exact == pytest.approx(cost, rel=0.1, abs=2e-5)


def test_the_noise_that_is_given_is_used():
    torch.manual_seed(0)
    vae, x = PhotographVAE(latent_dim=3, width=2), torch.rand(4, 3, 64, 64)
    eps = torch.randn(4, 3)
    torch.manual_seed(7)
    drawn = negative_elbo(vae, x)
    torch.manual_seed(7)
    assert negative_elbo(vae, x, torch.randn(4, 3)) == drawn
    assert negative_elbo(vae, x, eps) == negative_elbo(vae, x, eps) != drawn
