"""Losses: how far `x_hat` is from `x`, and how far a code's distribution is from the prior.

Each says over what it sums, over what it takes a mean, and what its unit is; all can be differentiated. They look at
the shapes that they get and not at every number: NaN goes in and comes out, and `training.fit` says where to look.
Numbers of half precision are added up in float32, as PyTorch's own losses do under `torch.autocast`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.support.guards import require_batch, require_probabilities, require_same_shape


def full(x: Tensor) -> Tensor:
    """A tensor in float32 or better: the sum of a batch exceeds what half precision can hold."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def mse(x_hat: Tensor, x: Tensor) -> Tensor:
    """Squared error, mean over all pixels of all images: the textbook's loss (unit: squared ink, per pixel)."""
    require_same_shape(x_hat, x)
    return F.mse_loss(full(x_hat), full(x))


def sse(x_hat: Tensor, x: Tensor) -> Tensor:
    """Squared error, sum over the pixels, mean over the images (unit: squared ink, per image)."""
    require_same_shape(x_hat, x)
    return F.mse_loss(full(x_hat), full(x), reduction="sum") / len(x)


def cross_entropy(x_hat: Tensor, x: Tensor) -> Tensor:
    """Binary cross-entropy, *summed* over the pixels and the images (unit: nats, of all images together).

    For pixels of exactly 0 or 1 it is -log p(x) of independent Bernoulli pixels with means `x_hat`. For grey pixels
    it is the mean of that over random black and white images, each pixel white with probability `x`: its minimum is
    at x_hat = x, and is not 0. `x` is taken as constant: no gradient flows to it.
    """
    require_same_shape(x_hat, x)
    require_probabilities(x_hat=x_hat, x=x)
    x_hat = full(x_hat)
    return _BinaryCrossEntropy.apply(x_hat, x.detach().to(x_hat.dtype))


class _BinaryCrossEntropy(torch.autograd.Function):
    """Value and gradient of F.binary_cross_entropy(x_hat, x, reduction="sum"), several times as fast on a CPU.

    PyTorch's own takes its logarithms one pixel at a time, which costs a small VAE a quarter of its training.
    """

    generate_vmap_rule = True  # so that torch.func can take gradients per image

    @staticmethod
    def forward(x_hat, x):
        return -torch.lerp((1 - x_hat).log_().clamp_(min=-100), x_hat.log().clamp_(min=-100), x).sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        x_hat, x = ctx.saved_tensors
        return gradient * (x_hat - x) / (x_hat * (1 - x_hat)).clamp_(min=1e-12), None

    @staticmethod
    def jvp(ctx, tangent, _):
        x_hat, x = ctx.saved_tensors
        return (tangent * (x_hat - x) / (x_hat * (1 - x_hat)).clamp_(min=1e-12)).sum()


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence from N(mu, exp(logvar)) to N(0, 1), one number per image and dimension (unit: nats).

    KL = (mu^2 + exp(logvar) - logvar - 1) / 2 (Kingma and Welling 2014, appendix B), never below 0.
    Shapes: mu (B, latent_dim), logvar (B, latent_dim) -> (B, latent_dim). Sum over dimensions for an image's KL.
    """
    require_same_shape(mu, logvar)
    mu, logvar = full(mu), full(logvar)
    return 0.5 * (mu**2 + logvar.exp() - logvar - 1)


def vae_loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The textbook's loss: negative ELBO, *summed* over the batch (unit: nats, of all images together).

    Shapes: recon_x (B, 784) in (0, 1), x (B, 1, 28, 28) or (B, 784) in [0, 1], mu and logvar (B, latent_dim).
    Divide by the number of images for the negative ELBO per image.
    """
    require_batch(x)
    return cross_entropy(recon_x, x.flatten(1)) + kl_divergence(mu, logvar).sum()
