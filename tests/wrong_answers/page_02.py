"""Typical wrong answers to the exercises of page 02, and what each should be told."""

import torch

WRONG = [
    ("02-reparameterize", lambda m, lv: m + lv.exp() * torch.randn_like(m), "which is the variance"),
    ("02-reparameterize", lambda m, lv: m + lv * torch.randn_like(m), "take its exponential"),
    ("02-reparameterize", lambda m, lv: m + torch.randn_like(m), "multiply the noise"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp(), "where is the random part"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.rand_like(m), "randn, not rand"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.randn(1, 2), "one for each number"),
    ("02-reparameterize", lambda m, lv: (lv / 2).exp() * torch.randn_like(m), "the mean of z is not mu"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.randn(len(m), 1), "all numbers of a code"),
    ("02-reparameterize", lambda m, lv: m + (2 * lv).exp() * torch.randn_like(m), "not the standard deviation"),
    ("02-reparameterize", lambda m, lv: torch.normal(m, (lv / 2).exp()), "no gradient reaches"),
    ("02-kl", lambda m, lv: [1.0] * 6, "expected a tensor"),
    ("02-interpolate", lambda a, b, n: torch.linspace(0, 1, 5)[:, None] * (b - a) + a, "for 5 steps only"),
    ("02-kl", lambda m, lv: 0.5 * (1 + lv - m**2 - lv.exp()).sum(1), "sign"),
    ("02-kl", lambda m, lv: -(1 + lv - m**2 - lv.exp()).sum(1), "1/2"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).mean(1), "mean over the dimensions"),
    ("02-kl", lambda m, lv: -0.5 * (1 + 2 * lv - m**2 - (2 * lv).exp()).sum(1), "not of the standard deviation"),
    ("02-kl", lambda m, lv: -0.5 * (lv - m**2 - lv.exp()).sum(1), "the 1 is missing"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).sum(), "one number for the whole batch"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).sum(0), "should be (6,)"),
    ("02-interpolate", lambda a, b, n: torch.linspace(1, 0, n)[:, None] * (b - a) + a, "from z1 to z0"),
    ("02-interpolate", lambda a, b, n: torch.arange(n)[:, None] / n * (b - a) + a, "an end is missing"),
    ("02-interpolate", lambda a, b, n: torch.linspace(0, 1, n)[:, None] ** 2 * (b - a) + a, "not even"),
    ("02-interpolate", lambda a, b, n: a, "should be (5, 3)"),
]
