"""Learning calls of page 11."""

from itertools import product
from numbers import Real

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

from course_utils.exercises import filled

PREDICTIONS = {
    "11-pixels": {
        "question": "someone takes the mean over the pixels, and keeps the summed KL; the reconstructions will be ...",
        "options": {
            "a": "as before, since only the printed number is smaller",
            "b": "the same blur for every image",
            "c": "sharper, since the printed loss is far closer to 0",
        },
    },
    "11-blur": {
        "question": "same layers, same code size, squared error: beside a plain autoencoder, the VAE's copies are ...",
        "options": {
            "a": "blurred, whatever one does: at least half as much error again",
            "b": "sharper, because of the noise: at most half the error",
            "c": "about as good, within a fifth, once the loss is balanced",
        },
    },
    "11-warm-up": {
        "question": "two runs end with the same KL weight; one has it from the start, one lets it grow. They reach ...",
        "options": {
            "a": "clearly different losses: the slow start wins",
            "b": "clearly different losses: the slow start wastes time, and loses",
            "c": "the same loss, since in the end they minimise the same",
        },
    },
}

REDUCTIONS = {
    "sum": lambda terms: terms.sum(),
    "batchmean": lambda terms: terms.sum() / len(terms),
    "mean": lambda terms: terms.mean(),
}


def check_hidden_beta(hidden_beta):
    sizes = {"pixels": 12, "latent_dim": 5, "batch_size": 7}
    answers, truths = [], []
    for recon, kl in product(REDUCTIONS, REDUCTIONS):
        answers.append(float(filled(hidden_beta(recon, kl, **sizes))))
        # What one nat of either term costs, by autograd.
        terms = [torch.zeros(7, n, dtype=torch.double, requires_grad=True) for n in (12, 5)]
        loss = REDUCTIONS[recon](terms[0]) + REDUCTIONS[kl](terms[1])
        nat_recon, nat_kl = (gradient[0, 0].item() for gradient in torch.autograd.grad(loss, terms))
        truths.append((recon, kl, nat_kl / nat_recon))

    def agrees(change):
        return all(abs(a - change(t)) < 1e-6 * change(t) for a, (_, _, t) in zip(answers, truths, strict=True))

    if agrees(lambda t: t):
        other = float(hidden_beta("mean", "mean", 784, 20, 64))
        return None if abs(other - 784 / 20) < 1e-3 else "right for one set of sizes only: use the sizes that are given"
    if agrees(lambda t: 1 / t):
        return "this is upside down: a reconstruction that counts less makes the KL count more"
    for answer, (recon, kl, truth) in zip(answers, truths, strict=True):
        if abs(answer - truth) > 1e-6 * truth:
            both = "nothing is hidden at equal weights" if truth == 1 else "look at each weight alone first"
            if "mean" in (recon, kl) and any(abs(answer / truth / n - 1) < 1e-6 for n in (7, 1 / 7)):
                both = '"mean" divides by the number of images too'
            return (
                f'for recon="{recon}", kl="{kl}", 12 pixels, latent_dim 5 and batch_size 7, one nat of KL does not '
                f"count {answer:.4g} times as much as one nat of reconstruction: {both}"
            )
    return None


def check_mended_loss(vae_loss):
    generator = torch.Generator().manual_seed(0)
    recon_x, x = torch.rand(2, 6, 784, generator=generator) * 0.8 + 0.1
    mu, logvar = torch.randn(2, 6, 3, generator=generator)
    x = x.view(6, 1, 28, 28)
    zero = torch.zeros_like(mu)
    answer = filled(vae_loss(recon_x, x, zero, zero))
    if not isinstance(answer, torch.Tensor) or answer.ndim != 0:
        return "expected one number, as a tensor without axes"
    flat = x.flatten(1)
    nll = -(flat * recon_x.log() + (1 - flat) * (1 - recon_x).log()).sum() / 6
    if not torch.isclose(answer, nll, rtol=1e-4):
        wrong = {
            "the reconstruction is still a mean over the pixels": nll / 784,
            "the reconstruction is the sum over all images of the batch; the loss is asked for per image": 6 * nll,
            "the reconstruction has the wrong sign": -nll,
        }
        for mistake, value in wrong.items():
            if torch.isclose(answer, value, rtol=1e-4):
                return mistake
        return "for mu = 0 and logvar = 0 the KL is 0, and only the reconstruction should be left; yours differs"
    kl = filled(vae_loss(recon_x, x, mu, logvar)) - answer
    truth = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum() / 6
    if torch.isclose(kl, truth, rtol=1e-3):
        return None
    as_log_sigma = kl_divergence(Normal(mu, logvar.exp()), Normal(0.0, 1.0)).sum() / 6
    half = 0.5 * (mu**2 + (2 * logvar).exp() - logvar - 1).sum() / 6
    other_half = 0.5 * (mu**2 + logvar.exp() - 2 * logvar - 1).sum() / 6
    mistakes = {
        "the KL has the wrong sign: this loss rewards codes far from the prior": tuple(
            -n * value for n in (1, 6) for value in (truth, as_log_sigma, half)
        ),
        "the KL treats logvar as if it were the logarithm of sigma": tuple(
            n * value for n in (1, 6) for value in (as_log_sigma, half, other_half)
        ),
        "the KL is the sum over all images of the batch; the loss is asked for per image": (6 * truth,),
        "the KL is twice too large: where is the 1/2?": (2 * truth,),
        "the KL is averaged over the latent dimensions": (truth / 3, truth / 18),
    }
    for mistake, values in mistakes.items():
        if any(torch.isclose(kl, value, rtol=1e-3) for value in values):
            return mistake
    return "the reconstruction is right, but the KL is not the one of the formula"


def check_active_units(active_units):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(500, 6, generator=generator)
    noise = (noise - noise.mean(0)) / noise.std(0)
    # Standard deviations; the squares are .012, .009, .0036, .25, 0 and 1.
    mu = noise * torch.tensor([0.1095, 0.095, 0.06, 0.5, 0.0, 1.0]) + torch.tensor([0.0, 0.0, 0.0, 1.0, 3.0, 0.0])
    answer = filled(active_units(mu))
    if isinstance(answer, torch.Tensor | np.ndarray):
        answer = torch.as_tensor(answer)
        if answer.numel() != 1:
            return f"expected one number, got a tensor of shape {tuple(answer.shape)}"
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real):
        return f"expected a number, got {type(answer).__name__}"
    mistakes: dict[Real | float, str] = {
        6: "every unit was counted: is the variance of each compared with 0.01?",
        5: "this compares the standard deviation with 0.01; the variance is its square",
        4: "a unit whose mean is the same for every image tells nothing, however far from 0 it is",
        0: "nothing was counted, though some of these units vary a lot",
    }
    mistakes[int((mu.var(1) > 0.01).sum())] = (
        "this counts images: for each unit, the variance over the images is wanted"
    )
    mistakes[3 / 6] = "this is the share of the units; their number was asked for"
    if answer != 3:
        return mistakes.get(answer, f"3 of these 6 units have a variance above 0.01, and you counted {answer:g}")
    other = float(active_units(torch.cat([mu, mu[:, :1]], dim=1)))
    return None if other == 4 else "right for one set of codes, but not for another"


CHECKS = {
    "11-hidden-beta": check_hidden_beta,
    "11-mended-loss": check_mended_loss,
    "11-active-units": check_active_units,
}

QUIZ = [
    {
        "question": "F.binary_cross_entropy(recon_x, x) plus -0.5 * torch.mean(1 + logvar - mu**2 - logvar.exp()), "
        "with 784 pixels and 16 latent dimensions. The hidden beta is ...",
        "options": {
            "a": ("784", "That would be so with the KL summed over the dimensions; here it is averaged as well."),
            "b": ("1, both are means", "Each is the mean over another number of terms: 784 per image there, 16 here."),
            "c": ("49", "784 / 16: the pixels' mean makes the KL heavier, the dimensions' mean lighter again."),
        },
        "right": "c",
    },
    {
        "question": "Paper A reports a VAE loss of 0.09, paper B one of 95. Which model is better?",
        "options": {
            "a": (
                "One cannot say",
                "0.09 per pixel would be 71 per image; but a KL with another weight, binary or grey pixels and "
                "another likelihood all change the number. Compute both by one function on the same images.",
            ),
            "b": (
                "A",
                "A small number may be no more than a mean over the pixels; a collapsed model can print it.",
            ),
            "c": ("B", "Nor does a large number say anything, before one knows what was summed."),
        },
        "right": "a",
    },
    {
        "question": "The KL of your VAE is 0.00. What do you look at first?",
        "options": {
            "a": (
                "Warm-up",
                "It helps where the goal is right and the way is bad. First see whether the goal is right.",
            ),
            "b": (
                "The weight of the KL against the reconstruction",
                "With a hidden beta of some hundred, no code at all can be the optimum, as it is for our digits, and "
                "no schedule can change that.",
            ),
            "c": ("The learning rate", "It may play a part, but a wrong goal is cheaper to find and more frequent."),
        },
        "right": "b",
    },
    {
        "question": "All dimensions of z, over the data, have mean 0 and standard deviation 1. Is all well?",
        "options": {
            "a": (
                "Not necessarily",
                "A collapsed code passes this test perfectly. Two numbers also say nothing about shape and holes.",
            ),
            "b": ("Yes, z matches the prior", "In its first two moments, dimension by dimension; that is little."),
            "c": ("No, that shows a collapse", "A healthy code may well come close to it; look at the KL as well."),
        },
        "right": "a",
    },
    {
        "question": "A linear VAE with fixed variance 0.15 meets data whose third principal component has variance "
        "0.1. At the optimum, the third unit ...",
        "options": {
            "a": ("takes the noise's part as well", "The variance is fixed; a unit cannot lower it."),
            "b": (
                "is asleep",
                "What varies less than the decoder's noise is not worth its KL: the optimum says 0.",
            ),
            "c": (
                "is awake, but weak",
                "It would need a variance above the noise; here it lies below.",
            ),
        },
        "right": "b",
    },
]
