"""A small classifier of digits, trained once and kept: what it sees in an image is what samples are judged by.

`python -m course_utils.classifier digits` (or mnist, fashion-mnist) made the files in `data/checkpoints/`.
"""

import argparse
import sys

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import CourseError, checkpoints
from course_utils.data import TITLES, check_images, load
from course_utils.training import fit

RECIPE = {"epochs": 8, "batch_size": 100, "lr": 3e-3, "one_cycle": True, "seed": 0}


class Classifier(nn.Module):
    """A convolutional network of 109,000 weights with 64 features before its answer.

    Shapes: images (N, 1, 28, 28) in [0, 1] -> logits (N, 10). `features` gives (N, 64), each with mean 0 and variance 1
    over the training images, so that all weigh alike and a squared distance of 128 is usual for two random images.
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),  # (N, 16, 28, 28)
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),  # (N, 32, 14, 14)
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.BatchNorm1d(64, affine=False),
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(F.relu(self.body(x)))

    @torch.no_grad()
    def features(self, x):
        """(N, 1, 28, 28) -> (N, 64), in parts that fit into the processor's cache."""
        check_images(x)
        return torch.cat([self.body(part) for part in x.split(250)])

    @torch.no_grad()
    def classify(self, x):
        """(N, 1, 28, 28) -> the most likely digits (N,)."""
        return self.head(F.relu(self.features(x))).argmax(1)


def load_classifier(name, folder=checkpoints.FOLDER):
    """The classifier that was trained on the data set `name`, in evaluation mode.

    Args:
        name: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.
        folder: where the checkpoints are.
    """
    if not isinstance(name, str) or name not in TITLES:
        raise CourseError(f"no classifier for {name!r}: expected one of {', '.join(TITLES)}")
    command = f"python -m course_utils.classifier {name}"
    return checkpoints.load(Classifier(), folder / f"classifier_{name}.safetensors", command)


def make_classifier(name, folder=checkpoints.FOLDER, size=None, **recipe):
    """Train a classifier on the training images of a data set and write it, as float16, with its test error.

    Args:
        name: which data set.
        folder: where to write `classifier_<name>.safetensors`, completely or not at all.
        size: how many training images (default: all).
        recipe: what differs from RECIPE.

    Returns:
        The error on the test images in percent, of the weights as they are on disk.
    """
    recipe = RECIPE | recipe
    train, test = load(name, "train", size), load(name, "test")
    torch.manual_seed(recipe["seed"])
    model = Classifier()
    fit(model, train, lambda model, x, y: F.cross_entropy(model(x), y), **recipe)
    checkpoints.halve(model)
    error = 100 * (model.eval().classify(test.x) != test.y).double().mean().item()
    notes = {"data": name, "training images": len(train), "test error, percent": round(error, 2), **recipe}
    checkpoints.save(model, folder / f"classifier_{name}.safetensors", notes)
    return error


def main(arguments=None):
    """Make a classifier from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.classifier", description="Make a classifier.")
    parser.add_argument("name", choices=TITLES)
    name = parser.parse_args(arguments).name
    try:
        error = make_classifier(name)
    except CourseError as problem:
        print(f"classifier: {problem}", file=sys.stderr)
        return 1
    print(f"test error {error:.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
