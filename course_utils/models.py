"""The models of the course. Notebooks 01 to 03 write them out; later notebooks import them from here."""

from torch import nn


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
        z = self.encoder(x.reshape(-1, 28 * 28))
        return self.decoder(z).reshape(-1, 1, 28, 28)
