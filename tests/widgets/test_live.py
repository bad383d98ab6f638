"""A picture that follows its controls, and the calls of a reader's functions, whatever they do."""

import io
import time

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import CourseError
from course_utils.widgets import live


def png(level, size=(40, 20)):
    """A grey picture."""
    file = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(file, "PNG")
    return file.getvalue()


def level(png):
    with Image.open(io.BytesIO(png)) as image:
        return image.convert("L").getpixel((3, 3))


def test_picture_is_drawn_anew_at_each_change_and_keeps_its_last_where_that_fails(shown):
    slider = ipywidgets.IntSlider(1)

    def draw():
        if slider.value == 3:
            raise CourseError("three is <too> much")
        return png(slider.value)

    live.live([slider], draw, "A number.")
    assert level(shown["picture"].value) == level(shown["image/png"]) == 1
    assert shown["text/plain"] == "A number."
    assert shown["metadata"]["image/png"] == {"alt": "A number.", "width": 20, "height": 10}
    assert shown["picture"].layout.width == "20px"  # two pixels for each of the page
    slider.value = 2
    assert level(shown["picture"].value) == 2
    slider.value = 3
    assert level(shown["picture"].value) == 2 and shown["trouble"].value == "three is &lt;too&gt; much"
    slider.value = 4
    assert level(shown["picture"].value) == 4 and shown["trouble"].value == ""


def test_another_still_picture_can_be_given(shown):
    live.live([], lambda: png(1), "Nothing.", still=png(2, (60, 30)))
    assert level(shown["image/png"]) == 2 and level(shown["picture"].value) == 1
    assert shown["metadata"]["image/png"]["width"] == 30 and shown["picture"].layout.width == "20px"


@pytest.mark.parametrize("picture", [None, "picture.png", b"", b"\x89PNG and so on", png(1)[:45]])
def test_what_is_no_picture_is_told(shown, picture):
    with pytest.raises(CourseError, match="the picture should be the bytes of a PNG, got"):
        live.live([], lambda: picture, "Nothing.")


def test_repainter_draws_what_moved_and_leaves_the_rest():
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.set_axis_off()
    (dot,) = axis.plot([0], [0], "ks", markersize=20)
    axis.set(xlim=(-1, 2), ylim=(-1, 1))
    paint = live.repainter(figure, [dot])
    assert not plt.get_fignums()  # the notebook does not show it a second time
    sheets = []
    for x in (0, 1, 0):
        dot.set_data([x], [0])
        sheets.append(np.array(Image.open(io.BytesIO(paint())).convert("L")))
    assert np.array_equal(sheets[0], sheets[2])
    columns = [np.mean(np.nonzero(sheet < 128)[1]) for sheet in sheets[:2]]
    assert columns[1] - columns[0] > 20 and (sheets[0] < 128).sum() == pytest.approx((sheets[1] < 128).sum(), rel=0.2)


def test_a_readers_function_is_called_without_gradients():
    weight = torch.ones(2, requires_grad=True)
    assert not live.call(lambda x: weight * x, "`f`", 3).requires_grad


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (None, "`f` stopped with TypeError: 'NoneType' object is not callable"),
        (lambda: 1 / 0, "`f` stopped with ZeroDivisionError: division by zero"),
        (lambda: time.sleep(60), "`f` took longer than 0.1 seconds"),
        (lambda: torch.zeros(2).view(3), "`f` stopped with RuntimeError"),
    ],
)
def test_trouble_in_a_readers_function_is_told(function, message, monkeypatch):
    monkeypatch.setattr(live, "SECONDS", 0.1)
    with pytest.raises(CourseError, match=message):
        live.call(function, "`f`")


def test_an_error_that_says_what_to_do_comes_through():
    def refuse():
        raise CourseError("do this instead")

    with pytest.raises(CourseError, match="^do this instead$"):
        live.call(refuse, "`f`")
