"""How well do the built-in digits stand in for MNIST? Run: python tests/digits_realism.py

Trains the same small classifier on 60,000 images of one set, and tests it on the other set's 10,000 test images.
Needs MNIST (`course data mnist`); takes about five minutes on two cores.
"""

import sys

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.data import load
from course_utils.training import batches, fit


def classifier():
    """A small convolutional network: (B, 1, 28, 28) -> (B, 10) logits."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.3), nn.Flatten(), nn.Linear(64 * 9, 10),
    )  # fmt: skip


@torch.no_grad()
def accuracy(model, data):
    """Share of images that are classified rightly, in percent."""
    model.eval()
    return 100 * sum(int((model(x).argmax(1) == y).sum()) for x, y in batches(data, 1000)) / len(data)


def main():
    try:
        test = {name: load(name, "test") for name in ("digits", "mnist")}
    except CourseError as error:
        return f"{error}"
    for trained_on, aim in (("digits", 97.5), ("mnist", 97.0)):
        torch.manual_seed(0)
        model = classifier()
        train = load(trained_on, "train+val")
        fit(model, train, lambda model, x, y: F.cross_entropy(model(x), y), epochs=4, batch_size=128, lr=2e-3)
        other = "mnist" if trained_on == "digits" else "digits"
        print(
            f"trained on {trained_on}: {accuracy(model, test[other]):.2f} % right on {other} (aim: at least {aim} %), "
            f"{accuracy(model, test[trained_on]):.2f} % on new {trained_on}"
        )


if __name__ == "__main__":
    sys.exit(main())
