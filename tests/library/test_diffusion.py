"""What page 13 computes, against independent truth: its own functions are run from its cells."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_utils.support.notebooks import find, read

CELLS = {cell["id"]: cell["source"] for cell in read(find(["13"])[0])["cells"]}


def of_page(*ids):
    """The names that these cells of page 13 define; their exercises are not judged."""
    names = {"torch": torch, "math": math, "check": lambda id, answer: None}
    for id in ids:
        exec(CELLS[id], names)
    return names


@pytest.mark.parametrize("dim", [1, 2, 7])
def test_score_of_a_mixture_is_the_gradient_of_its_log_density(dim):
    generator = torch.Generator().manual_seed(dim)
    x = torch.randn(20, dim, generator=generator, dtype=torch.double).requires_grad_()
    means = torch.randn(4, dim, generator=generator, dtype=torch.double)
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.double)
    variances = torch.tensor([0.1, 0.5, 1.0, 2.0], dtype=torch.double)
    parts = Normal(means, variances.sqrt()[:, None]).log_prob(x[:, None]).sum(2)
    log_p = (parts + weights.log()).logsumexp(1).sum()
    (truth,) = torch.autograd.grad(log_p, x)
    assert torch.allclose(of_page("mixture")["mixture_score"](x.detach(), weights, means, variances), truth)


def test_best_denoiser_is_tweedies_formula():
    generator = torch.Generator().manual_seed(0)
    points, sigma = torch.randn(5, 3, generator=generator, dtype=torch.double), 0.6
    x = torch.randn(20, 3, generator=generator, dtype=torch.double).requires_grad_()
    log_p = Normal(points, sigma).log_prob(x[:, None]).sum(2).logsumexp(1).sum()
    (score,) = torch.autograd.grad(log_p, x)
    answer = of_page("denoiser-solution")["best_denoiser"](x.detach(), points, sigma)
    assert torch.allclose((answer - x) / sigma**2, score)


def linear_gaussian(dim=4):
    """A normal distribution N(0, C), and its best guess of the noise in a z + s eps."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(dim, dim, generator=generator, dtype=torch.double)
    C = root @ root.T / dim + 0.3 * torch.eye(dim)

    def eps_of(z, t):
        a, s = torch.cos(math.pi / 2 * t[0]), torch.sin(math.pi / 2 * t[0])
        z0_hat = a * z @ torch.linalg.solve(a**2 * C + s**2 * torch.eye(dim), C)
        return (z - a * z0_hat) / s

    return MultivariateNormal(torch.zeros(dim, dtype=torch.double), C), eps_of


def test_elbo_of_a_linear_gaussian_model_comes_near_its_exact_likelihood_from_above():
    model, eps_of = linear_gaussian()
    torch.manual_seed(0)
    z0 = model.sample((4_000,))
    exact = -model.log_prob(z0).mean().item()
    elbo_terms = of_page("schedule", "term-solution", "elbo-terms")["elbo_terms"]
    gaps = []
    for steps in (20, 80, 320):
        terms = elbo_terms(eps_of, z0, steps)
        assert set(terms) == {"prior", "diffusion", "reconstruction"} and 0 <= terms["prior"] < 0.01
        gaps.append(sum(terms.values()) - exact)
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[2] == pytest.approx(gaps[1] / 4, rel=0.25)  # a quarter as far with four times as many steps
    assert gaps[2] - (gaps[1] - gaps[2]) / 3 == pytest.approx(0, abs=0.06)  # and so, in the limit, equal
    assert sum(elbo_terms(lambda z, t: 0.9 * eps_of(z, t), z0, 320).values()) > exact + 0.2


@pytest.mark.parametrize(("t", "u"), [(0.7, 0.6), (0.3, 0.05)])
def test_diffusion_term_is_the_kl_between_two_steps(t, u):
    names = of_page("schedule", "term-solution")
    t, u = torch.tensor(t, dtype=torch.double), torch.tensor(u, dtype=torch.double)
    z0, eps, eps_hat = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    (a, s), (b, r) = names["schedule"](t), names["schedule"](u)
    # z_u and z_t given the clean code are normal, with covariance (a / b) r^2; so z_u given both is known.
    along = a / b * r**2 / s**2
    width = (r**2 - along * a / b * r**2).sqrt()
    z_t = a * z0 + s * eps
    q, p = (Normal(b * clean + along * (z_t - a * clean), width) for clean in (z0, (z_t - s * eps_hat) / a))
    assert torch.allclose(names["diffusion_term"](eps, eps_hat, t, u), kl_divergence(q, p).sum(1))


@pytest.mark.parametrize("fresh", [0.0, 1.0])
def test_chain_ends_with_the_right_covariance(fresh):
    model, eps_of = linear_gaussian()
    names = of_page("schedule", "sample")
    torch.manual_seed(0)
    drawn = names["sample"](eps_of, torch.randn(20_000, 4, dtype=torch.double), steps=200, fresh=fresh)
    assert torch.cov(drawn.T) == pytest.approx(model.covariance_matrix, abs=0.08)
