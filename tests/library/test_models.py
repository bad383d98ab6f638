"""The models are the textbook's: its classes exchange weights with ours, and give the same outputs."""

import pytest
import textbook
import torch
from torch import nn

from course_utils import CourseError, models
from course_utils.models import VAE, Autoencoder, ConvAutoencoder, good_start


@pytest.mark.parametrize("name", ["Autoencoder", "VAE", "ConvAutoencoder"])
def test_textbook_weights_load_and_give_the_same_output_under_the_same_seed(name):
    torch.manual_seed(0)
    theirs, ours = getattr(textbook, name)(), getattr(models, name)()
    ours.load_state_dict(theirs.state_dict())
    x = torch.rand(7, 1, 28, 28)
    outputs = []
    for model in (ours, theirs):
        torch.manual_seed(1)
        output = model(x)
        outputs.append(output if isinstance(output, tuple) else (output,))
    for a, b in zip(*outputs, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_same_seed_gives_the_textbooks_initial_weights():
    for name in ("Autoencoder", "VAE", "ConvAutoencoder"):
        states = []
        for module in (textbook, models):
            torch.manual_seed(3)
            states.append(getattr(module, name)().state_dict())
        assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


ALL = [Autoencoder(), VAE(), ConvAutoencoder()]
NAMES = ["Autoencoder", "VAE", "ConvAutoencoder"]


@pytest.mark.parametrize("model", ALL, ids=NAMES)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(4, 1, 14, 14), r"expected images of shape \(B, 1,.*\(4, 1, 14, 14\)"),
        (torch.rand(2, 3, 28, 28), r"\(2, 3, 28, 28\)"),
        (torch.rand(28, 28), r"\(28, 28\)"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), r"uint8.*divide"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(model, x, message):
    with pytest.raises(CourseError, match=message):
        model(x)


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_nan_goes_in_and_comes_out_of_its_own_image_alone(model):
    x = torch.rand(3, 1, 28, 28)
    x[1] = torch.nan
    output = model(x)
    x_hat = output[0] if isinstance(output, tuple) else output
    assert x_hat.flatten(1).isnan().all(1).tolist() == [False, True, False]
    assert not x_hat[[0, 2]].isnan().any()


@pytest.mark.parametrize("n", [0, 1])
def test_empty_batch_and_batch_of_one(n):
    x = torch.rand(n, 1, 28, 28)
    assert Autoencoder()(x).shape == ConvAutoencoder()(x).shape == (n, 1, 28, 28)
    assert VAE()(x)[0].shape == (n, 784)


def test_convolutions_take_other_sizes_that_can_be_halved_twice():
    assert ConvAutoencoder()(torch.rand(2, 1, 32, 20)).shape == (2, 1, 32, 20)


@pytest.mark.parametrize("name", NAMES)
def test_good_start_begins_near_the_mean(name):
    torch.manual_seed(0)
    model = getattr(models, name)()
    x = 0.5 * torch.rand(200, 1, 28, 28) * torch.linspace(0, 1, 784).reshape(28, 28)
    good_start(model, x)
    output = model(x)
    x_hat = (output[0] if isinstance(output, tuple) else output).reshape(x.shape)
    # the mean image for linear layers; one number, the mean pixel, is all that a convolution can answer everywhere
    mean = x.mean() if name == "ConvAutoencoder" else x.mean(0).clamp(0.002)
    assert (x_hat.mean(0) - mean).abs().mean() < 0.05
    first = next(layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d))
    inside = first(x.flatten(1) if isinstance(first, nn.Linear) else x)[..., 1:-1]  # away from the padded edge
    assert inside.mean().abs() < 0.2 and 0.8 < inside.std() < 1.2


def test_good_start_needs_images_that_differ():
    with pytest.raises(CourseError, match="images that differ"):
        good_start(Autoencoder(), torch.rand(1, 1, 28, 28).expand(5, -1, -1, -1))
    with pytest.raises(CourseError, match="NaN or infinity"):
        good_start(Autoencoder(), torch.full((5, 1, 28, 28), torch.nan))
    with pytest.raises(CourseError, match="layers, each with a bias"):
        good_start(nn.Sequential(nn.Flatten(), nn.Linear(784, 3, bias=False)), torch.rand(5, 1, 28, 28))


def test_other_widths_and_flat_or_strided_input():
    model = Autoencoder(latent_dim=5, hidden_dim=11)
    x = torch.rand(3, 28, 28, 1).permute(0, 3, 2, 1)  # not contiguous
    assert model.encoder(x.flatten(1)).shape == (3, 5)
    assert torch.equal(model(x), model(x.reshape(3, 784)))
    assert model(x).shape == (3, 1, 28, 28)
