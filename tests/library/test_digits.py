"""The built-in digits: the same stream each time, drawn as their factors say, and like MNIST."""

import itertools

import pytest
import torch

from course_utils import CourseError, digits
from course_utils.skeletons import SKELETONS


def test_same_seed_same_images_and_the_first_do_not_depend_on_how_many():
    many, factors = digits.generate(1200)
    few, few_factors = digits.generate(30)
    assert torch.equal(many[:30], few)
    for name in factors:
        assert torch.equal(factors[name][:30], few_factors[name])
    assert not torch.equal(few, digits.generate(30, seed=1)[0])


def test_splits_and_seeds_share_no_image():
    streams = [digits.generate(1000, split, seed)[0].flatten(1) for split in digits.SPLITS for seed in (0, 1)]
    everything = torch.cat(streams)
    assert len(torch.unique(everything, dim=0)) == len(everything)


def test_images_look_as_the_factors_say():
    images, factors = digits.generate(2000)
    assert images.shape == (2000, 28, 28) and images.dtype == torch.uint8
    assert torch.equal(factors["digit"].bincount(), torch.full((10,), 200))
    # The strokes fill a box of 20 pixels, which lies between pixels: its faint edges may touch one more.
    assert (images > 0).any(1).sum(1).max() <= 21 and (images > 0).any(2).sum(1).max() <= 21


def centres(images):
    """Column and row of the centre of mass: (n, 2)."""
    ink, position = images.float(), torch.arange(28.0)
    return torch.stack([ink.sum(1) @ position, ink.sum(2) @ position], 1) / ink.sum((1, 2))[:, None]


def test_the_centre_of_mass_is_pixel_14_as_in_mnist():
    images, _ = digits.generate(3000)
    off = (centres(images) - 14).abs()
    assert ((centres(images).mean(0) - 14).abs() < 0.1).all()
    # To a fraction of a pixel in each image, except in the few whose box would not fit into the frame.
    assert (off.amax(1) < 0.1).float().mean() > 0.98


def test_images_change_smoothly_with_the_factors():
    _, factors = digits.generate(300)
    step = {"slant": 0.01, "rotation": 0.01, "aspect": 0.01, "pen": 0.01, "pressure": 0.01, "bend": 0.005, "gap": 0.001}
    for name, small in step.items():
        swept = [digits.render(factors | {name: factors[name] + small * k}).float() / 255 for k in range(12)]
        change = torch.stack([(b - a).square().mean((1, 2)).sqrt() for a, b in itertools.pairwise(swept)])
        assert change.mean() > 0.0001, name
        assert change.max() < 0.08, name  # a shift by a whole pixel changes an image by 0.2 and more


def test_styles_come_as_often_as_their_weights_say():
    factors = digits.draw_factors(100_000, torch.Generator().manual_seed(0))
    for digit, styles in SKELETONS.items():
        weights = torch.tensor([float(weight) for weight, _ in styles])
        drawn = factors["style"][factors["digit"] == digit].bincount(minlength=len(styles))
        assert len(drawn) == len(styles)
        assert drawn / 10_000 == pytest.approx(weights / weights.sum(), abs=0.02)


def test_a_gap_and_a_speck_appear_where_the_factors_say():
    _, factors = digits.generate(500)
    ones = {name: value[factors["digit"] == 1] for name, value in factors.items()}
    n = len(ones["digit"])
    ones |= {"style": torch.zeros_like(ones["style"]), "speck": torch.full((n, 2), 99.0), "gap": torch.full((n,), 9.0)}
    whole = digits.render(ones).float()
    broken = digits.render(ones | {"gap": torch.full((n,), 0.5)}).float()  # a plain stroke, broken half-way
    thinnest = [image[:, 9:19].sum(2).amin(1) for image in (broken, whole)]  # ink of the row with least of it
    assert (thinnest[0] < 0.5 * thinnest[1]).float().mean() > 0.9
    spotted = digits.render(ones | {"speck": torch.tensor([1.0, 18.0]).repeat(n, 1)})  # far from most strokes
    assert (spotted.long().sum((1, 2)) > whole.sum((1, 2)) + 100).float().mean() > 0.9


def test_one_factor_changes_one_thing():
    _, factors = digits.generate(200)
    thin, thick = dict(factors), dict(factors)
    thin["pen"], thick["pen"] = torch.full((200,), 0.9), torch.full((200,), 1.8)
    assert (digits.render(thick).float().mean((1, 2)) > digits.render(thin).float().mean((1, 2))).all()

    # A positive slant leans to the right: ink in the upper half lies right of the ink in the lower half.
    ones = {name: value[factors["digit"] == 1] for name, value in factors.items()}
    ones["rotation"] = torch.zeros(len(ones["digit"]))
    for slant in (-0.5, 0.5):
        ones["slant"] = torch.full((len(ones["digit"]),), slant)
        ink = digits.render(ones).float()
        x = torch.arange(28.0)
        upper, lower = ink[:, :14].sum(1), ink[:, 14:].sum(1)
        lean = upper @ x / upper.sum(1) - lower @ x / lower.sum(1)
        assert (lean.sign() == torch.tensor(slant).sign()).float().mean() > 0.9


def test_render_repeats_generate():
    images, factors = digits.generate(50)
    assert torch.equal(digits.render(factors), images)


def test_nothing_and_unknown_split():
    images, factors = digits.generate(0)
    assert images.shape == (0, 28, 28) and factors["digit"].shape == (0,)
    with pytest.raises(CourseError, match="unknown split 'dev'.*train, val, test"):
        digits.generate(1, "dev")
    for n in (-1, 2.5, "3", True):
        with pytest.raises(CourseError, match="expected a whole number of at least 0"):
            digits.generate(n)


def test_statistics_are_like_mnist(mnist):
    from sklearn.decomposition import PCA

    from course_utils.data import load

    figures = {}
    for name in ("digits", "mnist"):
        x = load(name, "val", 5000).x.flatten(1).numpy()
        figures[name] = x.mean(), x.std(), PCA(30).fit(x).explained_variance_ratio_.sum()
    for ours, theirs in zip(figures["digits"], figures["mnist"], strict=True):
        assert ours == pytest.approx(theirs, rel=0.06)
