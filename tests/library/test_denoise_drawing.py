"""The drawings of page 13 show the numbers that they are made from."""

import torch

from course_utils.diagrams import denoise


def test_pulls_tell_where_each_arrow_leads(shown):
    x = torch.tensor([-3.0, 0.5])
    denoise.pulls(torch.tensor([-1.0, 1.0]), 1.0, x, x.tanh())
    (bundle,) = shown
    assert "-3 to -1.00, 0.5 to 0.46" in bundle["text/plain"] and "0.5 to 0.46" in bundle["image/svg+xml"]


def test_fields_have_a_panel_for_each_set_of_arrows(shown):
    places = torch.rand(9, 2)
    denoise.fields(places, {"known": -places, "learned": -0.9 * places}, torch.randn(50, 2))
    denoise.fields(places, {"known": -places}, torch.randn(50, 2))
    two, one = shown
    assert "known; learned" in two["text/plain"] and ">learned<" in two["image/svg+xml"]
    assert "learned" not in one["image/svg+xml"]


def test_chain_names_its_three_terms(shown):
    denoise.chain()
    (bundle,) = shown
    for name in ("reconstruction", "diffusion", "prior"):
        assert name in bundle["text/plain"] and name in bundle["image/svg+xml"]
