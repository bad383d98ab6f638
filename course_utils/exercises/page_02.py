"""Learning calls of page 02."""

from typing import Any

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from course_utils.exercises import filled

PREDICTIONS = {
    "02-gradient": {
        "question": "z is drawn by torch.normal(mu, std), ten thousand times. PyTorch's gradient of the mean of z**2 "
        "with respect to mu is ...",
        "options": {
            "a": "about 3, with some noise",
            "b": "exactly 3",
            "c": "0, without a warning",
        },
        "why": "What torch.normal hands out are finished numbers; how they would have moved with mu is not known.",
    },
    "02-kl-over-time": {
        "question": "while the loss falls, the KL of the training images will, over the epochs, mostly ...",
        "options": {"a": "rise", "b": "fall", "c": "stay where the first epoch left it"},
        "why": "Telling images apart costs nats of KL, and pays while each saves more than a nat of reconstruction.",
    },
    "02-samples": {
        "question": "the judge is sure of most of the pictures that come from ...",
        "options": {
            "a": "the plain autoencoder, each number of the code drawn by itself",
            "b": "the VAE, codes from its prior",
            "c": "the plain autoencoder, codes from a mixture of ten normal distributions",
        },
        "why": {
            "a": "The numbers of a code depend on each other; drawn one by one, they land where no image has its code.",
            "b": "The VAE's codes do not fill the prior evenly; a density that was fitted to codes follows them.",
        },
    },
    "02-halfway": {
        "question": "half-way between two different digits, the judge is sure of the VAE's picture ...",
        "options": {
            "a": "about twice as often as of the autoencoder's",
            "b": "about as often as of the autoencoder's",
            "c": "about half as often as of the autoencoder's",
        },
        "why": {
            "a": "A smooth decoder of twenty numbers walks about as well with clouds as without.",
            "c": "Clouds do no harm on the way: a smooth decoder walks about as well with them as without.",
        },
    },
}

PROOF = ["B4", "D2", "C1", "A3"]
DIAGNOSIS = ["A3", "B1", "C2"]
WORKED = "with the numbers of the text, prior (0.5, 0.5), likelihood (0.8, 0.1) and q (0.5, 0.5), it should be 0.46"


def check_gap(gap):
    prior, likelihood, q = torch.tensor([[0.2, 0.5, 0.3], [0.7, 0.1, 0.4], [0.6, 0.1, 0.3]])
    answer = torch.as_tensor(filled(gap(prior, likelihood, q))).float()
    if answer.numel() != 1:
        return f"the gap is one number, yours are {answer.numel()}"
    joint = prior * likelihood
    log_p, elbo = joint.sum().log(), (q * (joint / q).log()).sum()
    posterior = joint / joint.sum()
    mistakes = {
        "this is the ELBO itself: how far is it below log p(x)?": elbo,
        "this is log p(x): take the ELBO away from it": log_p,
        "the order is turned round: the gap is never negative": elbo - log_p,
        "this KL has the posterior on the left; the gap averages over q": (posterior * (posterior / q).log()).sum(),
        "this is the KL from q to the prior, a term of the ELBO; the gap is the KL to the posterior": (
            (q * (q / prior).log()).sum()
        ),
        "log p(x) lacks the prior: p(x) is the sum of prior times likelihood": likelihood.sum().log() - elbo,
        "the ELBO lacks the prior: under the logarithm stands prior times likelihood over q": (
            log_p - (q * (likelihood / q).log()).sum()
        ),
        "the ELBO lacks the KL: so far it is the mean of log p(x|z) alone": log_p - (q * likelihood.log()).sum(),
        "the KL was added in the ELBO, and should be taken away": (
            log_p - (q * (likelihood.log() + (q / prior).log())).sum()
        ),
        "the mean is over q: weigh each code with q": log_p - (prior * (joint / q).log()).sum(),
        "these are bits: nats take the natural logarithm": (log_p - elbo) / torch.tensor(2.0).log(),
    }
    hint = _named(answer.reshape(()), log_p - elbo, mistakes, 1e-4)
    return f"this is not the gap: {WORKED}" if hint == "" else hint


def check_proof(proof):
    answer = filled(proof())
    if not isinstance(answer, list | tuple) or not all(isinstance(part, str) for part in answer):
        return 'expected a list of texts, each a line and its reason, as in ["A1", "B2", "C3", "D4"]'
    answer = [part.strip().upper().replace(" ", "") for part in answer]
    if sorted(part[:1] for part in answer) != list("ABCD") or sorted(part[1:] for part in answer) != list("1234"):
        return "each line A to D and each reason 1 to 4 should occur once"
    lines = [part[0] for part in answer]
    if lines[0] != "B":
        return "begin with what is wanted, written out as its definition: no q has come in yet"
    if lines.index("C") < lines.index("D"):
        return "one of your lines stands above the one that it follows from: q comes in before the bound can be taken"
    if lines != ["B", "D", "C", "A"]:
        return "the last line is the one that the code computes: two terms, one for each line of the loss"
    if "C1" not in answer:
        return "the lines are right. Only one reason explains a sign of inequality: which one, and in which line?"
    return (
        None if answer == PROOF else "the lines are right, but not yet all of their reasons: what changes in each line?"
    )


def check_vae(MyVAE):
    made = filled(MyVAE(20))
    if not isinstance(made, nn.Module):
        return "MyVAE(20) should be a model: a class that inherits from nn.Module"
    model: Any = made
    if missing := [name for name in ("encode", "decode", "loss") if not callable(getattr(model, name, None))]:
        return f"the class lacks the method {' and '.join(missing)}"
    if not list(model.parameters()):
        return "your model has no parameters: layers become its own where they are assigned to self, in __init__"
    x = torch.rand(6, 784, generator=torch.Generator().manual_seed(0))
    heads = model.encode(x)
    if not isinstance(heads, tuple | list) or len(heads) != 2:
        return "encode should return two things, mu and logvar"
    if heads[0].shape != (6, 20) or heads[1].shape != (6, 20):
        shapes = " and ".join(str(tuple(head.shape)) for head in heads)
        return f"for six images and 20 numbers mu and logvar should both be (6, 20), yours are {shapes}"
    if torch.equal(*heads):
        return "mu and logvar are the same numbers: they need a layer each"
    for name, head in zip(("mu", "logvar"), heads, strict=True):
        if (head >= 0).all() or (head <= 0).all():
            return (
                f"all numbers of {name} have the same sign: put nothing behind the heads that cuts off, as a ReLU does"
            )
    recon = model.decode(10 * torch.randn(6, 20))
    if recon.shape != (6, 784):
        return f"decode should turn codes (6, 20) into pixels (6, 784), yours are {tuple(recon.shape)}"
    if recon.min() < 0 or recon.max() > 1:
        return "decode gives numbers outside of 0 to 1: a probability needs a sigmoid at the end"
    if not _all_its_own(model, MyVAE(20), x):
        return (
            "a second model with the same parameters answers otherwise: some layer is not the model's own, "
            "as in a plain list, and is never trained: assign each to self, or take nn.Sequential"
        )
    return _hint_at_loss(lambda x, encode, decode: _with(MyVAE(3), encode, decode).loss(x), _VAE_HINTS) or _trains(
        MyVAE(2)
    )


def _all_its_own(model, second, x):
    """Whether a model's parameters decide what it answers."""
    second.load_state_dict(model.state_dict())
    z = torch.randn(6, 20)
    with torch.no_grad():
        pairs = [(one.encode(x)[0], one.decode(z)) for one in (model.eval(), second.eval())]
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*pairs, strict=True))


def check_fitted(fitted):
    generator = torch.Generator().manual_seed(0)
    shape = torch.tensor([[2.0, 1.5, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.3, 0.0], [0.0, 0.0, 0.0, 0.0]])
    z = torch.randn(1_500, 4, generator=generator) @ shape + torch.tensor([3.0, -1.0, 0.5, 0.0])
    given = [fitted(z, 4_000) for _ in range(2)]
    drawn, again = map(filled, given)
    if not isinstance(drawn, torch.Tensor) or given[0].dtype != z.dtype:
        return "the decoders want a tensor of float32, as z is one: torch.as_tensor(codes).float()"
    if drawn.shape != (4_000, 4):
        return f"for codes (1500, 4) and n = 4000 the new codes should be (4000, 4), yours are {tuple(drawn.shape)}"
    if torch.equal(drawn, again):
        return "the same codes came twice: draw them"
    if torch.isin(drawn[:, 0], z[:, 0]).all():
        return "these are old codes, drawn again: new ones are wanted, from a distribution that was fitted"
    if torch.allclose(drawn[0], drawn[1], atol=1e-4):
        return "all rows are the same draw"
    if ((drawn.mean(0) - z.mean(0)).abs() > 0.1 * z.std(0) + 0.1 * drawn.std(0)).any():
        return "their mean is not the mean of z, which is taken over the images: one for each number"
    found, wanted = torch.cov(drawn.T), torch.cov(z.T)
    if torch.allclose(found, wanted, atol=0.35, rtol=0.1) and found[3, 3] < 0.01:
        return None
    if torch.allclose(found.diag(), wanted.diag(), atol=0.35, rtol=0.1):
        return "each number has its own spread, but they do not move together: the covariance has more than a diagonal"
    if torch.allclose(found, wanted @ wanted, atol=1, rtol=0.3):
        return "the covariance was taken for its root: what a draw is multiplied by is a Cholesky factor"
    return "their covariance is not that of z: print `torch.cov` of both, of a *row* for each number"


def check_diagnosis(diagnosis):
    answer = filled(diagnosis())
    if not isinstance(answer, list | tuple) or not all(isinstance(part, str) for part in answer):
        return 'expected a list of texts, each a patient and a fault, as in ["A1", "B2", "C3"]'
    answer = sorted(part.strip().upper().replace(" ", "") for part in answer)
    if [part[:1] for part in answer] != list("ABC") or not all(part[1:] in ("1", "2", "3") for part in answer):
        return "name each patient A to C once, with a fault from 1 to 3"
    return next((_NOT_SO[part] for part in answer if part not in DIAGNOSIS), None)


def check_mended(mended):
    def loss(x, encode, decode):
        return mended(x.flatten(1), encode, decode)

    return _hint_at_loss(loss, _PATIENT_HINTS)


# Why a patient does not have a fault.
_NOT_SO = {
    "A1": "A: with the wrong sign every nat of KL is paid for, and the KL runs away. A's is below the healthy one",
    "A2": "A: a cross-entropy that weighs too little ends above the healthy one. A's ends below",
    "B2": "B: where the cross-entropy weighs too little, nats of KL are not worth their price. B buys without end",
    "B3": "B: where z has hardly any noise, few nats are needed. B's KL grows without end: what makes it cheap?",
    "C1": "C: with the wrong sign every nat of KL is paid for. C has next to none",
    "C3": "C: where z has hardly any noise, copies get better. C's are worse than the healthy ones",
}

# What a wrong loss is told, by what is wrong in it.
_VAE_HINTS = {
    "fixed": "z is the same every time: where is the random part?",
    "shared": "all images, or all numbers of a code, got the same noise: draw one for each number of mu",
    "mean": "the mean of z is not mu: noise with mean 0 is wanted (randn, not rand), added to mu",
    "variance": "the spread of z is exp(logvar), which is the variance; the standard deviation is its square root",
    "logvar": "logvar is a logarithm: take its exponential",
    "one": "the spread of z is always 1: multiply the noise by the standard deviation",
    "spread": "the mean of z is right, but its spread is not the standard deviation exp(logvar / 2)",
    "cut": "z is distributed as it should, but no gradient reaches mu and logvar: compute z from them and from randn",
}
_PATIENT_HINTS = dict.fromkeys(
    ("fixed", "shared", "mean", "variance", "logvar", "one", "spread"),
    "patient A is still ill. How wide is its noise where logvar is 0, and how wide should it be?",
) | {
    "cut": _VAE_HINTS["cut"],
    "sign": "patient B is still ill. What is its KL for mu = 1 and logvar = 0, and what should it be?",
    "axis": "patient C is still ill. Ten images, or twenty: what should that change in the loss *per image*?",
}


def _with(model, encode, decode):
    """A model that encodes and decodes as it is told to, whether it had methods or layers of these names."""
    for name, function in (("encode", encode), ("decode", decode)):
        model._modules.pop(name, None)
        setattr(model, name, function)
    return model


def _hint_at_loss(loss, hints):
    """The hint at what is wrong with a VAE's loss, or None.

    Args:
        loss: function of (x, encode, decode) that returns the negative ELBO per image; `x` is (B, 1, 28, 28). The
            judge's own encode and decode tell it what z was, and make known what the answer should be.
        hints: what to say, by the mistake.
    """
    generator = torch.Generator().manual_seed(0)
    batch = 4_000
    x = torch.rand(batch, 1, 28, 28, generator=generator).round()
    rows = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-1.0, 2.0, 0.6])
    mu, logvar = (row.repeat(batch, 1) for row in rows)
    recon = torch.rand(784, generator=generator) * 0.8 + 0.1
    seen: list[torch.Tensor] = []

    def decode(z):
        seen.append(z)
        return recon.expand(len(z), 784)

    values = [torch.as_tensor(filled(loss(x, lambda x: (mu, logvar), decode))) for _ in range(2)]
    if len(seen) < 2:
        return "the loss should encode, draw, and decode: `decode` was not called"
    if seen[0].shape != mu.shape:
        return f"z should have the shape of mu, {tuple(mu.shape)}, yours has {tuple(seen[0].shape)}"
    if mistake := _mistake_of_draw(seen[0], seen[1], *rows):
        return hints[mistake]
    if values[0].numel() != 1:
        return f"the loss should be one number, the mean over the images; yours has shape {tuple(values[0].shape)}"
    if problem := _mistake_of_value(values[0].reshape(()), x.flatten(1), recon.expand(batch, 784), mu, logvar, hints):
        return problem

    mu, logvar = (torch.zeros(8, 3, requires_grad=True) for _ in range(2))  # where the KL has no slope
    weight = torch.randn(3, 784, generator=generator)
    value = torch.as_tensor(loss(x[:8], lambda x: (mu, logvar), lambda z: torch.sigmoid(z @ weight)))
    passed = value.requires_grad and torch.autograd.grad(value, (mu, logvar), allow_unused=True)
    return None if passed and all(slope is not None and slope.any() for slope in passed) else hints["cut"]


def _mistake_of_draw(z, again, mu, logvar):
    """What is wrong with draws (B, 3) from N(mu, exp(logvar)), or None."""
    if torch.equal(z, again):
        return "fixed"
    noise = z - mu
    spread = z.std(0)
    if torch.allclose(noise[0], noise[1]) or torch.corrcoef(z.T)[0, 1].abs() > 0.1:
        return "shared"
    if ((z.mean(0) - mu).abs() > 5 * spread / len(z) ** 0.5).any():
        return "mean"
    found = {
        None: (0.5 * logvar).exp(),
        "variance": logvar.exp(),
        "one": torch.ones(3),
        "logvar": logvar.abs(),
    }
    for mistake, expected in found.items():
        if torch.allclose(spread, expected, rtol=0.08):
            return mistake
    return "logvar" if torch.allclose(spread, 0.5 * logvar.abs(), rtol=0.08) else "spread"


def _mistake_of_value(value, x, recon, mu, logvar, hints):
    """What is wrong with a loss whose draw is right, or None."""
    copies = F.binary_cross_entropy(recon, x, reduction="none")  # (B, 784)
    terms = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))  # (B, dimensions)
    copy, kl = copies.sum(1).mean(), terms.sum(1).mean()
    axis = hints.get(
        "axis", "the reconstruction is added up over the images and averaged over the pixels: which is which?"
    )
    mistakes = {
        hints.get("sign", "the KL's sign is wrong: it is never negative, and it is a cost"): copy - kl,
        "the KL is missing": copy,
        "the reconstruction is missing": kl,
        "the factor 1/2 of the KL is missing": copy + 2 * kl,
        "the KL is averaged over the numbers of the code; it is their sum": copy + terms.mean(),
        "the KL is added up over all images: per image, it is a mean over them": copy + terms.sum(),
        "the KL is added up over the images: only the numbers of one code are summed": copy + terms.sum(0).mean(),
        "this is the sum over the batch; the mean over the images was asked for": len(x) * (copy + kl),
        axis: copies.sum(0).mean() + kl,
        "the reconstruction is averaged over the pixels: it is their sum": copies.mean() + kl,
        "the reconstruction is added up over all images: per image, it is a mean over them": copies.sum() + kl,
        "reconstruction and KL are added up over all images, but divided by another number than theirs": (
            len(x) * (copy + kl) / 784
        ),
        "the reconstruction is a squared error; the loss of the text is a cross-entropy": (
            (recon - x).square().sum(1).mean() + kl
        ),
        "x and its reconstruction have changed places in the cross-entropy": (
            F.binary_cross_entropy(x, recon, reduction="none").sum(1).mean() + kl
        ),
    }
    for mistake, wrong in _wrong_kls(mu, logvar).items():
        mistakes[mistake] = copy + wrong
        mistakes[f"{mistake}; and its sign is wrong"] = copy - wrong
    mistakes[f"two faults are left. One: {axis}"] = copies.sum(0).mean() - kl
    hint = _named(value, copy + kl, mistakes, 2e-5)
    if hint == "":
        return (
            "the loss is not the negative ELBO per image. Take mu = 1 and sigma = 1/2 for one number of one image: "
            "its KL is 0.82"
        )
    return hint


def _wrong_kls(mu, logvar):
    """Likely mistakes in the KL divergence, with the number that each leads to."""
    hints = {
        "logvar is the logarithm of the variance, not of the standard deviation": (
            kl_divergence(Normal(mu, logvar.exp()), Normal(0.0, 1.0))
        ),
        "the 1 of the KL is missing": -0.5 * (logvar - mu**2 - logvar.exp()),
        "mu is squared in the KL": 0.5 * (mu + logvar.exp() - logvar - 1),
        "sigma^2 is exp(logvar), not logvar itself": 0.5 * (mu**2 - 1),
        "sigma^2 is exp(logvar), not logvar^2": 0.5 * (mu**2 + logvar**2 - logvar - 1),
        "exp(logvar) is sigma^2 already: do not square it": 0.5 * (mu**2 + (2 * logvar).exp() - logvar - 1),
        "1 - logvar: the logarithm has the sign of the 1": -0.5 * (1 - logvar - mu**2 - logvar.exp()),
        "log(logvar^2): logvar is the logarithm already": -0.5 * (1 + (logvar**2).log() - mu**2 - logvar.exp()),
        "log(logvar): logvar is the logarithm already": -0.5 * (1 + logvar.abs().log() - mu**2 - logvar.exp()),
    }
    return {hint: terms.sum(1).mean() for hint, terms in hints.items()}


def _trains(model):
    """A hint where a model with a right loss does not learn, or None."""
    shapes = torch.linspace(-1, 1, 28)
    x = torch.stack([((shapes - at) ** 2 < 0.1).float().expand(28, 28) for at in torch.linspace(-0.8, 0.8, 32)])[
        :, None
    ]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(40):
        losses.append(model.loss(x))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    if losses[-1] < 0.9 * losses[0]:
        return None
    return "the loss is right, but 40 steps of Adam hardly lower it: are all layers assigned to self, and used?"


def _named(value, truth, mistakes, tolerance):
    """None for the right value, the mistake that leads to a wrong one, or "" where none is known."""
    if torch.isclose(value, truth, rtol=tolerance, atol=1e-4):
        return None
    return next(
        (hint for hint, wrong in mistakes.items() if torch.isclose(value, wrong, rtol=tolerance, atol=1e-4)), ""
    )


CHECKS = {
    "02-gap": check_gap,
    "02-proof": check_proof,
    "02-vae": check_vae,
    "02-fitted": check_fitted,
    "02-diagnosis": check_diagnosis,
    "02-mended": check_mended,
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
    {
        "question": "Your loss is the summed squared error and the KL, both with weight 1. Which distribution of a "
        "pixel have you assumed?",
        "options": {
            "a": ("Black or white, with x_hat the probability of white", "That is cross-entropy's."),
            "b": ("A normal one around x_hat, with sigma about 0.71", "SSE / (2 sigma^2) is SSE if 2 sigma^2 is 1."),
            "c": ("None", "A loss that is summed like this is -log p(x|z), but for a constant, of some distribution."),
        },
        "right": "b",
    },
]
