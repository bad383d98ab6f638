"""Sliders beside pictures: what a move draws, what is seen without widgets, and what is told about senseless input."""

import ipywidgets
import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

from course_utils import CourseError
from course_utils.widgets import sliders
from course_utils.widgets.sliders import image_slider, threshold_slider

ALT = "Rows of squares, which turn from black to white."


@pytest.fixture
def made(shown, monkeypatch):
    """What is shown, the sliders, and the artists that move."""
    shown["sliders"] = []
    for name in ("FloatSlider", "SelectionSlider"):
        kind = getattr(ipywidgets, name)
        monkeypatch.setattr(
            ipywidgets, name, lambda *a, kind=kind, **k: shown["sliders"].append(kind(*a, **k)) or shown["sliders"][-1]
        )
    repainter = sliders.repainter
    monkeypatch.setattr(
        sliders, "repainter", lambda figure, moving: shown.update(moving=moving) or repainter(figure, moving)
    )
    return shown


def test_trouble_at_a_move_is_told_under_the_picture(made):
    def rows(level):
        return {"": torch.full((1, 1, 28, 28), 0.5) if level else "<nothing>"}

    image_slider(rows, "level", [0, 1], start=1, alt=ALT)
    before = made["picture"].value
    made["sliders"][0].value = 0
    assert made["trouble"].value == "expected a tensor, got str: torch.as_tensor makes one"
    assert made["picture"].value == before
    made["sliders"][0].value = 1
    assert made["trouble"].value == ""


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda level: None, "should return a dict from labels to images, got None"),
        (lambda level: {}, "should return a dict"),
        (lambda level: {"a": torch.ones(2, 784)}, r"expected float images of shape \(N, 1, 28, 28\)"),
        (lambda level: {"a": torch.ones(2, 1, 28, 28), "b": torch.ones(3, 1, 28, 28)}, r"rows of \[2, 3\] images"),
        ("rows", "`rows` stopped with TypeError: 'str' object is not callable"),
    ],
)
def test_image_slider_of_something_else(rows, message):
    with pytest.raises(CourseError, match=message):
        image_slider(rows, "level", [1], start=1, alt=ALT)


def test_image_slider_shows_the_rows_of_its_value(made, pixels):
    def rows(level):
        return {f"level {level}": torch.full((3, 1, 28, 28), level), "white": torch.ones(3, 1, 28, 28)}

    image_slider(rows, "level", [0.0, 0.25, 0.5], start=0.5, alt=ALT)
    (slider,) = made["sliders"]
    assert np.abs(pixels(made["image/png"]) - pixels(made["picture"].value)).max() < 0.02  # with fewer colours
    for level in (0.5, 0.0, 0.25):
        slider.value = level
        sheet = pixels(made["picture"].value)
        assert np.isclose(sheet, level, atol=0.01).sum() > 3 * 40 * 40
        assert [artist.get_text() for artist in made["moving"][1:]] == [f"level = {level:g}", f"level {level}", "white"]
    with pytest.raises(CourseError, match=r"level cannot start at 2: expected one of \[0.0, 0.25, 0.5\]"):
        image_slider(rows, "level", [0.0, 0.25, 0.5], start=2, alt=ALT)


def test_threshold_slider_counts_as_scikit_learn_does(made):
    generator = torch.Generator().manual_seed(0)
    normal, anomaly = torch.randn(300, generator=generator), 1 + torch.randn(2_000, generator=generator)
    threshold_slider(normal, anomaly, 0.5, "score", alt=ALT)
    (slider,) = made["sliders"]
    truth = [0] * len(normal) + [1] * len(anomaly)
    seen = set()
    for limit in (0.5, -1.0, 1.75):
        slider.value = limit
        alarms = torch.cat([normal, anomaly]) > limit
        counts = confusion_matrix(truth, alarms).flatten().tolist()
        line, title, *cells = made["moving"]
        assert [int(cell.get_text().split("\n")[0].replace(",", "")) for cell in cells] == counts
        assert line.get_xdata()[0] == pytest.approx(limit)
        assert f"{100 * counts[1] / 300:.1f} % false alarms" in title.get_text()
        seen.add(made["picture"].value)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("scores", "start", "message"),
    [
        (torch.tensor([]), 0.5, "finite scores of at least one normal image and one anomaly"),
        (torch.tensor([float("nan")]), 0.5, "finite scores"),
        ("scores", 0.5, "expected two tensors of scores"),
        (None, 0.5, "expected two tensors of scores"),
        (torch.ones(3), 0.5, "all scores are 1, and no threshold"),
        (torch.ones(3), None, "start=None: expected a threshold"),
        (torch.ones(3), float("nan"), "start=nan: expected a threshold"),
    ],
)
def test_threshold_of_something_else(scores, start, message):
    with pytest.raises(CourseError, match=message):
        threshold_slider(torch.ones(3), scores, start, "score", alt=ALT)
