"""The drawings of page 03 show the numbers that they are made from."""

import io

import pytest
import torch
from PIL import Image

from course_utils.diagrams import sliding

TINY = torch.arange(25.0).view(5, 5)
EDGE = torch.tensor([[1.0, 0, -1]] * 3)


@pytest.mark.parametrize(
    ("frames", "count"),
    [(sliding.sliding_frames(TINY, EDGE, 2), 4), (sliding.stamping_frames(TINY[:2, :3], EDGE, 2), 6)],
)
def test_a_picture_for_each_place_all_of_one_size(frames, count):
    assert len(frames) == count and len(set(frames)) == count
    assert len({Image.open(io.BytesIO(png)).size for png in frames}) == 1


def test_first_place_is_added_up_by_hand(shown):
    sliding.first_place(TINY, EDGE, 2)
    (bundle,) = shown
    alt = bundle["text/plain"].replace(sliding.MINUS, "-").replace(sliding.DOT, "*")
    assert "1*0 - 1*2 + 1*5 - 1*7 + 1*10 - 1*12 = -6" in alt
    assert f">{sliding.MINUS}6<" in bundle["image/svg+xml"] and bundle["image/svg+xml"].count(">?<") == 3


@pytest.mark.parametrize(
    ("layers", "seen"), [([(3, 2, 1), (3, 2, 1)], "3 of 14 after 1 layer, 7 of 28"), ([(5, 1, 2)], "5 of 28")]
)
def test_what_a_number_sees(shown, layers, seen):
    sliding.seen_by(layers, pixels=28, at=3)
    assert seen in shown[0]["text/plain"]


def test_what_a_code_holds(shown):
    sliding.held_by({"wide": (32, 7, 7), "narrow": (32,)})
    assert "wide: 1,568 numbers; narrow: 32 numbers" in shown[0]["text/plain"]
