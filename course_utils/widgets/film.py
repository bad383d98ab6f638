"""Something that changes over time, as a slider over its pictures. Where widgets cannot run, a filmstrip is seen."""

from pathlib import Path
from typing import Any

import ipywidgets
import matplotlib
from PIL import Image, ImageDraw, ImageFont

from course_utils import CourseError
from course_utils.plots import small_png
from course_utils.support.words import described
from course_utils.widgets.live import live, opened

STRIP, WIDEST = 960, 310  # pixels of the page: how wide a filmstrip is at most, and one of its frames
MOST = 8  # frames of a filmstrip
GAP, LINE = 8, 22  # pixels between frames; of a label's line


def film(frames: list[bytes], labels: list[str], name: str, *, alt: str) -> None:
    """A slider over the pictures of a film; it begins with the first one.

    The still picture is a filmstrip of up to eight of them, the first and the last one included, with their labels.

    Args:
        frames: pictures of one size, from `plots.frame`.
        labels: what stands beside the slider, one for each picture.
        name: what the slider moves through, for example "epoch".
        alt: what the filmstrip shows, for those who cannot see it.
    """
    images = _opened(frames)
    if not isinstance(labels, list | tuple) or len(labels) != len(frames):
        raise CourseError(f"{len(frames)} frames need a list of as many labels, got {described(labels)}")
    labels = [str(label) for label in labels]
    slider = ipywidgets.SelectionSlider(
        options=[(label, number) for number, label in enumerate(labels)],
        value=0,
        description=str(name),
        style={"description_width": "initial"},
        layout={"width": "100%", "max_width": "480px"},
    )
    # On one line, and without separators of paragraphs, at which Pillow stops.
    still = _strip(images, [" ".join(f"{name} {label}".split()) for label in labels])
    live([slider], lambda: frames[slider.value], alt, still=still)


def _opened(frames: Any) -> list[Image.Image]:
    """The pictures of a film, or a CourseError."""
    if not isinstance(frames, list | tuple) or not frames:
        raise CourseError(f"a film needs a list of pictures, from `frame`, got {described(frames)}")
    images = [opened(png, f"frames[{number}]").convert("RGB") for number, png in enumerate(frames)]
    sizes = sorted({image.size for image in images})
    if len(sizes) > 1:
        raise CourseError(f"the frames have different sizes, {sizes}: draw all of them with the same figsize")
    return images


def _strip(images: list[Image.Image], labels: list[str]) -> bytes:
    """Up to eight of the pictures, each below its label, side by side or in two rows, as the bytes of a PNG."""
    steps = len(images) - 1
    even = (count for count in range(MOST, 4, -1) if steps % (count - 1) == 0)
    count = len(images) if len(images) <= MOST else next(even, MOST)
    chosen = [round(i * steps / max(1, count - 1)) for i in range(count)]
    wide, tall = images[0].size
    # Pixels of the picture from here on, two for each of the page.
    rows = 2 if count > 3 and wide / tall > 0.8 else 1  # in two they are larger, above all on a phone
    columns = -(-count // rows)
    width = min(wide, 2 * WIDEST, (2 * STRIP - 2 * GAP * (columns - 1)) // columns)
    height, gap, line = round(width * tall / wide), 2 * GAP, 2 * LINE
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + line + gap) - gap), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), 26)
    for place, number in enumerate(chosen):
        left, top = place % columns * (width + gap), place // columns * (height + line + gap)
        pen.text((left + width / 2, top + line / 2), labels[number], fill="#222222", font=font, anchor="mm")
        sheet.paste(images[number].resize((width, height), Image.Resampling.LANCZOS), (left, top + line))
    return small_png(sheet)
