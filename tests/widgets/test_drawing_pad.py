"""The drawing pad: a drawing becomes an image like those of the data sets, and every stroke is looked at."""

import pytest
import torch
from torch.nn import functional as F

from course_utils import CourseError, data
from course_utils.classifier import load_classifier
from course_utils.support.files import ASSETS
from course_utils.support.guards import require_images
from course_utils.widgets import drawing_pad
from course_utils.widgets.drawing_pad import SIDE, centred, draw_pad

PNG = b"\x89PNG and so on"


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_digits_come_back_from_the_pad_wherever_they_were_drawn(name, request):
    if name == "mnist":
        request.getfixturevalue("mnist")
    test = data.load(name, "test", 300)
    judge = load_classifier(name)
    whole = F.interpolate(test.x, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)
    small = F.pad(F.interpolate(test.x, size=(60, 60), mode="bicubic").clamp(0, 1), (2, 50, 45, 7))  # down to the left
    for drawn, error in ((whole, 10), (small, 15)):
        images = torch.cat([centred(ink[0]) for ink in drawn])
        require_images(images)
        assert (images - test.x).square().sum((1, 2, 3)).mean() < error  # of about 100 for two different digits
        assert (judge.classify(images) == test.y).float().mean() > 0.97


@pytest.mark.parametrize("size", [(1, 1), (1, 112), (112, 1), (112, 112)])
def test_a_line_or_a_dot_stays_on_the_page(size):
    ink = torch.zeros(SIDE, SIDE)
    ink[-size[0] :, : size[1]] = 1  # in a corner
    image = centred(ink)
    assert image.shape == (1, 1, 28, 28) and image.sum() > 0 and image.max() <= 1
    rows, columns = image[0, 0].amax(1).nonzero(), image[0, 0].amax(0).nonzero()
    assert max(rows.max() - rows.min(), columns.max() - columns.min()) == 19  # 20 pixels
    assert rows.min() >= 3 and rows.max() <= 25  # in the middle
    assert centred(torch.zeros(SIDE, SIDE)).sum() == 0


def test_every_stroke_is_looked_at_and_an_empty_pad_is_not(monkeypatch):
    made, seen = [], []
    monkeypatch.setattr(
        drawing_pad, "live", lambda controls, draw, alt, trait, box: made.append((controls[0], draw, trait))
    )
    start = data.load("digits", "test", 1).x
    draw_pad(lambda x: seen.append(x) or PNG, start, alt="A digit.")
    ((pad, draw, trait),) = made
    assert trait == "ink" and draw() == PNG
    assert (seen[-1] - start).square().sum() < 10  # what is on the pad to begin with
    bar = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    bar[20:90, 10:20] = 255
    pad.ink = bar.numpy().tobytes()
    draw()
    assert torch.equal(seen[-1], centred(bar / 255))
    pad.ink = bytes(SIDE * SIDE)
    draw()
    assert torch.equal(seen[-1], centred(bar / 255))
    with pytest.raises(CourseError, match="expected float images of shape"):
        draw_pad(None, start[0], alt="A digit.")
    with pytest.raises(CourseError, match="shows one image"):
        draw_pad(None, start.repeat(2, 1, 1, 1), alt="A digit.")
    draw_pad(lambda x: "picture", start, alt="A digit.")
    with pytest.raises(CourseError, match="should return the bytes of a PNG, got 'picture'"):
        made[-1][1]()


def test_browser_and_python_agree_on_the_size():
    assert f"SIDE = {SIDE}," in (ASSETS / "drawing_pad.js").read_text(encoding="utf-8")
