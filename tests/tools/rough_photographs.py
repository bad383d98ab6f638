"""A folder of photographs as people have them: one picture in every way that a file may hold it, and broken files."""

from pathlib import Path

import numpy as np
from PIL import Image

BROKEN = {"cut off.jpg", "empty.png", "text.jpg"}
CLASSES = ["Jörg", "a b"]
ORIENTATION, TURN_CLOCKWISE = 0x0112, 6  # EXIF: what to do with the stored pixels to see them upright


def picture(width=96, height=64):
    """Redder to the right and greener to the bottom, so that a turned, mirrored or shifted one looks otherwise."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pixels = np.stack([across, down, np.full_like(down, 0.25)], axis=2)
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


def make_rough_folder(root: Path) -> dict[str, np.ndarray]:
    """Fill a folder of two classes, with names in several scripts and a folder in a class.

    Returns:
        The name of each file that can be read -> what its middle shows, (64, 64, 3) from 0 to 1.
    """
    colours, one = picture(), Image.new("RGB", (1, 1), (200, 100, 0))
    grey = colours.convert("L")
    black_or_white = grey.point(lambda value: 255 * (value > 90))
    deep = np.asarray(grey).astype(np.uint16) * 257

    lower = Image.new("L", colours.size, 255)  # the mask of images with nothing in the upper half
    lower.paste(0, (0, 0, 96, 32))
    white, red = (Image.new("RGB", colours.size, name) for name in ("white", "red"))
    without, grey_without = colours.convert("RGBA"), grey.convert("LA")
    without.putalpha(lower)
    grey_without.putalpha(lower)
    palette = Image.new("P", colours.size, 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.paste(0, (0, 0, 96, 32))

    held = Image.Exif()
    held[ORIENTATION] = TURN_CLOCKWISE

    files = {  # name: (what is saved, what is seen, how it is saved)
        "日本 é.jpg": (colours, colours, {"quality": 95}),
        "large.jpg": (colours.resize((6000, 4000)), colours, {}),
        "one pixel.png": (one, one.resize(colours.size), {}),
        "grey.jpg": (grey, grey, {"quality": 95}),
        "black or white.png": (black_or_white.convert("1"), black_or_white, {}),
        "palette.png": (colours.quantize(256), colours, {}),
        "transparent.png": (without, Image.composite(colours, white, lower), {}),
        "transparent grey.png": (grey_without, Image.composite(grey.convert("RGB"), white, lower), {}),
        "transparent.gif": (palette, Image.composite(red, white, lower), {"transparency": 0}),
        "turned.jpg": (colours.transpose(Image.Transpose.ROTATE_90), colours, {"quality": 95, "exif": held}),
        "16 bits.png": (Image.fromarray(deep), grey, {}),
        "16 bits.tiff": (Image.fromarray(deep), grey, {}),
        "floats.tiff": (Image.fromarray(np.float32(deep / 65_535)), grey, {}),
        "for print.jpg": (colours.convert("CMYK"), colours, {"quality": 95}),
    }
    folders = [root / CLASSES[0] / "2024 été", root / CLASSES[1]]
    for folder in folders:
        folder.mkdir(parents=True)
    for i, (name, (saved, _, how)) in enumerate(files.items()):
        saved.save(folders[i % 2] / name, **how)
    whole = (folders[0] / "日本 é.jpg").read_bytes()
    (folders[0] / "cut off.jpg").write_bytes(whole[: len(whole) // 2])
    (folders[1] / "empty.png").write_bytes(b"")
    (folders[1] / "text.jpg").write_text("no photograph")
    middle = (16, 0, 80, 64)
    return {name: np.asarray(seen.convert("RGB").crop(middle)) / 255 for name, (_, seen, _) in files.items()}
