"""Learning calls of page 13."""

import math

import torch
from torch.distributions import Normal, kl_divergence

from course_utils.exercises import filled

PREDICTIONS = {
    "13-again": {
        "question": "2,000 random points, denoised 200 times by the best denoiser for one sigma; in the end they ...",
        "options": {
            "a": "lie on a few spots",
            "b": "look like clean points: the same three clouds",
            "c": "look like noisy points: three clouds that run into each other",
        },
        "why": "Each step moves a point uphill on the noisy density, and nothing ever spreads the points again.",
    },
    "13-rival": {
        "question": "beside the diffusion model, a mixture whose number of parts was chosen on validation images has a "
        "Fréchet distance that is ...",
        "options": {
            "a": "larger by a tenth or more: a network has no fixed number of lumps",
            "b": "within a tenth of it, on either side",
            "c": "smaller by a tenth or more",
        },
        "why": "In 20 dimensions, with thousands of codes, enough normal distributions follow almost any shape, and "
        "each is fitted far better than a network in some seconds.",
    },
    "13-steps": {
        "question": "the same network, 5 steps in place of 40; the Fréchet distance ...",
        "options": {
            "a": "more than doubles",
            "b": "grows, but by less than that",
            "c": "stays as it is, within 5 %",
        },
        "why": "Five guesses of the clean code are already many more than one, but each has to bridge a long way.",
    },
    "13-guidance": {
        "question": "guidance grows from w = 1 to 2 and to 5. The share of real images with a sample near them, "
        "coverage, ...",
        "options": {
            "a": "falls all the way: what is asked for more strongly varies less",
            "b": "rises at first, and falls in the end",
            "c": "stays within 3 points: a label has nothing to do with variety",
        },
        "why": "At first there are more samples where real images are; then only the plainest of each class are left.",
    },
}


def check_denoiser(best_denoiser):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 3, generator=generator)
    points = torch.randn(4, 3, generator=generator)
    for sigma in (0.7, 1.6):
        answer = filled(best_denoiser(x, points, sigma))
        if not isinstance(answer, torch.Tensor) or answer.shape != x.shape:
            return f"expected an answer for each noisy point, {tuple(x.shape)}, got {_shape(answer)}"
        truth = _by_gradient(x, points, sigma)
        if torch.allclose(answer, truth, atol=1e-4):
            continue
        squared = torch.cdist(x, points).square()
        mistakes = {
            "the weights do not add up to 1 for each noisy point": (-squared / (2 * sigma**2)).exp() @ points,
            "this is the score; asked for is the clean point": (truth - x) / sigma**2,
            "this is the way from x to the answer: where does it end?": truth - x,
            "the distance divided by sigma has to be squared as a whole: sigma is not squared here": (
                torch.softmax(-squared / (2 * sigma), 1) @ points
            ),
            "the bell of a normal distribution has a 2 below its square": torch.softmax(-squared / sigma**2, 1)
            @ points,
            "the distances are not squared": torch.softmax(-squared.sqrt() / (2 * sigma**2), 1) @ points,
            "sigma is missing from the weights": torch.softmax(-squared / 2, 1) @ points,
            "far points weigh most here: a minus is missing": torch.softmax(squared / (2 * sigma**2), 1) @ points,
            "this is the nearest clean point; the smallest squared error is that of a mean": points[squared.argmin(1)],
            "the softmax goes over the wrong axis: the weights of one noisy point should add up to 1": (
                torch.softmax(-squared / (2 * sigma**2), 0) @ points
            ),
            "this is the mean of all clean points, whatever x is": points.mean(0).expand_as(x),
        }
        for hint, value in mistakes.items():
            if torch.allclose(answer, value, atol=1e-4):
                return hint
        return (
            f"for sigma = {sigma} the answers are off by up to {(answer - truth).abs().max():.3f}: look at the weights"
        )
    return None


def _by_gradient(x, points, sigma):
    """The best answer by Tweedie's formula, from the gradient of the noisy density."""
    x = x.detach().double().requires_grad_()
    distance = (x[:, None] - points.double()).square().sum(2)
    log_p = torch.logsumexp(-distance / (2 * sigma**2), dim=1).sum()
    return (x + sigma**2 * torch.autograd.grad(log_p, x)[0]).detach().float()


class _Witness(torch.nn.Module):
    """A network that keeps what it is asked, and answers a multiple of it."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.3))
        self.seen = []

    def forward(self, z, t, y=None):
        self.seen.append((z.detach(), t.detach(), y))
        return self.scale * z


def check_loss(diffusion_loss):
    torch.manual_seed(0)
    x, y = 2 * torch.randn(400, 5) + 1, torch.zeros(400, dtype=torch.long)
    witness = _Witness()
    loss = filled(diffusion_loss(witness, x, y))
    if not isinstance(loss, torch.Tensor) or loss.ndim != 0:
        return f"expected one number, as a tensor without axes, got {_shape(loss)}"
    if not witness.seen:
        return "the network was never asked"
    if len(witness.seen) > 1:
        return f"the network was asked {len(witness.seen)} times: one guess of the noise is enough"
    z, t, label = witness.seen[0]
    if z.shape != x.shape:
        return f"the network should see noisy codes of shape {tuple(x.shape)}, it saw {_shape(z)}"
    if label is not None:
        return "here the network gets no label: call it with the noisy codes and the times"
    if t.shape != (400,):
        return f"the network should get one time for each code, shape (400,), it got {_shape(t)}"
    if t.unique().numel() < 300:
        return "all codes have the same time, or nearly so: draw one for each"
    if t.min() < 0.0099 or t.max() > 0.9901:
        return f"times should lie from FIRST = 0.01 to LAST = 0.99; these go from {t.min():.3f} to {t.max():.3f}"
    if t.min() > 0.05 or t.max() < 0.95 or abs(t.mean() - 0.5) > 0.06:
        return f"times should be spread evenly from FIRST to LAST; these go from {t.min():.2f} to {t.max():.2f}"
    a, s = torch.cos(math.pi / 2 * t)[:, None], torch.sin(math.pi / 2 * t)[:, None]
    eps = (z - a * x) / s  # what must have been added
    if eps.std() > 0.1 and eps.std(1).max() < 0.01:
        return "all numbers of a code get the same noise: draw one for each, in the shape of x"
    if eps.std() > 0.1 and eps.std(0).max() < 0.01:
        return "all codes get the same noise: draw for each its own, in the shape of x"
    if not _is_normal(eps):
        if abs(eps.mean() - 0.5) < 0.1 and eps.min() > -0.01:
            return "the noise comes from rand, which is even between 0 and 1: it should be normal"
        if _is_normal((z - s * x) / a):
            return "a and s are the wrong way round: a belongs to the code, s to the noise"
        if _is_normal(z - x):
            return "the noise is added at full size to the whole code: where are a and s?"
        if _is_normal((z - x) / s):
            return "the code keeps its full size: a is missing"
        if _is_normal(z - a * x):
            return "the noise keeps its full size: s is missing"
        if torch.allclose(z, a * x, atol=1e-5):
            return "no noise was added"
        return "what the network saw is not a * code + s * noise with normal noise"
    eps_hat = 0.3 * z
    error = eps_hat - eps
    right = error.square().mean()
    if not torch.isclose(loss, right, rtol=1e-3):
        mistakes = {
            "the loss is a sum over the dimensions; asked for is the mean over all": error.square().sum(1).mean(),
            "the loss is a sum over everything; asked for is the mean": error.square().sum(),
            "the guess is compared with the clean code; the network guesses the noise": (eps_hat - x).square().mean(),
            "the guess is compared with the noisy code": (eps_hat - z).square().mean(),
            "the guess is compared with s times the noise": (eps_hat - s * eps).square().mean(),
            "the error is not squared": error.abs().mean(),
            "this is the root of the loss": right.sqrt(),
            "the error itself is averaged: what is too large makes up for what is too small": error.mean(),
        }
        for hint, value in mistakes.items():
            if torch.isclose(loss, value, rtol=1e-3):
                return hint
        other = (eps_hat**2).mean() + 1  # compared with noise that has nothing to do with the answer
        if torch.isclose(loss, other, rtol=0.08):
            return "the noise was drawn twice: the guess has to be compared with the one that went into the code"
        return f"for what the network saw and said the loss should be {right:.3f}, not {loss:.3f}"
    if not loss.requires_grad:
        return "no gradient comes through the loss: the network could not learn"
    return None


def _is_normal(eps):
    return abs(eps.mean()) < 0.1 and abs(eps.std() - 1) < 0.1 and eps.min() < -2


def check_term(diffusion_term):
    generator = torch.Generator().manual_seed(0)
    z0, eps, eps_hat = torch.randn(3, 5, 4, generator=generator, dtype=torch.double)
    for t, u in ((0.6, 0.35), (0.9, 0.85)):
        answer = filled(diffusion_term(eps.float(), eps_hat.float(), torch.tensor(t), torch.tensor(u)))
        if not isinstance(answer, torch.Tensor) or answer.shape != (5,):
            return f"expected one number for each code, shape (5,), got {_shape(answer)}"
        truth = _kl_of_a_step(z0, eps, eps_hat, t, u).float()
        if torch.allclose(answer, truth, rtol=1e-3):
            continue
        square, signal = (eps - eps_hat).square().sum(1).float(), [_snr(time) for time in (t, u)]
        at_t, at_u = signal
        mistakes = {
            "t and u are the wrong way round: this is negative": 0.5 * (at_t / at_u - 1) * square,
            "the half is missing": 2 * truth,
            "this is a mean over the dimensions, or divided by their number: a KL is a sum": truth / 4,
            "the 1 was not subtracted from the ratio": 0.5 * at_u / at_t * square,
            "this takes a and s without their squares: the SNR is a ratio of squares": (
                0.5 * ((at_u / at_t) ** 0.5 - 1) * square
            ),
            "this is the difference of the SNRs, which weighs errors of the code; errors of the noise are weighed by "
            "their ratio": 0.5 * (at_u - at_t) * square,
            "the error is not squared": 0.5 * (at_u / at_t - 1) * (eps - eps_hat).abs().sum(1).float(),
            "this is the squared error alone: the weight is missing": 0.5 * square,
        }
        for hint, value in mistakes.items():
            if torch.allclose(answer, torch.as_tensor(value), rtol=1e-3):
                return hint
        return f"from t = {t} to u = {u} the first code costs {truth[0]:.3f} nats, not {answer[0]:.3f}"
    return None


def _snr(t):
    return 1 / math.tan(math.pi / 2 * t) ** 2


def _kl_of_a_step(z0, eps, eps_hat, t, u):
    """KL between two steps from t to u, with the clean code and with its guess, by Bayes' rule for normal densities."""
    a, s = math.cos(math.pi / 2 * t), math.sin(math.pi / 2 * t)
    b, r = math.cos(math.pi / 2 * u), math.sin(math.pi / 2 * u)
    z_t = a * z0 + s * eps
    guess = (z_t - s * eps_hat) / a
    step, wide = a / b, s**2 - (a / b * r) ** 2  # z_t given z_u: N(step z_u, wide)
    precision = 1 / r**2 + step**2 / wide
    means = [(b * clean / r**2 + step * z_t / wide) / precision for clean in (z0, guess)]
    q, p = (Normal(mean, precision**-0.5) for mean in means)
    return kl_divergence(q, p).sum(1)


class _Listener(torch.nn.Module):
    """A network whose answers depend on everything that it is asked."""

    def forward(self, z, t, y=None):
        label = torch.full((len(z),), 10) if y is None else y
        return (
            z * (1 + t[:, None])
            + (label[:, None] == 10) * 0.5
            + (label[:, None] - 4.0) * torch.linspace(0.1, 1, z.shape[1])
        )


def check_guidance(guided):
    generator = torch.Generator().manual_seed(0)
    z, t = torch.randn(6, 4, generator=generator), torch.rand(6, generator=generator)
    y, listener = torch.tensor([0, 3, 9, 1, 1, 7]), _Listener()
    without, told = listener(z, t), listener(z, t, y)
    for w in (2.5, 1.0, 0.0):
        answer = filled(guided(listener, z, t, y, w))
        if not isinstance(answer, torch.Tensor) or answer.shape != z.shape:
            return f"expected a guess of the noise for each code, {tuple(z.shape)}, got {_shape(answer)}"
        if torch.allclose(answer, without + w * (told - without), atol=1e-4):
            continue
        zero = listener(z, t, torch.zeros_like(y))
        mistakes = {
            "here w = 0 is the conditional model; on this page that is w = 1": told + w * (told - without),
            "the difference is the wrong way round: larger w leads away from the label": without + w * (without - told),
            "the label 0 is a class like the others: no label is 10": zero + w * (told - zero),
            "the difference is added to the conditional guess with a weight of its own: begin without a label": (
                told + (w - 1) * (without - told)
            ),
            "w is not used: this is the conditional model": told,
            "the label is not used": without,
            "this is the difference alone": w * (told - without),
            "the two are mixed the wrong way round: w belongs to the guess with the label": (
                w * without + (1 - w) * told
            ),
        }
        for hint, value in mistakes.items():
            if torch.allclose(answer, value, atol=1e-4):
                return hint
        return f"for w = {w:g} the guess is off by up to {(answer - without - w * (told - without)).abs().max():.3f}"
    return None


def check_copies(suspicious):
    generator = torch.Generator().manual_seed(0)
    train = torch.randn(400, 3, generator=generator)
    unseen = torch.randn(300, 3, generator=generator)
    others = 1.5 * torch.randn(110, 3, generator=generator)
    samples = torch.cat([train[:70] + 0.001, unseen[:20] + 0.001, others])
    answer = filled(suspicious(samples, train, unseen))
    if isinstance(answer, torch.Tensor) and answer.numel() != 1:
        return f"expected one number, a percentage, got {_shape(answer)}"
    near, usual = (_nearest(z, train) for z in (samples, unseen))
    limit = usual.quantile(0.01)
    right = 100 * (near < limit).float().mean().item()
    third, fourth = (100 * (near < usual.sort().values[i]).float().mean().item() for i in (2, 3))  # of 300, about 1 %
    answer = float(answer)
    if third - 0.3 < answer < fourth + 0.3:
        other = float(suspicious(unseen, train, unseen))
        if abs(other - 1) > 0.5:
            return f"of the unseen codes themselves about 1 % should be suspicious, here {other:.1f} are"
        return None
    within = torch.cdist(train, train).fill_diagonal_(math.inf).min(1).values
    among = torch.cdist(samples, samples).fill_diagonal_(math.inf).min(1).values
    mistakes = {
        "this is a share; asked for are percent": right / 100,
        "this is the share that is *not* suspicious": 100 - right,
        "the limit is the 99th hundredth: then nearly all unseen codes are suspicious": (
            100 * (near < usual.quantile(0.99)).float().mean().item()
        ),
        "the limit is the mean distance: then half of the unseen codes are suspicious": (
            100 * (near < usual.mean()).float().mean().item()
        ),
        "the limit is the nearest unseen code of all; asked for is the lowest hundredth": (
            100 * (near < usual.min()).float().mean().item()
        ),
        "distances are to the nearest unseen code: copies would be near training codes": (
            100 * (_nearest(samples, unseen) < limit).float().mean().item()
        ),
        "the control are distances among training codes; asked for are those of unseen codes": (
            100 * (near < within.quantile(0.01)).float().mean().item()
        ),
        "distances are among the samples": 100 * (among < limit).float().mean().item(),
    }
    for hint, value in mistakes.items():
        if abs(answer - value) < 0.01:
            return hint
    if 0 < answer <= 1:
        return "the limit seems to come from the samples: then always 1 % are below it"
    return f"of 200 samples, 70 of them copies, {right:.1f} % should be suspicious, not {answer:.1f}"


def _nearest(z, others):
    return (z[:, None] - others).square().sum(2).sqrt().min(1).values


def _shape(value):
    return f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"


CHECKS = {
    "13-denoiser": check_denoiser,
    "13-loss": check_loss,
    "13-term": check_term,
    "13-guidance": check_guidance,
    "13-copies": check_copies,
}

QUIZ = [
    {
        "question": "A denoiser for sigma = 2 is given x = 5 and answers 3. The score of the noisy density at 5 is ...",
        "options": {
            "a": ("-2", "That is the way from x to the answer; it still has to be divided by sigma squared."),
            "b": ("-0.5", "(3 - 5) / 4: the density rises to the left."),
            "c": ("0.75", "The answer itself is no slope: what counts is where it lies beside x."),
        },
        "right": "b",
    },
    {
        "question": "In the ELBO of a diffusion model, which term has nothing to be trained?",
        "options": {
            "a": ("the prior", "It compares the noised data with N(0, I), and adding noise has no weights."),
            "b": ("the reconstruction", "The last step is the network's as well."),
            "c": ("the diffusion terms", "They hold nearly all that the network learns."),
        },
        "right": "a",
    },
    {
        "question": "Your model, with an autoencoder of its own, has a Fréchet distance of 3, another paper's 5. What "
        "has to be equal before you say that your density is better?",
        "options": {
            "a": ("The number of weights", "That makes a fair price; but the decoder could still make the difference."),
            "b": ("The seconds of training", "They should be told; but the judge and the decoder come first."),
            "c": (
                "Decoder, judge, number of images and real images",
                "Each of them moves the distance by itself: copies through the decoder alone are not at 0.",
            ),
        },
        "right": "c",
    },
    {
        "question": "With guidance of 5 nearly all samples are read as asked. Is that the best setting?",
        "options": {
            "a": ("Yes: the samples are what was ordered", "They are, and much alike: look at coverage beside it."),
            "b": (
                "It depends on what they are for",
                "For one clear example, perhaps; as training images for others, their lost variety would hurt.",
            ),
            "c": ("No: guidance always makes samples unreadable", "On the contrary, it makes them plainer."),
        },
        "right": "b",
    },
    {
        "question": "The samples' median distance to the nearest training image is that of unseen images. Are there "
        "copies?",
        "options": {
            "a": ("No", "Half of the samples could be farther than usual, and a tenth of them copies."),
            "b": ("Yes, at least a few", "The median says nothing about a few, in either direction."),
            "c": ("One cannot say from a median", "Look at the nearest samples: how many are nearer than unseen ones?"),
        },
        "right": "c",
    },
]
