"""The losses agree with PyTorch, scikit-learn, SciPy and the textbook; bad input is told."""

import math
from functools import partial

import pytest
import textbook
import torch
from scipy import integrate, stats
from sklearn.metrics import log_loss, mean_squared_error
from torch.nn import functional as F

from course_utils import CourseError
from course_utils.losses import cross_entropy, kl_divergence, mse, sse, vae_loss

X_HAT, X = torch.rand(2, 6, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_squared_errors_agree_with_scikit_learn():
    expected = mean_squared_error(X.flatten(1).numpy(), X_HAT.flatten(1).numpy())
    assert mse(X_HAT, X).item() == pytest.approx(expected, rel=1e-5)
    assert sse(X_HAT, X).item() == pytest.approx(784 * expected, rel=1e-5)


def test_cross_entropy_agrees_with_scikit_learn_on_black_and_white_images():
    binary = (X > 0.5).float()
    expected = log_loss(binary.flatten().int().numpy(), X_HAT.flatten().double().numpy(), normalize=False)
    assert cross_entropy(X_HAT, binary).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_grey_images_is_least_at_the_image_but_not_zero():
    entropy = -(X * X.log() + (1 - X) * (1 - X).log()).sum()
    assert cross_entropy(X, X).item() == pytest.approx(entropy.item(), rel=1e-4)
    assert cross_entropy(X, X) < cross_entropy(X_HAT, X)


@pytest.mark.parametrize("scale", [1, 10, 100])  # at 100, most of x_hat is exactly 0 or 1
def test_cross_entropy_has_the_value_and_gradient_of_pytorchs_own(scale):
    torch.manual_seed(0)
    logits = scale * torch.randn(6, 1, 28, 28)
    answers = []
    for function in (cross_entropy, partial(F.binary_cross_entropy, reduction="sum")):
        h = logits.clone().requires_grad_()
        loss = function(torch.sigmoid(h), X)
        loss.backward()
        answers.append((loss.item(), h.grad))
    assert answers[0][0] == pytest.approx(answers[1][0], rel=1e-5)
    assert torch.allclose(answers[0][1], answers[1][1], rtol=1e-4, atol=1e-6)


def test_vae_loss_is_the_textbooks():
    torch.manual_seed(0)
    recon_x, mu, logvar = torch.rand(6, 784), torch.randn(6, 20), torch.randn(6, 20)
    expected = textbook.vae_loss(recon_x, X, mu, logvar).item()
    assert vae_loss(recon_x, X, mu, logvar).item() == pytest.approx(expected, rel=1e-5)


def test_kl_agrees_with_torch_distributions_and_is_zero_at_the_prior():
    mu, logvar = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0)) * 2
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mu, (0.5 * logvar).exp()), normal(0.0, 1.0))
    assert torch.allclose(kl_divergence(mu, logvar), expected, rtol=1e-4, atol=1e-5)
    assert (kl_divergence(mu, logvar) >= 0).all()
    assert kl_divergence(torch.zeros(1, 3), torch.zeros(1, 3)).abs().max() == 0


def test_kl_agrees_with_numerical_integration():
    mu, logvar = 0.7, -1.3
    q = stats.norm(mu, math.exp(logvar / 2))
    expected, _ = integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)), -10, 10)
    assert kl_divergence(torch.tensor([[mu]]), torch.tensor([[logvar]])).item() == pytest.approx(expected, rel=1e-5)


def test_gradients():
    recon, mu, logvar = (torch.rand(3, n, dtype=torch.double, requires_grad=True) for n in (5, 2, 2))
    x = torch.rand(3, 5, dtype=torch.double)
    assert torch.autograd.gradcheck(
        lambda *inputs: vae_loss(inputs[0] * 0.8 + 0.1, x, *inputs[1:]), (recon, mu, logvar)
    )
    assert torch.autograd.gradcheck(lambda x_hat: sse(x_hat, x) + mse(x_hat, x), (recon,))
    assert torch.autograd.gradgradcheck(lambda x_hat: cross_entropy(x_hat * 0.8 + 0.1, x), (recon,))


@pytest.mark.parametrize("loss", [mse, sse, cross_entropy])
def test_bad_input_is_refused(loss):
    with pytest.raises(CourseError, match=r"\(6, 784\).*\(6, 1, 28, 28\).*reshape"):
        loss(X_HAT.flatten(1), X)
    with pytest.raises(CourseError, match="empty"):
        loss(X[:0], X[:0])
    with pytest.raises(CourseError, match="uint8: divide"):
        loss(X_HAT, (255 * X).byte())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda recon_x, x, mu, logvar: (recon_x[:0], x[:0], mu[:0], logvar[:0]), "empty"),
        (lambda recon_x, x, mu, logvar: (recon_x[:3], x, mu, logvar), r"\(3, 784\).*\(6, 784\)"),
        (lambda recon_x, x, mu, logvar: (recon_x, x * 255, mu, logvar), "x from 0 to 1"),
        (lambda recon_x, x, mu, logvar: (recon_x, (255 * x).byte(), mu, logvar), "uint8: divide"),
        (lambda recon_x, x, mu, logvar: (recon_x, x, mu, logvar[:, :1]), r"\(6, 2\).*\(6, 1\)"),
        (lambda recon_x, x, mu, logvar: (recon_x, x.flatten(), mu, logvar), r"expected images x of shape .*\(4704,\)"),
    ],
)
def test_vae_loss_refuses_bad_input(change, message):
    with pytest.raises(CourseError, match=message):
        vae_loss(*change(X_HAT.flatten(1), X, torch.zeros(6, 2), torch.zeros(6, 2)))


@pytest.mark.parametrize(("x_hat", "x"), [(X_HAT * 2, X), (X_HAT, X - 0.5), (X_HAT / 0, X)])
def test_cross_entropy_refuses_what_is_no_probability(x_hat, x):
    with pytest.raises(CourseError, match="from 0 to 1"):
        cross_entropy(x_hat, x)


@pytest.mark.parametrize(
    ("loss", "bad"),
    [
        (mse, torch.nan),
        (sse, torch.inf),
        (kl_divergence, torch.nan),
        (kl_divergence, torch.inf),
        (cross_entropy, torch.nan),
    ],
)
def test_what_is_not_finite_goes_in_and_comes_out(loss, bad):
    spoilt = X.clone()
    spoilt[2, 0, 3, 4] = bad
    for a, b in ((X_HAT, spoilt), (spoilt, X_HAT)):
        assert not torch.isfinite(loss(a, b)).all()


def test_kl_overflows_to_infinity_and_never_to_a_number():
    assert kl_divergence(torch.zeros(2, 3), torch.full((2, 3), 89.0)).isinf().all()
    assert vae_loss(X_HAT.flatten(1), X, torch.zeros(6, 2), torch.full((6, 2), 100.0)).isinf()


def test_a_batch_of_one_works():
    one = torch.rand(1, 784)
    assert all(torch.isfinite(loss(one, one.flip(1))) for loss in (mse, sse, cross_entropy))
