"""The drawings of page 01 say what they show: a line through a cloud, and copies of its points."""

import torch

from course_utils.diagrams import pca

CROSS = torch.tensor([[1.0, 2], [5, 2], [3, 1], [3, 3]])  # four points around (3, 2), wider than high


def test_the_line_goes_through_the_mean_along_the_widest_direction(shown):
    mean, direction = pca._first_direction(CROSS)
    assert mean.tolist() == [3, 2] and torch.allclose(direction, torch.tensor([1.0, 0]), atol=1e-6)
    pca.line_through_cloud(CROSS, "width", "height")
    # Squared distances to the mean 4, 4, 1, 1; to the line 0, 0, 1, 1.
    assert "4 points" in shown[0]["text/plain"] and "these are 20 % of" in shown[0]["text/plain"]
    assert ">width<" in shown[0]["image/svg+xml"]


def test_a_panel_for_each_kind_of_copy_names_its_error(shown):
    pca.cloud_and_copies(CROSS, {"itself": CROSS, "mean": CROSS.mean(0).expand_as(CROSS)})
    pca.cloud_and_copies(CROSS, {"alone": CROSS + 1})
    assert "itself: 0.000; mean: 2.500" in shown[0]["text/plain"] and ">mean: 2.500<" in shown[0]["image/svg+xml"]
    assert "alone: 2.000" in shown[1]["text/plain"]
