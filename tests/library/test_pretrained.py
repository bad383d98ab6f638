"""The models that come trained: small files, which tell how they were made, and are as good as they say."""

import pytest
import torch
from safetensors.torch import load_file

from course_utils import CourseError, data
from course_utils.support.weights import FOLDER
from course_utils.pretrained import RECIPES, load_pretrained, make, measure, notes_of

COMMITTED = [FOLDER / f"{name}_{data_set}.safetensors" for data_set in ("digits", "mnist") for name in RECIPES]


def test_each_data_set_has_one_of_each_and_all_are_small():
    files = sorted(FOLDER.iterdir())
    assert set(COMMITTED) <= set(files)
    assert max(path.stat().st_size for path in files) < 1e6
    assert sum(path.stat().st_size for path in files) < 10e6


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_file_is_float16_and_its_figure_is_in_the_table(path):
    name, _, data_set = path.stem.partition("_")
    notes = notes_of(path)
    assert notes["data"] == data_set and {"training images", "epochs", "lr", "batch_size", "seed"} <= set(notes)
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    (row,) = [
        line
        for line in (FOLDER.parent / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{name}` ")
    ]
    assert notes[RECIPES[name].figure] in row and notes["baseline"] in row


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_model_is_as_good_as_its_file_says(path, request, capsys):
    name, _, data_set = path.stem.partition("_")
    if data_set == "mnist":
        request.getfixturevalue("mnist")
    test = data.load(data_set, "test")
    model = load_pretrained(name, data_set)
    notes = notes_of(path)
    claimed, baseline = float(notes[RECIPES[name].figure]), float(notes["baseline"])
    assert not model.training
    assert measure(name, model, test.x) == pytest.approx(claimed, rel=2e-3)
    assert claimed > 1.5 * baseline if name == "denoiser" else claimed < 0.8 * baseline
    assert f"{RECIPES[name].title}, trained on {data.TITLES[data_set]}" in capsys.readouterr().out


def test_one_can_be_made_again(tmp_path):
    value, _ = make("plane", "digits", tmp_path, size=500, epochs=1)
    assert float(notes_of(tmp_path / "plane_digits.safetensors")["negative ELBO, nats per image"]) == pytest.approx(
        value, rel=1e-3
    )
    model = load_pretrained("plane", "digits", tmp_path)
    assert measure("plane", model, data.load("digits", "test").x) == pytest.approx(value, rel=1e-4)


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises(CourseError, match=r"no plane_digits.safetensors yet: make it with `python -m course_utils"):
        load_pretrained("plane", "digits", tmp_path)
    with pytest.raises(CourseError, match="no trained model 'gan': expected one of autoencoder, "):
        load_pretrained("gan", "digits")
    with pytest.raises(CourseError, match="no models for 'letters': expected one of digits, "):
        load_pretrained("plane", "letters")
