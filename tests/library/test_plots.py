"""Pictures show all that they were given, at its place, or say what they cannot show."""

import numpy as np
import pytest
import torch

from course_utils import CourseError, plots


@pytest.fixture
def figures(monkeypatch):
    """The figures that are shown."""
    shown = []
    monkeypatch.setattr(plots, "show", lambda figure, alt: shown.append(figure) or plots.plt.close(figure))
    return shown


def test_more_curves_than_markers_are_all_drawn(figures):
    lines = {f"line {i}": ([1, 2, 4], [i + 1.0, i + 2.0, i + 3.0]) for i in range(9)}
    plots.curves(lines, "x", "y", "Nine lines.", x_log=True)
    (axis,) = figures[0].axes
    assert [line.get_ydata().tolist() for line in axis.lines] == [list(y) for _, y in lines.values()]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(lines)
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1", "2", "4"]


def test_a_grid_holds_every_image_once_and_fills_its_last_row_with_white(figures):
    images = torch.arange(5).div(10).view(5, 1, 1, 1).expand(5, 1, 28, 28)
    plots.image_grid(images, 3, "Five images.")
    sheet = figures[0].axes[0].images[0].get_array()
    assert sheet.shape == (56, 84)
    means = [sheet[28 * i : 28 * i + 28, 28 * j : 28 * j + 28].mean() for i in (0, 1) for j in (0, 1, 2)]
    assert means == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 1])


def test_images_under_training_stand_in_their_rows(figures):
    x = torch.rand(4, 1, 28, 28, requires_grad=True)
    plots.image_rows({"x": x, "half": x.bfloat16() / 2}, "Two rows.", titles="abcd")
    shown = [axis.images[0].get_array() for axis in figures[0].axes]
    assert len(shown) == 8 and np.allclose(shown[1], x[1, 0].detach())
    assert np.allclose(shown[4], x[0, 0].detach() / 2, atol=0.01)


def test_bars_and_histograms_show_the_numbers(figures):
    plots.bars({"a": torch.tensor(2.0), "b": np.float32(3)}, "height", "Two bars.")
    assert [bar.get_height() for bar in figures[0].axes[0].patches] == [2, 3]
    plots.histograms({"low": torch.zeros(10), "high": [1.0] * 5}, "value", "Two bars.")
    low, high = figures[1].axes[0].patches[0], figures[1].axes[0].patches[2]
    assert low.get_xy()[:, 0].min() == 0 and high.get_xy()[:, 0].max() == 1


def test_labels_stand_in_the_middle_of_their_points(figures):
    points = torch.tensor([[0.0, 0], [2, 2], [1, 1], [10, 0]])
    plots.scatter(points, torch.tensor([3, 3, 3, 7]), "Two groups.", "z1", "z2")
    texts = {text.get_text(): text.get_position() for text in figures[0].axes[0].texts}
    assert texts == {"3": (1, 1), "7": (10, 0)}


IMAGES = torch.rand(3, 1, 28, 28)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.image_rows({"x": IMAGES.flatten(1)}, "A"), r"the row 'x' .* shape \(3, 784\).* \.view\(-1, 1"),
        (lambda: plots.image_rows({"x": (255 * IMAGES).byte()}, "A"), "a float tensor of images, 0 for black"),
        (lambda: plots.image_rows({"x": IMAGES / 0 - IMAGES / 0}, "A"), "the row 'x' has NaN or infinity"),
        (lambda: plots.image_rows({"x": IMAGES, "y": IMAGES[:2]}, "A"), r"equally long, got \{'x': 3, 'y': 2\}"),
        (lambda: plots.image_rows(IMAGES, "A"), "rows should be a dict from labels to images"),
        (lambda: plots.image_grid(IMAGES, 0, "A"), "columns=0: expected a whole number"),
        (
            lambda: plots.curves({"loss": ([1, 2], [1.0])}, "x", "y", "A"),
            r"parts of the curve 'loss' .*'x': 2, 'y': 1",
        ),
        (lambda: plots.curves({"loss": [1.0, 2.0, 3.0, 4.0]}, "x", "y", "A"), "the curve 'loss' should be a pair"),
        (lambda: plots.curves({"loss": ([1], [float("nan")])}, "x", "y", "A"), "y of the curve 'loss' .* finite"),
        (lambda: plots.curves({"loss": ([0, 1], [1, 1])}, "x", "y", "A", x_log=True), "x .* goes down to 0"),
        (lambda: plots.bars({"a": "high"}, "y", "A"), "heights of the bars should be a row of finite numbers"),
        (lambda: plots.histograms({"a": torch.ones(5)}, "x", "A"), "all values are 1"),
        (lambda: plots.scatter(torch.rand(3, 3), torch.arange(3), "A", "x", "y"), r"\(N, 2\) of points"),
        (lambda: plots.scatter(torch.rand(3, 2), torch.arange(2), "A", "x", "y"), "one whole number for each of 3"),
    ],
)
def test_what_cannot_be_shown_is_told(draw, message):
    with pytest.raises(CourseError, match=message):
        draw()
    assert not plots.plt.get_fignums()
