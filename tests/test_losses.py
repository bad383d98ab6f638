import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error

from course_utils import CourseError
from course_utils.losses import bce, mse, sse

X_HAT, X = torch.rand(2, 6, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_squared_errors_agree_with_scikit_learn():
    expected = mean_squared_error(X.flatten(1).numpy(), X_HAT.flatten(1).numpy())
    assert mse(X_HAT, X).item() == pytest.approx(expected, rel=1e-5)
    assert sse(X_HAT, X).item() == pytest.approx(784 * expected, rel=1e-5)


def test_cross_entropy_agrees_with_scikit_learn_on_black_and_white_images():
    binary = (X > 0.5).float()
    expected = log_loss(binary.flatten().int().numpy(), X_HAT.flatten().double().numpy(), normalize=False) / len(X)
    assert bce(X_HAT, binary).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_grey_images_is_least_at_the_image_but_not_zero():
    entropy = -(X * X.log() + (1 - X) * (1 - X).log()).sum() / len(X)
    assert bce(X, X).item() == pytest.approx(entropy.item(), rel=1e-4)
    assert bce(X, X) < bce(X_HAT, X)


@pytest.mark.parametrize("loss", [mse, sse, bce])
def test_bad_input_is_refused(loss):
    with pytest.raises(CourseError, match=r"\(6, 784\).*\(6, 1, 28, 28\).*reshape"):
        loss(X_HAT.flatten(1), X)
    with pytest.raises(CourseError, match="empty"):
        loss(X[:0], X[:0])


@pytest.mark.parametrize(("x_hat", "x"), [(X_HAT * 2, X), (X_HAT, X - 0.5), (X_HAT, X * torch.nan)])
def test_cross_entropy_refuses_what_is_no_probability(x_hat, x):
    with pytest.raises(CourseError, match="from 0 to 1"):
        bce(x_hat, x)
