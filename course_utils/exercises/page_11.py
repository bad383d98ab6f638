"""Learning calls of page 11."""

from itertools import product

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
        "why": "Each nat of KL then weighs as much as 784 nats of reconstruction: an empty code is the best one.",
    },
    "11-famous": {
        "question": "PyTorch-VAE takes F.mse_loss, a mean over 3 x 64 x 64 values, and adds 0.00025 times the KL of an "
        "image. Beside a VAE that sums both, its KL weighs ...",
        "options": {
            "a": "thousands of times less",
            "b": "about as much: the two factors cancel",
            "c": "about three times as much",
        },
        "why": "The mean divides the reconstruction by 12,288; times 0.00025, the KL is ahead by a factor of 3.07.",
    },
    "11-keras": {
        "question": "in mid-2016 Keras' example took the mean cross-entropy of 28 x 28 pixels, and added the KL, "
        "summed over 2 dimensions; its hidden beta was ...",
        "example": "100",
        "why": "The mean divides the reconstruction by 784, and nothing divides the KL: its nats count 784 times.",
    },
    "11-bolts": {
        "question": "lightning-bolts takes the mean over 3 x 32 x 32 values, and adds 0.1 times the KL's mean over 256 "
        "dimensions; its hidden beta is ...",
        "example": "0.1",
        "why": "One mean divides by 3,072, the other by 256: that makes the KL 12 times heavier, and 0.1 of it is 1.2.",
    },
    "11-book": {
        "question": "Foster's book multiplies the mean over 32 x 32 pixels by 500, and adds the KL, summed over 2 "
        "dimensions; its hidden beta is ...",
        "options": {
            "a": "about 1/500: the copies count far more",
            "b": "about 2: the two factors nearly cancel",
            "c": "about 500",
        },
        "why": "The mean divides by 1,024, and 500 gives back a little less than half of that: 1,024 / 500 is 2.05.",
    },
    "11-blur": {
        "question": "same layers, same code size, squared error: beside a plain autoencoder, the VAE's copies are ...",
        "options": {
            "a": "blurred, whatever one does: at least half as much error again",
            "b": "sharper, because of the noise: at most half the error",
            "c": "about as good, within a fifth, once the loss is balanced",
        },
        "why": "Its noise costs little where the likelihood believes in small errors; what blurs is a wide sigma.",
    },
    "11-warm-up": {
        "question": "two runs end with the same KL weight; one has it from the start, one lets it grow. They reach ...",
        "options": {
            "a": "clearly different losses: the slow start wins",
            "b": "clearly different losses: the slow start wastes time, and loses",
            "c": "the same loss, since in the end they minimise the same",
        },
        "why": {
            "b": "The price at the beginning decides whether the code is ever used; the time lost is short.",
            "c": "They have the same minimum, but the run with the full price from the start does not find it.",
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
    # Six units that move, one that moves by 0.05, one that does so far from 0, and three that stand still.
    by = torch.tensor([1.0, 0.8, 0.6, 0.5, 0.2, 0.15, 0.05, 0.05, 0.0, 0.0, 0.0])
    around = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 1.5, 1.5, 0.0])
    moves = torch.randn(40, 11, generator=generator)
    mu = around + by * (moves - moves.mean(0)) / moves.std(0)
    answer = filled(active_units(mu.clone()))
    if isinstance(answer, torch.Tensor) and answer.numel() != 1:
        return "one number was asked for, how many units are active; yours is a tensor of several"
    count = float(answer)
    mistakes = {
        "0.01 is the limit for the variance; this seems to be one for the standard deviation": 8,
        "a mean far from 0 does not make a unit active: see how it varies around its own average over the images": 9,
        "this looks at where the means lie; a unit is active if its mean moves from image to image": 3,
        "these seem to be the units that sleep": 5,
        "here every unit counts: what about those whose mean hardly moves?": 11,
        "this seems to be one variance of all numbers together; each unit has its own": 1,
        "this counts images: the variance is asked for over the images, one for each unit": 40,
        "this is a share: how many units are active?": 6 / 11,
        "this seems to have another limit than 0.01": 4,
    }
    if count != 6:
        hints = [hint for hint, value in mistakes.items() if abs(count - value) < 1e-4]
        return hints[0] if hints else f"in the example of hint 2 it should be 1; of eleven other units 6, not {count:g}"
    example = torch.tensor([[1.3, 0.0, 0.0], [1.3, 0.0, 0.0], [1.3, 0.1, 0.4], [1.3, 0.1, 0.4]])
    if float(active_units(example)) != 1 or float(active_units(torch.ones(5, 2))) != 0:
        return "right for one number of units or images, but not for another: use what is given"
    return None


def check_free_bits(free_bits):
    generator = torch.Generator().manual_seed(0)
    kl = torch.rand(8, 5, generator=generator) * torch.tensor([0.05, 0.2, 0.4, 1.3, 1.7])
    kl = kl * torch.linspace(0.2, 1.8, 8)[:, None]  # images differ in what they cost
    floor = 0.5
    answer = filled(free_bits(kl, floor))
    if not isinstance(answer, torch.Tensor) or answer.ndim != 0:
        return "expected one number, as a tensor without axes: the sum over the dimensions"
    means = kl.mean(0)
    right = means.clamp(min=floor).sum()
    mistakes = {
        "this is the plain KL: where does the floor come in?": means.sum(),
        "here each image has its own floor: take the mean over the images first": kl.clamp(min=floor).mean(0).sum(),
        "one floor for the whole code is another method: here each dimension has its own": (
            means.sum().clamp(min=5 * floor)
        ),
        "one floor for each image's whole code is another method: here each dimension has its own": (
            kl.sum(1).clamp(min=5 * floor).mean()
        ),
        "this is a ceiling: what costs more than the floor should keep its price": means.clamp(max=floor).sum(),
        "the floor was taken away from the price; it should count as at least the floor": (
            (means - floor).clamp(min=0).sum()
        ),
        "below the floor the price is 0 here; it should be the floor": means.where(means > floor, 0 * means).sum(),
        "the floor was added to every dimension": (means + floor).sum(),
        "this is a mean over the dimensions; the KL is a sum over them": means.clamp(min=floor).mean(),
        "this is a sum over the images: take their mean": kl.sum(0).clamp(min=floor).sum(),
        "the floor comes before the sum over the images is divided": 8 * right,
        "the mean was taken over the dimensions, and the floor put under each image": (
            kl.mean(1).clamp(min=floor).sum()
        ),
    }
    if not torch.isclose(answer, right, rtol=1e-4):
        hints = [hint for hint, value in mistakes.items() if torch.isclose(answer, value, rtol=1e-4)]
        return hints[0] if hints else f"for the example of hint 2 it should be 2.5; here {right:.3f}, not {answer:.3f}"
    other = torch.tensor([[0.0, 1.0], [0.2, 3.0]], requires_grad=True)
    answer = free_bits(other, 0.5)
    if not torch.isclose(torch.as_tensor(answer).detach(), torch.tensor(2.5)):
        return "right for one floor or number of images, but not for another: use what is given"
    slope = torch.autograd.grad(answer, other)[0] if answer.requires_grad else torch.zeros_like(other)
    if not slope[:, 1].all():
        return "the number is right, but no gradient comes through it: training could not change the code"
    return None


CHECKS = {
    "11-hidden-beta": check_hidden_beta,
    "11-mended-loss": check_mended_loss,
    "11-active-units": check_active_units,
    "11-free-bits": check_free_bits,
}

QUIZ = [
    {
        "question": "Training stops: cross-entropy wants numbers from 0 to 1, and your decoder ends in a sigmoid. "
        "Where do you look first?",
        "options": {
            "a": ("At the sigmoid", "It answers from 0 to 1 whatever it gets, but for a NaN: that came from before."),
            "b": ("At the loss", "It was only the first to look at its input. Another one would train on NaN."),
            "c": (
                "Before both: at logvar, and at the scale of the pixels",
                "Only a NaN passes a sigmoid so. A logvar without a bound makes an infinite sigma, and that a NaN.",
            ),
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
