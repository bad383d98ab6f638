"""Weights come back from their files as they were measured, or the file is refused."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from course_utils import CourseError
from course_utils.support import weights


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))  # whose count of batches is a whole number


@pytest.fixture
def path(tmp_path, model):
    weights.halve(model)
    weights.save(model, tmp_path / "model.safetensors", {"data": "none", "epochs": 3})
    return tmp_path / "model.safetensors"


def fresh():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_they_come_back_as_they_were_measured(model, path):
    loaded = weights.load(fresh(), path, "make them")
    assert not loaded.training
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]) and value.dtype == model.state_dict()[name].dtype


def test_a_file_is_float16_and_says_how_it_was_made(path):
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16, torch.int64}
    notes = weights.notes_of(path)
    assert notes["data"] == "none" and notes["epochs"] == "3" and len(notes[weights.CHECKSUM]) == 64


def test_halving_keeps_what_float16_can_hold_and_whole_numbers(model):
    model[1].num_batches_tracked += 70_000
    before = {name: value.clone() for name, value in model.state_dict().items()}
    weights.halve(model)
    for name, value in model.state_dict().items():
        expected = before[name].half().float() if value.is_floating_point() else before[name]
        assert torch.equal(value, expected)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b"", lambda b: b"no weights", lambda b: b[:-1] + bytes([b[-1] ^ 1])]
)
def test_a_damaged_file_is_refused(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CourseError, match=r"model.safetensors is damaged or of another version.*`make them`"):
        weights.load(fresh(), path, "make them")


def test_a_file_without_a_checksum_or_of_another_model_is_refused(path, model):
    with pytest.raises(CourseError, match="of another version"):
        weights.load(nn.Linear(3, 4), path, "make them")
    save_file(model.state_dict(), path)
    with pytest.raises(CourseError, match="damaged"):
        weights.load(fresh(), path, "make them")


def test_a_missing_file_is_told_with_its_remedy(tmp_path):
    with pytest.raises(CourseError, match="there is no x.safetensors yet: make it with `make them`"):
        weights.load(fresh(), tmp_path / "x.safetensors", "make them")
