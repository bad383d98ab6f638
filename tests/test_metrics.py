import numpy as np
import pytest
import torch

from course_utils import CourseError
from course_utils.metrics import pca_reconstruction, squared_error


def test_squared_error_is_per_image():
    x_hat, x = torch.rand(2, 4, 1, 28, 28)
    expected = [np.linalg.norm((a - b).numpy()) ** 2 for a, b in zip(x_hat, x, strict=True)]
    assert squared_error(x_hat, x).numpy() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(CourseError, match="reshape"):
        squared_error(x_hat.flatten(1), x)


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
