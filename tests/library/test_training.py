import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CourseError
from course_utils.losses import mse
from course_utils.models import Autoencoder
from course_utils.training import batches, evaluate, fit


def loss(model, x, y):
    return mse(model(x), x)


@pytest.fixture
def data():
    x = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, torch.arange(100) % 10)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Autoencoder(latent_dim=4, hidden_dim=8)


def run(model, data, **options):
    settings = {"epochs": 3, "batch_size": 32, "device": "cpu", "progress": False} | options
    return fit(model, data, loss, **settings)


def figures(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def test_fit_is_the_loop_of_notebook_01(model, data):
    by_hand = copy.deepcopy(model)
    history = run(model, data, lr=2e-3)

    optimizer = torch.optim.Adam(by_hand.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for epoch in range(3):
        total = 0.0
        for indices in torch.randperm(100, generator=generator).split(32):
            x = data.tensors[0][indices]
            batch_loss = ((by_hand(x) - x) ** 2).mean()
            optimizer.zero_grad()
            batch_loss.backward()
            optimizer.step()
            total += batch_loss.item() * len(x)
        assert history[epoch]["train"] == pytest.approx(total / 100, rel=1e-6)
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7)


def test_one_cycle_is_pytorchs(model, data):
    by_hand = copy.deepcopy(model)
    run(model, data, lr=1e-2, one_cycle=True)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=12)  # 3 epochs of 4 batches
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        for indices in torch.randperm(100, generator=generator).split(32):
            optimizer.zero_grad()
            loss(by_hand, data.tensors[0][indices], None).backward()
            optimizer.step()
            schedule.step()
    for ours, theirs in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_batches_are_those_of_a_plain_data_loader(data):
    ours = list(batches(data, 32))
    theirs = list(DataLoader(data, batch_size=32))
    assert [len(x) for x, _ in ours] == [32, 32, 32, 4]
    for (x, y), (x2, y2) in zip(ours, theirs, strict=True):
        assert torch.equal(x, x2) and torch.equal(y, y2)
    shuffled = torch.cat([y for _, y in batches(data, 32, torch.Generator().manual_seed(0))])
    assert torch.equal(shuffled.sort().values, data.tensors[1].sort().values)


def test_evaluate_weighs_images_not_batches(model, data):
    expected = ((model(data.tensors[0]) - data.tensors[0]) ** 2).mean().item()
    assert evaluate(model, data, loss, batch_size=30) == pytest.approx(expected, rel=1e-6)
    assert model.training


def test_history_has_validation_and_the_seed_decides(model, data):
    first, second, third = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    history = run(first, data, val=data)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[-1]["val"] == pytest.approx(evaluate(first, data, loss), rel=1e-6)
    assert figures(history) == figures(run(second, data, val=data))
    assert figures(history) != figures(run(third, data, val=data, seed=1))


def test_fit_leaves_the_callers_random_numbers_alone(model, data):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    run(model, data)
    assert torch.equal(torch.rand(3), expected)


class Noisy(nn.Module):
    """Draws random numbers and uses dropout and batch statistics, as later models will."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 784)
        )

    def forward(self, x):
        return self.layers(x + 0.1 * torch.randn_like(x)).reshape(x.shape)


def interrupt_after(completed, model, data, **options):
    """Train, and stop as Ctrl-C would in the first batch of the epoch after."""
    calls = []

    def stopping(model, x, y):
        calls.append(model.training)
        if sum(calls) > completed * 4:  # four batches an epoch
            raise KeyboardInterrupt
        return loss(model, x, y)

    with pytest.raises(KeyboardInterrupt):
        fit(model, data, stopping, batch_size=32, device="cpu", progress=False, **options)


@pytest.mark.parametrize("one_cycle", [False, True])
def test_resumed_training_gives_the_figures_of_an_uninterrupted_one(data, tmp_path, one_cycle):
    torch.manual_seed(0)
    whole = Noisy()
    parts = copy.deepcopy(whole)
    options = {"epochs": 5, "val": data, "one_cycle": one_cycle}
    expected = run(whole, data, **options)
    checkpoint = tmp_path / "run.pt"
    interrupt_after(2, parts, data, checkpoint=checkpoint, **options)
    torch.manual_seed(123)  # whatever happened in between
    resumed = run(Noisy(), data, checkpoint=checkpoint, **options)
    assert figures(resumed) == figures(expected)
    final = Noisy()
    run(final, data, checkpoint=checkpoint, **options)  # nothing left to do: only loads
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
def test_checkpoint_of_another_run_is_refused_and_kept(model, data, tmp_path, change, message):
    checkpoint = tmp_path / "run.pt"
    run(model, data, epochs=2, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(CourseError, match=message):
        run(model, data, checkpoint=checkpoint, **({"epochs": 3} | change))
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"not a checkpoint"])
def test_damaged_checkpoint_is_refused(model, data, tmp_path, damage):
    checkpoint = tmp_path / "run.pt"
    run(model, data, epochs=1, checkpoint=checkpoint)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(CourseError, match=r"damaged.*Delete"):
        run(model, data, checkpoint=checkpoint)


def test_checkpoint_runs_no_code(model, data, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").write_text, ("code from the file was run",))

    torch.save({"settings": Trap()}, tmp_path / "run.pt")
    with pytest.raises(CourseError, match="damaged"):
        run(model, data, checkpoint=tmp_path / "run.pt")
    assert not (tmp_path / "sprung").exists()


def test_numbers_of_numpy_are_welcome_and_can_be_resumed(model, data, tmp_path):
    settings = {
        "lr": np.float64(1e-3),
        "seed": np.int64(3),
        "batch_size": np.int64(32),
        "checkpoint": tmp_path / "run.pt",
    }
    run(model, data, epochs=np.int64(1), **settings)
    assert len(run(model, data, epochs=2, **settings)) == 2


def test_checkpoint_of_a_model_with_other_weights_is_refused(model, data, tmp_path):
    run(model, data, epochs=1, checkpoint=tmp_path / "run.pt")
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    del state["model"]["encoder.0.bias"]
    torch.save(state, tmp_path / "run.pt")
    with pytest.raises(CourseError, match=r"does not fit this model.*Delete"):
        run(model, data, checkpoint=tmp_path / "run.pt")


def test_model_without_parameters(data):
    with pytest.raises(CourseError, match="no parameters"):
        run(nn.Flatten(), data)


def test_training_that_blows_up_says_so_and_keeps_the_last_good_epoch(model, data, tmp_path):
    calls = []

    def explode(model, x, y):
        calls.append(model.training)
        return mse(model(x), x) * (torch.nan if sum(calls) > 8 else 1)

    checkpoint = tmp_path / "run.pt"
    with pytest.raises(CourseError, match=r"became nan.*learning rate than 0.001"):
        fit(model, data, explode, epochs=5, batch_size=32, checkpoint=checkpoint, progress=False, device="cpu")
    assert len(torch.load(checkpoint, weights_only=True)["history"]) == 2
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"train": TensorDataset(torch.zeros(0, 1, 28, 28))}, "at least one image"),
        ({"train": [1, 2]}, "train should be a TensorDataset"),
        ({"val": TensorDataset(torch.zeros(0, 1, 28, 28))}, "val should be"),
        ({"val": TensorDataset(torch.full((3, 1, 28, 28), torch.nan), torch.zeros(3))}, "val contains NaN"),
        ({"train": TensorDataset(torch.full((3, 1, 28, 28), torch.nan), torch.zeros(3))}, "NaN"),
    ],
)
def test_bad_arguments(model, data, options, message):
    with pytest.raises(CourseError, match=message):
        run(model, options.pop("train", data), **options)
