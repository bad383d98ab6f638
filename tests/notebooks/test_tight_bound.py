"""Page 14's own functions, where the truth is known: in a linear model with normal noise, and by brute force."""

import ast
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal
from torch.nn import functional as F

from course_utils.support.notebooks import find, read

VARIANCE = 0.3  # of the noise on each of five pixels
W = torch.linalg.qr(torch.randn(5, 2, generator=torch.Generator().manual_seed(0)))[0] * torch.tensor([1.5, 0.7])
LEAN = torch.tensor([[1.0, 0.0], [0.8, 0.6]])  # with it the posterior is no upright normal distribution


@pytest.fixture
def page():
    """What page 14 defines, with a linear decoder and normal noise in the place of its network and its pixels."""
    names = {"torch": torch, "nn": nn, "F": F, "math": math, "SEED": 0}
    for cell in read(find(["14"])[0])["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse(cell["source"])
            tree.body = [
                node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ImportFrom)
            ]
            exec(compile(tree, "page 14", "exec"), names)
    names["nll"] = lambda answer, x: -Normal(answer, VARIANCE**0.5).log_prob(x).sum(-1)
    return SimpleNamespace(names=names, **{name: value for name, value in names.items() if callable(value)})


def linear(page, weight, mu=0.3, logvar=-0.5):
    """A linear model whose encoder answers the same for all images, and some images of it."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, 2, generator=generator) @ weight.T + VARIANCE**0.5 * torch.randn(3, 5, generator=generator)

    def encode(x):
        return torch.full((len(x), 2), mu), torch.full((len(x), 2), logvar)

    model = SimpleNamespace(weight=weight, prior=page.StandardNormal(), encode=encode)
    model.decoder = lambda z: z @ model.weight.T
    return model, x


def exact_log_p(weight, x):
    return MultivariateNormal(torch.zeros(5), weight @ weight.T + VARIANCE * torch.eye(5)).log_prob(x)


def posterior(weight, x):
    covariance = torch.linalg.inv(torch.eye(2) + weight.T @ weight / VARIANCE)
    return MultivariateNormal(x @ weight @ covariance / VARIANCE, covariance)


def test_the_bound_rises_with_k_to_the_exact_likelihood(page):
    model, x = linear(page, W @ LEAN)
    mu, logvar = model.encode(x)
    torch.manual_seed(0)
    log_w = torch.cat([page.log_weights(model, x, page.draw(mu, logvar, 10_000), mu, logvar) for _ in range(20)])
    truth = exact_log_p(model.weight, x)
    bounds = torch.stack([page.bound_at(log_w, K) for K in (1, 2, 5, 20, 100, 1_000, 10_000)])
    assert (bounds.diff(dim=0) > -0.002).all() and (bounds[:4].diff(dim=0) > 0.02).all()
    assert (bounds[-1] - truth).abs().max() < 0.05
    q = MultivariateNormal(mu, logvar.exp().diag_embed())
    kl = torch.distributions.kl_divergence(q, posterior(model.weight, x))
    assert torch.allclose(bounds[0], truth - kl, atol=0.1)  # with one draw it is the ELBO
    assert page.iwae_loss(log_w[:1_000]).item() == pytest.approx(-page.bound_at(log_w[:1_000], 1_000).mean().item())


@pytest.mark.parametrize("K", [1, 3])
def test_dreg_has_the_mean_of_the_plain_gradient_and_less_noise(page, K):
    model, x = linear(page, W @ LEAN)
    mean, error, spread = {}, {}, {}
    for loss in (page.plain_loss, page.dreg_loss):
        torch.manual_seed(2)
        many = torch.cat([page.gradients(loss, model, x, K, 2_000) * 6_000 for _ in range(20)])  # (40000, 3, 2)
        mean[loss], error[loss], spread[loss] = many.mean(0), many.std(0) / len(many) ** 0.5, many.std(0)
    plain, dreg = page.plain_loss, page.dreg_loss
    assert ((mean[plain] - mean[dreg]) / (error[plain] ** 2 + error[dreg] ** 2).sqrt()).abs().max() < 4.5
    assert (spread[dreg] < spread[plain]).all() and mean[dreg].abs().max() > 20 * error[dreg].max()


def test_dreg_leaves_the_decoders_gradient_as_it_is(page):
    model, x = linear(page, W @ LEAN)
    model.weight = model.weight.clone().requires_grad_()
    mu, logvar = model.encode(x)
    z = page.draw(mu, logvar, 7)
    losses = [loss(model, x, z, mu, logvar) for loss in (page.plain_loss, page.dreg_loss)]
    slopes = [torch.autograd.grad(loss, model.weight, retain_graph=True)[0] for loss in losses]
    assert torch.allclose(*slopes, atol=1e-4)


def test_q_of_each_image_is_the_exact_posterior_where_that_is_an_upright_normal(page):
    model, x = linear(page, W)
    mu, logvar, _ = page.best_q(model, x, draws=20, steps=500)
    exact = posterior(W, x)
    assert torch.allclose(mu, exact.mean, atol=0.04)
    assert torch.allclose((0.5 * logvar).exp(), exact.covariance_matrix.diagonal(dim1=-2, dim2=-1).sqrt(), atol=0.04)


def test_the_grid_finds_the_likelihood_that_a_million_codes_find(page):
    side = torch.linspace(-5, 5, 201)
    page.names |= {"side": side, "places": torch.cartesian_prod(side, side)}
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(5, 2, generator=generator)
    model = SimpleNamespace(decoder=lambda z: z @ weight.T, prior=page.StandardNormal())
    x = torch.bernoulli(torch.full((4, 5), 0.5), generator=generator)
    logits = torch.randn(1_000_000, 2, generator=generator) @ weight.T
    by_draws = torch.stack([(image * logits - F.softplus(logits)).sum(1).logsumexp(0) for image in x]) - math.log(1e6)
    assert torch.allclose(page.exact_log_p(model, x), by_draws, atol=0.01)


def test_the_mixture_is_a_density(page):
    z = torch.randn(500, 2, generator=torch.Generator().manual_seed(4)) * torch.tensor([1.0, 0.2]) + 3
    mixture = page.Mixture(z, components=4)
    parts = Independent(Normal(mixture.means, (0.5 * mixture.logvars).exp()), 1)
    truth = MixtureSameFamily(Categorical(logits=mixture.logits), parts).log_prob(z)
    assert torch.allclose(mixture(z), truth, atol=1e-3)
    assert mixture(z[:6].view(2, 3, 2)).shape == (2, 3)
