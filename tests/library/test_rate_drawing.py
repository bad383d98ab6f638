"""The drawing of page 11 shows the numbers that it is made from."""

import torch

from course_utils.diagrams import rate


def test_each_point_has_its_label(shown):
    rate.rate_distortion({"β = 1": (15.9, 111.2), "β = 10": (1.7, 173.1)}, {"sums and means": (109.4, 101.3)})
    (bundle,) = shown
    assert "β = 10: rate 1.7, distortion 173; β = 1: rate 15.9, distortion 111" in bundle["text/plain"]
    for label in ("β = 1", "β = 10", "sums and means"):
        assert f">{label}<" in bundle["image/svg+xml"]


def test_codes_beside_the_prior(shown):
    rate.beside_the_prior({"narrow": torch.linspace(-1, 1, 101), "wide": torch.linspace(-9, 9, 101)})
    (bundle,) = shown
    assert "narrow 0.6, wide 5.3" in bundle["text/plain"] and ">N(0, 1)<" in bundle["image/svg+xml"]
