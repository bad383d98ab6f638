import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.metrics import pca_reconstruction, psnr, squared_error, ssim


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


def by_formula(a, b):
    """SSIM of Wang et al. 2004, equation 13, with their window: 11 x 11 pixels, Gaussian, sigma 1.5."""
    bell = torch.exp(-(torch.arange(-5.0, 6) ** 2) / (2 * 1.5**2)).double()
    window = (bell[:, None] * bell / bell.sum() ** 2)[None, None]
    mean_a, mean_b, aa, bb, ab = (F.conv2d(i, window) for i in (a, b, a * a, b * b, a * b))
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    contrast = 2 * (ab - mean_a * mean_b) + 0.03**2
    return (luminance * contrast / (aa - mean_a**2 + bb - mean_b**2 + 0.03**2)).mean((1, 2, 3))


def test_ssim_is_the_published_formula():
    x = torch.rand(4, 1, 28, 28, dtype=torch.double)
    x_hat = (x + 0.3 * torch.randn_like(x)).clamp(0, 1)
    assert ssim(x_hat, x).numpy() == pytest.approx(by_formula(x_hat, x).numpy(), rel=1e-4)
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
