"""The drawings of page 12 hold what they are given."""

import torch

from course_utils.diagrams.photographs import colour_rows
from course_utils.diagrams.stations import stations


def test_each_station_has_its_text(shown):
    stations({"a way": ["file", "decode\nupright"], "another": ["z"]}, alt="Two ways, of two stations and of one.")
    (bundle,) = shown
    assert bundle["text/plain"] == "Two ways, of two stations and of one."
    for text in ("a way", "another", "file", "decode", "upright", "z"):
        assert f">{text}<" in bundle["image/svg+xml"]


def test_colours_beyond_0_and_1_are_cut_off(capsys):
    images = torch.stack([torch.full((3, 8, 8), -1.0), torch.full((3, 8, 8), 2.0)])
    colour_rows({"out of range": images, "fewer": images[:1]}, alt="Black and white, and black.", titles=("a", "b"))
    assert capsys.readouterr().out == "Black and white, and black.\n"  # outside of Jupyter: what the figure shows
