"""The models that come trained: small files, which tell how they were made, and are as good as they say."""

import functools

import pytest
import torch
from safetensors.torch import load_file

from course_utils import CourseError, data, pretrained
from course_utils.pretrained import RECIPES, load_pretrained, make, measure
from course_utils.support.files import WEIGHTS, data_dir
from course_utils.support.weights import notes_of

COMMITTED = [WEIGHTS / f"{name}_{data_set}.safetensors" for data_set in data.TITLES for name in RECIPES]
MODELS = pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)


@functools.cache
def images_of(data_set):
    return data.load(data_set, "test")


def test_each_data_set_has_one_of_each_and_all_are_small():
    files = sorted(WEIGHTS.iterdir())
    assert set(COMMITTED) <= set(files)
    assert max(path.stat().st_size for path in files) < 1e6
    assert sum(path.stat().st_size for path in files) < 10e6


@MODELS
def test_a_file_tells_how_it_was_made(path):
    name, _, data_set = path.stem.partition("_")
    notes = notes_of(path)
    assert notes["data"] == data_set and {"training images", "epochs", "lr", "batch_size", "seed"} <= set(notes)
    assert {tensor.dtype for tensor in load_file(path).values()} <= {torch.float16, torch.int64}
    readme = (WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    if name == "classifier":
        assert f"{float(notes[RECIPES[name].figure]):.2f} %" in readme
    else:
        (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}` ")]
        assert notes[RECIPES[name].figure] in row and notes["baseline"] in row


@MODELS
def test_a_model_is_as_good_as_its_file_says(path, capsys):
    name, _, data_set = path.stem.partition("_")
    if data_set != "digits" and not data.is_on_disk(data_set):
        pytest.skip(f"{data.TITLES[data_set]} is not in {data_dir()}")
    test = images_of(data_set)
    model = load_pretrained(name, data_set)
    notes = notes_of(path)
    claimed, baseline = (
        float(notes[RECIPES[name].figure]),
        float(notes.get("baseline", 90)),
    )  # percent wrong by guessing
    assert not model.training
    assert measure(name, model, test) == pytest.approx(claimed, rel=2e-3)
    assert claimed > 1.5 * baseline if name == "denoiser" else claimed < 0.8 * baseline
    assert f"{RECIPES[name].title}, trained on {data.TITLES[data_set]}" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "epochs"), [("plane", 15), ("classifier", 4)])
def test_one_can_be_made_again_and_is_better_than_guessing(name, epochs, tmp_path):
    value, baseline = make(name, "digits", tmp_path, size=500, epochs=epochs)
    notes = notes_of(tmp_path / f"{name}_digits.safetensors")
    assert notes["epochs"] == str(epochs) and notes["lr"] == str(RECIPES[name].lr) and notes["training images"] == "500"
    assert float(notes[RECIPES[name].figure]) == pytest.approx(value, rel=1e-3)
    assert float(notes["baseline"]) == pytest.approx(baseline, rel=1e-3)
    assert value < baseline
    model = load_pretrained(name, "digits", tmp_path)
    assert measure(name, model, images_of("digits")) == pytest.approx(value, rel=1e-4)


def test_the_command_makes_what_it_is_asked_for(monkeypatch, capsys):
    made = []
    monkeypatch.setattr(pretrained, "make", lambda *names: made.append(names) or (1.5, 3.0))
    assert pretrained.main(["digits", "vae", "plane"]) == 0
    assert made == [("vae", "digits"), ("plane", "digits")]
    assert "vae: negative ELBO, nats per image 1.5 (baseline 3)" in capsys.readouterr().out
    assert pretrained.main(["mnist"]) == 0 and made[2:] == [(name, "mnist") for name in RECIPES]
    with pytest.raises(SystemExit):
        pretrained.main(["letters"])
    assert "invalid choice" in capsys.readouterr().err


def test_the_command_answers_an_unknown_model_with_one_message(capsys):
    assert pretrained.main(["digits", "gan"]) == 1
    assert "pretrained: no trained model 'gan': expected one of autoencoder" in capsys.readouterr().err


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises(CourseError, match=r"no plane_digits.safetensors yet: make it with `python -m course_utils"):
        load_pretrained("plane", "digits", tmp_path)
    with pytest.raises(CourseError, match="no trained model 'gan': expected one of autoencoder, "):
        load_pretrained("gan", "digits")
    with pytest.raises(CourseError, match="no models for 'letters': expected one of digits, "):
        load_pretrained("plane", "letters")
