"""The built-in digits: the same stream each time, drawn as their factors say, and like MNIST."""

import pytest
import torch

from course_utils import CourseError, digits


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
    # The drawn strokes fill a box of 20 pixels, and the centre of mass is at the middle to within a pixel.
    ink = images.float()
    position = torch.arange(28.0)
    centre = torch.stack([ink.sum(2) @ position, ink.sum(1) @ position], 1) / ink.sum((1, 2))[:, None]
    inside = ((images > 0).any(1).sum(1) < 20) & ((images > 0).any(2).sum(1) <= 20)
    assert (centre[inside] - 14).abs().max() < 1.0
    assert (images > 0).any(1).sum(1).max() <= 20 and (images > 0).any(2).sum(1).max() <= 20


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
