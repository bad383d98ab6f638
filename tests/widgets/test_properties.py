"""Widgets: valid input is never refused and shows what it should; any other gets a message."""

import io
from unittest import mock

import ipywidgets
import numpy as np
import pytest
import torch
from any_input import (
    ANYTHING,
    FLOATS,
    KINDS,
    NO_TENSORS,
    PROFILE,
    ROW,
    accepted_by,
    accepts,
    answer,
    notices_refusal,
    public_functions,
    tensors,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import confusion_matrix

from course_utils import plots
from course_utils.widgets import buttons, drawing_pad, film, live, preview, sliders
from course_utils.widgets import map as maps

ALT = "A picture."
SEEDS = st.integers(0, 999)
SLOW = settings(PROFILE, max_examples=PROFILE.max_examples // 3)  # each example makes a figure with a layout


def grey(level, size=(30, 20)):
    """A grey picture as the bytes of a PNG."""
    file = io.BytesIO()
    Image.new("L", size, level).save(file, "PNG")
    return file.getvalue()


PNG = grey(100)


def random(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def shown(function, *arguments, **options):
    """The bundle that a widget displays, and the controls that it was given."""
    made, kinds = [], {name: getattr(ipywidgets, name) for name in ("FloatSlider", "SelectionSlider")}
    fakes = {name: lambda *a, kind=kind, **k: made.append(kind(*a, **k)) or made[-1] for name, kind in kinds.items()}
    with mock.patch.object(live, "display") as display, mock.patch.multiple(ipywidgets, **fakes):
        function(*arguments, **options)
    return display.call_args.args[0], made


def is_picture(png):
    return Image.open(io.BytesIO(png)).format == "PNG"


# --- valid input


@accepts("widgets.sliders.image_slider", "widgets.live.live", "widgets.live.call", "widgets.live.repainter")
@SLOW
@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=5, unique=True), SEEDS, st.data())
def test_any_values_can_be_slid_over(values, seed, draw):
    start, images = draw.draw(st.sampled_from(values)), random(seed, 3, 1, 28, 28)
    asked = []
    bundle, (slider,) = shown(
        sliders.image_slider,
        lambda value: asked.append(value) or {"a": images, "b": 1 - images},
        "x",
        values,
        start,
        alt=ALT,
    )
    assert is_picture(bundle["image/png"]) and asked[-1] == start == slider.value
    slider.value = values[-1]
    assert asked[-1] == values[-1]


@accepts("widgets.sliders.threshold_slider")
@SLOW
@given(
    st.integers(1, 40), st.integers(1, 40), SEEDS, st.floats(0.1, 0.9), st.sampled_from([np.asarray, list, lambda x: x])
)
def test_any_scores_can_be_told_apart(count, other, seed, limit, kind):
    normal, anomaly = random(seed, count), random(seed + 1, other) + 0.2
    texts = []
    paint = live.repainter

    def watched(figure, moving):
        texts.extend(moving)
        return paint(figure, moving)

    with mock.patch.object(sliders, "repainter", watched):
        _, (slider,) = shown(sliders.threshold_slider, kind(normal), kind(anomaly), limit, "score", alt=ALT)
    alarms = torch.cat([normal, anomaly]).double() > slider.value
    counts = confusion_matrix([0] * count + [1] * other, alarms).flatten().tolist()
    assert [int(text.get_text().split("\n")[0]) for text in texts[2:]] == counts


@accepts("widgets.drawing_pad.draw_pad", "widgets.drawing_pad.centred")
@PROFILE
@given(SEEDS, st.integers(1, 100), st.integers(1, 100), st.integers(0, 11), st.integers(0, 11))
def test_any_drawing_comes_to_stand_in_the_middle(seed, height, width, top, left):
    ink = torch.zeros(drawing_pad.SIDE, drawing_pad.SIDE)
    ink[top : top + height, left : left + width] = 1
    image = drawing_pad.centred(ink)
    assert image.shape == (1, 1, 28, 28) and image.any() and image.max() <= 1
    around = [np.arange(28) @ image[0, 0].sum(axis).numpy() / image.sum().item() for axis in (0, 1)]
    assert np.allclose(around, 14, atol=0.51)
    start, seen = random(seed, 1, 1, 28, 28), []
    bundle, _ = shown(drawing_pad.draw_pad, lambda x: seen.append(x) or PNG, start, alt=ALT)
    assert is_picture(bundle["image/png"]) and seen[0].shape == start.shape and seen[0].any()


@accepts("widgets.film.film", "widgets.live.opened")
@PROFILE
@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=30), st.sampled_from([(30, 20), (20, 60)]), st.text(max_size=9)
)
@example([0], (30, 20), "0\x1e")
def test_any_pictures_make_a_film(levels, size, name):
    frames = [grey(level, size) for level in levels]
    images = []
    with mock.patch.object(
        ipywidgets, "Image", lambda kind=ipywidgets.Image, **k: images.append(kind(**k)) or images[0]
    ):
        bundle, (slider,) = shown(film.film, frames, [name] * len(frames), name, alt=ALT)
    assert is_picture(bundle["image/png"]) and bundle["text/plain"] == ALT
    for i in (len(frames) - 1, 0):
        slider.index = i
        assert bytes(images[0].value) == frames[i]


@accepts("widgets.map.latent_map", "widgets.live.decoded")
@SLOW
@given(
    tensors(shapes=[(7, 2), (1, 2)], dtypes=FLOATS, kinds=KINDS[:6]),
    st.floats(0.01, 100),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    SEEDS,
)
def test_any_plane_has_its_map(codes, span, place, seed):
    assume(not codes.is_meta)
    labels = (10 * random(seed, len(codes))).long()
    asked, made = [], []

    def decode(z):
        asked.append(z)
        return z.float().sigmoid().mean(1).view(-1, 1).expand(-1, 784)

    with mock.patch.object(maps, "Map", lambda kind=maps.Map, **k: made.append(kind(**k)) or made[0]):
        bundle, _ = shown(maps.latent_map, decode, codes, labels, alt=ALT, span=span)
    assert is_picture(bundle["image/png"]) and is_picture(made[0].picture)
    made[0].at = list(place)
    assert asked[-1].dtype == codes.dtype and asked[-1][0].tolist() == pytest.approx(place, rel=1e-2, abs=1e-2)


@accepts("widgets.preview.preview")
@settings(SLOW, max_examples=4)  # each loads three models
@given(SEEDS, st.floats(0, 1))
def test_any_image_can_be_looked_at(seed, brightness):
    with mock.patch.object(preview, "CROWD", 20):
        look = preview.preview("digits")
    assert is_picture(look(brightness * random(seed, 1, 1, 28, 28)))


@accepts("widgets.buttons.ask", "widgets.buttons.download_button")
@PROFILE
@given(
    st.dictionaries(st.sampled_from("abcd"), st.text(min_size=1, max_size=9), max_size=4),
    st.floats(-1e9, 1e9),
    st.data(),
)
def test_any_question_can_be_answered(options, number, draw):
    kept = []
    guess = draw.draw(st.sampled_from(sorted(options))) if options else number
    with mock.patch.object(buttons, "_show") as show:
        buttons.ask(lambda guess: kept.append(guess) or "kept", options, draw.draw(st.sampled_from([None, guess])))
        _, *controls = show.call_args.args[0].children[0].children
        buttons.download_button(draw.draw(st.sampled_from(buttons.data.DOWNLOADS)))
    controls[0].value = guess
    if not options:
        controls[1].click()
    assert kept in ([guess], [])  # none where this letter was kept before
    assert kept or options


# --- any input


@PROFILE
@given(ANYTHING, ANYTHING, ROW)
def test_sliders_and_pad_of_anything(first, second, values):
    with mock.patch.object(live, "display"):
        answer(sliders.image_slider, lambda value: {"a": first, "b": second}, "x", [1, 2], 1, alt=ALT)
        for start in (values[0] if isinstance(values, list) and values else 1, second):
            answer(sliders.image_slider, lambda _: {"": torch.rand(2, 1, 28, 28)}, "x", values, start, alt=ALT)
        answer(sliders.threshold_slider, first, second, 0.5, "x", alt=ALT)
        answer(sliders.threshold_slider, torch.rand(5), 2 * torch.rand(5), second, "x", alt=ALT)
        answer(maps.latent_map, lambda z: second, first, torch.arange(3), alt=ALT)
        answer(maps.latent_map, lambda z: torch.rand(len(z), 784), first, second, alt=ALT)
        answer(
            maps.latent_map, lambda z: torch.rand(len(z), 784), torch.rand(3, 2), torch.arange(3), alt=ALT, span=second
        )
        for frames, labels in (
            (first, second),
            ([PNG, first], ["a", "b"]),
            ([PNG], second),
            ([PNG, PNG], [first, "b"]),
        ):
            answer(film.film, frames, labels, "x", alt=ALT)
        answer(plots.frame, first)
        answer(drawing_pad.draw_pad, lambda x: second, first, alt=ALT)
        answer(drawing_pad.draw_pad, lambda x: second, torch.rand(1, 1, 28, 28), alt=ALT)
    assert not plots.plt.get_fignums()


@PROFILE
@given(NO_TENSORS | tensors() | st.sampled_from(["vae", "mnits"]))
def test_names_of_data(name):
    answer(preview.preview, name)
    with mock.patch.object(buttons, "display"):
        answer(buttons.download_button, name)


# --- that these tests notice refusals


@pytest.mark.parametrize(("name", "test"), accepted_by(globals()))
def test_a_function_that_refuses_everything_fails_its_property(name, test, monkeypatch):
    notices_refusal(name, test, monkeypatch)


def test_every_public_function_has_a_property():
    elsewhere = {"widgets.quiz.with_buttons"}  # are pressed in test_quiz.py
    own = {"drawing_pad.enlarged", "map.draw_map", "map.on_plane", "packed.pad", "packed.plane"}
    own |= {f"preview.{name}" for name in ("draw_oddness", "grain", "oddness", "place")}
    elsewhere |= {f"widgets.{name}" for name in own}  # take the course's own models and pictures
    assert public_functions("widgets") - elsewhere == {name for name, _ in accepted_by(globals())}
