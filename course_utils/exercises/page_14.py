"""Learning calls of page 14."""

import math

import torch

from course_utils.exercises import filled

PREDICTIONS = {
    "14-blame": {
        "question": "every image gets the q that is best for it, the decoder stays. Of the gap to log p ...",
        "options": {
            "a": "more than 60 % goes: the encoder was to blame",
            "b": "about half goes, from 40 to 60 %",
            "c": "less than 40 % goes: the shape of q was to blame",
        },
        "why": "What goes is what one function for all images costs; what stays is what no normal q can do.",
    },
    "14-five": {
        "question": "same start, same seconds: one goes on with the ELBO, the other with the bound of five draws. "
        "Beside the first, the second ends with ...",
        "options": {
            "a": "a better -log p and a better ELBO: it was trained on a tighter bound",
            "b": "neither: more draws only take noise out of the gradient",
            "c": "a better -log p and a worse ELBO",
        },
        "why": {
            "a": "Its q is trained to be searched with five draws: wider than the best q for a single draw.",
            "b": "The ELBO with five draws, averaged, is the control: noise alone brings next to nothing.",
        },
    },
    "14-fade": {
        "question": "fifty draws in the bound in place of one. In the encoder's gradient, signal / noise ...",
        "options": {
            "a": "falls",
            "b": "rises, about seven times: fifty draws, the square root of it",
            "c": "stays within a tenth",
        },
        "why": "The tighter the bound, the less q matters for it: the signal fades faster than the noise.",
    },
    "14-prior": {
        "question": "about equal seconds, from one trained VAE. What brings -log p down most?",
        "options": {
            "a": "five draws in the bound",
            "b": "a mixture of normals, fitted to the codes, as the prior",
            "c": "the best q for each image",
        },
        "why": {
            "a": "A few seconds of it move the decoder by little; the codes do not lie as N(0, I) says.",
            "c": "It makes the bound tighter. But log p(x) has no q in it: the model is the same as before.",
        },
    },
}


def one_number(answer):
    """An answer as a float64 tensor without axes, or a hint."""
    answer = torch.as_tensor(filled(answer)).double()
    return answer if answer.ndim == 0 else f"expected one number, got a tensor of shape {tuple(answer.shape)}"


def check_share(share):
    generator = torch.Generator().manual_seed(0)
    log_p = -100 + 10 * torch.randn(7, generator=generator)
    own = log_p - torch.rand(7, generator=generator) - 0.2
    encoders = own - 3 * torch.rand(7, generator=generator)
    answer = one_number(share(encoders.clone(), own.clone(), log_p.clone()))
    if isinstance(answer, str):
        return answer
    amortised, left = (own - encoders).double(), (log_p - own).double()
    right = amortised.mean() / (amortised + left).mean()
    mistakes = {
        "this is the other part, the approximation gap's share": 1 - right,
        "this divides by what is left, not by the whole gap": amortised.mean() / left.mean(),
        "this is a number of nats; asked is a share of the gap": amortised.mean(),
        "this is the mean of the images' shares, in which an image with a tiny gap counts as much as one with a large "
        "one": (amortised / (amortised + left)).mean(),
        "this is a share in percent: 1 should be the whole gap": 100 * right,
        "the sign is wrong: a bound that rises has gained": -right,
        "this divides by log p, which has no natural zero, and not by the gap": amortised.mean() / log_p.mean(),
    }
    if not torch.isclose(answer, right, rtol=1e-3):
        hints = [hint for hint, value in mistakes.items() if torch.isclose(answer, value.double(), rtol=1e-3)]
        return hints[0] if hints else "for ELBOs of -10, own q's of -8 and log p of -7 it should be 2/3; try yours"
    other = one_number(share(torch.tensor([-10.0]), torch.tensor([-8.0]), torch.tensor([-7.0])))
    return None if not isinstance(other, str) and abs(other - 2 / 3) < 1e-4 else "right for seven images, not for one"


def bound_mistakes(log_w):
    """What slips make of log weights (K, B), by hint; and the right loss."""
    K = len(log_w)
    bound = log_w.logsumexp(0) - math.log(K)
    return -bound.mean(), {
        "this is the mean of the logarithms, the ELBO with K draws": -log_w.mean(),
        "the number of draws has to go: without log K the bound is too high": -log_w.logsumexp(0).mean(),
        "the sign is wrong: a loss is made small, the bound large": bound.mean(),
        "this is the sum over the images: take their mean": -bound.sum(),
        "the mean of the weights goes over the draws, the first axis; yours went over the images": (
            -(log_w.logsumexp(1) - math.log(log_w.shape[1])).mean()
        ),
        "the logarithm comes after all images are averaged; each image has a bound of its own": (
            -(log_w.flatten().logsumexp(0) - math.log(log_w.numel()))
        ),
        "this adds up the draws in place of averaging their weights": -log_w.sum(0).mean(),
        "the weights are averaged, but the logarithm is missing": -log_w.exp().mean(),
        "log K is added; which way does a mean differ from a sum?": -(log_w.logsumexp(0) + math.log(K)).mean(),
        "the logarithm of K is divided by, not subtracted": -(log_w.logsumexp(0) / math.log(K)).mean(),
        "the draws' own weights average the logarithms here; that lies above the bound": (
            -(log_w.softmax(0) * log_w).sum(0).mean()
        ),
    }


def check_iwae_loss(iwae_loss):
    generator = torch.Generator().manual_seed(0)
    near = (0.8 * torch.randn(6, 4, generator=generator) - 1).requires_grad_()
    answer = filled(iwae_loss(near))
    if not isinstance(answer, torch.Tensor) or answer.ndim:
        return "expected one number as a tensor without axes, the mean over the images, so that it can be a loss"
    right, mistakes = bound_mistakes(near.detach())
    if not torch.isclose(answer, right, rtol=1e-4):
        hints = [hint for hint, value in mistakes.items() if torch.isclose(answer, value, rtol=1e-4)]
        return hints[0] if hints else "for two draws of weights 1 and 3, one image, it should be -log 2 = -0.69"
    if not answer.requires_grad:
        return "the number is right, but no gradient comes through it: training could not change anything"
    (slope,) = torch.autograd.grad(answer, near)
    if not torch.allclose(slope, -near.detach().softmax(0) / 4, atol=1e-4):
        return "the number is right, but its gradient is not the bound's: is something detached?"
    far = 3 * torch.randn(5, 7, generator=generator) - 180  # as on the page: exp of it is 0 in float32
    answer = iwae_loss(far)
    if not torch.isfinite(answer):
        return "with log weights around -180, as the page has them, exp of each is 0: is there a way around exp?"
    if not torch.isclose(answer.float(), bound_mistakes(far)[0], rtol=1e-4):
        return "right for six draws of four images, but not for five draws of seven: use what is given"
    return None


DIAGNOSIS = ["A2", "B1", "C4", "D3"]
LOOK = {
    "A": "line A takes the mean of the logarithms: whose bound is that, whatever K is?",
    "B": "line B: what does a constant do to a gradient, and what to a printed number?",
    "C": "line C: `log_w` is (K, B); along which axis does it add up?",
    "D": "line D: try two draws of weights 1 and 3. Is the value the bound's? And what flows through the softmax?",
}


def check_diagnosis(diagnosis):
    answer = filled(diagnosis())
    if not isinstance(answer, list | tuple) or len(answer) != 4 or not all(isinstance(part, str) for part in answer):
        return 'expected a list of four, such as ["A1", "B2", "C3", "D4"]'
    answer = [part.strip().upper() for part in answer]
    if sorted(part[:1] for part in answer) != list("ABCD") or sorted(part[1:] for part in answer) != list("1234"):
        return "each line A to D and each effect 1 to 4 should occur once"
    wrong = [part for part in sorted(answer) if part not in DIAGNOSIS]
    return LOOK[wrong[0][0]] if wrong else None


def check_snr(snr):
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(40, 3, generator=generator) * torch.tensor([1.0, 0.5, 2.0])
    gradients = gradients + torch.tensor([2.0, -3.0, 0.7])
    answer = one_number(snr(gradients.clone()))
    if isinstance(answer, str):
        return f"{answer}: the mean over the numbers of the gradient"
    g = gradients.double()

    def agrees(value):
        return torch.isclose(answer, value.double(), rtol=1e-3)

    if any(agrees((g.mean(0).abs() / g.std(0, correction=c)).mean()) for c in (0, 1)):
        other = torch.tensor([[1.0, 10.0], [3.0, 10.2]])
        again = one_number(snr(other))
        right = [(other.mean(0).abs() / other.std(0, correction=c)).mean().double() for c in (0, 1)]
        same = not isinstance(again, str) and any(torch.isclose(again, value, rtol=1e-3) for value in right)
        return None if same else "right for 40 repeats of three numbers, but not for two of two: use what is given"
    mistakes = {
        "the sign of a signal does not count: a strong pull downwards is a signal": lambda c: (
            g.mean(0) / g.std(0, correction=c)
        ).mean(),
        "this is upside down: noise over signal": lambda c: (g.std(0, correction=c) / g.mean(0).abs()).mean(),
        "this divides by the variance; noise has the unit of the gradient": lambda c: (
            g.mean(0).abs() / g.var(0, correction=c)
        ).mean(),
        "this is the mean over its standard error, which grows with the number of repeats; asked is the spread of a "
        "single gradient": lambda c: (g.mean(0).abs() / (g.std(0, correction=c) / 40**0.5)).mean(),
        "the repeats are the first axis; yours took the numbers of the gradient for repeats": lambda c: (
            g.mean(1).abs() / g.std(1, correction=c)
        ).mean(),
        "all numbers were thrown together: each has a signal and a noise of its own": lambda c: (
            g.mean().abs() / g.std(correction=c)
        ),
        "the absolute value comes before the mean over the repeats: noise then counts as signal": lambda c: (
            g.abs().mean(0) / g.std(0, correction=c)
        ).mean(),
        "this is the mean signal over the mean noise; asked is the mean of each number's ratio": lambda c: (
            g.mean(0).abs().mean() / g.std(0, correction=c).mean()
        ),
    }
    for hint, value in mistakes.items():
        if any(agrees(value(c)) for c in (0, 1)):
            return hint
    return (
        "for two repeats (1, 10) and (3, 10.2) the signals are 2 and 10.1: divide each by its spread over the repeats"
    )


def check_bound_at(bound_at):
    generator = torch.Generator().manual_seed(0)
    log_w = torch.randn(12, 3, generator=generator) * torch.tensor([1.0, 2.0, 0.5]) - 2

    def right(log_w, K):
        groups = [log_w.double()[i : i + K] for i in range(0, len(log_w), K)]
        return torch.stack([group.logsumexp(0) - math.log(K) for group in groups]).mean(0)

    answer = torch.as_tensor(filled(bound_at(log_w.clone(), 4))).double()
    if answer.ndim == 0:
        return "one number for the whole batch; each image, that is each column, needs its own"
    if answer.shape != (3,):
        return f"the shape should be (3,) for 12 draws of 3 images, yours is {tuple(answer.shape)}"
    w = log_w.double()
    strided = w.view(4, 3, 3)  # the groups interleaved: draws 0, 3, 6, 9 are one
    mistakes = {
        "this is the bound of all 12 draws: a bound at K = 12, whatever K was asked for": right(log_w, 12),
        "this is the mean of the logarithms, the bound at K = 1": w.mean(0),
        "this uses the first K draws only, and throws the rest away": right(log_w[:4], 4),
        "log K is missing, or it is the logarithm of another number": right(log_w, 4) + math.log(4),
        "log 12 was subtracted; each group has only K draws": right(log_w, 4) + math.log(4) - math.log(12),
        "these are groups of 12 / K draws, not of K": right(log_w, 3),
        "a sum over the groups; take their mean": 3 * right(log_w, 4),
    }
    others = [right(log_w, 4), (strided.logsumexp(0) - math.log(4)).mean(0)]
    if not any(torch.allclose(answer, value, atol=1e-4) for value in others):
        hints = [hint for hint, value in mistakes.items() if torch.allclose(answer, value, atol=1e-4)]
        return hints[0] if hints else "for weights 1, 3, 2, 2 and K = 2 both groups have the mean 2: log 2 = 0.69"
    far = log_w[:6] - 300
    again = torch.as_tensor(bound_at(far, 1)).double()
    if again.shape != (3,) or not torch.allclose(again, far.double().mean(0), atol=1e-3):
        return "right here, but at K = 1 and with log weights around -300 it should be their mean, and yours is not"
    return None


CHECKS = {
    "14-share": check_share,
    "14-iwae-loss": check_iwae_loss,
    "14-diagnosis": check_diagnosis,
    "14-bound-at": check_bound_at,
    "14-snr": check_snr,
}

QUIZ = [
    {
        "question": "Each image gets its own best q, and the negative ELBO falls by 3 nats. The model's -log p ...",
        "options": {
            "a": ("falls by 3 nats as well", "log p(x) is the decoder's and the prior's; q is not in it."),
            "b": ("stays where it was", "Only the bound moved. What fell was the amortisation gap."),
            "c": ("rises: q was fitted to the test images", "q is fitted, the model is not: log p(x) has no q in it."),
        },
        "right": "b",
    },
    {
        "question": "Paper A reports 86.0 nats, by 5,000 draws; paper B 87.5, a negative ELBO. Which is better?",
        "options": {
            "a": ("A, by 1.5 nats", "A VAE's ELBO often lies several nats above -log p; B may well be ahead."),
            "b": ("B, for its bound is harder to reach", "Perhaps, perhaps not: nobody has measured both alike."),
            "c": (
                "One cannot say",
                "They are two bounds of different tightness. Measure both with the same K, binarisation and images.",
            ),
        },
        "right": "c",
    },
    {
        "question": "An importance-weighted loss is written without - log K. Training ...",
        "options": {
            "a": (
                "is the same, and the printed likelihood is log K nats too good",
                "A constant has no gradient. With K = 50 that is 3.9 nats, more than most papers differ by.",
            ),
            "b": ("diverges, since the loss has no lower bound", "The loss only moved by a constant."),
            "c": ("becomes that of a VAE", "That is what the mean of the logarithms would do."),
        },
        "right": "a",
    },
    {
        "question": "As K grows, the gradient of the decoder gets better. That of the encoder (without DReG) ...",
        "options": {
            "a": ("gets better too", "For the decoder more draws mean less noise; for q they also mean less to gain."),
            "b": (
                "points in a direction that says less and less",
                "For large K, signal over noise falls like one over its square root (Rainforth et al. 2018).",
            ),
            "c": ("becomes biased", "It stays unbiased for its bound; what suffers is signal against noise."),
        },
        "right": "b",
    },
    {
        "question": "DReG in place of the plain gradient for the encoder; model and K stay. What changes?",
        "options": {
            "a": ("The mean of the gradient: the bound gets tighter", "It is the gradient of the same bound."),
            "b": ("Its spread", "The same mean, with less noise. For large K signal over noise then even rises."),
            "c": ("The bound's value", "The value is computed as before; only its derivative is written otherwise."),
        },
        "right": "b",
    },
]
