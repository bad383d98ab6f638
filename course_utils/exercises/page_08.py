"""Learning calls of page 08."""

import math

import torch

from course_utils.exercises import filled

PREDICTIONS = {
    "08-more-samples": {
        "question": "500 draws of z in place of one estimate log p(x). Averaged over many images, the estimate ...",
        "options": {
            "a": "stays where it was: more draws only take away noise",
            "b": "rises",
            "c": "falls",
        },
    },
    "08-temperature": {
        "question": "codes come from N(0, 0.6^2) in place of N(0, 1), and pixels are drawn. Precision and recall ...",
        "options": {
            "a": "both rise: less noise is better",
            "b": "precision rises clearly, and recall falls",
            "c": "recall falls, and precision gains nothing",
        },
    },
    "08-asked": {
        "question": "a conditional VAE is asked for digits, and a judge reads them. It reads the one asked for ...",
        "options": {
            "a": "in about 10 of 100: the VAE draws what it likes",
            "b": "in about 30 of 100",
            "c": "in more than 60 of 100",
        },
    },
}


def check_log_mean_exp(log_mean_exp):
    generator = torch.Generator().manual_seed(0)
    near = 0.7 * torch.randn(50, 4, generator=generator) - 2  # where exp is harmless, so that slips show as numbers
    far = 3 * torch.randn(20, 6, generator=generator) - 180  # as in the notebook: exp of it is 0 in float32
    answer, distant = (torch.as_tensor(filled(log_mean_exp(w.clone()))).double() for w in (near, far))
    log_w = near.double()
    truth = log_w.logsumexp(0) - math.log(50)
    if answer.ndim == 0:
        return "one number for the whole batch; each image, that is each column, needs its own"
    if answer.shape == (50,):
        return "the mean goes over the draws, the first axis; yours went over the images"
    if answer.shape != (4,):
        return f"the shape should be (4,) for 50 draws and 4 images, yours is {tuple(answer.shape)}"
    mistakes = {
        "this is the mean of the logarithms, the ELBO again; asked is the logarithm of the mean": log_w.mean(0),
        "a sum in place of the mean: the number of draws has to go": log_w.logsumexp(0),
        "the logarithm is missing at the end": truth.exp(),
        "the sum of the weights, and the logarithm is missing": log_w.exp().sum(0),
        "the number of draws enters as log K, and below: yours adds it": log_w.logsumexp(0) + math.log(50),
        "divide by K inside the logarithm; outside it, that is a subtraction of log K": log_w.logsumexp(0) / 50,
        "the sign: the weights are log p, and an estimate of log p is negative here": -truth,
        "this is the largest weight alone": log_w.max(0).values,
    }
    for mistake, value in mistakes.items():
        if torch.allclose(answer, value, rtol=1e-4, atol=1e-5):
            return mistake
    if not torch.allclose(answer, truth, rtol=1e-3):
        return f"the first of 4 images should have {truth[0]:.4f}, yours has {answer[0]:.4f}"
    if not torch.allclose(distant, far.double().logsumexp(0) - math.log(20), rtol=1e-4):
        return (
            "right for weights near 1, but images have log weights of -100 and less, and exp(-110) is 0 in float32: "
            "take the largest out first, or let torch.logsumexp do it"
        )
    return None


def check_frechet_1d(frechet_1d):
    generator = torch.Generator().manual_seed(0)
    sizes = [(400, 1.0, 0.0, 2.0), (300, 0.5, 3.0, 0.7), (500, 2.0, -1.0, 2.5)]
    cases = [
        (torch.randn(n, generator=generator), mean + std * torch.randn(n + 50, generator=generator) * scale)
        for n, std, mean, scale in sizes
    ]
    answers = [float(filled(frechet_1d(a.clone(), b.clone()))) for a, b in cases]

    def like(formula, tolerance=0.01):
        values = [float(formula(a.mean(), b.mean(), a.std(), b.std())) for a, b in cases]
        return all(abs(a - v) <= tolerance * abs(v) for a, v in zip(answers, values, strict=True))

    if like(lambda m, n, s, t: (m - n) ** 2 + (s - t) ** 2):
        return None
    mistakes = {
        "the term of the means is missing": lambda m, n, s, t: (s - t) ** 2,
        "the term of the spreads is missing": lambda m, n, s, t: (m - n) ** 2,
        "the square root is not taken: it is a squared distance": lambda m, n, s, t: (
            (m - n) ** 2 + (s - t) ** 2
        ).sqrt(),
        "the difference of the *standard deviations* is squared, not that of the variances": lambda m, n, s, t: (
            (m - n) ** 2 + (s**2 - t**2) ** 2
        ),
        "with variances, -2 times the root of their product is missing": lambda m, n, s, t: (m - n) ** 2 + s**2 + t**2,
        "the variances may not just be subtracted": lambda m, n, s, t: (m - n) ** 2 + (s**2 - t**2).abs(),
        "square the difference of the means": lambda m, n, s, t: (m - n).abs() + (s - t) ** 2,
        "square the difference of the standard deviations": lambda m, n, s, t: (m - n) ** 2 + (s - t).abs(),
        "square both differences": lambda m, n, s, t: (m - n).abs() + (s - t).abs(),
        "the sign of the last term: two equal clouds should have the distance 0": lambda m, n, s, t: (
            (m - n) ** 2 + (s + t) ** 2
        ),
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    a, b = cases[0]
    right = float((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2)
    return f"for the first test case it should be {right:.3f}, yours is {answers[0]:.3g}"


def check_precision(precision):
    generator = torch.Generator().manual_seed(0)
    cases = [
        (torch.rand(m, n, generator=generator) + 0.3, 0.35 + 0.3 * torch.rand(n, generator=generator).pow(4))
        for m, n in ((40, 12), (25, 25), (60, 6))
    ]
    answers = [float(filled(precision(d.clone(), r.clone()))) for d, r in cases]

    def like(formula):
        values = [float(formula(d, r)) for d, r in cases]
        return all(abs(a - v) < 1e-4 for a, v in zip(answers, values, strict=True))

    if like(lambda d, r: (d <= r).any(1).double().mean()):
        return None
    mistakes = {
        "inside at least *one* ball is enough; yours asks for all": lambda d, r: (d <= r).all(1).double().mean(),
        "that is the share of all pairs; count each sample once, if any ball holds it": lambda d, r: (
            (d <= r).double().mean()
        ),
        "that is the share of balls with a sample in them; asked is the share of samples in a ball": lambda d, r: (
            (d <= r).any(0).double().mean()
        ),
        "the wrong side: inside means a distance of at most the radius": lambda d, r: (d >= r).any(1).double().mean(),
        "that is the share of samples outside every ball": lambda d, r: (d > r).all(1).double().mean(),
        "a count; divide by the number of samples": lambda d, r: (d <= r).any(1).double().sum(),
        "a share lies between 0 and 1: leave out the percent": lambda d, r: 100 * (d <= r).any(1).double().mean(),
        "each ball has a radius of its own; yours takes the mean radius for all": lambda d, r: (
            (d <= r.mean()).any(1).double().mean()
        ),
        "each ball has a radius of its own; yours takes the largest for all": lambda d, r: (
            (d <= r.max()).any(1).double().mean()
        ),
        "not the nearest image only: a farther one may have the wider ball": lambda d, r: (
            (d.min(1).values <= r[d.argmin(1)]).double().mean()
        ),
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    d, r = cases[0]
    return f"for 40 samples and 12 balls it should be {(d <= r).any(1).double().mean():.3f}, yours is {answers[0]:.3g}"


def check_slerp(slerp):
    generator = torch.Generator().manual_seed(0)
    z0, z1 = torch.randn(2, 50, generator=generator)
    z1 = 1.3 * z1  # two lengths, so that they cannot be mixed up
    steps = 5
    answer = torch.as_tensor(filled(slerp(z0.clone(), z1.clone(), steps))).float()
    if answer.shape != (steps, 50):
        return f"the shape should be (steps, latent_dim), here ({steps}, 50), yours is {tuple(answer.shape)}"
    t = torch.linspace(0, 1, steps)[:, None]
    omega = torch.acos(z0 @ z1 / (z0.norm() * z1.norm()))

    def arc(w, a=z0, b=z1):
        return torch.sin((1 - t) * w) / torch.sin(w) * a + torch.sin(t * w) / torch.sin(w) * b

    truth = arc(omega)
    if torch.allclose(answer, truth, rtol=1e-3, atol=1e-4):
        return None
    mistakes = {
        "this is the straight line": (1 - t) * z0 + t * z1,
        "from z0 to z1, not back: the weights have changed places": truth.flip(0),
        "the division by sin(omega) is missing: at t = 0 it should be z0": arc(omega) * torch.sin(omega),
        "omega is the angle: the arc cosine is missing": arc(z0 @ z1 / (z0.norm() * z1.norm())),
        "the cosine needs both codes divided by their lengths": arc(torch.acos((z0 @ z1).clamp(-1, 1))),
        "the angle belongs in radians": arc(torch.rad2deg(omega)),
        "the ends should be z0 and z1 themselves: do not divide them by their lengths": arc(
            omega, z0 / z0.norm(), z1 / z1.norm()
        ),
    }
    for mistake, value in mistakes.items():
        if torch.allclose(answer, value, rtol=1e-3, atol=1e-4):
            return mistake
    line = (1 - t) * z0 + t * z1
    if torch.allclose(answer, line / line.norm(dim=1, keepdim=True) * z0.norm(), rtol=1e-3, atol=1e-4):
        return "this stretches the straight line to a fixed length; the steps along the arc are then unequal"
    if not torch.allclose(answer[0], z0, atol=1e-3) or not torch.allclose(answer[-1], z1, atol=1e-3):
        return "it should begin at z0 and end at z1"
    right, yours = truth[2].norm(), answer[2].norm()
    return f"the ends are right, the middle is not: its length should be {right:.2f}, yours is {yours:.2f}"


CHECKS = {
    "08-log-mean-exp": check_log_mean_exp,
    "08-frechet-1d": check_frechet_1d,
    "08-precision": check_precision,
    "08-slerp": check_slerp,
}

QUIZ = [
    {
        "question": "A VAE's negative ELBO on the test images is 92 nats. Its -log p(x) is ...",
        "options": {
            "a": ("92 nats", "Only if q(z|x) is the exact posterior, which it hardly ever is."),
            "b": ("above 92 nats", "The ELBO is a lower bound of log p(x), so its negative is an upper one."),
            "c": ("92 nats or less", "How much less, importance sampling can estimate, from above."),
        },
        "right": "c",
    },
    {
        "question": "Fréchet distance: 9 from 1,000 samples in paper A, 7 from 50,000 in B. Which model is better?",
        "options": {
            "a": ("One cannot say", "Fewer samples give a larger distance, even for real images."),
            "b": ("B", "Part of the difference, or all of it, comes from the number of samples."),
            "c": ("A, as it needed fewer samples", "Needing fewer is no merit: the distance is biased upwards."),
        },
        "right": "a",
    },
    {
        "question": "Samples look soft. What is the cheapest first test?",
        "options": {
            "a": (
                "Train a GAN",
                "It may be sharper, and it tells nothing about why this model is soft.",
            ),
            "b": (
                "See whether you look at the decoder's mean, and at which balance of the loss",
                "The mean of a distribution over images is soft by nature, and a wide likelihood makes it softer.",
            ),
            "c": ("Raise the temperature", "Codes from farther out give stranger images, not sharper ones."),
        },
        "right": "b",
    },
    {
        "question": "All samples of a model are the same perfect 7. In features of real digits, ...",
        "options": {
            "a": ("precision and recall are high", "Recall asks for the other real images, and nothing covers them."),
            "b": ("precision is low and recall high", "The 7 is perfect, so it lies among real images."),
            "c": ("precision is high and recall about 0", "Believable, and nearly all of the data is missed."),
        },
        "right": "c",
    },
    {
        "question": "Why does a conditional VAE keep the handwriting when another digit is asked for?",
        "options": {
            "a": (
                "The label already says which digit, so the code spends its nats on the rest",
                "What the decoder is told for nothing, the encoder need not pay for.",
            ),
            "b": ("The loss compares handwriting", "No term of it does; it falls out of the KL's price."),
            "c": ("The label is part of the KL", "The KL is about z alone. The label is given, not coded."),
        },
        "right": "a",
    },
]
