"""A small classifier of digits, trained once and kept: what it sees in an image is what samples are judged by.

`python -m course_utils.classifier digits` (or mnist, fashion-mnist) made the files in `data/checkpoints/`.
"""

import argparse
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import nn
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.data import TITLES, check_images, load
from course_utils.files import ROOT, write_bytes
from course_utils.training import fit

CHECKPOINTS = ROOT / "data" / "checkpoints"
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


def load_classifier(name, folder=CHECKPOINTS):
    """The classifier that was trained on the data set `name`, in evaluation mode.

    Args:
        name: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.
        folder: where the checkpoints are.
    """
    path = folder / f"classifier_{name}.safetensors"
    command = f"python -m course_utils.classifier {name}"
    if name not in TITLES:
        raise CourseError(f"no classifier for {name!r}: expected one of {', '.join(TITLES)}")
    try:
        weights = unpack(path.read_bytes())
        model = Classifier()
        model.load_state_dict(weights)  # copies float16 into float32
    except FileNotFoundError:
        raise CourseError(f"there is no classifier for {TITLES[name]} yet: make it with `{command}`") from None
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CourseError(f"{path} is damaged or of another version: make it again with `{command}`") from error
    return model.eval()


def make_classifier(name, folder=CHECKPOINTS, size=None, **recipe):
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
    weights = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    model.load_state_dict(weights)
    error = 100 * (model.eval().classify(test.x) != test.y).double().mean().item()
    notes = {"data": name, "training images": len(train), "test error, percent": round(error, 2), **recipe}
    content = pack(weights, {key: str(value) for key, value in notes.items()})
    write_bytes(folder / f"classifier_{name}.safetensors", content)
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
