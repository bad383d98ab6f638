"""How well do the built-in digits stand in for MNIST? Run: python tests/tools/digits_realism.py [--test]

Three networks of different shapes, fixed before the digits were tuned and none of them tuned itself, are trained by one
recipe on 60,000 built-in digits alone. The score is the mean of their shares of MNIST images that they read rightly.

While the digits are tuned, these are MNIST's 60,000 *training* images; the most frequent mistakes are printed, and
`--misread FILE` draws the images that all three misread. `--test` is for the end: it takes the 10,000 test images,
which nothing was chosen by, and trains the networks on MNIST as well, to read the built-in digits.
Needs MNIST (`course data mnist`); takes about two minutes on two cores, and twice as long with `--test`.
"""

import argparse
import math
import sys
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils import CourseError
from course_utils.classifier import Classifier
from course_utils.data import load
from course_utils.training import batches


def strided():
    """Two layers of strided convolutions with batch norm, then dropout and one linear layer: 51,000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 7 * 7, 10),
    )  # fmt: skip


def lenet():
    """After LeNet-5 (LeCun et al. 1998), neither batch norm nor dropout: 62,000 weights."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


NETWORKS = {"course": Classifier, "lenet": lenet, "strided": strided}


def trained(name, data, epochs=3, batch_size=128):
    """A network of NETWORKS after `epochs` of Adam with a one-cycle schedule, in evaluation mode."""
    torch.manual_seed(0)
    model = NETWORKS[name]()
    steps = epochs * math.ceil(len(data) / batch_size)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    shuffle = torch.Generator().manual_seed(0)
    with tqdm(total=steps, desc=f"Training {name} on {data.name}", unit="batch") as bar:
        for _ in range(epochs):
            for x, y in batches(data, batch_size, shuffle):
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
    return model.eval()


@torch.no_grad()
def read(model, data):
    """What the model reads in each image: (N,)."""
    return torch.cat([model(x).argmax(1) for x, _ in batches(data, 1000)])


def report(trained_on, data):
    """Train all networks, print their shares of `data` read rightly, and return their readings (networks, N)."""
    train = load(trained_on, "train+val")
    readings = torch.stack([read(trained(name, train), data) for name in NETWORKS])
    shares = 100 * (readings == data.y).float().mean(1)
    each = ", ".join(f"{name} {share:.2f}" for name, share in zip(NETWORKS, shares, strict=True))
    print(f"trained on {trained_on}, {len(data):,} images of {data.name}: mean {shares.mean():.2f} % right ({each})")
    return readings


def draw_misread(data, readings, file):
    """A sheet of up to 300 images that all networks misread, each with the digit it is and the first one's reading."""
    import matplotlib.pyplot as plt

    wrong = (readings != data.y).all(0).nonzero().squeeze(1)
    wrong = wrong[data.y[wrong].sort(stable=True).indices][:: max(1, math.ceil(len(wrong) / 300))]
    figure, axes = plt.subplots(math.ceil(len(wrong) / 20), 20, figsize=(20, 1.25 * math.ceil(len(wrong) / 20)))
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in zip(wrong.tolist(), axes.flat, strict=False):
        ax.imshow(data.x[i, 0], cmap="gray_r")
        ax.set_title(f"{data.y[i]} as {readings[0, i]}", fontsize=9, pad=1)
    figure.tight_layout(pad=0.3)
    figure.savefig(file, dpi=60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", action="store_true", help="the report at the end, on test images")
    parser.add_argument("--misread", metavar="FILE", help="a PNG of training images that all networks misread")
    arguments = parser.parse_args()
    try:
        if arguments.test:
            report("digits", load("mnist", "test"))
            report("mnist", load("digits", "test"))
            return None
        data = load("mnist", "train+val")
    except CourseError as error:
        return f"{error}"
    readings = report("digits", data)
    pairs = Counter((y, r) for row in readings.tolist() for y, r in zip(data.y.tolist(), row, strict=True) if y != r)
    most = ", ".join(f"{y} as {r} {count / len(readings):.0f}" for (y, r), count in pairs.most_common(15))
    print(f"most often misread, images per network: {most}")
    if arguments.misread:
        draw_misread(data, readings, arguments.misread)
    return None


if __name__ == "__main__":
    sys.exit(main())
