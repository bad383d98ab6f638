"""How well do the built-in digits stand in for MNIST? Run: python tests/tools/digits_realism.py

Trains the same small classifier on 60,000 images of one set, and tests it on the other set's 10,000 test images.
Needs MNIST (`course data mnist`); takes about five minutes on two cores.
"""

import math
import sys

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils import CourseError
from course_utils.data import load
from course_utils.training import batches


def classifier():
    """A small convolutional network: (B, 1, 28, 28) -> (B, 10) logits."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(32, 32, 5, padding=2), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def train_classifier(train, epochs=4, batch_size=128):
    """Train a new classifier with a one-cycle schedule."""
    torch.manual_seed(0)
    model = classifier()
    steps = epochs * math.ceil(len(train) / batch_size)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    shuffle = torch.Generator().manual_seed(0)
    with tqdm(total=steps, desc=f"Training on {train.name}", unit="batch") as bar:
        for _ in range(epochs):
            for x, y in batches(train, batch_size, shuffle):
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
    return model


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
        model = train_classifier(load(trained_on, "train+val"))
        other = "mnist" if trained_on == "digits" else "digits"
        print(
            f"trained on {trained_on}: {accuracy(model, test[other]):.2f} % right on {other} (aim: at least {aim} %), "
            f"{accuracy(model, test[trained_on]):.2f} % on new {trained_on}"
        )


if __name__ == "__main__":
    sys.exit(main())
