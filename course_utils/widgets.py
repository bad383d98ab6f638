"""Interactive parts of the notebooks. Each leaves something readable where widgets cannot run."""

import html
import io

import ipywidgets
import torch
from IPython.display import display
from PIL import Image

from course_utils import CourseError, data


def ask(keep, options=None, kept=None):
    """Buttons for the answers to a question, or a field for a number.

    Args:
        keep: called with the guess, a letter or a number, at a click; returns what to say of it.
        options: dict from a letter to an answer; none where a number is asked for.
        kept: the guess so far, or None.
    """
    said = ipywidgets.HTML("" if kept is None else f"Kept so far: {kept}")

    def answer(guess):
        try:
            said.value = html.escape(keep(guess))
        except CourseError as error:
            said.value = html.escape(str(error))

    if options:
        letters = ipywidgets.ToggleButtons(
            options=list(options),
            value=kept,
            tooltips=list(options.values()),
            layout={"width": "auto"},
            style={"button_width": "3em"},
        )
        letters.observe(lambda change: answer(change["new"]), "value")
        parts = [letters]
    else:
        number = ipywidgets.FloatText(value=kept or 0, layout={"width": "8em"})
        button = ipywidgets.Button(description="Keep this guess", layout={"width": "auto"})
        button.on_click(lambda _: answer(number.value))
        parts = [number, button]
    row = ipywidgets.HBox([ipywidgets.Label("Your guess:"), *parts])
    _show(ipywidgets.VBox([row, said]), "A place for your guess")


def download_button(name="mnist"):
    """A button that downloads a data set, and says how it went. Nothing is fetched until it is pressed."""
    title = data.TITLES[name]
    button = ipywidgets.Button(description=f"Download {title}", layout={"width": "auto"})
    message = ipywidgets.HTML(
        f"{title} is already on disk."
        if data.is_on_disk(name)
        else f"It will take {data.DOWNLOAD_MB[name]} MB of your disk."
    )

    def press(_):
        button.disabled = True
        message.value = "Downloading, please wait a minute ..."
        try:
            data.download(name)
            message.value = f"{title} is complete. Choose Kernel > Restart Kernel and Run All Cells to use it."
        except CourseError as error:
            message.value = str(error)
        button.disabled = False

    button.on_click(press)
    _show(ipywidgets.HBox([button, message]), f"A button to download {title}")


def latent_explorer(decode, start, ranges=((-3, 3), (-3, 3)), *, alt):
    """Sliders for the first numbers of a code, beside the image that they decode to.

    Where widgets cannot run, a picture is seen in their place: a row for each slider, which moves from its lowest to
    its highest value in seven steps, while the other numbers stay.

    Args:
        decode: function from codes (N, latent_dim) to N images of 28 x 28 pixels in [0, 1], in any shape.
        start: the code (latent_dim,) to begin with.
        ranges: (lowest, highest) value for each slider; the first one moves the first number of the code.
        alt: what that picture shows, for those who cannot see it.
    """
    if start.ndim != 1 or not 1 <= len(ranges) <= len(start):
        raise CourseError(
            f"{len(ranges)} sliders for a start of shape {tuple(start.shape)}: expected one code, (latent_dim,), "
            "and at most one slider for each of its numbers"
        )
    steps = 7
    rows = start.repeat(len(ranges), steps, 1)  # (sliders, steps, latent_dim)
    for i, (low, high) in enumerate(ranges):
        rows[i, :, i] = torch.linspace(low, high, steps)
    overview = _png(decode, rows, scale=2)

    sliders = [
        ipywidgets.FloatSlider(
            float(value), min=low, max=high, step=(high - low) / 60, description=f"number {i}", readout_format=".1f"
        )
        for i, (value, (low, high)) in enumerate(zip(start, ranges, strict=False), 1)
    ]

    def image():
        code = start.clone()
        code[: len(sliders)] = torch.tensor([slider.value for slider in sliders])
        return _png(decode, code[None, None], scale=6)

    def refresh(_):
        picture.value = image()

    picture = ipywidgets.Image(value=image(), format="png")
    for slider in sliders:
        slider.observe(refresh, "value")
    bundle = ipywidgets.HBox([ipywidgets.VBox(sliders), picture])._repr_mimebundle_()
    bundle |= {"image/png": overview, "text/plain": alt}
    display(bundle, metadata={"image/png": {"alt": alt}}, raw=True)


def _png(decode, codes, scale):
    """Codes (rows, columns, latent_dim), decoded to a sheet of images, as the bytes of a PNG; pixels `scale` wide."""
    rows, columns, _ = codes.shape
    with torch.no_grad():
        images = decode(codes.flatten(0, 1))
    if images.numel() != rows * columns * 784:
        raise CourseError(
            f"`decode` gave shape {tuple(images.shape)} for {rows * columns} codes: expected 784 pixels for each"
        )
    sheet = images.cpu().reshape(rows, columns, 28, 28).permute(0, 2, 1, 3).reshape(rows * 28, columns * 28)
    pixels = (255 * sheet.clamp(0, 1)).round().byte().numpy()
    size = scale * columns * 28, scale * rows * 28
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def _show(widget, what):
    """Display a widget, and in its place a text for GitHub, the HTML page and the tests."""
    display(widget._repr_mimebundle_() | {"text/plain": f"{what}: run this cell in JupyterLab to get it."}, raw=True)
