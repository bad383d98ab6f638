"""Colour photographs from class folders, and the VAE of page 12: what works on 64 x 64 pixels in colour.

The page writes `ResidualBlock`, `PhotographVAE` and `negative_elbo` in its cells; a test holds them equal to these.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.datasets import ImageFolder

from course_utils import CourseError
from course_utils.support.files import data_dir, given
from course_utils.support.guards import require_size, require_whole
from course_utils.support.words import last_line, say

SIDE = 64  # pixels
STEP = 1 / 255  # between two values of a pixel that was stored in 8 bits
ENOUGH = 4 * SIDE  # pixels of a side to which a large JPEG file may be shrunk while it is read
NAMED = 3  # files that cannot be read and are named; of others only the number is told


class ResidualBlock(nn.Module):
    """What it gets plus what two convolutions make of it; (B, channels, H, W) stays that shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.GroupNorm(1, channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, h: Tensor) -> Tensor:
        return h + self.change(h)


class PhotographVAE(nn.Module):
    """A convolutional VAE with residual blocks for colour images of 64 x 64 pixels.

    Each pixel's likelihood is normal with one sigma for all, `exp(log_sigma)`, which is learned like a weight.

    Args:
        latent_dim: numbers in the code.
        width: channels after the first convolution; the residual blocks have twice as many.
    """

    def __init__(self, latent_dim: int = 64, width: int = 32) -> None:
        super().__init__()
        require_whole(latent_dim=latent_dim, width=width)
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=4),  # (B, 3, 64, 64) -> (B, width, 16, 16)
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),  # -> (B, 2 * width, 8, 8)
            ResidualBlock(2 * width),
            ResidualBlock(2 * width),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 8 * 8, 2 * latent_dim),  # mu and logvar side by side
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 2 * width * 8 * 8),
            nn.Unflatten(1, (2 * width, 8, 8)),
            ResidualBlock(2 * width),
            ResidualBlock(2 * width),
            nn.SiLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),  # -> (B, width, 16, 16)
            nn.SiLU(),
            nn.ConvTranspose2d(width, 3, 4, stride=4),  # -> (B, 3, 64, 64)
        )
        self.log_sigma = nn.Parameter(torch.tensor(math.log(0.2)))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, 64, 64) -> mu and logvar, each (B, latent_dim)."""
        mu, logvar = self.encoder(4 * (x - 0.5)).chunk(2, dim=1)
        return mu, logvar.clamp(-10, 10)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (B, latent_dim) -> images (B, 3, 64, 64), of which single pixels may lie a little beyond 0 or 1."""
        return 0.5 + self.decoder(z)

    def forward(self, x: Tensor, eps: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 3, 64, 64) -> x_hat of the same shape, and mu and logvar (B, latent_dim).

        `eps`, standard normal (B, latent_dim), says where z lies beside mu; it is drawn where none is given.
        """
        mu, logvar = self.encode(x)
        eps = torch.randn_like(mu) if eps is None else eps
        return self.decode(mu + (0.5 * logvar).exp() * eps), mu, logvar


def negative_elbo(model: nn.Module, x: Tensor, eps: Tensor | None = None) -> Tensor:
    """Negative ELBO of 8-bit images, mean over the images (unit: nats per image); one draw of z for each.

    A pixel of 8 bits stands for an interval of width 1/255. Its probability is the normal density's mean over that
    interval, times 1/255; by Jensen's inequality minus its logarithm is at most the mean of minus the log density,
    minus log(1/255), and over an interval around x the mean of (x - x_hat)^2 is (x - x_hat)^2 + (1/255)^2 / 12. So
    this is uniform dequantisation (Theis et al. 2016, arXiv:1511.01844), averaged over its noise exactly, and divided
    by 3 * 64 * 64 * log 2 it is an upper bound on the bits per dimension of a lossless code.

    Shapes: x (B, 3, 64, 64) in multiples of 1/255 from 0 to 1. `model` may be wrapped, as DistributedDataParallel
    does; `eps` as for `PhotographVAE.forward`.
    """
    require_size(x, SIDE, channels=3)
    x_hat, mu, logvar = model(x) if eps is None else model(x, eps)
    log_sigma = cast(Tensor, getattr(model, "module", model).log_sigma)
    squared = (F.mse_loss(x_hat.float(), x, reduction="sum") + x.numel() * STEP**2 / 12) / len(x)
    values = x[0].numel()  # 3 * 64 * 64
    recon_loss = 0.5 * squared / (2 * log_sigma).exp() + values * (log_sigma + 0.5 * math.log(2 * math.pi))
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean()
    return recon_loss - values * math.log(STEP) + kl


def bits_per_dimension(nats: float) -> float:
    """Nats per image of 3 x 64 x 64 values as bits per value."""
    return nats / (3 * SIDE * SIDE * math.log(2))


def open_photograph(path: str | Path) -> Image.Image:
    """A file of any kind that Pillow reads as an RGB image: upright, the first one of several, laid on white.

    A large JPEG file is read at a fraction of its size. Deeper images than 8 bits are brought to 8: white is 65,535,
    and for floating-point numbers 1, or the largest where there are larger ones.
    """
    with Image.open(path) as opened:
        opened.draft("RGB", (ENOUGH, ENOUGH))
        image = ImageOps.exif_transpose(opened)
    if image.mode[0] in "IF":  # of which Pillow would cut off all that exceeds 255
        deep = np.asarray(image, dtype=np.float64)
        if not (deep.min() >= 0 and deep.max() < np.inf):  # true of NaN as well
            raise ValueError(f"its pixels range from {deep.min():g} to {deep.max():g}, expected numbers of 0 and more")
        white = max(1.0, deep.max()) if image.mode == "F" else max(65_535.0, deep.max())
        image = Image.fromarray((deep * (255 / white)).round().astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("RGB")


class PhotographFolder(ImageFolder):
    """torchvision's ImageFolder for folders as people have them: each file is tried once, and the bad ones are named.

    A damaged file that is found when its batch is made ends a night of training. Here it is found at the beginning.

    Args:
        root: a folder with a subfolder for each class; what lies deeper belongs to the class.
        transform: what makes of a PIL image (RGB, of any size) what the model takes; see `torchvision.transforms.v2`.

    Attributes:
        skipped: a line on each file that is no image, or a damaged one.
    """

    def __init__(self, root: str | Path, transform: Callable | None = None) -> None:
        place = given(root)
        if not os.path.isdir(place) or not any(entry.is_dir() for entry in os.scandir(place)):
            raise CourseError(
                f"{str(root)!r} is no folder with class folders in it: expected, for example, "
                f"{place / 'cats' / '1.jpg'}"
            )
        self.skipped: list[str] = []
        super().__init__(str(place), transform, loader=open_photograph, is_valid_file=self._opens, allow_empty=True)
        if not self.samples:
            raise CourseError(
                f"no image in the class folders of {str(root)!r}: {'; '.join(self.skipped[:NAMED]) or 'they are empty'}"
            )
        for line in self.skipped[:NAMED]:
            say(f"Skipped {line}")
        if len(self.skipped) > NAMED:
            say(f"Skipped {len(self.skipped) - NAMED} more files")

    def _opens(self, path: str) -> bool:
        if os.path.basename(path).startswith("."):
            return False
        try:
            if not os.path.isfile(path):
                raise ValueError("no file")  # a pipe, which would be waited for
            open_photograph(path)
        except Exception as error:  # a damaged file fails in whichever way its bytes lead to
            self.skipped.append(f"{os.path.relpath(path, self.root)!r}: {last_line(error)[:100]}")
            return False
        return True


def split_folders(folder: str | Path) -> tuple[Path, Path | None]:
    """Where a folder's training and test images lie: its `train` and `test`, or itself and None where it has no two.

    A folder that does not exist is looked for among the data as well, in `COURSE_DATA` or `data/`.
    """
    root = given(folder)
    if not root.exists() and (data_dir() / folder).is_dir():
        root = data_dir() / folder
    train, test = root / "train", root / "test"
    return (train, test) if os.path.isdir(train) and os.path.isdir(test) else (root, None)
