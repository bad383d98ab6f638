"""Losses: how far `x_hat` is from `x`, and how far a code's distribution is from the prior.

Each says over what it sums, over what it takes a mean, and what its unit is; all can be differentiated.
"""

import torch
from torch.nn import functional as F

from course_utils import CourseError


def mse(x_hat, x):
    """Squared error, mean over all pixels of all images: the textbook's loss (unit: squared ink, per pixel)."""
    check_same_shape(x_hat, x)
    return _finite(F.mse_loss(x_hat, x))


def sse(x_hat, x):
    """Squared error, sum over the pixels, mean over the images (unit: squared ink, per image)."""
    check_same_shape(x_hat, x)
    return _finite(F.mse_loss(x_hat, x, reduction="sum")) / len(x)


def bce(x_hat, x):
    """Binary cross-entropy, sum over the pixels, mean over the images (unit: nats per image).

    For pixels of exactly 0 or 1 it is -log p(x) of independent Bernoulli pixels with means `x_hat`. For grey
    pixels it still has its minimum at x_hat = x, but it is no likelihood, and that minimum is not 0. `x` is taken
    as constant: no gradient flows to it.
    """
    return _bce_sum(x_hat, x) / len(x)


def _bce_sum(x_hat, x):
    """The same, summed over the images as well."""
    check_same_shape(x_hat, x)
    for name, value in (("x_hat", x_hat), ("x", x)):
        low, high = torch.aminmax(value.detach())
        if not (low >= 0 and high <= 1):  # true of NaN as well
            raise CourseError(
                f"cross-entropy needs {name} from 0 to 1, but it ranges from {low:.3g} to {high:.3g}: "
                "end the decoder with a Sigmoid, and do not normalise the images; if this happened in the middle of "
                "training, it has blown up: try a smaller learning rate"
            )
    return _BinaryCrossEntropy.apply(x_hat, x.detach().to(x_hat.dtype))


class _BinaryCrossEntropy(torch.autograd.Function):
    """Value and gradient of F.binary_cross_entropy(x_hat, x, reduction="sum"), several times as fast on a CPU.

    PyTorch's own takes its logarithms one pixel at a time, which costs a small VAE a quarter of its training.
    """

    @staticmethod
    def forward(ctx, x_hat, x):
        ctx.save_for_backward(x_hat, x)
        return -torch.lerp((1 - x_hat).log_().clamp_(min=-100), x_hat.log().clamp_(min=-100), x).sum()

    @staticmethod
    def backward(ctx, gradient):
        x_hat, x = ctx.saved_tensors
        return gradient * (x_hat - x) / (x_hat * (1 - x_hat)).clamp_(min=1e-12), None


def kl_divergence(mu, logvar):
    """KL divergence from N(mu, exp(logvar)) to N(0, 1), one number per image and dimension (unit: nats).

    KL = (mu^2 + exp(logvar) - logvar - 1) / 2 (Kingma and Welling 2014, appendix B), never below 0.
    Shapes: mu (B, latent_dim), logvar (B, latent_dim) -> (B, latent_dim). Sum over dimensions for an image's KL.
    """
    check_same_shape(mu, logvar)
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1)
    if not torch.isfinite(kl.sum()):
        raise CourseError(
            f"the KL divergence is not finite: mu reaches {mu.detach().abs().max():.3g}, logvar "
            f"{logvar.detach().max():.3g}, and exp(logvar) overflows beyond 88. Bound logvar, for example by clamp, "
            "or try a smaller learning rate"
        )
    return kl


def vae_loss(recon_x, x, mu, logvar):
    """The textbook's loss: negative ELBO, *summed* over the batch (unit: nats, of all images together).

    Shapes: recon_x (B, 784) in (0, 1), x (B, 1, 28, 28) or (B, 784) in [0, 1], mu and logvar (B, latent_dim).
    Divide by the number of images for the negative ELBO per image.
    """
    check_tensors(recon_x, x)
    if x.ndim < 2:
        raise CourseError(f"expected images x of shape (B, 1, 28, 28) or (B, 784), got {tuple(x.shape)}")
    return _bce_sum(recon_x, x.flatten(1)) + kl_divergence(mu, logvar).sum()


def check_same_shape(x_hat, x):
    """Raise a CourseError unless both are float tensors of the same shape with at least one image."""
    check_tensors(x_hat, x)
    # PyTorch would broadcast (B, 784) against (B, 1, 28, 28) and give a wrong number with no more than a warning.
    if x_hat.shape != x.shape:
        raise CourseError(
            f"x_hat has shape {tuple(x_hat.shape)} and x has shape {tuple(x.shape)}: reshape one to the other's shape"
        )
    if x.ndim == 0 or not x.numel():
        raise CourseError("there are no images to compare: the batch is empty")
    for tensor in (x_hat, x):
        if not tensor.is_floating_point():
            raise CourseError(
                f"expected float images from 0 to 1, got {tensor.dtype}: divide pixels of 0 to 255 by 255"
            )


def check_tensors(*values):
    """Raise a CourseError unless all are tensors with numbers in them, on one device."""
    for value in values:
        if not isinstance(value, torch.Tensor):
            raise CourseError(f"expected a tensor, got {type(value).__name__}: torch.as_tensor makes one")
    devices = sorted({str(value.device) for value in values})
    if len(devices) > 1:
        raise CourseError(f"the tensors are on {' and '.join(devices)}: bring them together, for example by .cpu()")
    if "meta" in devices:
        raise CourseError("a tensor on the device 'meta' has a shape but no numbers: make it on 'cpu'")


def _finite(loss):
    if not torch.isfinite(loss):
        raise CourseError(
            "the error is not finite: x_hat or x contains NaN or infinity. In x, look for a division by zero; in "
            "x_hat, training has blown up: try a smaller learning rate"
        )
    return loss
