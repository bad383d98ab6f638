"""A training that was stopped goes on as if nothing had been; a file of another one is refused and left alone."""

import copy

import numpy as np
import pytest
import torch
from small_training import SETTINGS, figures, loss
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import CourseError
from course_utils.losses import mse
from course_utils.resuming import fit_resumable
from course_utils.training import fit


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "run.pt"


def run(checkpoint, model, data, **options):
    return fit_resumable(checkpoint, model, data, loss, **(SETTINGS | options))


class Noisy(nn.Module):
    """Draws random numbers and uses dropout and batch statistics, as later models will."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 784)
        )

    def forward(self, x):
        return self.layers(x + 0.1 * torch.randn_like(x)).reshape(x.shape)


def interrupt_after(completed, checkpoint, model, data, **options):
    """Train, and stop as Ctrl-C would in the first batch of the epoch after."""
    calls = []

    def stopping(model, x, y):
        calls.append(model.training)
        if sum(calls) > completed * 4:  # four batches an epoch
            raise KeyboardInterrupt
        return loss(model, x, y)

    with pytest.raises(KeyboardInterrupt):
        fit_resumable(checkpoint, model, data, stopping, **(SETTINGS | options))


@pytest.mark.parametrize("one_cycle", [False, True])
def test_resumed_training_gives_the_figures_of_an_uninterrupted_one(data, checkpoint, one_cycle):
    torch.manual_seed(0)
    whole = Noisy()
    parts = copy.deepcopy(whole)
    options = {"epochs": 5, "val": data, "one_cycle": one_cycle}
    expected = fit(whole, data, loss, **(SETTINGS | options))
    interrupt_after(2, checkpoint, parts, data, **options)
    torch.manual_seed(123)  # whatever happened in between
    resumed = run(checkpoint, Noisy(), data, **options)
    assert figures(resumed) == figures(expected)
    final = Noisy()
    run(checkpoint, final, data, **options)  # nothing left to do: only loads
    for ours, theirs in zip(final.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0, now 1"),
        ({"lr": 0.1}, "lr was 0.001, now 0.1"),
        ({"one_cycle": True}, "one_cycle was None, now 3"),
        ({"epochs": 1}, "already trained 2 epochs, more than the 1"),
    ],
)
def test_checkpoint_of_another_run_is_refused_and_kept(model, data, checkpoint, change, message):
    run(checkpoint, model, data, epochs=2)
    before = checkpoint.read_bytes()
    with pytest.raises(CourseError, match=message):
        run(checkpoint, model, data, **change)
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"not a checkpoint"])
def test_damaged_checkpoint_is_refused(model, data, checkpoint, damage):
    run(checkpoint, model, data, epochs=1)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(CourseError, match=r"damaged.*Delete"):
        run(checkpoint, model, data)


def test_checkpoint_runs_no_code(model, data, checkpoint, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").write_text, ("code from the file was run",))

    torch.save({"settings": Trap()}, checkpoint)
    with pytest.raises(CourseError, match="damaged"):
        run(checkpoint, model, data)
    assert not (tmp_path / "sprung").exists()


def test_a_run_with_numbers_of_numpy_can_be_resumed(model, data, checkpoint):
    settings = {"lr": np.float64(1e-3), "seed": np.int64(3), "batch_size": np.int64(32)}
    run(checkpoint, model, data, epochs=np.int64(1), **settings)
    assert len(run(checkpoint, model, data, epochs=2, **settings)) == 2


def test_checkpoint_of_a_model_with_other_weights_is_refused(model, data, checkpoint):
    run(checkpoint, model, data, epochs=1)
    state = torch.load(checkpoint, weights_only=True)
    del state["model"]["encoder.0.bias"]
    torch.save(state, checkpoint)
    with pytest.raises(CourseError, match=r"does not fit this model.*Delete"):
        run(checkpoint, model, data)


def test_training_that_blows_up_says_so_and_keeps_the_last_good_epoch(model, data, checkpoint):
    calls = []

    def explode(model, x, y):
        calls.append(model.training)
        return mse(model(x), x) * (torch.nan if sum(calls) > 8 else 1)

    with pytest.raises(CourseError, match=r"became nan.*learning rate than 0.001"):
        fit_resumable(checkpoint, model, data, explode, **(SETTINGS | {"epochs": 5}))
    assert len(torch.load(checkpoint, weights_only=True)["history"]) == 2
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize(
    "other",
    [
        lambda model, x, y: 2 * mse(model(x), x),
        lambda model, x, y: mse(model(x.flip(0)), x),
    ],
)
def test_checkpoint_of_another_loss_is_refused(model, data, checkpoint, other):
    run(checkpoint, model, data, epochs=1)
    with pytest.raises(CourseError, match=r"another loss, other images or a model that computes something else"):
        fit_resumable(checkpoint, model, data, other, **SETTINGS)


def test_checkpoint_of_other_images_is_refused(model, data, checkpoint):
    run(checkpoint, model, data, epochs=1)
    with pytest.raises(CourseError, match=r"made with other settings \(images was \(100, "):
        run(checkpoint, model, TensorDataset(data.tensors[0] / 2, data.tensors[1]))


def test_checkpoint_is_written_after_each_epoch_and_settings_are_checked(model, data, checkpoint):
    interrupt_after(1, checkpoint, model, data)
    assert len(torch.load(checkpoint, weights_only=True)["history"]) == 1
    with pytest.raises(CourseError, match="epochs=0"):
        run(checkpoint, model, data, epochs=0)
    with pytest.raises(CourseError, match="train should be"):
        run(checkpoint, model, [])
