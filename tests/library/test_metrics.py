"""Figures agree with other libraries, closed forms and the papers' formulas."""

import math

import numpy as np
import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from skimage.metrics import peak_signal_noise_ratio

from course_utils import CourseError
from course_utils.metrics import (
    coverage,
    frechet_distance,
    log_likelihood,
    pca_reconstruction,
    precision_recall,
    psnr,
    squared_error,
    ssim,
)


def test_squared_error_is_per_image():
    x_hat, x = torch.rand(2, 4, 1, 28, 28)
    expected = [np.linalg.norm((a - b).numpy()) ** 2 for a, b in zip(x_hat, x, strict=True)]
    assert squared_error(x_hat, x).numpy() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(CourseError, match="reshape"):
        squared_error(x_hat.flatten(1), x)


def test_psnr_is_scikit_images():
    x_hat, x = torch.rand(2, 4, 1, 28, 28)
    expected = [peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=1) for a, b in zip(x_hat, x, strict=True)]
    assert psnr(x_hat, x).numpy() == pytest.approx(expected, rel=1e-5)
    assert psnr(x, x).isinf().all()
    assert psnr(x + 0.1, x).numpy() == pytest.approx([20] * 4, rel=1e-4)


def test_ssim_is_the_published_formula():
    x = torch.rand(4, 1, 28, 28, dtype=torch.double)
    x_hat = (x + 0.3 * torch.randn_like(x)).clamp(0, 1)
    assert ssim(x_hat, x).numpy() == pytest.approx(references.ssim_by_formula(x_hat, x).numpy(), rel=1e-4)
    assert ssim(x, x).numpy() == pytest.approx([1] * 4)
    with pytest.raises(CourseError, match="at least 11 x 11"):
        ssim(x[:, :, :8], x[:, :, :8])


def test_pca_residual_is_the_sum_of_the_smallest_eigenvalues():
    train = torch.rand(300, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    eigenvalues = np.linalg.eigvalsh(np.cov(train.flatten(1).double().numpy().T, bias=True))
    residual = squared_error(pca_reconstruction(train, train, 20), train).mean().item()
    assert residual == pytest.approx(eigenvalues[:-20].sum(), rel=1e-4)


def test_pca_of_hinton_and_salakhutdinov(mnist):
    """Science 313 (2006): 30 components leave a squared error of 13.87 per test image of MNIST."""
    from course_utils.data import load

    x = load("mnist", "test").x
    error = squared_error(pca_reconstruction(load("mnist", "train+val").x, x, 30), x).mean().item()
    assert error == pytest.approx(13.87, abs=0.15)


@pytest.mark.parametrize("latent_dim", [0, 11, 785])
def test_impossible_number_of_components(latent_dim):
    x = torch.rand(10, 1, 28, 28)
    with pytest.raises(CourseError, match=r"1 to 10 principal components"):
        pca_reconstruction(x, x, latent_dim)


def cloud(n, mean, std, seed=0):
    """Samples (n, D) whose mean and diagonal covariance are exactly the ones asked for."""
    x = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T  # white
    return torch.tensor(mean) + x * torch.tensor(std)


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form():
    a, b = cloud(40, [0.0, 1, 2], [1.0, 2, 0.1], seed=1), cloud(50, [0.5, 1, -2], [3.0, 2, 0.2], seed=2)
    assert frechet_distance(a, b) == pytest.approx(0.5**2 + 4**2 + 2**2 + 0.1**2, rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_agrees_with_scipys_matrix_root():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(300, 16, generator=generator) @ torch.randn(16, 16, generator=generator) for _ in range(2))
    b = b + 1
    expected = references.frechet_distance(a.double().numpy(), b.double().numpy())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_with_a_feature_that_never_varies():
    a, b = torch.randn(2, 100, 5, generator=torch.Generator().manual_seed(0))
    a[:, 2] = b[:, 2] = 0.0  # a dead feature makes both covariances singular
    rest = [0, 1, 3, 4]
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(a[:, rest], b[:, rest]), rel=1e-6)


def balls_by_loops(points, centres, k):
    """The share of points inside a ball, counted one pair at a time."""
    count = 0
    for p in points:
        for i, c in enumerate(centres):
            others = sorted(math.dist(c, o) for j, o in enumerate(centres) if j != i)
            if math.dist(p, c) <= others[k - 1]:
                count += 1
                break
    return count / len(points)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0, 3))
def test_precision_and_recall_agree_with_counting_in_loops(seed, k, shift):
    generator = torch.Generator().manual_seed(seed)
    real = torch.randn(23, 3, generator=generator)
    fake = 0.7 * torch.randn(31, 3, generator=generator) + shift
    expected = balls_by_loops(fake.tolist(), real.tolist(), k), balls_by_loops(real.tolist(), fake.tolist(), k)
    assert precision_recall(real, fake, k) == pytest.approx(expected)


def test_precision_and_recall_tell_a_narrow_model_from_a_wild_one():
    real, narrow, wild = (
        s * torch.randn(600, 4, generator=torch.Generator().manual_seed(i)) for i, s in enumerate((1, 0.3, 4))
    )
    assert precision_recall(real, real) == (1, 1)
    precision, recall = precision_recall(real, narrow)
    assert precision > 0.95 and recall < 0.3
    precision, recall = precision_recall(real, wild)
    assert precision < 0.5 and recall > 0.8
    assert precision_recall(real, real + 100) == (0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: frechet_distance(x, x[:4]), "second set has 4 samples, expected at least 5"),
        (lambda x: frechet_distance(x, x[:, :3]), r"\(20, 4\) and \(20, 3\)"),
        (lambda x: frechet_distance(x.view(20, 2, 2), x), "flatten"),
        (lambda x: frechet_distance(x / 0, x), "first set contains NaN or infinity"),
        (lambda x: precision_recall(x, x[:3]), "second set has 3 samples, expected at least 4"),
        (lambda x: precision_recall(x, x, k=0), "k=0: expected a whole number"),
        (lambda x: precision_recall(x.long(), x), "float features"),
    ],
)
def test_features_that_cannot_be_compared(call, message):
    with pytest.raises(CourseError, match=message):
        call(torch.randn(20, 4))


class LinearVAE:
    """x = W z + noise with the encoder of your choice: everything has an exact answer (probabilistic PCA)."""

    def __init__(self, noise=0.5, stretch=1.0, shift=0.0):
        generator = torch.Generator().manual_seed(0)
        self.w = torch.randn(6, 2, generator=generator)
        self.x = torch.randn(25, 2, generator=generator) @ self.w.T + noise * torch.randn(25, 6, generator=generator)
        self.noise, self.stretch, self.shift = noise, stretch, shift
        self.w[:, 1] -= self.w[:, 0] * (self.w[:, 0] @ self.w[:, 1]) / self.w[:, 0].square().sum()  # q is diagonal

    def encode(self, x):
        precision = 1 + self.w.square().sum(0) / self.noise**2  # of the exact posterior, stretched and shifted
        mu = x @ self.w / self.noise**2 / precision
        return mu + self.shift, (self.stretch**2 / precision).log().expand_as(mu)

    def log_p(self, x, z):
        error = x - z @ self.w.T
        return -0.5 * (error / self.noise).square().sum(-1) - 6 * math.log(self.noise * math.sqrt(2 * math.pi))

    def exact(self, prior_std=1.0):
        covariance = prior_std**2 * self.w @ self.w.T + self.noise**2 * torch.eye(6)
        return multivariate_normal(np.zeros(6), covariance.double().numpy()).logpdf(self.x.double().numpy())

    def elbo(self):
        mu, logvar = self.encode(self.x)
        spread = (logvar.exp() * self.w.square().sum(0)).sum(1) / self.noise**2
        kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1)
        return (self.log_p(self.x, mu[None])[0] - 0.5 * spread - kl).double().numpy()


@pytest.mark.parametrize("samples", [1, 250])
def test_likelihood_of_a_linear_vae_is_exact_with_the_exact_posterior(samples):
    vae = LinearVAE()
    estimate = log_likelihood(vae.x, vae.encode, vae.log_p, samples=samples)
    assert estimate.numpy() == pytest.approx(vae.exact(), abs=1e-3)


@pytest.mark.parametrize("prior_std", [1.0, 0.7])
def test_likelihood_of_a_linear_vae_with_a_wrong_posterior_needs_samples(prior_std):
    vae = LinearVAE(stretch=1.4, shift=0.1)
    estimate = log_likelihood(vae.x, vae.encode, vae.log_p, samples=20_000, prior_std=prior_std)
    assert estimate.numpy() == pytest.approx(vae.exact(prior_std), abs=0.03)


def test_one_sample_is_the_elbo_on_average_and_more_rise_towards_the_likelihood():
    vae = LinearVAE(stretch=1.5, shift=0.2)

    def estimate(samples):
        return np.mean([log_likelihood(vae.x, vae.encode, vae.log_p, samples, seed=seed).mean() for seed in range(200)])

    one, few, many = (estimate(samples) for samples in (1, 5, 50))
    assert one == pytest.approx(vae.elbo().mean(), abs=0.05)
    assert one + 0.1 < few < many < vae.exact().mean() + 0.01


def test_likelihood_is_the_same_in_parts_and_refuses_what_it_cannot_use():
    vae = LinearVAE(stretch=1.2)
    assert torch.equal(
        log_likelihood(vae.x, vae.encode, vae.log_p, 30), log_likelihood(vae.x, vae.encode, vae.log_p, 30)
    )
    assert log_likelihood(vae.x[:3], vae.encode, vae.log_p, samples=101).shape == (3,)
    with pytest.raises(CourseError, match="samples=0"):
        log_likelihood(vae.x, vae.encode, vae.log_p, samples=0)
    with pytest.raises(CourseError, match="prior_std=0"):
        log_likelihood(vae.x, vae.encode, vae.log_p, prior_std=0)
    with pytest.raises(CourseError, match="sum over the pixels only"):
        log_likelihood(vae.x, vae.encode, lambda x, z: vae.log_p(x, z).sum())
    with pytest.raises(CourseError, match="not finite"):
        log_likelihood(vae.x, vae.encode, lambda x, z: vae.log_p(x, z) - math.inf)


def test_coverage_is_that_of_a_brute_force_search():
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(150, 4, generator=generator)
    for k in (1, 3, 5):
        for fake in (torch.randn(120, 4, generator=generator), 2 * torch.randn(40, 4, generator=generator), real + 9):
            assert coverage(real, fake, k) == pytest.approx(references.coverage(real.numpy(), fake.numpy(), k))


def test_coverage_of_two_sets_of_a_kind_and_of_scattered_samples():
    real, fake = torch.randn(2, 3_000, 3, generator=torch.Generator().manual_seed(0))
    assert coverage(real, real) == 1
    assert coverage(real, fake) == pytest.approx(1 - 2**-5, abs=0.015)
    assert coverage(real, fake, k=1) == pytest.approx(1 / 2, abs=0.03)
    assert coverage(real, 6 * fake) < 0.4 < precision_recall(real, 6 * fake)[1]  # which recall rewards


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (torch.randn(5, 3), torch.randn(9, 3), "expected at least 6"),
        (torch.randn(9, 3), torch.randn(0, 3), "nothing is covered"),
        (torch.randn(9, 3), torch.randn(9, 2), "shapes"),
        (torch.full((9, 3), math.nan), torch.randn(9, 3), "first set contains NaN"),
    ],
)
def test_coverage_refuses(real, fake, message):
    with pytest.raises(CourseError, match=message):
        coverage(real, fake)


@pytest.mark.parametrize("k", [0, 2.5, "3"])
def test_coverage_refuses_neighbours_that_are_none(k):
    with pytest.raises(CourseError, match="k="):
        coverage(torch.randn(9, 3), torch.randn(9, 3), k)
