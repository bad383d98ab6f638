"""Pictures show all that they were given, at its place, or say what they cannot show."""

import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.spatial.distance import pdist
from skimage.color import rgb2lab

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


def test_labels_stand_where_most_of_their_like_are(figures):
    points = torch.tensor([[0.0, 0], [1.1, 1], [1, 1], [1, 0.9], [-9, 9], [10, 0]])
    plots.scatter(points, torch.tensor([3, 3, 3, 3, 3, 7]), "Two groups.", "z1", "z2")
    texts = {text.get_text(): text.get_position() for text in figures[0].axes[0].texts}
    assert texts == {"3": (1, 1), "7": (10, 0)}


@pytest.mark.parametrize("count", [1, 5_000])
def test_every_label_has_its_place_also_a_rare_one(figures, count):
    labels = torch.tensor([8] * count + [5])
    plots.scatter(torch.ones(count + 1, 2), labels, "Two groups in one place.", "z1", "z2")
    assert {text.get_text() for text in figures[0].axes[0].texts} == {"8", "5"}


def test_labels_can_be_read_on_their_discs():
    for label, colour in enumerate(plots.CLASS_COLOURS):
        ink = (label not in plots.DARK_CLASSES) * -1.0 + 1  # of black 0, of white 1
        light = linear(colour) @ [0.2126, 0.7152, 0.0722]
        assert (max(light, ink) + 0.05) / (min(light, ink) + 0.05) > 4.5


def linear(colour):
    """Red, green and blue as amounts of light."""
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


# What is left of colours without the cones for long, and without those for middle waves (Machado et al. 2009).
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("name", ["CLASS_COLOURS", "COLOURS"])
def test_colours_can_be_told_apart(name, eyes):
    def least(colours):
        light = np.array([linear(colour) for colour in colours]) @ np.transpose(EYES[eyes])
        light = light.clip(0, 1)
        seen = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return pdist(rgb2lab(seen)).min()

    assert least(getattr(plots, name)) > 15  # CIE 1976; 2.3 is just noticed side by side
    if eyes != "all cones":
        assert least(plots.plt.cm.tab10.colors) < 8  # matplotlib's own


@pytest.mark.parametrize("titles", [(), "abcde"])
def test_groups_of_columns_stand_apart_with_titles(figures, titles):
    images = torch.rand(5, 1, 28, 28)
    plots.image_rows({"x": images, "y": images}, "Two rows.", titles=titles, groups={"copies": 2, "samples": 3})
    (figure,) = figures
    left = [axis.get_position().x0 for axis in figure.axes[:5]]
    steps = np.diff(left)
    assert steps[1] > 1.2 * steps[0] and np.allclose(steps[[0, 0, 0]], steps[[0, 2, 3]])
    assert {text.get_text(): text.get_position()[0] for text in figure.texts} == {
        "copies": pytest.approx(left[0]),
        "samples": pytest.approx(left[2]),
    }
    assert [axis.get_title() for axis in figure.axes] == [*titles, *[""] * (10 - len(titles))]


def test_figures_have_two_pixels_for_each_of_the_page_and_images_whole_ones(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", lambda bundle, metadata: shown.append((bundle, metadata)))
    images = torch.arange(2 * 784).view(2, 1, 28, 28) % 251 / 250
    for draw in (
        lambda: plots.image_rows({"a label": images}, "A row.", titles="ab"),
        lambda: plots.image_grid(images, 2, "A grid.", x_label="across"),
        lambda: plots.image_grid(images, 1, "A column.", scale=0.1),
    ):
        draw()
        bundle, metadata = shown[-1]
        sheet = np.array(Image.open(io.BytesIO(bundle["image/png"])).convert("L"))
        assert metadata["image/png"]["width"] == round(sheet.shape[1] / 2)
        assert metadata["image/png"]["height"] == round(sheet.shape[0] / 2)
        inner = (255 * images[0, 0, 3:-3, 3:-3]).round().byte().numpy()  # the frame covers the edge
        times = [n for n in range(1, 9) if contains(sheet, inner.repeat(n, 0).repeat(n, 1))]
        assert times, "each pixel of an image should be a square of equal pixels"


def contains(sheet, part):
    """Whether a picture has a part, up to rounding; of the part, only the first row is looked for everywhere."""
    if part.shape[1] > sheet.shape[1]:
        return False
    rows = np.lib.stride_tricks.sliding_window_view(sheet, part.shape[1], axis=1)
    near = np.argwhere((np.abs(rows.astype(int) - part[0].astype(int)) <= 4).all(-1))
    return any(
        np.abs(found.astype(int) - part).max() <= 4
        for y, x in near
        if (found := sheet[y : y + len(part), x : x + part.shape[1]]).shape == part.shape
    )


def test_a_picture_packed_small_looks_as_before():
    generator = np.random.default_rng(0)
    grey = Image.fromarray(generator.integers(0, 256, (60, 50), dtype=np.uint8))
    with Image.open(io.BytesIO(plots.small_png(grey))) as packed:
        assert np.array_equal(np.array(packed.convert("L")), np.array(grey))
    figure, axis = plots.plt.subplots()
    for colour in plots.COLOURS:
        axis.plot(generator.random(9), color=colour)
    png, _ = plots.crisp_png(figure)
    file = io.BytesIO()
    figure.savefig(file, dpi=2 * plots.DPI)
    plots.plt.close(figure)
    assert len(png) < len(file.getvalue())
    colours = np.array(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    for colour in plots.COLOURS:
        assert np.abs(colours - 255 * np.array(to_rgb(colour))).max(1).min() < 4


IMAGES = torch.rand(3, 1, 28, 28)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.image_rows({"x": IMAGES.flatten(1)}, "A"), r"the row 'x' .* shape \(3, 784\).* \.view\(-1, 1"),
        (lambda: plots.image_rows({"x": (255 * IMAGES).byte()}, "A"), "a float tensor of images, 0 for black"),
        (lambda: plots.image_rows({"x": IMAGES / 0 - IMAGES / 0}, "A"), "the row 'x' has NaN or infinity"),
        (lambda: plots.image_rows({"x": IMAGES, "y": IMAGES[:2]}, "A"), r"equally long, got \{'x': 3, 'y': 2\}"),
        (lambda: plots.image_rows(IMAGES, "A"), "rows should be a dict from labels to images"),
        *(
            (lambda groups=groups: plots.image_rows({"x": IMAGES}, "A", groups=groups), "expected 3 columns together")
            for groups in ({"a": 1}, {"a": 3, "b": 0}, {"a": 4, "b": -1}, {"a": 1.5, "b": 1.5}, {"a": None}, {"a": "3"})
        ),
        (lambda: plots.image_rows({"x": IMAGES}, "A", groups=[3]), "groups should be a dict from labels to numbers of"),
        (
            lambda: plots.scatter(torch.rand(3, 2), torch.arange(3) + 8, "A", "x", "y"),
            "from 0 to 9, and they go from 8",
        ),
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
