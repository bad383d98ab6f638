"""The drawings of pages 08 and 09 show the numbers that they are made from."""

import pytest
import torch
from torch.distributions import Normal

from course_utils.diagrams.samples import balls, weighed_draws
from course_utils.diagrams.slots import owned_numbers
from course_utils.metrics import coverage, precision_recall

REAL = torch.tensor([[0, 0], [1, 0.2], [0.4, 1], [1.3, 1.1], [4.6, 0.3], [5.5, 0.6], [4.9, 1.3]])
SAMPLES = torch.tensor([[0.3, 0.4], [0.9, 0.8], [1.0, -0.1], [3.0, 0.7]])


def test_weights_are_those_of_the_closed_form(shown):
    q = Normal(0.5, 0.6)
    draws = torch.linspace(-1, 2, 4)

    def joint(z):
        return (Normal(0.0, 1.0).log_prob(z) + Normal(z, 0.6).log_prob(torch.tensor(1.2))).exp()

    weighed_draws(joint, q, draws)
    p_x = Normal(0.0, (1 + 0.36) ** 0.5).log_prob(torch.tensor(1.2)).exp()  # a sum of two normal distributions
    posterior = Normal(1.2 / 1.36, (0.36 / 1.36) ** 0.5)
    weights = p_x * (posterior.log_prob(draws) - q.log_prob(draws)).exp()
    (bundle,) = shown
    assert f"an area of {p_x:.3f}" in bundle["text/plain"]
    assert ", ".join(f"{w:.2f}" for w in weights) in bundle["text/plain"]
    assert f"mean of w: {weights.mean():.3f} (dashed)" in bundle["image/svg+xml"]


def test_balls_count_what_the_measures_count(shown):
    balls(REAL, SAMPLES)
    balls(REAL, SAMPLES, around="samples")
    precision, recall = precision_recall(REAL, SAMPLES, k=1)
    held = coverage(REAL, SAMPLES, k=1)
    first, second = (bundle["text/plain"] for bundle in shown)
    assert f"{round(4 * precision)} of 4 samples lie in a ball; {round(7 * held)} of 7 balls hold one" in first
    assert f"{round(7 * recall)} of 7 real points lie in a ball" in second


@pytest.mark.parametrize("state", [0, 5, 7])
def test_a_push_leads_to_the_symbol_s_number_with_as_many_before_it(shown, state):
    starts, freqs = [0, 4, 6], [4, 2, 2]
    owned_numbers(starts, freqs, state)
    (bundle,) = shown
    for symbol, (start, freq) in enumerate(zip(starts, freqs, strict=True)):
        own = [number for number in range(100) if start <= number % 8 < start + freq]
        assert f"{own[state]} for symbol {symbol}" in bundle["text/plain"]
