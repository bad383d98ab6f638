"""A folder of colour scenes, drawn and saved as JPEG files, on which page 12 runs where a learner names no folder."""

import colorsys
import math
import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from course_utils.support.files import given, write_bytes
from course_utils.support.guards import require_seed, require_whole

SIDE = 64  # pixels of a file
LARGE = 128  # pixels in which a scene is drawn, before it is shrunk to soft edges
CLASSES = ("ball", "bicycle", "boat", "car", "fish", "flower", "house", "tree")


def make_scene_folder(folder: str | Path, count: int = 2_000, seed: int = 0) -> None:
    """Fill a folder with coloured scenes as JPEG files of 64 x 64 pixels: `train/<class>/` and `test/<class>/`.

    Each scene is one object of its class, somewhere, of any size, turn and colours, before one of three backgrounds,
    in light that falls from one side. Colours and backgrounds tell nothing of the class. A fifth of the scenes are for
    testing; classes are equally frequent.

    Args:
        folder: where; it is created if need be.
        count: how many scenes, at least 80.
        seed: fixes what is drawn.
    """
    require_whole(at_least=80, count=count)
    require_seed(seed)
    draw, root = random.Random(seed), given(folder)
    write_bytes(
        root / "about.txt", b"Drawn scenes, for training and for testing.\n"
    )  # says where nothing can be written
    for split in ("train", "test"):
        for kind in CLASSES:
            (root / split / kind).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        kind, split = CLASSES[i % len(CLASSES)], "test" if i // len(CLASSES) % 5 == 4 else "train"
        # not by `write_bytes`, which waits for the disk: thousands of times, here, for what is soon drawn anew
        draw_scene(kind, draw).save(root / split / kind / f"{i:05}.jpg", quality=92, subsampling=0)


def draw_scene(kind: str, draw: random.Random) -> Image.Image:
    """One scene of a class, as an RGB image of 64 x 64 pixels."""
    scene = _background(draw)
    size, turn = draw.uniform(0.42, 0.78) * LARGE, draw.gauss(0, 9)
    right, down = (round(draw.uniform(-0.14, 0.14) * LARGE) for _ in range(2))
    thing = Image.new("RGBA", (LARGE, LARGE))
    pen = _Pen(ImageDraw.Draw(thing), LARGE / 2, size / 2, draw.random() < 0.5)
    SHAPES[kind](pen, _ink(draw), _ink(draw), draw)
    thing = thing.rotate(turn, Image.Resampling.BILINEAR, translate=(right, down))
    shadow = Image.new("RGB", (LARGE, LARGE), (20, 20, 40))
    away = (draw.choice((-1, 1)) * LARGE // 24, LARGE // 24)
    mask = ImageChops.offset(thing.getchannel("A"), *away).point(lambda value: value // 3)
    scene.paste(shadow, mask=mask)
    scene.paste(thing, mask=thing.getchannel("A"))
    scene = _light(scene, draw).resize((SIDE, SIDE), Image.Resampling.BOX)
    grain = Image.frombytes("L", (SIDE, SIDE), draw.randbytes(SIDE * SIDE)).convert("RGB")
    return Image.blend(scene, grain, draw.uniform(0.0, 0.06))


class _Pen:
    """Draws in coordinates from -1 to 1 around the middle of an object, mirrored where asked."""

    def __init__(self, pen, middle, radius, mirrored):
        self.pen, self.middle, self.radius, self.sign = pen, middle, radius, -1 if mirrored else 1

    def points(self, points):
        return [(self.middle + self.sign * self.radius * x, self.middle + self.radius * y) for x, y in points]

    def disc(self, x, y, r, ink, tall=1.0, ring=0.0):
        corners = self.points([(x - r, y - r * tall), (x + r, y + r * tall)])
        (left, top), (right, bottom) = (min(corners), max(corners))
        box = (left, min(top, bottom), right, max(top, bottom))
        if ring:
            self.pen.ellipse(box, outline=ink, width=max(2, round(ring * self.radius)))
        else:
            self.pen.ellipse(box, ink)

    def area(self, points, ink):
        self.pen.polygon(self.points(points), ink)

    def line(self, points, ink, width):
        self.pen.line(self.points(points), ink, max(2, round(width * self.radius)), joint="curve")


def _ball(pen, ink, other, draw):
    pen.disc(0, 0, 0.8, ink)
    if draw.random() < 0.5:
        pen.disc(0, 0, 0.8, other, tall=draw.uniform(0.2, 0.4))
    pen.disc(-0.3, -0.3, 0.18, _mixed(ink, (255, 255, 255), 0.6))


def _bicycle(pen, ink, other, draw):
    r, tyre = draw.uniform(0.34, 0.42), _dark(draw)
    for x in (-0.55, 0.55):
        pen.disc(x, 0.35, r, tyre, ring=0.09)
    low, seat, bar = (-0.05, 0.35), (-0.2, -0.25), (0.38, -0.3)
    pen.line([(-0.55, 0.35), low, bar, (0.55, 0.35)], ink, 0.1)
    pen.line([low, seat, bar], ink, 0.1)
    pen.line([(-0.55, 0.35), seat], ink, 0.08)
    pen.line([bar, (0.34, -0.5), (0.55, -0.52)], other, 0.09)
    pen.line([(-0.36, -0.3), (-0.06, -0.3)], other, 0.13)


def _boat(pen, ink, other, draw):
    deck = draw.uniform(0.3, 0.45)
    pen.area([(-0.9, deck), (0.9, deck), (0.55, 0.8), (-0.6, 0.8)], ink)
    pen.line([(0, deck), (0, -0.9)], _dark(draw), 0.07)
    pen.area([(0.06, -0.85), (0.06, deck - 0.1), (draw.uniform(0.5, 0.8), deck - 0.1)], other)
    if draw.random() < 0.6:
        pen.area([(-0.06, -0.7), (-0.06, deck - 0.1), (-0.55, deck - 0.1)], _mixed(other, (255, 255, 255), 0.4))


def _car(pen, ink, other, draw):
    roof, glass = draw.uniform(-0.5, -0.3), _mixed(other, (200, 225, 240), 0.7)
    pen.area([(-0.55, 0.05), (-0.35, roof), (0.3, roof), (0.6, 0.05)], ink)
    pen.area([(-0.42, 0.02), (-0.28, roof + 0.09), (-0.04, roof + 0.09), (-0.04, 0.02)], glass)
    pen.area([(0.05, 0.02), (0.05, roof + 0.09), (0.25, roof + 0.09), (0.46, 0.02)], glass)
    pen.area([(-0.95, 0.0), (0.7, 0.0), (0.95, 0.12), (0.95, 0.45), (-0.95, 0.45)], ink)
    for x in (-0.52, 0.52):
        pen.disc(x, 0.45, 0.23, _dark(draw))
        pen.disc(x, 0.45, 0.1, (190, 190, 195))


def _fish(pen, ink, other, draw):
    tall = draw.uniform(0.45, 0.75)
    pen.area([(0.45, 0), (0.95, -0.45), (0.85, 0), (0.95, 0.45)], other)
    pen.area([(-0.2, -0.45 * tall), (0.15, -1.1 * tall), (0.35, -0.3 * tall)], other)
    pen.disc(-0.15, 0, 0.7, ink, tall=tall)
    for i in range(draw.randint(0, 3)):
        x = 0.25 - 0.22 * i
        pen.line([(x, -0.45 * tall), (x, 0.45 * tall)], other, 0.1)
    pen.disc(-0.55, -0.12, 0.1, (250, 250, 250))
    pen.disc(-0.57, -0.12, 0.05, (10, 10, 10))


def _flower(pen, ink, other, draw):
    petals, green = draw.randint(5, 8), _green(draw)
    pen.line([(0, -0.1), (0.08, 0.95)], green, 0.09)
    pen.area([(0.05, 0.6), (0.5, 0.3), (0.4, 0.62)], green)
    start = draw.random()
    for i in range(petals):
        angle = 2 * math.pi * (i + start) / petals
        pen.disc(0.38 * math.cos(angle), -0.3 + 0.38 * math.sin(angle), 0.24, ink)
    pen.disc(0, -0.3, 0.24, other)


def _house(pen, ink, other, draw):
    top = draw.uniform(-0.2, 0.0)
    pen.area([(-0.7, top), (0.7, top), (0.7, 0.85), (-0.7, 0.85)], ink)
    pen.area([(-0.85, top), (draw.uniform(-0.3, 0.3), -0.85), (0.85, top)], other)
    dark = _dark(draw)
    pen.area([(-0.15, 0.35), (0.15, 0.35), (0.15, 0.85), (-0.15, 0.85)], dark)
    for x in (-0.45, 0.45):
        pen.area([(x - 0.14, 0.2), (x + 0.14, 0.2), (x + 0.14, 0.48), (x - 0.14, 0.48)], (235, 225, 150))


def _tree(pen, ink, other, draw):
    bark, leaf = _mixed((95, 60, 35), ink, 0.2), _mixed(_green(draw), other, 0.35)
    pen.area([(-0.12, 0.2), (0.12, 0.2), (0.17, 0.95), (-0.17, 0.95)], bark)
    if draw.random() < 0.5:
        for i, width in enumerate((0.75, 0.6, 0.42)):
            pen.area([(-width, 0.35 - 0.42 * i), (width, 0.35 - 0.42 * i), (0, -0.25 - 0.36 * i)], leaf)
    else:
        for x, y, r in ((-0.35, 0.0, 0.38), (0.35, 0.0, 0.38), (0, -0.4, 0.48)):
            pen.disc(x, y, r, leaf)


SHAPES = dict(zip(CLASSES, (_ball, _bicycle, _boat, _car, _fish, _flower, _house, _tree), strict=True))


def _background(draw):
    """An open country, a room, or a plain cloth; each may stand behind any object."""
    kind, image = draw.randrange(3), Image.new("RGB", (LARGE, LARGE))
    if kind == 2:
        image.paste(_pale(draw), (0, 0, LARGE, LARGE))
        return image
    upper, lower = _pale(draw), _mixed(_pale(draw), (90, 90, 90), 0.35)
    horizon = round(LARGE * draw.uniform(0.45, 0.75))
    ramp = Image.linear_gradient("L").resize((LARGE, LARGE))
    image.paste(Image.composite(Image.new("RGB", image.size, _mixed(upper, (255, 255, 255), 0.5)), image, ramp), (0, 0))
    image = Image.blend(image, Image.new("RGB", image.size, upper), 0.7)
    image.paste(lower, (0, horizon, LARGE, LARGE))
    if kind == 0:  # hills
        pen, hill = ImageDraw.Draw(image), _mixed(lower, upper, 0.5)
        for _ in range(draw.randint(1, 3)):
            x, r = draw.uniform(0, LARGE), draw.uniform(0.15, 0.4) * LARGE
            pen.pieslice((x - 2 * r, horizon - r, x + 2 * r, horizon + r), 180, 360, hill)
    else:  # tiles
        pen, seam, step = ImageDraw.Draw(image), _mixed(lower, (40, 40, 40), 0.25), LARGE // draw.randint(4, 7)
        for x in range(0, LARGE, step):
            pen.line((x, horizon, LARGE / 2 + 2.5 * (x - LARGE / 2), LARGE), seam, 2)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _light(image, draw):
    """The image, darker towards one side."""
    ramp = Image.linear_gradient("L").rotate(draw.uniform(0, 360), Image.Resampling.BILINEAR)  # 256 x 256
    shade, depth = ramp.resize((LARGE, LARGE), box=(38, 38, 218, 218)), draw.uniform(0.15, 0.6)
    return Image.composite(image, image.point(lambda value: round(value * (1 - depth))), shade)


def _colour(hue, saturation, value):
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def _ink(draw):
    return _colour(draw.random(), draw.uniform(0.55, 1), draw.uniform(0.4, 1))


def _pale(draw):
    return _colour(draw.random(), draw.uniform(0.08, 0.45), draw.uniform(0.55, 1))


def _dark(draw):
    return _colour(draw.random(), 0.3, draw.uniform(0.08, 0.25))


def _green(draw):
    return _colour(draw.uniform(0.22, 0.42), draw.uniform(0.5, 0.9), draw.uniform(0.3, 0.65))


def _mixed(a, b, share):
    """A colour between `a` and `b`; a share of 1 is `b`."""
    return tuple(round((1 - share) * p + share * q) for p, q in zip(a, b, strict=True))
