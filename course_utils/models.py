"""The models of the course. Notebooks 01 to 03 write them out; later notebooks import them from here."""

from numbers import Integral

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.losses import check_tensors


class Autoencoder(nn.Module):
    """Fully connected autoencoder: 784 pixels -> 128 -> 64 numbers -> 128 -> 784 pixels.

    Args:
        latent_dim: how many numbers make up the code.
        hidden_dim: width of the layer on either side of the code.

    Shapes: images (B, 1, 28, 28) in [0, 1] -> code (B, latent_dim) >= 0 -> images (B, 1, 28, 28) in (0, 1).
    """

    def __init__(self, latent_dim=64, hidden_dim=128):
        super().__init__()
        _check_widths(latent_dim=latent_dim, hidden_dim=hidden_dim)
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
        _check_widths(latent_dim=latent_dim, hidden_dim=hidden_dim)
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


class ConvAutoencoder(nn.Module):
    """Convolutional autoencoder; its code has *more* numbers (32 x 7 x 7 = 1568) than the image has pixels (784).

    Shapes: images (B, 1, H, W) in [0, 1], H and W multiples of 4 -> code (B, 32, H/4, W/4) >= 0 -> images
    (B, 1, H, W) in (0, 1).
    """

    def __init__(self):
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

    def forward(self, x):
        _check_pixels(x)
        if x.ndim != 4 or x.shape[1] != 1 or x.shape[2] % 4 or x.shape[3] % 4:
            raise CourseError(
                f"expected images of shape (B, 1, H, W) with H and W multiples of 4, such as 28, got {tuple(x.shape)}"
            )
        return self.decoder(self.encoder(x))


@torch.no_grad()
def good_start(model, x):
    """Set the weights so that training starts near the mean of `x`, with signals of a sensible size in every layer.

    PyTorch's own start lets signals shrink from layer to layer, and knows nothing of the data. Here every layer gets
    weights that keep the size of what passes through (He et al. 2015, arXiv:1502.01852) and no biases; then the first
    layer subtracts the mean and brings its outputs to unit spread over `x`, and the last one, with small weights,
    begins by answering the mean.

    Args:
        model: linear or convolutional layers in the order in which they are used, a Sigmoid behind the last.
        x: training images (N, 1, 28, 28), N at least 2; a thousand are enough.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    if not layers or any(layer.bias is None for layer in layers):
        raise CourseError("good_start needs a model of linear or convolutional layers, each with a bias")
    _check_pixels(x)
    if x.ndim < 2 or len(x) < 2:
        raise CourseError(f"good_start needs images that differ, got shape {tuple(x.shape)}: give it some hundred")
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    first, last = layers[0], layers[-1]
    if not isinstance(first, nn.Linear) and (x.ndim != 4 or x.shape[1] != first.in_channels):
        raise CourseError(f"expected images of shape (N, {first.in_channels}, H, W), got {tuple(x.shape)}")
    if isinstance(first, nn.Linear):
        x = _flat(x)
        mean = x.mean(0)  # of each pixel
    else:
        mean = x.mean()  # a convolution treats all pixels alike
    spread = first(x - mean).std()
    if not spread > 1e-6:  # the mean of equal images is rounded
        raise CourseError(f"good_start needs images that differ, got {len(x)} equal ones: give it some hundred")
    first.weight /= spread
    first.bias -= first.weight @ mean if isinstance(first, nn.Linear) else first.weight.sum((1, 2, 3)) * mean
    last.weight *= 0.3
    last.bias += torch.logit(mean.clamp(0.002, 0.998))


def _check_widths(**widths):
    for name, width in widths.items():
        if isinstance(width, bool) or not isinstance(width, Integral) or width < 1:
            raise CourseError(f"{name}={width!r}: expected a whole number of at least 1")


def _flat(x):
    """(B, 1, 28, 28) or (B, 784) -> (B, 784). A plain view(-1, 784) would cut images of another size into nonsense."""
    _check_pixels(x)
    if x.ndim < 2 or x.shape[1:].numel() != 28 * 28:
        raise CourseError(f"expected images of shape (B, 1, 28, 28) or (B, 784), got {tuple(x.shape)}")
    return x.reshape(len(x), 28 * 28)


def _check_pixels(x):
    check_tensors(x)
    if not x.is_floating_point():
        raise CourseError(f"expected float images from 0 to 1, got {x.dtype}: divide pixels of 0 to 255 by 255")
    if not torch.isfinite(x.sum()):  # one pass; any NaN or infinity shows in the sum
        raise CourseError("the images contain NaN or infinity: look for a division by zero before this point")
