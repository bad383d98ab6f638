"""Learning calls of page 02."""

import torch
from torch.distributions import Normal, kl_divergence

from course_utils.exercises import filled

PREDICTIONS = {
    "02-samples": {
        "question": "random codes from N(0, I), decoded by the trained VAE, will look like ...",
        "options": {
            "a": "the blots of section 1, no better",
            "b": "digits more often than in section 1, but not as often as real images",
            "c": "real images, all of them",
        },
    },
}


def check_reparameterize(reparameterize):
    mu = torch.tensor([2.0, -1.0]).expand(20_000, 2)
    logvar = torch.tensor([-1.0, 2.0]).expand(20_000, 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        z = filled(reparameterize(mu, logvar))
        if not isinstance(z, torch.Tensor) or z.shape != mu.shape:
            return f"z should have the shape of mu, {tuple(mu.shape)}"
        again = reparameterize(mu, logvar)
    if torch.equal(z, again):
        return "z is the same every time: where is the random part?"
    if z[:, 0].unique().numel() == 1 or torch.allclose(z[0] - mu[0], z[1] - mu[1]):
        return "every image got the same random numbers: draw one for each number of mu"
    spread = z.std(0)
    if torch.corrcoef(z.T)[0, 1].abs() > 0.1:
        return "all numbers of a code got the same noise: draw one for each number of mu"
    if ((z.mean(0) - mu[0]).abs() > 5 * spread / len(z) ** 0.5).any():
        return "the mean of z is not mu: noise with mean 0 is wanted (randn, not rand), added to mu"
    if torch.allclose(spread, (0.5 * logvar[0]).exp(), rtol=0.05):
        m, v = torch.ones(4, 2, requires_grad=True), torch.zeros(4, 2, requires_grad=True)
        z = reparameterize(m, v)
        passed = z.requires_grad and torch.autograd.grad((z**2).sum(), (m, v), allow_unused=True)
        if not passed or any(gradient is None or not gradient.any() for gradient in passed):
            return (
                "the distribution is right, but no gradient reaches mu and logvar: compute z from them and from randn"
            )
        return None
    if torch.allclose(spread, logvar[0].exp(), rtol=0.05):
        return "the spread is exp(logvar), which is the variance; the standard deviation is its square root"
    if torch.allclose(spread, torch.ones(2), rtol=0.05):
        return "the spread is always 1: multiply the noise by the standard deviation"
    if any(torch.allclose(spread, factor * logvar[0].abs(), rtol=0.05) for factor in (0.5, 1.0)):
        return "logvar is a logarithm: take its exponential"
    return "the mean is right, but the spread is not the standard deviation"


def check_kl(kl_per_image):
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, 6, 3, generator=generator)
    terms = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    answer = filled(kl_per_image(mu, logvar))
    if not isinstance(answer, torch.Tensor):
        return f"expected a tensor with one number per image, got {type(answer).__name__}"
    if answer.ndim == 0:
        return "this is one number for the whole batch; one per image was asked for"
    if answer.shape != (6,):
        return f"for six images the shape should be (6,), yours is {tuple(answer.shape)}"
    mistakes = {
        "the sign is wrong: a KL divergence is never negative": -terms.sum(1),
        "the factor 1/2 is missing": 2 * terms.sum(1),
        "this is the mean over the dimensions; the sum was asked for": terms.mean(1),
        "logvar is the logarithm of the variance, not of the standard deviation": kl_divergence(
            Normal(mu, logvar.exp()), Normal(0.0, 1.0)
        ).sum(1),
        "the 1 is missing": -0.5 * (logvar - mu**2 - logvar.exp()).sum(1),
        "mu is squared in the formula": 0.5 * (mu + logvar.exp() - logvar - 1).sum(1),
        "sigma^2 is exp(logvar), not logvar itself": 0.5 * (mu**2 - 1).sum(1),
        "sigma^2 is exp(logvar), not logvar^2": 0.5 * (mu**2 + logvar**2 - logvar - 1).sum(1),
        "exp(logvar) is sigma^2 already: do not square it": 0.5 * (mu**2 + (2 * logvar).exp() - logvar - 1).sum(1),
    }
    if torch.allclose(answer, terms.sum(1), rtol=1e-4):
        return None
    for mistake, value in mistakes.items():
        if torch.allclose(answer, value, rtol=1e-4):
            return mistake
    return "the shape is right, but the numbers are not the KL divergence"


def check_interpolate(interpolate):
    z0, z1 = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([4.0, 0.0, 3.0])
    answer = filled(interpolate(z0, z1, 5))
    if not isinstance(answer, torch.Tensor):
        return f"expected one tensor, got {type(answer).__name__}: torch.stack makes one of a list"
    if answer.shape != (5, 3):
        return f"for 5 steps and 3 numbers the shape should be (5, 3), yours is {tuple(answer.shape)}"
    truth = torch.stack([z0.lerp(z1, t / 4) for t in range(5)])
    if torch.allclose(answer, truth, atol=1e-5):
        return None if interpolate(z0, z1, 3).shape == (3, 3) else "it works for 5 steps only: use the `steps` given"
    if torch.allclose(answer, truth.flip(0), atol=1e-5):
        return "this walks from z1 to z0"
    if not torch.allclose(answer[0], z0):
        return "it does not begin at z0: both ends are included"
    if not torch.allclose(answer[-1], z1):
        return "it begins at z0, but does not end at z1: both ends are included"
    return "the steps are not even, or do not lie on the straight line"


CHECKS = {
    "02-reparameterize": check_reparameterize,
    "02-kl": check_kl,
    "02-interpolate": check_interpolate,
}

QUIZ = [
    {
        "question": "Why does the encoder of a VAE give log-variances and not variances?",
        "options": {
            "a": ("Any real number is then allowed", "exp(logvar) is positive, whatever the layer puts out."),
            "b": ("The KL needs a logarithm", "It needs both, the variance and its logarithm; each gives the other."),
            "c": ("It makes samples less random", "How random z is does not depend on how the spread is written down."),
        },
        "right": "a",
    },
    {
        "question": "During training the KL falls to 0.0 for every image. What has happened?",
        "options": {
            "a": ("The model is perfect", "At KL 0 every image has the same code distribution: the code says nothing."),
            "b": ("The code is ignored", "q(z|x) equals the prior for all x. This is posterior collapse."),
            "c": (
                "The learning rate is too small",
                "Training is then slow; it does not make every image's code the same.",
            ),
        },
        "right": "b",
    },
    {
        "question": "You replace the summed squared error by its mean over 784 pixels, and keep the KL. What changes?",
        "options": {
            "a": (
                "Nothing but the printed number",
                "The gradient of one term becomes 784 times smaller, the other's stays.",
            ),
            "b": ("Reconstructions get sharper", "The opposite: the reconstruction now counts for almost nothing."),
            "c": (
                "The KL now weighs 784 times more",
                "Relative to the reconstruction it counts 784-fold; every image becomes the same blur.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Without the reparameterisation trick, which parameters get no gradient from recon_loss?",
        "options": {
            "a": ("The decoder's", "They come after z, so their gradients do not pass through the die."),
            "b": ("The encoder's", "The path from the loss to mu and logvar is cut at the draw of z."),
            "c": ("All of them", "The decoder learns as usual."),
        },
        "right": "b",
    },
]
