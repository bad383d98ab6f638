"""A small classifier of digits, trained once and kept: what it sees in an image is what samples are judged by."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.data import TITLES
from course_utils.support import weights
from course_utils.support.files import WEIGHTS
from course_utils.support.guards import require_images


class Classifier(nn.Module):
    """A convolutional network of 109,000 weights with 64 features before its answer.

    Shapes: images (N, 1, 28, 28) in [0, 1] -> logits (N, 10). `features` gives (N, 64), each with mean 0 and variance 1
    over the training images, so that all weigh alike and a squared distance of 128 is usual for two random images.
    """

    def __init__(self) -> None:
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

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.body(x)))

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) -> (N, 64), in parts that fit into the processor's cache."""
        require_images(x)
        return torch.cat([self.body(part) for part in x.split(250)])

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) -> the most likely digits (N,)."""
        return self.head(F.relu(self.features(x))).argmax(1)


def load_classifier(name: str, folder: Path = WEIGHTS) -> Classifier:
    """The classifier that was trained on the data set `name`, in evaluation mode.

    Args:
        name: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.
        folder: where the checkpoints are.
    """
    if not isinstance(name, str) or name not in TITLES:
        raise CourseError(f"no classifier for {name!r}: expected one of {', '.join(TITLES)}")
    command = f"python -m course_utils.pretrained {name}"
    return weights.load(Classifier(), folder / f"classifier_{name}.safetensors", command)
