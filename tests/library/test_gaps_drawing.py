"""The drawings of page 14 show the numbers that they are made from."""

import torch

from course_utils.diagrams import gaps


def test_stairs_have_every_level_and_rise(shown):
    gaps.stairs({"encoder's q": -146.3, "own q": -142.3, "log p(x)": -141.0}, ["amortisation", "approximation"])
    (bundle,) = shown
    assert "encoder's q -146.3, own q -142.3, log p(x) -141.0 nats per image; between" in bundle["text/plain"]
    for text in ("amortisation 4.0", "approximation 1.3", "-142.3"):
        assert f">{text}<" in bundle["image/svg+xml"].replace(chr(0x2212), "-")


def test_guesses_beside_a_posterior(shown):
    z = torch.linspace(-3, 3, 301)
    normal = torch.distributions.Normal
    gaps.beside_posterior(z, normal(1.0, 0.3).log_prob(z).exp(), {"q": normal(-1.0, 0.5).log_prob(z).exp()})
    (bundle,) = shown
    assert "highest point at 1.0; q around -1.0" in bundle["text/plain"] and ">q<" in bundle["image/svg+xml"]


def test_ellipses_on_the_plane(shown):
    side = torch.linspace(-4, 4, 41)
    spot = torch.exp(-((side[:, None] - 1) ** 2) - (side[None] + 1) ** 2).expand(2, -1, -1)
    where = torch.tensor([[1.0, -1.0]]).expand(2, -1), torch.full((2, 2), 0.7)
    gaps.on_the_plane(side.expand(2, 2, -1), spot, {"encoder's q": where, "own q": where})
    (bundle,) = shown
    assert "posteriors of 2 images" in bundle["text/plain"] and ">own q<" in bundle["image/svg+xml"]
