"""The committed classifiers: small, accurate, and an error that helps where there is none."""

import json
import struct

import pytest
import torch

from course_utils import CourseError, data
from course_utils.classifier import Classifier, load_classifier
from course_utils.support.files import WEIGHTS, data_dir

WRONG = {"digits": 1.0, "mnist": 1.0, "fashion-mnist": 8.0}  # percent of the test images, at most
COMMITTED = sorted(WEIGHTS.glob("classifier_*.safetensors"))


def header(path):
    """What a safetensors file says about its tensors, read without the library: eight bytes of length, then JSON."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length])


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_checkpoints_are_small_and_tell_how_they_were_made(path):
    tensors = header(path)
    notes = tensors.pop("__metadata__")
    assert path.stat().st_size < 1e6
    assert {t["dtype"] for name, t in tensors.items() if "num_batches" not in name} == {"F16"}
    assert {"data", "training images", "epochs", "lr", "seed", "test error, percent"} <= set(notes)
    assert float(notes["test error, percent"]) <= WRONG[notes["data"]]


def test_each_data_set_has_one():
    assert {path.stem for path in COMMITTED} == {f"classifier_{name}" for name in data.TITLES}


@pytest.mark.parametrize("name", WRONG)
def test_it_reads_its_images_and_its_features_are_standardised(name):
    if name != "digits" and not data.is_on_disk(name):
        pytest.skip(f"{data.TITLES[name]} is not in {data_dir()}")
    judge, test = load_classifier(name), data.load(name, "test", 2_000)
    assert 100 * (judge.classify(test.x) != test.y).float().mean() < WRONG[name] + 1
    features = judge.features(test.x)
    assert features.shape == (2_000, 64)
    assert features.mean().item() == pytest.approx(0, abs=0.05)
    assert features.var(0).mean().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(judge(test.x[:10]).argmax(1), judge.classify(test.x[:10]))


def test_what_is_missing_or_damaged_is_told(tmp_path):
    with pytest.raises(CourseError, match="make it with `python -m course_utils.pretrained fashion-mnist`"):
        load_classifier("fashion-mnist", tmp_path)
    with pytest.raises(CourseError, match="expected one of digits"):
        load_classifier("letters")
    (tmp_path / "classifier_digits.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(CourseError, match="is damaged or of another version: make it again with"):
        load_classifier("digits", tmp_path)


@pytest.mark.parametrize(
    "x", [torch.rand(2, 784), torch.full((2, 1, 28, 28), torch.nan), torch.ones(2, 1, 28, 28) * 255]
)
def test_what_are_no_images_is_refused(x):
    with pytest.raises(CourseError, match="NaN|0 to 1|float images"):
        Classifier().features(x)
