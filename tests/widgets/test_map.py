"""The map of codes: the image follows the marker, what is seen without widgets, and what is told about bad input."""

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import CourseError
from course_utils.plots import CLASS_COLOURS
from course_utils.support.files import ASSETS
from course_utils.widgets import map as maps
from course_utils.widgets.map import STOPS, latent_map

GENERATOR = torch.Generator().manual_seed(0)
CODES, LABELS = torch.randn(60, 2, generator=GENERATOR), torch.arange(60) % 10


def squares(codes):
    """Images whose left half is as bright as the first number of the code, and whose right half as the second."""
    images = torch.zeros(len(codes), 1, 28, 28, dtype=codes.dtype)
    images[..., :14] = codes[:, 0].view(-1, 1, 1, 1)
    images[..., 14:] = codes[:, 1].view(-1, 1, 1, 1)
    return images


@pytest.fixture
def made(shown, monkeypatch):
    """What is shown, and the map itself."""
    kind = maps.Map
    monkeypatch.setattr(maps, "Map", lambda **k: shown.setdefault("map", kind(**k)))
    return shown


@pytest.fixture
def halves(made, pixels):
    """Function that reads the brightness of the picture's two halves, 0 to 1."""

    def read():
        sheet = pixels(made["picture"].value)
        return [sheet[len(sheet) // 2, len(sheet) // 4], sheet[len(sheet) // 2, 3 * len(sheet) // 4]]

    return read


def test_image_follows_the_marker(made, halves):
    latent_map(squares, CODES, LABELS, alt="A map.")
    assert made["map"].at == [0, 0] and halves() == [0, 0]
    for place in ([0.5, 0.25], [0.1, 0.9], [-3.0, 3.0]):
        made["map"].at = place
        assert halves() == pytest.approx(np.clip(place, 0, 1), abs=0.01)
    assert made["trouble"].value == ""


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.int64])
def test_a_decoder_gets_the_codes_own_type(made, kind):
    seen = []
    latent_map(lambda z: seen.append(z) or squares(z).flatten(1), CODES.to(kind), LABELS, alt="A map.", span=2)
    assert {z.dtype for z in seen} == {kind if kind.is_floating_point else torch.float32}
    assert {z.shape[1] for z in seen} == {2} and max(len(z) for z in seen) == STOPS


def test_plane_is_where_the_browser_expects_it(made):
    latent_map(squares, torch.zeros(1, 2), torch.tensor([2]), alt="A map.", span=1.5)  # a dot and its label
    left, top, width, height = made["map"].plane
    sheet = np.array(Image.open(io.BytesIO(made["map"].picture)).convert("RGB")).astype(int)
    rows, columns = np.nonzero(sheet[..., 0] - sheet[..., 1] > 60)  # in the label's red
    middle = np.array([columns.min() + columns.max(), rows.min() + rows.max()]) / 2 / len(sheet)
    assert middle == pytest.approx([left + width / 2, top + height / 2], abs=0.01)
    assert sheet.shape[0] == sheet.shape[1]


@pytest.mark.parametrize("share", [0, 2])
def test_codes_beyond_the_map_are_left_out(made, share):
    codes = torch.tensor([[1e9, 0.0]] * 5 + [[0.5, 0.5]] * share)
    latent_map(squares, codes, torch.tensor([4] * 5 + [7] * share), alt="A map.")
    assert made["metadata"]["image/png"]["width"] < 1_000
    colours = {
        tuple(pixel)
        for pixel in np.array(Image.open(io.BytesIO(made["map"].picture)).convert("RGB"))[::2, ::2].reshape(-1, 3)
    }
    seven, four = (
        tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (CLASS_COLOURS[7], CLASS_COLOURS[4])
    )
    assert (seven in colours) == (share > 0) and four not in colours


def test_still_picture_shows_the_stops(made, pixels):
    latent_map(squares, CODES, LABELS, alt="A map and ten images.", span=2.0)
    assert made["text/plain"] == made["metadata"]["image/png"]["alt"] == "A map and ten images."
    assert made["metadata"]["image/png"]["width"] < 1_000
    sheet = pixels(made["image/png"])
    for value in (0.5878, 0.9511, 0.809, 0.309):  # sines and cosines of the ten places, on a circle of 1
        assert np.isclose(sheet, value, atol=0.04).sum() > 300  # greys beside colours are few in the file


def test_trouble_at_a_move_is_told_under_the_map(made, halves):
    def decode(codes):
        if codes[0, 0] > 2:
            raise ValueError("too far <out>")
        return squares(codes)

    latent_map(decode, CODES, LABELS, alt="A map.")
    made["map"].at = [0.5, 0.5]
    made["map"].at = [2.5, 0.5]
    assert made["trouble"].value == "`decode` stopped with ValueError: too far &lt;out&gt;"
    assert halves() == pytest.approx([0.5, 0.5], abs=0.01)
    made["map"].at = [1, 0]
    assert made["trouble"].value == "" and halves() == [1, 0]


@pytest.mark.parametrize(
    ("decode", "codes", "labels", "span", "message"),
    [
        (squares, None, LABELS, 3.0, r"codes should be a tensor \(N, 2\) of points in the plane, got None"),
        (squares, CODES[:, :1], LABELS, 3.0, r"\(N, 2\) of points in the plane, got a tensor of shape \(60, 1\)"),
        (squares, torch.zeros(0, 2), LABELS[:0], 3.0, r"got a tensor of shape \(0, 2\)"),
        (squares, CODES * float("nan"), LABELS, 3.0, "codes has NaN or infinity"),
        (squares, CODES + 1j, LABELS, 3.0, "codes has NaN or infinity"),
        (squares, CODES, LABELS[:5], 3.0, "one whole number for each of 60 points"),
        (squares, CODES, LABELS.float(), 3.0, "one whole number for each of 60 points"),
        (squares, CODES, None, 3.0, "one whole number for each of 60 points, got None"),
        (squares, CODES, LABELS + 1, 3.0, "labels should be from 0 to 9, and they go from 1 to 10"),
        (squares, CODES, LABELS - 1, 3.0, "labels should be from 0 to 9, and they go from -1 to 8"),
        *((squares, CODES, LABELS, span, "span=.*expected a number above 0") for span in (0, -1.0, None, "3", True)),
        *((squares, CODES, LABELS, float(span), "expected a number above 0") for span in ("nan", "inf")),
        (None, CODES, LABELS, 3.0, "`decode` stopped with TypeError"),
        (lambda z: z, CODES, LABELS, 3.0, r"`decode` gave a tensor of shape \(10, 2\) .*: expected 784 pixels"),
        (lambda z: "ten", CODES, LABELS, 3.0, r"`decode` gave 'ten' \(str\) for 10 codes"),
        (lambda z: squares(z) * float("nan"), CODES, LABELS, 3.0, "what `decode` gave has NaN"),
        (lambda z: squares(z).long(), CODES, LABELS, 3.0, "what `decode` gave should be a float tensor"),
        (lambda z: time.sleep(60), CODES, LABELS, 3.0, "`decode` took longer than 4 seconds"),
    ],
)
def test_map_of_something_else(decode, codes, labels, span, message):
    begun = time.monotonic()
    with pytest.raises(CourseError, match=message):
        latent_map(decode, codes, labels, alt="Nothing.", span=span)
    assert time.monotonic() - begun < 10


def test_a_move_is_quick(made):
    weights = torch.randn(2, 400), torch.randn(400, 784)  # as large as page 02's decoder
    latent_map(lambda z: torch.sigmoid(torch.relu(z @ weights[0]) @ weights[1]), CODES, LABELS, alt="A map.")
    seconds = []
    for i in range(20):
        begun = time.thread_time()
        made["map"].at = [i / 10, 1.0]
        seconds.append(time.thread_time() - begun)
    assert np.median(seconds) < 0.05


def test_a_finger_moves_the_marker_and_not_the_page():
    assert "touch-action: none" in (ASSETS / "latent_map.css").read_text(encoding="utf-8")
