"""A linear VAE has an exact answer: its ELBO against the likelihood of probabilistic PCA (Tipping and Bishop 1999)."""

import math

import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from course_utils.losses import kl_divergence

D, LATENT = 8, 3
GENERATOR = torch.Generator().manual_seed(0)
SCALE = torch.tensor([3.0, 2.0, 1.5, 0.6, 0.5, 0.4, 0.3, 0.2], dtype=torch.double)
X = torch.randn(400, D, generator=GENERATOR, dtype=torch.double) * SCALE
X = X @ torch.linalg.qr(torch.randn(D, D, generator=GENERATOR, dtype=torch.double))[0] + 5
MEAN = X.mean(0)
EIGENVALUES, AXES = (part.flip(-1) for part in torch.linalg.eigh((X - MEAN).T @ (X - MEAN) / len(X)))


def optimum(variance):
    """The best decoder for noise of this variance, and its exact posterior: W (D, LATENT), encoder, logvar."""
    length = (EIGENVALUES[:LATENT] - variance).clamp(min=0).sqrt()
    decoder = AXES[:, :LATENT] * length
    spread = length**2 + variance  # W^T W + variance I, which is diagonal
    return decoder, decoder / spread, (variance / spread).log()


def elbo(decoder, encoder, logvar, variance):
    """ELBO per image of z ~ N(encoder^T x, exp(logvar)), x ~ N(W z + mean, variance); no sampling is needed."""
    x = X - MEAN
    mu = x @ encoder
    sse = ((x - mu @ decoder.T) ** 2).sum(1) + (logvar.exp() * (decoder**2).sum(0)).sum()
    reconstruction = 0.5 * (sse / variance + D * math.log(2 * math.pi * variance))
    return -(reconstruction + kl_divergence(mu, logvar.expand_as(mu)).sum(1)).mean().item()


def exact(decoder, variance):
    covariance = decoder @ decoder.T + variance * torch.eye(D, dtype=torch.double)
    return multivariate_normal(MEAN.numpy(), covariance.numpy()).logpdf(X.numpy()).mean()


def test_elbo_at_its_optimum_is_the_likelihood_of_probabilistic_pca():
    variance = EIGENVALUES[LATENT:].mean().item()
    best = elbo(*optimum(variance), variance)
    assert best == pytest.approx(exact(optimum(variance)[0], variance), rel=1e-6)
    # scikit-learn divides the covariance by N - 1, which makes its model a little other than the most likely one
    assert best == pytest.approx(PCA(LATENT).fit(X.numpy()).score(X.numpy()), rel=1e-4)


@pytest.mark.parametrize("variance", [0.05, 1.0, 3.0])
def test_elbo_is_a_bound_and_tight_only_for_the_exact_posterior(variance):
    decoder, encoder, logvar = optimum(variance)
    likelihood = exact(decoder, variance)
    assert elbo(decoder, encoder, logvar, variance) == pytest.approx(likelihood, rel=1e-6)
    for other in (
        (encoder * 0.9, logvar),
        (encoder, logvar + 0.2),
        (encoder.roll(1, 0), logvar),
        (encoder, logvar * 2 - 0.1),
    ):
        assert elbo(decoder, *other, variance) < likelihood - 1e-3


def test_dimensions_whose_variance_is_below_the_noise_collapse_and_gain_nothing_by_waking():
    variance = math.sqrt(EIGENVALUES[1] * EIGENVALUES[2])
    decoder, encoder, logvar = optimum(variance)
    kl = kl_divergence((X - MEAN) @ encoder, logvar.expand(len(X), LATENT)).mean(0)
    assert (kl[:2] > 0.05).all() and kl[2].item() == pytest.approx(0, abs=1e-12)
    expected = 0.5 * (EIGENVALUES[:2] / variance).log()
    assert torch.allclose(kl[:2], expected)
    awake = decoder.clone()
    awake[:, 2] = 0.2 * AXES[:, 2]
    assert exact(awake, variance) < exact(decoder, variance) - 1e-6
