"""Training is the loop of page 01, weighs images alike, leaves the caller's state alone, and says what blew up."""

import copy

import numpy as np
import pytest
import torch
from small_training import SETTINGS, by_hand, figures, loss
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import CourseError
from course_utils.losses import mse, vae_loss
from course_utils.models import VAE
from course_utils.training import batches, evaluate, fit


def run(model, data, **options):
    return fit(model, data, loss, **(SETTINGS | options))


@pytest.mark.parametrize("one_cycle", [False, True])
def test_fit_is_the_loop_of_page_01(model, data, one_cycle):
    copied = copy.deepcopy(model)
    history = run(model, data, lr=2e-3, one_cycle=one_cycle)
    means = by_hand(copied, data.tensors[0], epochs=3, batch_size=32, lr=2e-3, seed=0, one_cycle=one_cycle)
    assert [row["train"] for row in history] == pytest.approx(means, rel=1e-6)
    for ours, theirs in zip(model.parameters(), copied.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7)


@pytest.mark.parametrize("still", [("frozen", "unused"), ()])
def test_layers_without_a_gradient_stay_and_one_that_joins_late_moves_as_with_pytorchs_adam(data, still):
    class Pieces(nn.Module):
        """A layer that may be frozen, one that no loss may reach, and one that takes part in every third batch only."""

        def __init__(self):
            super().__init__()
            self.frozen, self.unused, self.late, self.last = (nn.Linear(784, 784) for _ in range(4))
            self.frozen.requires_grad_("frozen" not in still)
            self.seen = 0

        def forward(self, x):
            self.seen += 1
            h = self.frozen(x.flatten(1))
            h = h if "unused" in still else self.unused(h)
            return self.last(self.late(h) if self.seen % 3 == 0 else h).view_as(x)

    torch.manual_seed(0)
    model = Pieces().double()  # in float32 the sign of a tiny gradient, and so Adam's step, is left to rounding
    data = TensorDataset(data.tensors[0].double(), data.tensors[1])
    copied, before = copy.deepcopy(model), copy.deepcopy(model)
    run(model, data, lr=1e-3)
    by_hand(copied, data.tensors[0], epochs=3, batch_size=32, lr=1e-3, seed=0, one_cycle=False)
    for name, weights in model.state_dict().items():
        assert torch.allclose(weights, copied.state_dict()[name], atol=1e-9), name
        assert torch.equal(weights, before.state_dict()[name]) == name.startswith(still), name


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


def test_model_without_parameters(data):
    with pytest.raises(CourseError, match="no parameters"):
        run(nn.Flatten(), data)


def test_numbers_of_numpy_are_welcome(model, data):
    assert (
        len(run(model, data, lr=np.float64(1e-3), seed=np.int64(3), batch_size=np.int64(32), epochs=np.int64(2))) == 2
    )


BLOWN_UP = r"the loss became -?(nan|inf): training has blown up.*learning rate than 0.002.*bound logvar"


def train_vae(vae, data, **options):
    """Train as the pages do: from what the VAE returns to the loss of one image."""

    def negative_elbo(model, x, y):
        recon_x, mu, logvar = model(x)
        return vae_loss(recon_x, x, mu, logvar) / len(x)

    return fit(vae, data, negative_elbo, **({"epochs": 2, "lr": 2e-3, "device": "cpu", "progress": False} | options))


@pytest.mark.parametrize("logvar", [100.0, 200.0])  # exp overflows; at 200 the standard deviation does as well
def test_an_exploding_logvar_ends_in_one_message_and_leaves_the_weights_finite(data, logvar):
    vae = VAE(latent_dim=2, hidden_dim=8)
    nn.init.constant_(vae.fc22.bias, logvar)
    with pytest.raises(CourseError, match=BLOWN_UP):
        train_vae(vae, data)
    assert all(torch.isfinite(parameter).all() for parameter in vae.parameters())


def test_a_learning_rate_that_is_far_too_large_ends_in_the_same_message(data):
    with pytest.raises(CourseError, match=BLOWN_UP.replace("0.002", "1000")):
        train_vae(VAE(latent_dim=2, hidden_dim=8), data, lr=1000, epochs=20)


def test_nan_images_are_told_before_training_and_nan_that_comes_up_in_it_as_blown_up(model, data):
    spoilt = data.tensors[0].clone()
    spoilt[70, 0, 3, 3] = torch.nan
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(CourseError, match="train contains NaN or infinity: look for a division by zero"):
        run(model, TensorDataset(spoilt, data.tensors[1]))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    def divides_by_zero(model, x, y):
        return mse(model(x / (x - x).sum()), x)

    with pytest.raises(CourseError, match=BLOWN_UP):
        fit(model, data, divides_by_zero, epochs=1, lr=2e-3, device="cpu", progress=False)


def test_the_images_are_looked_through_once_and_not_at_every_step(model, data, monkeypatch):
    looks, look = [], torch.aminmax
    monkeypatch.setattr(torch, "aminmax", lambda x: looks.append(len(x)) or look(x))
    run(model, data)
    assert looks == [100]


def test_model_comes_back_to_its_device_even_where_nothing_is_trained(model, data, monkeypatch):
    moves = []
    monkeypatch.setattr(model, "to", lambda device: moves.append(device))
    with pytest.raises(CourseError, match="val should be"):
        run(model, data, val=[])
    assert len(moves) == 2 and moves[-1] == next(model.parameters()).device


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
        ({"lr": 0}, "lr=0: expected a number above 0"),
        ({"seed": -1}, "seed=-1"),
        ({"device": "gpu"}, "device='gpu' cannot be used"),
    ],
)
def test_bad_arguments(model, data, options, message):
    with pytest.raises(CourseError, match=message):
        run(model, options.pop("train", data), **options)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda model, x, y: (model(x) - x).square().flatten(1).sum(1), r"one number, .* got shape \(32,\): use .mean"),
        (lambda model, x, y: 1.0, "one number, a tensor without dimensions, got float"),
        (lambda model, x, y: None, "got NoneType"),
        (lambda model, x, y: mse(model(x), x).detach(), "the loss has no gradient: .* without .detach"),
    ],
)
def test_losses_that_cannot_be_trained_with(model, data, bad, message):
    with pytest.raises(CourseError, match=message):
        fit(model, data, bad, epochs=1, batch_size=32, device="cpu", progress=False)
