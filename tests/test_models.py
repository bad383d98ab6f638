"""The models are the textbook's: its class, typed here as it is printed, exchanges weights with ours."""

import pytest
import torch
from torch import nn

from course_utils import CourseError
from course_utils.losses import vae_loss
from course_utils.models import VAE, Autoencoder


class TextbookAutoencoder(nn.Module):
    def __init__(self):
        super(TextbookAutoencoder, self).__init__()  # noqa: UP008
        self.encoder = nn.Sequential(nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 28 * 28), nn.Sigmoid())

    def forward(self, x):
        x = x.view(-1, 28 * 28)
        encoded = self.encoder(x)
        decoded = self.decoder(encoded)
        return decoded.view(-1, 1, 28, 28)


def test_textbook_weights_load_and_give_the_same_output():
    torch.manual_seed(0)
    textbook, ours = TextbookAutoencoder(), Autoencoder()
    ours.load_state_dict(textbook.state_dict())
    x = torch.rand(7, 1, 28, 28)
    assert (ours(x) - textbook(x)).abs().max() < 1e-6


class TextbookVAE(nn.Module):
    def __init__(self):
        super(TextbookVAE, self).__init__()  # noqa: UP008
        self.fc1 = nn.Linear(784, 256)
        self.fc21 = nn.Linear(256, 20)
        self.fc22 = nn.Linear(256, 20)
        self.fc3 = nn.Linear(20, 256)
        self.fc4 = nn.Linear(256, 784)

    def encode(self, x):
        h1 = torch.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = torch.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def textbook_vae_loss(recon_x, x, mu, logvar):
    bce = nn.functional.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def test_textbook_vae_loads_and_gives_the_same_output_and_loss_under_the_same_seed():
    torch.manual_seed(0)
    textbook, ours = TextbookVAE(), VAE()
    ours.load_state_dict(textbook.state_dict())
    x = torch.rand(7, 1, 28, 28)
    outputs = []
    for model in (ours, textbook):
        torch.manual_seed(1)
        outputs.append(model(x))
    for a, b in zip(*outputs, strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    expected = textbook_vae_loss(outputs[1][0], x, *outputs[1][1:])
    assert vae_loss(outputs[0][0], x, *outputs[0][1:]).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("model", [Autoencoder(), VAE()], ids=["Autoencoder", "VAE"])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(4, 1, 14, 14), r"expected images of shape \(B, 1, 28, 28\).*\(4, 1, 14, 14\)"),
        (torch.rand(2, 3, 28, 28), r"\(2, 3, 28, 28\)"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), r"uint8.*divide"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(model, x, message):
    with pytest.raises(CourseError, match=message):
        model(x)


@pytest.mark.parametrize("n", [0, 1])
def test_empty_batch_and_batch_of_one(n):
    x = torch.rand(n, 1, 28, 28)
    assert Autoencoder()(x).shape == (n, 1, 28, 28)
    assert VAE()(x)[0].shape == (n, 784)


def test_other_widths_and_flat_or_strided_input():
    model = Autoencoder(latent_dim=5, hidden_dim=11)
    x = torch.rand(3, 28, 28, 1).permute(0, 3, 2, 1)  # not contiguous
    assert model.encoder(x.flatten(1)).shape == (3, 5)
    assert torch.equal(model(x), model(x.reshape(3, 784)))
    assert model(x).shape == (3, 1, 28, 28)
