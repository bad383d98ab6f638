"""Films: what the slider shows, what the filmstrip shows, and what is told about senseless frames."""

import io

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from course_utils import CourseError
from course_utils.plots import frame
from course_utils.widgets.film import film


def grey(level, size=(300, 200)):
    file = io.BytesIO()
    Image.new("L", size, level).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def made(shown, monkeypatch):
    """What a film shows, and its slider."""
    slider = ipywidgets.SelectionSlider
    monkeypatch.setattr(ipywidgets, "SelectionSlider", lambda **k: shown.setdefault("slider", slider(**k)))
    return shown


def test_slider_goes_through_the_frames(made):
    frames = [grey(10 * i) for i in range(21)]
    film(frames, [f"{i}" for i in range(21)], "epoch", alt="It becomes lighter.")
    assert made["slider"].description == "epoch" and made["slider"].index == 0
    assert made["picture"].layout.width == "150px"  # two pixels for each of the page
    assert made["slider"].options == tuple((str(i), i) for i in range(21))
    for i in (0, 20, 7):
        made["slider"].index = i
        assert bytes(made["picture"].value) == frames[i]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 8, 9, 11, 12, 40])
@pytest.mark.parametrize("size", [(300, 200), (1400, 700), (200, 600)])
def test_filmstrip_has_the_first_frame_and_the_last(made, pixels, count, size):
    levels = [40 + 5 * i for i in range(count)]
    film([grey(level, size) for level in levels], ["same label"] * count, "", alt="A strip.")
    assert made["text/plain"] == made["metadata"]["image/png"]["alt"] == "A strip."
    sheet = pixels(made["image/png"])
    width = made["metadata"]["image/png"]["width"]
    assert width <= 960 and abs(sheet.shape[1] - 2 * width) <= 1
    values, counts = np.unique((255 * sheet).round(), return_counts=True)
    found = {level for level in levels if counts[values == level].sum() > 5_000}
    assert {levels[0], levels[-1]} <= found and min(count, 5) <= len(found) <= 8
    gaps = np.diff(sorted(found))
    assert not len(gaps) or gaps.max() - gaps.min() <= 5  # evenly spread


def test_figures_become_frames_of_their_own_size(pixels):
    sizes = set()
    for limit in (1, 1_000_000):  # with short and with long numbers on the axis
        figure, axis = plt.subplots(figsize=(2, 1.5), layout="constrained")
        axis.set(ylim=(0, limit))
        sizes.add(pixels(frame(figure)).shape)
    assert sizes == {(300, 400)} and not plt.get_fignums()
    with pytest.raises(CourseError, match="makes a picture of a figure, got None"):
        frame(None)


PNG = grey(0)


@pytest.mark.parametrize(
    ("frames", "labels", "message"),
    [
        ([], [], "needs a list of pictures"),
        (None, ["a"], "needs a list of pictures, from `frame`, got None"),
        (PNG, ["a"], "needs a list of pictures"),
        (PNG.decode("latin1"), ["a"], "needs a list of pictures"),
        ([PNG, None], ["a", "b"], r"frames\[1\] should be the bytes of a PNG, got None"),
        ([PNG, b"\x89PNG"], ["a", "b"], r"frames\[1\] should be the bytes"),
        ([PNG, PNG[:60]], ["a", "b"], r"frames\[1\] should be the bytes"),
        ([PNG, "path.png"], ["a", "b"], r"frames\[1\] should be the bytes"),
        ([PNG, grey(0, (300, 202))], ["a", "b"], r"different sizes, \[\(300, 200\), \(300, 202\)\]"),
        ([PNG, PNG], ["a"], r"2 frames need a list of as many labels, got \['a'\]"),
        ([PNG, PNG], None, "2 frames need a list of as many labels, got None"),
        ([PNG, PNG], "ab", "2 frames need a list of as many labels, got 'ab'"),
    ],
)
def test_film_of_something_else(frames, labels, message):
    with pytest.raises(CourseError, match=message):
        film(frames, labels, "epoch", alt="Nothing.")
