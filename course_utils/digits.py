"""Built-in digits: images that look handwritten, drawn from stroke skeletons.

They need no download and no files, and every image comes with the factors that drew it (slant, pen
width, ...), which real data never has. A digit is drawn in four steps:

1. pick one of the skeletons in `skeletons.py` and shake its control points (`jitter`);
2. run a smooth curve through them and bend the whole shape (`bend`, `aspect`, `slant`, `rotation`);
3. follow the curve with a soft round pen (`pen`, `pressure`; `gap` and `speck` for its accidents) in a box of
   20 x 20 pixels;
4. paste the box into 28 x 28 pixels with its centre of mass in the middle, as MNIST's authors did
   (LeCun, Bottou, Bengio and Haffner 1998, section III.A), but to fractions of a pixel, so that an image
   changes smoothly with its factors.

`tests/tools/digits_realism.py` measures how well they stand in for MNIST.
"""

import itertools
import math

import torch
from torch import Tensor

from course_utils import CourseError
from course_utils.skeletons import SKELETONS
from course_utils.support.devices import on_cpu
from course_utils.support.guards import require_seed, require_whole

BLOCK = 1000  # images are drawn in blocks of this many, each from a seed of its own
BOX, FRAME = 20, 28  # pixels
DOTS = 95  # the pen visits this many points per digit; with the speck that is a multiple of 16, which is fast
SPLITS = ("train", "val", "test")

# Spread of each factor. The values were tuned until classifiers trained on these digits read MNIST's training images.
JITTER = 0.07
BEND = 0.11 * torch.tensor([[0.8, 1.8, 1.0, 0.7, 0.7, 0.7], [0.8, 0.8, 1.6, 0.7, 0.7, 0.7]], device="cpu")
ROTATION_SD = 0.08  # radians
PRESSURE_SD = 0.16
GAPS, SPECKS = 0.04, 0.01  # shares of digits
INK = 105.0  # a long line is drawn with a thinner pen, so that loops stay open
SOFTNESS = 0.5  # pixels over which the pen's edge fades
LIFT = 9.0  # squared pixels that a pen lifted in a gap is above the paper
GAP_LENGTH = 1.4  # half a gap, in radii of the pen
SPECK_RADIUS = 0.5  # pixels
SMOOTHNESS = 0.8  # 0: the curve meets every control point (Catmull-Rom), 1: it rounds them off (B-spline)
# Mean and spread of three factors for each digit, such that slant, shape and ink of the images are as in MNIST:
# the slant, the logarithm of the aspect, and the logarithm of the pen's radius in pixels.
HABITS = torch.tensor(
    [
        [[0.24, 0.20], [0.26, 0.22], [0.34, 0.32]],  # 0
        [[0.28, 0.25], [-0.64, 0.41], [0.29, 0.29]],
        [[0.16, 0.26], [0.16, 0.07], [0.23, 0.27]],
        [[0.08, 0.22], [0.22, 0.14], [0.25, 0.28]],
        [[0.23, 0.29], [0.21, 0.13], [0.12, 0.29]],
        [[0.06, 0.22], [0.31, 0.14], [0.08, 0.26]],  # 5
        [[0.16, 0.09], [0.15, 0.19], [0.17, 0.28]],
        [[0.09, 0.19], [0.05, 0.13], [0.23, 0.28]],
        [[0.08, 0.21], [0.20, 0.21], [0.12, 0.30]],
        [[0.11, 0.21], [0.18, 0.05], [0.14, 0.26]],
    ],
    device="cpu",
)


@on_cpu
def generate(n: int, split: str = "train", seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw the first `n` digits of an endless, reproducible stream.

    Args:
        n: how many images. The first images do not depend on `n`.
        split: "train", "val" or "test": three streams that share no seed.
        seed: another seed gives another, equally large family of streams.

    Returns:
        images: uint8 (n, 28, 28), ink 255 on 0. Pixels may differ by 1 between types of CPU.
        factors: dict of tensors with n rows, see `draw_factors`; `factors["digit"]` is the label.
    """
    if not isinstance(split, str) or split not in SPLITS:
        raise CourseError(f"unknown split {split!r}: expected one of {', '.join(SPLITS)}")
    require_whole(at_least=0, n=n)
    require_seed(seed, below=2**40)
    images, factors = [], []
    for block in range(math.ceil(n / BLOCK)):
        block_seed = (seed * len(SPLITS) + SPLITS.index(split)) * 1_000_003 + block
        drawn = draw_factors(BLOCK, torch.Generator().manual_seed(block_seed))
        # The last block is drawn whole and rendered only as far as it is needed.
        drawn = {name: value[: n - block * BLOCK] for name, value in drawn.items()}
        images.append(render(drawn))
        factors.append(drawn)
    if not images:
        nothing = draw_factors(1, torch.Generator())
        return torch.zeros(0, FRAME, FRAME, dtype=torch.uint8), {name: v[:0] for name, v in nothing.items()}
    return torch.cat(images), {name: torch.cat([f[name] for f in factors]) for name in factors[0]}


@on_cpu
def draw_factors(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw what distinguishes one digit from another; digits 0 to 9 come equally often.

    Returns a dict of tensors, each with `n` rows:
        digit (n,) int64; style (n,) int64, the skeleton within the digit;
        slant (n,), horizontal shift per unit of height, positive to the right;
        rotation (n,), radians, clockwise; aspect (n,), width relative to the skeleton's;
        pen (n,), radius of the pen in pixels before a long line thins it; pressure (n, 2), how the
        radius swells and thins along the line; bend (n, 2, 6), smooth deformation of the sheet;
        jitter (n, points, 2), shake of the control points;
        gap (n,), where along the line the pen lifts for a moment: 0 for its start to 1 for its end; most
        digits have a larger number, and no gap;
        speck (n, 2), a speck's column and row in the box of 20 x 20 pixels; most lie outside and are not seen.
    """

    def normal(*shape):
        return torch.randn(*shape, generator=generator).clamp(-2.5, 2.5)

    digit = (torch.arange(n) % 10)[torch.randperm(n, generator=generator)]
    mean, spread = HABITS[digit].unbind(2)
    slant, log_aspect, log_pen = (mean + spread * normal(n, 3)).unbind(1)
    return {
        "digit": digit,
        "style": (torch.rand(n, 1, generator=generator) >= STYLE_BOUNDS[digit]).sum(1),
        "slant": slant,
        "rotation": ROTATION_SD * normal(n),
        "aspect": log_aspect.exp(),
        "pen": log_pen.exp(),
        "pressure": PRESSURE_SD * normal(n, 2),
        "bend": BEND * normal(n, 2, 6),
        "jitter": JITTER * normal(n, CONTROL_POINTS.shape[1], 2),
        "gap": torch.rand(n, generator=generator) / GAPS,
        "speck": torch.rand(n, 2, generator=generator) * BOX / SPECKS**0.5,
    }


@on_cpu
def render(factors: dict[str, Tensor]) -> Tensor:
    """Draw the digits that `factors` describe: uint8 (n, 28, 28).

    Change one factor and render again to see what it does to an image.
    """
    return _paste(_ink(_curve(factors), factors))


def _skeleton(factors):
    """The number (n,) of each digit's skeleton in the tables."""
    return FIRST_SKELETON[factors["digit"]] + factors["style"]


def _curve(factors):
    """The pen's path (n, DOTS, 2) in units of half the skeleton's height, y down."""
    skeleton = _skeleton(factors)
    path = CURVE_WEIGHTS[skeleton] @ (CONTROL_POINTS[skeleton] + factors["jitter"])
    x, y = path.unbind(2)
    waves = [x * x, x * y, y * y, (2.2 * y).sin() * 0.7, (3.6 * y).sin() * 0.5, (3 * x).sin() * 0.5]
    path = path + (factors["bend"] @ torch.stack(waves, 1)).transpose(1, 2)
    x, y = path.unbind(2)
    x = x * factors["aspect"][:, None] - factors["slant"][:, None] * y
    cos, sin = factors["rotation"].cos()[:, None], factors["rotation"].sin()[:, None]
    return torch.stack([cos * x - sin * y, sin * x + cos * y], 2)


def _ink(path, factors, chunk=16):
    """Follow the path with a soft round pen; the longer side fills the box: (n, BOX, BOX) in [0, 1]."""
    low, high = path.amin(1), path.amax(1)
    size = (high - low).amax(1).clamp(min=1e-3)
    steps = (path[:, 1:] - path[:, :-1]).norm(dim=2)
    length = (steps * PEN_DOWN[_skeleton(factors)]).sum(1) / size * (BOX - 3)
    pen = torch.minimum(factors["pen"], INK / length)
    path = (path - ((low + high) / 2)[:, None]) * ((BOX - 2 * pen) / size)[:, None, None] + (BOX - 1) / 2

    along = torch.linspace(0, 2 * math.pi, DOTS)
    swell = factors["pressure"][:, :1] * along.cos() + factors["pressure"][:, 1:] * along.sin()
    radius = pen[:, None] * (1 + swell)
    # Squared distance of a pixel g to a dot p, less what the dot's radius exceeds the pen's by, and more in a gap:
    # |g|^2 - 2 g.p + |p|^2 - (radius^2 - pen^2) + lift. All but the first term is one matrix product.
    from_gap = (torch.linspace(0, 1, DOTS) - factors["gap"][:, None]) * length[:, None]
    lift = LIFT * (-((from_gap / GAP_LENGTH / pen[:, None]) ** 2)).exp()
    offset = path.square().sum(2) - radius**2 + lift
    speck = factors["speck"][:, None]  # one more dot
    path = torch.cat([path, speck], 1)
    offset = torch.cat([offset, speck.square().sum(2) - SPECK_RADIUS**2], 1) + pen[:, None] ** 2
    dots = torch.stack([-2 * path[..., 0], -2 * path[..., 1], offset], 1)
    rows, columns = torch.meshgrid(torch.arange(float(BOX)), torch.arange(float(BOX)), indexing="ij")
    pixels = torch.stack([columns, rows, torch.ones(BOX, BOX)], 2).reshape(-1, 3)
    nearest = torch.cat([(pixels @ part).amin(2) for part in dots.split(chunk)])  # small chunks stay in the cache
    distance = (nearest + pixels[:, :2].square().sum(1)).clamp(min=0).sqrt()
    ink = (0.5 + (pen[:, None] - distance) / SOFTNESS).clamp(0, 1)
    return (ink * ink * (3 - 2 * ink)).reshape(-1, BOX, BOX)


def _paste(box):
    """Shift each box, by linear interpolation, until its centre of mass is pixel (14, 14): uint8 (n, 28, 28)."""
    frame, place = torch.arange(float(FRAME))[:, None], torch.arange(float(BOX))
    mass = box.sum((1, 2))

    def shift(centre):  # (n,) -> weights (n, FRAME, BOX) of the box's pixels in each of the frame's
        first = (FRAME / 2 - centre).clamp(0, FRAME - BOX)
        return (1 - (frame - place - first[:, None, None]).abs()).clamp(min=0)

    # Sums and no matrix products: these would round an image by how many others there are.
    down, across = shift((box.sum(2) * place).sum(1) / mass), shift((box.sum(1) * place).sum(1) / mass)
    return (down @ box @ across.transpose(1, 2) * 255).round().to(torch.uint8)


def _spline_weights(n, position, closed):
    """Weights (len(position), n) of n control points at positions 0 to n - 1 along the curve."""
    knot = position.floor().clamp(max=n - 2).long()
    u = position - knot
    catmull_rom = (
        torch.stack([-u + 2 * u**2 - u**3, 2 - 5 * u**2 + 3 * u**3, u + 4 * u**2 - 3 * u**3, u**3 - u**2], 1) / 2
    )
    b_spline = torch.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], 1) / 6
    basis = (1 - SMOOTHNESS) * catmull_rom + SMOOTHNESS * b_spline
    weights = torch.zeros(len(position), n)
    dot = torch.arange(len(position))
    for k in range(4):
        point = knot + k - 1
        if closed:
            weights[dot, point % (n - 1)] += basis[:, k]
            continue
        inside = (point >= 0) & (point < n)
        weights[dot[inside], point[inside]] += basis[inside, k]
        # Beyond an end the curve continues as its mirror image: 2 * end - inner neighbour.
        for outside, end, inner in ((point < 0, 0, 1), (point >= n, n - 1, n - 2)):
            weights[outside, end] += 2 * basis[outside, k]
            weights[outside, inner] -= basis[outside, k]
    return weights


def _compile(skeleton):
    """Control points (points, 2) of a skeleton, and the weights (DOTS, points) that run a curve through them."""
    strokes = [[tuple(map(float, point.split(","))) for point in stroke.split()] for stroke in skeleton.split("|")]
    points = sorted({point for stroke in strokes for point in stroke})
    lengths = [sum(math.dist(a, b) for a, b in itertools.pairwise(s)) for s in strokes]
    dots = [max(4, round(DOTS * length / sum(lengths))) for length in lengths]
    dots[lengths.index(max(lengths))] += DOTS - sum(dots)
    weights = []
    for stroke, count in zip(strokes, dots, strict=True):
        chords = [0.0] + [math.dist(a, b) for a, b in itertools.pairwise(stroke)]
        travelled = torch.tensor(chords).cumsum(0)
        at = torch.linspace(0, float(travelled[-1]), count)  # dots evenly spaced along the chords
        knot = (torch.searchsorted(travelled, at, right=True) - 1).clamp(0, len(stroke) - 2)
        position = knot + (at - travelled[knot]) / (travelled[knot + 1] - travelled[knot])
        select = torch.zeros(len(stroke), len(points))
        select[torch.arange(len(stroke)), [points.index(point) for point in stroke]] = 1
        closed = stroke[0] == stroke[-1]
        weights.append(_spline_weights(len(stroke), position.clamp(0, len(stroke) - 1), closed) @ select)
    pen_down = torch.ones(DOTS - 1)
    pen_down[torch.tensor(dots).cumsum(0)[:-1] - 1] = 0  # on its way to the next stroke the pen draws nothing
    return (torch.tensor(points) - torch.tensor([5.0, 7.0])) / 7, torch.cat(weights), pen_down


@on_cpu
def _tables():
    """All skeletons in zero-padded tables, so that a block of mixed digits is one matrix product."""
    compiled = [_compile(style) for digit in range(10) for _, style in SKELETONS[digit]]
    most = max(len(points) for points, _, _ in compiled)
    control = torch.zeros(len(compiled), most, 2)
    weights = torch.zeros(len(compiled), DOTS, most)
    for i, (points, curve, _) in enumerate(compiled):
        control[i, : len(points)] = points
        weights[i, :, : len(points)] = curve
    return control, weights, torch.stack([pen_down for _, _, pen_down in compiled])


@on_cpu
def _style_bounds():
    """Row d: a uniform random number at or above k of the bounds picks style k of digit d."""
    bounds = torch.full((10, max(len(styles) for styles in SKELETONS.values()) - 1), 1.0)
    for digit, styles in SKELETONS.items():
        shares = torch.tensor([float(weight) for weight, _ in styles])
        bounds[digit, : len(styles) - 1] = (shares.cumsum(0) / shares.sum())[:-1]
    return bounds


CONTROL_POINTS, CURVE_WEIGHTS, PEN_DOWN = _tables()
STYLES = torch.tensor([len(SKELETONS[digit]) for digit in range(10)], device="cpu")
FIRST_SKELETON = STYLES.cumsum(0) - STYLES
STYLE_BOUNDS = _style_bounds()
