"""The capstone's made-up folder: like a real one, and always the same."""

import torch

from course_utils.data import load_folder
from course_utils.sample_images import make_sample_folder


def test_a_folder_of_many_sizes_and_formats_with_files_that_are_no_images(tmp_path, capsys):
    make_sample_folder(tmp_path / "shapes", count=200)
    own = load_folder(tmp_path / "shapes", invert=True)
    assert len(own) == 200
    assert own.y.bincount().tolist() == [2, 66, 67, 65]  # crosses, discs, squares, triangles
    border = torch.cat([own.x[:, 0, 0], own.x[:, 0, -1]], dim=1)
    assert border.mean() < 0.3 < own.x.amax((1, 2, 3)).min()  # light shapes on a dark ground
    printed = capsys.readouterr().out
    assert "Skipped 'about.txt': no image" in printed and "Skipped 'cut-off.jpg'" in printed
    kinds = {file.suffix for file in (tmp_path / "shapes").rglob("*")}
    assert {".png", ".jpg", ".gif", ".bmp"} <= kinds


def test_the_same_seed_draws_the_same_shapes(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        make_sample_folder(tmp_path / name, count=12, seed=seed)
    a, b, c = (load_folder(tmp_path / name).x for name in "abc")
    assert torch.equal(a, b) and not torch.equal(a, c)
