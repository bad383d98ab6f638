"""Page 00's preview of the course: what three trained models make of one image."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from course_utils.data import load
from course_utils.metrics import squared_error
from course_utils.models import VAE
from course_utils.plots import COLOURS, STYLE, draw_scatter
from course_utils.pretrained import SIGMA, load_pretrained
from course_utils.support.guards import require_images
from course_utils.widgets.live import repainter

CROWD = 1_000  # test images that a drawing is compared with
RANGE = (0.003, 3)  # of the axis for oddness


def preview(data: str) -> Callable[[Tensor], bytes]:
    """A function that draws what the trained models of a data set make of one image.

    Args:
        data: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.

    Returns:
        A function from an image (1, 1, 28, 28) in [0, 1] to a PNG: the image, its copy, the image with noise and
        without it again, its place in the latent plane, and its oddness (the copy's squared error per pixel of ink).
    """
    autoencoder, denoiser, plane = (load_pretrained(name, data) for name in ("autoencoder", "denoiser", "plane"))
    crowd = load(data, "test", CROWD)

    usual = oddness(autoencoder, crowd.x)
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(8.4, 6.6), layout="constrained")
        axes = figure.subplot_mosaic(
            [["drawing", "copy", "noisy", "clean"], ["map", "map", "odd", "odd"]], height_ratios=(1, 1.9)
        )
        titles = {
            "drawing": "your drawing",
            "copy": "through 64 numbers",
            "noisy": "with noise",
            "clean": "noise removed",
        }
        pictures = {}
        for name, title in titles.items():
            pictures[name] = axes[name].imshow(np.zeros((28, 28)), cmap="gray", vmin=0, vmax=1)
            axes[name].set(title=title, xticks=[], yticks=[])
            axes[name].grid(False)
        draw_scatter(axes["map"], place(plane, crowd.x), crowd.y, dot=4, font=10)
        (star,) = axes["map"].plot([0], [0], "*", color="black", markersize=20, markeredgecolor="white")
        axes["map"].set(title="its place among test digits", xlabel="z1", ylabel="z2")
        draw_oddness(axes["odd"], usual)
        line = axes["odd"].axvline(1, color=COLOURS[1], linewidth=2)
        odder = axes["odd"].set_title("odder than 100 % of test digits")
    paint = repainter(figure, [*pictures.values(), star, line, odder])

    @torch.no_grad()
    def look(x):
        require_images(x)
        grainy = (x + grain()).clamp(0, 1)
        images = {"drawing": x, "copy": autoencoder(x), "noisy": grainy, "clean": denoiser(grainy)}
        for name, image in images.items():
            pictures[name].set_data(image[0, 0].numpy())
        star.set_data(*place(plane, x).T.numpy())
        value = oddness(autoencoder, x).clamp(*RANGE).item()
        line.set_xdata([value, value])
        odder.set_text(f"odder than {100 * (usual < value).float().mean():.0f} % of test digits")
        return paint()

    return look


@torch.no_grad()
def oddness(autoencoder: nn.Module, x: Tensor) -> Tensor:
    """How badly images (N, 1, 28, 28) are copied: (N,), the copy's squared error per pixel of ink."""
    return squared_error(autoencoder(x), x) / x.sum((1, 2, 3)).clamp(min=1)


@torch.no_grad()
def place(plane: VAE, x: Tensor) -> Tensor:
    """Where images (N, 1, 28, 28) are in the latent plane: (N, 2)."""
    return plane.encode(x.flatten(1))[0]


def grain() -> Tensor:
    """The noise on a drawing (1, 1, 28, 28), the same at every stroke."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SIGMA * torch.randn(1, 1, 28, 28)


def draw_oddness(axis: Axes, usual: Tensor) -> None:
    """Draw how odd test digits are: `usual` (N,), on a logarithmic axis over RANGE."""
    axis.hist(usual.numpy(), np.geomspace(*RANGE, 60).tolist(), histtype="stepfilled", color=COLOURS[0], alpha=0.5)
    axis.set(xscale="log", xlim=RANGE, xlabel="squared error per pixel of ink", ylabel="test digits")
