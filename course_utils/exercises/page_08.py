"""Learning calls of page 08."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises import filled
from course_utils.exercises.places import Places

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
        "question": "codes come from N(0, 0.6^2) in place of N(0, 1), and pixels are drawn. Precision and coverage ...",
        "options": {
            "a": "both rise: less noise is better",
            "b": "precision rises by more than 5 points, and coverage falls",
            "c": "coverage falls, and precision does not rise by 5 points",
        },
        "why": "Short codes leave more real images without a sample near them. Ragged draws alone do not explain the "
        "rest: on digits, with every pixel decided, precision rises by little at most.",
    },
    "08-asked": {
        "question": "two conditional VAEs are asked for digits. One was told them by a 10 in place of a 1. The judge "
        "reads the digit asked for ...",
        "options": {
            "a": "more often from that one, by more than 8 points",
            "b": "about as often from both: the network can scale its weights",
            "c": "less often from that one, by more than 8 points: a 10 is far outside of the other numbers' range",
        },
        "why": "A network can scale its weights itself, but in equally many steps the two did not become equal.",
    },
}


def check_log_mean_exp(log_mean_exp):
    generator = torch.Generator().manual_seed(0)
    near = 0.7 * torch.randn(50, 4, generator=generator) - 2  # where exp is harmless, so that slips show as numbers
    far = 3 * torch.randn(20, 6, generator=generator) - 180  # as in the notebook: exp of it is 0 in float32
    apart = far - 150 * torch.arange(6)  # images that differ by more than exp can bridge
    answer, distant, spread = (torch.as_tensor(filled(log_mean_exp(w.clone()))).double() for w in (near, far, apart))
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
    if not torch.allclose(spread, apart.double().logsumexp(0) - math.log(20), rtol=1e-4):
        return (
            "right for images that are alike, but the largest weight of *all* images is too large for some: beside it, "
            "an image whose weights are exp(-150) times as large has none. Take out each image's own largest"
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
        "the root is missing: the last term is -2 times the root of the product of the variances": lambda m, n, s, t: (
            (m - n) ** 2 + s**2 + t**2 - 2 * s**2 * t**2
        ),
        "the factor 2 of the last term is missing": lambda m, n, s, t: (m - n) ** 2 + s**2 + t**2 - s * t,
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


def check_coverage(precision_coverage):
    generator = torch.Generator().manual_seed(0)
    cases = [
        (torch.rand(m, n, generator=generator) + 0.3, 0.35 + 0.3 * torch.rand(n, generator=generator).pow(4))
        for m, n in ((40, 12), (25, 25), (60, 6))
    ]
    answers = []
    for d, r in cases:
        answer = filled(precision_coverage(d.clone(), r.clone()))
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            return "expected two numbers, `return precision, coverage`"
        sizes = [torch.as_tensor(filled(part)).numel() for part in answer]
        if sizes != [1, 1]:
            return f"each should be one number, yours have {sizes[0]} and {sizes[1]}: take the mean in the end"
        answers.append([float(part) for part in answer])

    def like(place, formula):
        values = [float(formula(d, r)) for d, r in cases]
        return all(abs(a[place] - v) < 1e-4 for a, v in zip(answers, values, strict=True))

    def precision(d, r):
        return (d <= r).any(1).double().mean()

    def coverage(d, r):
        return (d <= r).any(0).double().mean()

    if like(0, precision) and like(1, coverage):
        return None
    if like(0, coverage) and like(1, precision):
        return "the two have changed places: precision is a share of samples (rows), coverage one of balls (columns)"
    mistakes = {
        "inside at least *one* is enough; yours asks for all": lambda d, r, axis: (d <= r).all(axis).double().mean(),
        "that is the share of all pairs; count each row or column once, if any of its entries is True": (
            lambda d, r, axis: (d <= r).double().mean()
        ),
        "that is the other one: look at the axis": lambda d, r, axis: (d <= r).any(1 - axis).double().mean(),
        "the wrong side: inside means a distance of at most the radius": lambda d, r, axis: (
            (d >= r).any(axis).double().mean()
        ),
        "that is the share outside": lambda d, r, axis: (d > r).all(axis).double().mean(),
        "a count; divide by how many there are": lambda d, r, axis: (d <= r).any(axis).double().sum(),
        "a share lies between 0 and 1: leave out the percent": lambda d, r, axis: (
            100 * (d <= r).any(axis).double().mean()
        ),
        "each ball has a radius of its own; yours takes the mean radius for all": lambda d, r, axis: (
            (d <= r.mean()).any(axis).double().mean()
        ),
        "each ball has a radius of its own; yours takes the largest for all": lambda d, r, axis: (
            (d <= r.max()).any(axis).double().mean()
        ),
        "not the nearest image only: a farther one may have the wider ball": lambda d, r, axis: (
            (d.min(1).values <= r[d.argmin(1)]).double().mean()
        ),
        "a ball may hold a sample that is nearer to another image: ask every ball about every sample": (
            lambda d, r, axis: len(d.argmin(1)[d.min(1).values <= r[d.argmin(1)]].unique()) / len(r)
        ),
    }
    for place, name, right in ((0, "precision", precision), (1, "coverage", coverage)):
        if like(place, right):
            continue
        for mistake, formula in mistakes.items():
            if like(place, lambda d, r, formula=formula, axis=1 - place: formula(d, r, axis)):
                return f"{name}: {mistake}"
        d, r = cases[0]
        value = float(right(d, r))
        return f"{name}: for 40 samples and 12 balls it should be {value:.3f}, yours is {answers[0][place]:.3g}"


class _Told:
    """A conditional VAE that notes down what it is given. Its decoder answers what its encoder saw, and is sure."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.mu = torch.randn(40, 50, generator=generator).requires_grad_()
        self.logvar = (torch.randn(40, 50, generator=generator) - 1).requires_grad_()
        self.encoded: Tensor = torch.zeros(0)
        self.decoded: Tensor = torch.zeros(0)

    def encode(self, x):
        self.encoded = x.detach()
        return self.mu, self.logvar

    def decode(self, z):
        self.decoded = z.detach()
        return 8 * (2 * self.encoded[:, :784] - 1) + 0 * z.sum(1, keepdim=True)  # the gradient goes through z


def check_conditional(conditional_loss):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(40, 1, 28, 28, generator=generator)
    y = torch.randint(0, 10, (40,), generator=generator)
    c = 10 * F.one_hot(y, 10).float()
    model = _Told()
    with Places() as places:
        loss = filled(conditional_loss(model, x.clone(), c.clone()))
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        return "a loss is one number, the mean over the images"
    seen, z = model.encoded, model.decoded
    if seen.shape != (40, 794):
        return f"the encoder should get 784 pixels and the 10 numbers of the label, it got {tuple(seen.shape)}"
    if z.shape != (40, 60):
        return f"the decoder should get 50 numbers of the code and the 10 of the label, it got {tuple(z.shape)}"
    pixels, told = seen[:, :784], z[:, 50:]
    if hint := _hint_at_label(seen[:, 784:], told, c):
        return hint
    if torch.equal(pixels, x.flatten(1)):
        return "the encoder gets grey pixels: a likelihood needs black and white ones, as in section 1"
    nearly = (x.flatten(1) > 0.4) & (x.flatten(1) < 0.5)  # drawn, nearly half of them are white
    if torch.equal(pixels, pixels.round()) and pixels[nearly].mean() < 0.2:
        return "the pixels are decided at 1/2, not drawn: `binarise` draws each as its grey value says"
    mu, logvar = model.mu.detach(), model.logvar.detach()
    eps = (z[:, :50] - mu) / (0.5 * logvar).exp()
    if eps.abs().max() < 1e-3:
        return "the decoder gets mu itself: the code is a draw from q(z|x, y)"
    if abs(eps.std() - 1) > 0.1 or abs(eps.mean()) > 0.1:
        return f"with z = mu + sigma * eps, your eps has a spread of {eps.std():.2f} in place of 1"
    logits = 8 * (2 * pixels - 1)

    def nats(target):  # of each image
        return (F.softplus(logits) - target * logits).sum(1)

    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
    truth = (nats(pixels) + kl).mean()
    if torch.isclose(loss, truth, rtol=1e-4):
        if not loss.requires_grad:
            return "no gradient gets from the loss to the encoder: nothing could be learnt"
        if places.stays:
            return "right on the processor, but on a GPU it stops: make the draw where `mu` is"
        return None
    mistakes = {
        "the decoder is asked for grey pixels: it should answer the black and white ones that the encoder saw": (
            nats(x.flatten(1)) + kl
        ).mean(),
        "the KL is missing": nats(pixels).mean(),
        "the KL has the wrong sign": (nats(pixels) - kl).mean(),
        "the reconstruction is missing": kl.mean(),
        "the mean over the images, as one loss for a batch of any size; yours is a sum": 40 * truth,
        "the KL is summed over the code, not averaged": (nats(pixels) + kl / 50).mean(),
    }
    for mistake, value in mistakes.items():
        if torch.isclose(loss, value, rtol=1e-4):
            return mistake
    if loss > truth + 100:
        return "the decoder answers just what the encoder saw, and pays much: which pixels is it compared with?"
    return f"for this batch the loss should be {truth:.2f}, yours is {loss:.2f}"


def _hint_at_label(to_encoder, to_decoder, c):
    """What is wrong with the ten numbers of the label that the two halves got, or None."""
    for name, told in (("encoder", to_encoder), ("decoder", to_decoder)):
        if (told == 0).all():
            return f"the {name} is never told the digit: it gets zeros"
        if not torch.equal(told, c):
            return f"the {name} should get each image's own `c`, at the end, and as it came in"
    return None


CHECKS = {
    "08-log-mean-exp": check_log_mean_exp,
    "08-frechet-1d": check_frechet_1d,
    "08-coverage": check_coverage,
    "08-conditional": check_conditional,
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
            "c": (
                "Raise the temperature",
                "It makes firmer edges, at the likelihood's expense, and tells nothing about why these are soft.",
            ),
        },
        "right": "b",
    },
    {
        "question": "All samples of a model are the same perfect 7. In features of real digits, ...",
        "options": {
            "a": ("precision and coverage are high", "Coverage asks for the other real images; their balls are empty."),
            "b": ("precision is low and coverage high", "The 7 is perfect, so it lies in a ball of a real image."),
            "c": ("precision is high and coverage about 0", "Believable, and nearly all of the data is missed."),
        },
        "right": "c",
    },
    {
        "question": "Mean code of the thin digits minus that of the thick ones: along it a 3 turns into a 1. "
        "How do you find out whether ink did that?",
        "options": {
            "a": ("Take a larger quarter", "It holds 1s as well: whatever goes with thin strokes still comes along."),
            "b": (
                "Sort by ink within each digit",
                "Then both ends hold equally many 1s, and what is left of the effect is not their doing.",
            ),
            "c": ("Decide every pixel", "That takes away the softness. The 1s in the thin quarter stay."),
        },
        "right": "b",
    },
]
