"""A folder of made-up images, on which the last page's capstone runs where a learner names no folder."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

from course_utils.support.files import given, write_bytes
from course_utils.support.guards import require_whole

KINDS = ("disc", "square", "triangle")
ODD = "cross"  # one image in a hundred: something to find


def make_sample_folder(folder: str | Path, count: int = 900, seed: int = 0) -> None:
    """Fill a folder with drawn shapes of many sizes, colours and formats, in a subfolder for each kind of shape.

    As in real folders, two files are no images: a text, and a JPEG file that was cut off.

    Args:
        folder: where; it is created if need be.
        count: how many images, at least 2.
        seed: fixes what is drawn.
    """
    require_whole(at_least=2, count=count)
    draw = random.Random(seed)
    root = given(folder)
    write_bytes(root / "about.txt", b"Drawn shapes; this file is no image.\n")  # says where nothing can be written
    for i in range(count):
        kind = ODD if i % 100 == 50 else KINDS[i % len(KINDS)]
        place = root / kind
        place.mkdir(exist_ok=True)
        # not by `write_bytes`, which waits for the disk: hundreds of times, here, for what is soon drawn anew
        _shape(kind, draw).save(place / f"{i:03}.{('png', 'jpg', 'gif', 'bmp')[i % 4]}")
    whole = min(root.rglob("*.jpg")).read_bytes()
    write_bytes(root / "cut-off.jpg", whole[: len(whole) // 3])


def _shape(kind, draw):
    """One dark shape on light paper, of any size, place, colour and turn."""
    width = draw.randint(20, 160)
    height = width + draw.randint(0, width // 4)
    image = Image.new("RGB", (width, height), tuple(draw.randint(200, 255) for _ in range(3)))
    pen, ink = ImageDraw.Draw(image), tuple(draw.randint(0, 119) for _ in range(3))
    x, y, r = width * draw.uniform(0.4, 0.6), height * draw.uniform(0.4, 0.6), width * draw.uniform(0.2, 0.35)
    if kind == "disc":
        pen.ellipse((x - r, y - r, x + r, y + r), ink)
    elif kind == ODD:
        pen.line((x - r, y - r, x + r, y + r), ink, width // 8)
        pen.line((x - r, y + r, x + r, y - r), ink, width // 8)
    else:
        pen.regular_polygon((x, y, r), {"triangle": 3, "square": 4}[kind], draw.uniform(0, 360), ink)
    return image
