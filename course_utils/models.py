"""The models of the course. Pages 01 to 03 write them out; later pages import them from here."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.support.guards import (
    require_different_images,
    require_model,
    require_pixels,
    require_size,
    require_whole,
)


class Autoencoder(nn.Module):
    """Fully connected autoencoder: 784 pixels -> 128 -> 64 numbers -> 128 -> 784 pixels.

    Args:
        latent_dim: how many numbers make up the code.
        hidden_dim: width of the layer on either side of the code.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> code (B, latent_dim) >= 0 -> images (B, 1, 28, 28) in (0, 1).
    """

    def __init__(self, latent_dim: int = 64, hidden_dim: int = 128) -> None:
        super().__init__()
        require_whole(latent_dim=latent_dim, hidden_dim=hidden_dim)
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

    def forward(self, x: Tensor) -> Tensor:
        z = self.encoder(_flat(x))
        return self.decoder(z).reshape(-1, 1, 28, 28)


class VAE(nn.Module):
    """Variational autoencoder (Kingma and Welling 2014): 784 pixels -> 256 -> 20 means and log-variances -> 256 -> 784.

    Args:
        latent_dim: how many numbers make up the code.
        hidden_dim: width of the layer on either side of the code.

    Shapes: images (B, 1, 28, 28) or (B, 784) -> recon (B, 784) in (0, 1), mu (B, latent_dim), logvar (B, latent_dim).
    """

    def __init__(self, latent_dim: int = 20, hidden_dim: int = 256) -> None:
        super().__init__()
        require_whole(latent_dim=latent_dim, hidden_dim=hidden_dim)
        self.fc1 = nn.Linear(28 * 28, hidden_dim)
        self.fc21 = nn.Linear(hidden_dim, latent_dim)  # mu
        self.fc22 = nn.Linear(hidden_dim, latent_dim)  # logvar
        self.fc3 = nn.Linear(latent_dim, hidden_dim)
        self.fc4 = nn.Linear(hidden_dim, 28 * 28)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z: Tensor) -> Tensor:
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encode(_flat(x))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


class PlaneVAE(VAE):
    """A VAE whose code is a point in a plane, with one layer more on either side: 784 -> 256 -> 128 -> 2 and back.

    Two numbers must hold all that the decoder learns of an image; with a single hidden layer it makes less of them.
    """

    def __init__(self) -> None:
        super().__init__(latent_dim=2, hidden_dim=128)
        widths = 28 * 28, 256, 128
        self.fc1 = _two_layers(*widths)  # type: ignore[assignment]  # a layer more in the place of one
        self.fc4 = _two_layers(*reversed(widths))  # type: ignore[assignment]


class ConvAutoencoder(nn.Module):
    """Convolutional autoencoder; its code has *more* numbers (32 x 7 x 7 = 1568) than the image has pixels (784).

    Shapes: images (B, 1, H, W) in [0, 1], H and W multiples of 4 -> code (B, 32, H/4, W/4) >= 0 -> images
    (B, 1, H, W) in (0, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 16, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        require_size(x, multiple=4)
        return self.decoder(self.encoder(x))


@torch.no_grad()
def good_start(model: nn.Module, x: Tensor) -> None:
    """Set the weights so that training starts near the mean of `x`, with signals of a sensible size in every layer.

    PyTorch's own start lets signals shrink from layer to layer, and knows nothing of the data. Here every layer gets
    weights that keep the size of what passes through (He et al. 2015, arXiv:1502.01852) and no biases; then the first
    layer subtracts the mean and brings its outputs to unit spread over `x`, and the last one, with small weights,
    begins by answering the mean.

    Args:
        model: linear or convolutional layers in the order in which they are used, a Sigmoid behind the last.
        x: training images (N, 1, 28, 28), N at least 2; a thousand are enough.
    """
    require_model(model)
    require_different_images(x)
    layers: list[Any] = [
        layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    ]
    if not layers or any(layer.bias is None for layer in layers):
        raise CourseError("good_start needs a model of linear or convolutional layers, each with a bias")
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    first, last = layers[0], layers[-1]
    if isinstance(first, nn.Linear):
        x = _flat(x)
        mean = x.mean(0)  # of each pixel
    else:
        require_size(x, multiple=1, channels=first.in_channels)
        mean = x.mean()  # a convolution treats all pixels alike
    spread = first(x - mean).std()
    if not spread > 1e-6:  # the mean of equal images is rounded
        raise CourseError(f"good_start needs images that differ, got {len(x)} equal ones: give it some hundred")
    first.weight /= spread
    first.bias -= first.weight @ mean if isinstance(first, nn.Linear) else first.weight.sum((1, 2, 3)) * mean
    last.weight *= 0.3
    last.bias += torch.logit(mean.clamp(0.002, 0.998))


def _two_layers(wide, middle, narrow):
    return nn.Sequential(nn.Linear(wide, middle), nn.ReLU(), nn.Linear(middle, narrow))


def _flat(x):
    """(B, 1, 28, 28) or (B, 784) -> (B, 784). A plain view(-1, 784) would cut images of another size into nonsense."""
    require_pixels(x, 28 * 28)
    return x.reshape(len(x), 28 * 28)
