"""The committed classifiers: small, accurate, and an error that helps where there is none."""

import json
import struct

import pytest
import torch

from course_utils import CourseError, data
from course_utils.classifier import Classifier, load_classifier
from course_utils.support.files import WEIGHTS

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
    assert float(notes["test error, percent"]) <= 1.0


def test_both_data_sets_have_one():
    assert [path.stem for path in COMMITTED] == ["classifier_digits", "classifier_mnist"]


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_it_reads_its_digits_and_its_features_are_standardised(name, request):
    if name == "mnist":
        request.getfixturevalue("mnist")
    judge, test = load_classifier(name), data.load(name, "test", 2_000)
    assert (judge.classify(test.x) == test.y).float().mean() > 0.98
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
