"""A picture that follows controls, and the calls of a reader's functions that draw it."""

import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from course_utils import CourseError
from course_utils.plots import as_images, page_size, small_png
from course_utils.support.attempt import TimeUp, attempt
from course_utils.support.showing import display
from course_utils.support.words import described

SECONDS = 4  # that a function of the reader's may take, who should hear of trouble within five
DPI = 80  # pixels of the page for an inch: controls and picture should fit into a window together


def live(
    controls: Sequence[ipywidgets.Widget],
    draw: Callable[[], bytes],
    alt: str,
    still: bytes | None = None,
    trait: str = "value",
    box: type[ipywidgets.Box] = ipywidgets.VBox,
) -> None:
    """Show controls and a picture that is drawn anew whenever one of them changes.

    The picture is an image that is replaced, and not an Output area, in which a run without a browser can hang.

    Args:
        controls: widgets.
        draw: function without arguments that returns the picture as the bytes of a PNG, with two pixels for each that
            it takes on the page.
        alt: what the still picture shows, for those who cannot see it.
        still: the picture where widgets cannot run (default: the first one that is drawn).
        trait: of the controls, which the picture follows.
        box: how the controls and the picture are laid out.
    """
    first = draw()
    width = page_size(opened(first, "the picture"))["width"]
    image = opened(still or first, "the still picture")
    size, still = page_size(image), small_png(image)
    # As large as it was drawn, or smaller where there is no room: neither stretched nor cut off.
    layout = {"align_self": "flex-start", "flex": "0 1 auto", "min_width": "0", "max_width": "100%"}
    layout["width"] = f"{width}px"
    picture = ipywidgets.Image(value=first, format="png", layout=layout)
    trouble = ipywidgets.HTML()

    def refresh(_):
        try:
            picture.value, trouble.value = draw(), ""
        except CourseError as error:
            trouble.value = html.escape(str(error))

    for control in controls:
        control.observe(refresh, trait)
    bundle = ipywidgets.VBox([box([*controls, picture]), trouble])._repr_mimebundle_()
    bundle |= {"image/png": still, "text/plain": alt}
    display(bundle, metadata={"image/png": {"alt": alt, **size}})


def opened(png: Any, name: str) -> Image.Image:
    """The picture in the bytes of a PNG, or a CourseError."""
    try:
        image = Image.open(io.BytesIO(png))
        image.load()
    except (OSError, TypeError, ValueError, SyntaxError):  # PIL's own for a broken PNG is a SyntaxError
        raise CourseError(f"{name} should be the bytes of a PNG, got {described(png)}") from None
    return image


def repainter(figure: Figure, moving: Sequence[Artist]) -> Callable[[], bytes]:
    """A function that gives a figure as the bytes of a PNG, and draws nothing of it anew but the artists `moving`.

    The picture has two pixels for each that it takes on the page.

    The layout is made for the figure as it is now: give titles that will move a text of their usual length before.
    """
    plt.close(figure)  # pyplot forgets it, and the notebook does not show it a second time
    figure.set_dpi(2 * DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    rest = canvas.copy_from_bbox(figure.bbox)

    def paint():
        canvas.restore_region(rest)
        for artist in moving:
            artist.draw(canvas.get_renderer())
        file = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(file, "PNG", compress_level=1)
        return file.getvalue()

    return paint


def call(function: Callable, name: str, *arguments: Any) -> Any:
    """What a reader's function returns, without gradients; a CourseError says what went wrong, within seconds."""

    def without_gradients():
        with torch.no_grad():
            return function(*arguments)

    result, error = attempt(SECONDS, without_gradients)
    if isinstance(error, TimeUp):
        raise CourseError(f"{name} took longer than {SECONDS} seconds: give it fewer images, or a smaller model")
    if isinstance(error, CourseError):
        raise error
    if error:
        raise CourseError(f"{name} stopped with {type(error).__name__}: {error}") from error
    return result


def decoded(decode: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
    """Images (N, 1, 28, 28) that a reader's decoder makes of codes (N, latent_dim), or a CourseError."""
    images = call(decode, "`decode`", codes)
    if not isinstance(images, torch.Tensor) or images.numel() != len(codes) * 784:
        raise CourseError(f"`decode` gave {described(images)} for {len(codes)} codes: expected 784 pixels for each")
    return as_images(images.reshape(-1, 1, 28, 28), "what `decode` gave")
