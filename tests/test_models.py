"""The models are the textbook's: its class, typed here as it is printed, exchanges weights with ours."""

import torch
from torch import nn

from course_utils.models import Autoencoder


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


def test_other_widths_and_flat_or_strided_input():
    model = Autoencoder(latent_dim=5, hidden_dim=11)
    x = torch.rand(3, 28, 28, 1).permute(0, 3, 2, 1)  # not contiguous
    assert model.encoder(x.flatten(1)).shape == (3, 5)
    assert torch.equal(model(x), model(x.reshape(3, 784)))
    assert model(x).shape == (3, 1, 28, 28)
