"""The models of the course. Notebooks 01 to 03 write them out; later notebooks import them from here."""

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import CourseError


class Autoencoder(nn.Module):
    """Fully connected autoencoder: 784 pixels -> 128 -> 64 numbers -> 128 -> 784 pixels.

    Args:
        latent_dim: how many numbers make up the code.
        hidden_dim: width of the layer on either side of the code.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> code (B, latent_dim) >= 0 -> images (B, 1, 28, 28) in (0, 1).
    """

    def __init__(self, latent_dim=64, hidden_dim=128):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(28 * 28, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, latent_dim),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, 28 * 28),
            nn.Sigmoid(),
        )

    def forward(self, x):
        z = self.encoder(_flat(x))
        return self.decoder(z).reshape(-1, 1, 28, 28)


class VAE(nn.Module):
    """Variational autoencoder (Kingma and Welling 2014): 784 pixels -> 256 -> 20 means and log-variances -> 256 -> 784.

    Args:
        latent_dim: how many numbers make up the code.
        hidden_dim: width of the layer on either side of the code.

    Shapes: images (B, 1, 28, 28) or (B, 784) -> recon (B, 784) in (0, 1), mu (B, latent_dim), logvar (B, latent_dim).
    """

    def __init__(self, latent_dim=20, hidden_dim=256):
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, hidden_dim)
        self.fc21 = nn.Linear(hidden_dim, latent_dim)  # mu
        self.fc22 = nn.Linear(hidden_dim, latent_dim)  # logvar
        self.fc3 = nn.Linear(latent_dim, hidden_dim)
        self.fc4 = nn.Linear(hidden_dim, 28 * 28)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(_flat(x))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def _flat(x):
    """(B, 1, 28, 28) or (B, 784) -> (B, 784). A plain view(-1, 784) would cut images of another size into nonsense."""
    if not x.is_floating_point():
        raise CourseError(f"expected float images from 0 to 1, got {x.dtype}: divide pixels of 0 to 255 by 255")
    if x.ndim < 2 or x.shape[1:].numel() != 28 * 28:
        raise CourseError(f"expected images of shape (B, 1, 28, 28) or (B, 784), got {tuple(x.shape)}")
    return x.reshape(len(x), 28 * 28)
