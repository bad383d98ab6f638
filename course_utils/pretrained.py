"""Models that are trained already, one of each kind for every data set: for the widgets, and for those who cannot wait.

`python -m course_utils.pretrained digits` (or mnist, fashion-mnist) made the files in `data/checkpoints/`.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.classifier import Classifier
from course_utils.data import TITLES, ImageSet, load
from course_utils.losses import mse, vae_loss
from course_utils.metrics import psnr, squared_error
from course_utils.models import VAE, Autoencoder, ConvAutoencoder, PlaneVAE, good_start
from course_utils.support import weights
from course_utils.support.files import WEIGHTS
from course_utils.training import fit

SIGMA = 0.5  # standard deviation of the noise that the denoiser takes away
MADE_WITH = {"batch_size": 100, "one_cycle": True, "seed": 0}


@dataclass(frozen=True)
class Recipe:
    """How a model is built, trained and judged; `figure` names what `measure` and `baseline` give, with the unit."""

    title: str
    build: Callable[[], nn.Module]
    loss: Callable
    epochs: int
    lr: float
    figure: str
    measure: Callable  # (model, test images) -> the figure, mean over the images
    baseline: Callable  # (training images, test images) -> the same without a model
    start: Callable = good_start  # of the weights, from (model, training images)


def noisy(x: Tensor, sigma: float = SIGMA) -> Tensor:
    """Images with Gaussian noise on every pixel, cut off at 0 and 1, as on page 05."""
    return (x + sigma * torch.randn_like(x)).clamp(0, 1)


def _pytorchs_start(model, x):
    """Leave the weights as PyTorch drew them."""


def _copy_loss(model, x, y):
    return mse(model(x), x)


def _denoising_loss(model, x, y):
    return mse(model(noisy(x)), x)


def _elbo_loss(model, x, y):
    recon_x, mu, logvar = model(x)
    return vae_loss(recon_x, x, mu, logvar) / len(x)


def _class_loss(model, x, y):
    return F.cross_entropy(model(x), y)


def _copy_error(model, test):
    return squared_error(model(test.x), test.x).mean().item()


def _mean_image_error(train, test):
    return squared_error(train.x.mean(0).expand_as(test.x), test.x).mean().item()


def _negative_elbo(model, test):
    return _elbo_loss(model, test.x, None).item()


def _mean_image_nats(train, test):
    recon_x = train.x.mean(0).clamp(1e-4, 1 - 1e-4).expand_as(test.x).flatten(1)
    nothing = torch.zeros(len(test), 1, device=test.x.device)
    return vae_loss(recon_x, test.x, nothing, nothing).item() / len(test)


def _denoised_db(model, test):
    return psnr(model(noisy(test.x)), test.x).mean().item()


def _noisy_db(train, test):
    return psnr(noisy(test.x), test.x).mean().item()


def _wrong_percent(model, test):
    return 100 * (model.classify(test.x) != test.y).double().mean().item()


def _commonest_class_percent(train, test):
    return 100 * (test.y != train.y.mode().values).double().mean().item()


_COPY_ERROR = ("squared error per image", _copy_error, _mean_image_error)
_NATS = ("negative ELBO, nats per image", _negative_elbo, _mean_image_nats)
_DB = ("PSNR, dB", _denoised_db, _noisy_db)
_WRONG = ("test error, percent", _wrong_percent, _commonest_class_percent)

RECIPES = {
    "autoencoder": Recipe("page 01's autoencoder, 64 numbers", Autoencoder, _copy_loss, 20, 3e-3, *_COPY_ERROR),
    "vae": Recipe("page 02's VAE, 20 numbers", VAE, _elbo_loss, 20, 3e-3, *_NATS, _pytorchs_start),
    "plane": Recipe("page 02's latent plane, 2 numbers", PlaneVAE, _elbo_loss, 40, 3e-3, *_NATS, _pytorchs_start),
    "convolutional": Recipe("page 03's autoencoder, 1568 numbers", ConvAutoencoder, _copy_loss, 6, 4e-3, *_COPY_ERROR),
    "denoiser": Recipe("page 03's autoencoder against noise", ConvAutoencoder, _denoising_loss, 6, 4e-3, *_DB),
    "classifier": Recipe("a classifier of digits", Classifier, _class_loss, 8, 3e-3, *_WRONG, _pytorchs_start),
}


def load_pretrained(name: str, data: str, folder: Path = WEIGHTS) -> Any:
    """A model that was trained on all training images of a data set, in evaluation mode; prints one line that says so.

    Args:
        name: one of RECIPES, for example "vae".
        data: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.
        folder: where the files are.
    """
    recipe, path = _recipe(name, data), folder / f"{name}_{data}.safetensors"
    model = weights.load(recipe.build(), path, f"python -m course_utils.pretrained {data}")
    notes = weights.notes_of(path)
    print(f"Model: {recipe.title}, trained on {TITLES[data]}: {notes[recipe.figure]} ({recipe.figure})")
    return model


@torch.no_grad()
def measure(name: str, model: nn.Module, test: ImageSet) -> float:
    """The figure that a model is judged by, on test images; any noise is the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RECIPES[name].measure(model.eval(), test)


def make(name: str, data: str, folder: Path = WEIGHTS, size: int | None = None, **changes: Any) -> tuple[float, float]:
    """Train a model on the training images and write it, as float16, with its figure on the test images.

    Args:
        name, data, folder: as for `load_pretrained`.
        size: how many training images (default: all 50,000).
        changes: what differs from the recipe, for example epochs=1.

    Returns:
        The figure of the weights as they are on disk, and that of a baseline: the mean or the noisy image, or the
        commonest class.
    """
    recipe = _recipe(name, data)
    settings = {"epochs": recipe.epochs, "lr": recipe.lr} | MADE_WITH | changes
    train, test = load(data, "train", size), load(data, "test")
    torch.manual_seed(settings["seed"])
    model = recipe.build()
    recipe.start(model, train.x[:1_000])
    fit(model, train, recipe.loss, device="cpu", **settings)
    weights.halve(model)
    value = measure(name, model, test)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        baseline = recipe.baseline(train, test)
    notes = {
        "model": recipe.title,
        "data": data,
        "training images": len(train),
        recipe.figure: f"{value:.4g}",
        "baseline": f"{baseline:.4g}",
        **settings,
    }
    weights.save(model, folder / f"{name}_{data}.safetensors", notes)
    return value, baseline


def _recipe(name, data):
    if not isinstance(name, str) or name not in RECIPES:
        raise CourseError(f"no trained model {name!r}: expected one of {', '.join(RECIPES)}")
    if not isinstance(data, str) or data not in TITLES:
        raise CourseError(f"no models for {data!r}: expected one of {', '.join(TITLES)}")
    return RECIPES[name]


def main(arguments: list[str] | None = None) -> int:
    """Make models of a data set from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.pretrained", description="Train the course's models.")
    parser.add_argument("data", choices=TITLES)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"{', '.join(RECIPES)}; all by default")
    options = parser.parse_args(arguments)
    try:
        for name in options.names or RECIPES:
            value, baseline = make(name, options.data)
            print(f"{name}: {RECIPES[name].figure} {value:.4g} (baseline {baseline:.4g})")
    except CourseError as problem:
        print(f"pretrained: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
