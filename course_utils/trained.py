"""Models that are trained already, one of each kind for every data set: for the widgets, and for those who cannot wait.

`python -m course_utils.trained digits` (or mnist, fashion-mnist) made the files in `data/checkpoints/`.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from safetensors import safe_open
from torch import nn

from course_utils import CourseError, checkpoints
from course_utils.data import TITLES, load
from course_utils.losses import mse, vae_loss
from course_utils.metrics import psnr, squared_error
from course_utils.models import VAE, Autoencoder, ConvAutoencoder, good_start
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
    baseline: Callable  # (test images, mean training image) -> the same without a model


def noisy(x, sigma=SIGMA):
    """Images with Gaussian noise on every pixel, cut off at 0 and 1, as on page 05."""
    return (x + sigma * torch.randn_like(x)).clamp(0, 1)


def _copy_loss(model, x, y):
    return mse(model(x), x)


def _denoising_loss(model, x, y):
    return mse(model(noisy(x)), x)


def _elbo_loss(model, x, y):
    recon_x, mu, logvar = model(x)
    return vae_loss(recon_x, x, mu, logvar) / len(x)


def _copy_error(model, x):
    return squared_error(model(x), x).mean().item()


def _mean_image_error(x, mean_image):
    return squared_error(mean_image.expand_as(x), x).mean().item()


def _negative_elbo(model, x):
    return _elbo_loss(model, x, None).item()


def _mean_image_nats(x, mean_image):
    recon_x = mean_image.clamp(1e-4, 1 - 1e-4).expand_as(x).flatten(1)
    nothing = torch.zeros(len(x), 1)
    return vae_loss(recon_x, x, nothing, nothing).item() / len(x)


def _denoised_db(model, x):
    return psnr(model(noisy(x)), x).mean().item()


def _noisy_db(x, mean_image):
    return psnr(noisy(x), x).mean().item()


_COPY_ERROR = ("squared error per image", _copy_error, _mean_image_error)
_NATS = ("negative ELBO, nats per image", _negative_elbo, _mean_image_nats)
_DB = ("PSNR, dB", _denoised_db, _noisy_db)

RECIPES = {
    "autoencoder": Recipe("page 01's autoencoder, 64 numbers", Autoencoder, _copy_loss, 20, 3e-3, *_COPY_ERROR),
    "vae": Recipe("page 02's VAE, 20 numbers", VAE, _elbo_loss, 20, 3e-3, *_NATS),
    "plane": Recipe("page 02's VAE, 2 numbers", lambda: VAE(latent_dim=2), _elbo_loss, 30, 3e-3, *_NATS),
    "convolutional": Recipe("page 03's autoencoder, 1568 numbers", ConvAutoencoder, _copy_loss, 6, 4e-3, *_COPY_ERROR),
    "denoiser": Recipe("page 03's autoencoder against noise", ConvAutoencoder, _denoising_loss, 6, 4e-3, *_DB),
}


def load_trained(name, data, folder=checkpoints.FOLDER):
    """A model that was trained on all training images of a data set, in evaluation mode; prints one line that says so.

    Args:
        name: one of RECIPES, for example "vae".
        data: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.
        folder: where the files are.
    """
    recipe, path = _recipe(name, data), folder / f"{name}_{data}.safetensors"
    model = checkpoints.load(recipe.build(), path, f"python -m course_utils.trained {data}")
    notes = notes_of(path)
    print(f"Model: {recipe.title}, trained on {TITLES[data]}: {notes[recipe.figure]} ({recipe.figure})")
    return model


def notes_of(path):
    """What a file of weights says about how it was made: a dict of text."""
    with safe_open(path, "pt") as file:
        return file.metadata()


@torch.no_grad()
def measure(name, model, test):
    """The figure that a model is judged by, on test images (N, 1, 28, 28); any noise is the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RECIPES[name].measure(model.eval(), test)


def make(name, data, folder=checkpoints.FOLDER, size=None, **recipe):
    """Train a model on the training images and write it, as float16, with its figure on the test images.

    Args:
        name, data, folder: as for `load_trained`.
        size: how many training images (default: all 50,000).
        recipe: what differs, for example epochs=1.

    Returns:
        The figure of the weights as they are on disk, and that of a baseline: the mean image or the noisy one.
    """
    about = _recipe(name, data)
    recipe = {"epochs": about.epochs, "lr": about.lr} | MADE_WITH | recipe
    train, test = load(data, "train", size), load(data, "test")
    torch.manual_seed(recipe["seed"])
    model = about.build()
    if not isinstance(model, VAE):
        good_start(model, train.x[:1_000])
    fit(model, train, about.loss, device="cpu", **recipe)
    checkpoints.halve(model)
    value = measure(name, model, test.x)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        baseline = about.baseline(test.x, train.x.mean(0))
    notes = {
        "model": about.title,
        "data": data,
        "training images": len(train),
        about.figure: f"{value:.4g}",
        "baseline": f"{baseline:.4g}",
        **recipe,
    }
    checkpoints.save(model, folder / f"{name}_{data}.safetensors", notes)
    return value, baseline


def _recipe(name, data):
    if not isinstance(name, str) or name not in RECIPES:
        raise CourseError(f"no trained model {name!r}: expected one of {', '.join(RECIPES)}")
    if not isinstance(data, str) or data not in TITLES:
        raise CourseError(f"no models for {data!r}: expected one of {', '.join(TITLES)}")
    return RECIPES[name]


def main(arguments=None):
    """Make all models of a data set from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.trained", description="Train the widgets' models.")
    parser.add_argument("data", choices=TITLES)
    data = parser.parse_args(arguments).data
    try:
        for name, recipe in RECIPES.items():
            value, baseline = make(name, data)
            print(f"{name}: {recipe.figure} {value:.4g} (baseline {baseline:.4g})")
    except CourseError as problem:
        print(f"trained: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
