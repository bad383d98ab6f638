"""Learning calls of page 09."""

import math

import torch
from torch import Tensor, nn

from course_utils.exercises import filled
from course_utils.exercises.places import Places

PREDICTIONS = {
    "09-floats": {
        "question": "a code of 64 numbers, kept as float32, beside lzma's file, which keeps every pixel, takes ...",
        "options": {
            "a": "more bytes than lzma",
            "b": "fewer than lzma, but more than a fifth of them",
            "c": "less than a fifth: 64 numbers in place of 784",
        },
    },
    "09-neighbours": {
        "question": "tables chosen by four neighbours, against the VAE, which knows the whole image through its code. "
        "The tables need ...",
        "options": {
            "a": "more bits: four pixels know less than the code",
            "b": "fewer bits",
            "c": "as many bits, within 2 %",
        },
        "why": "After this short training the VAE pays more for the greys of digits, and its code comes on top.",
    },
    "09-noise": {
        "question": "the coder that was trained on digits gets images of pure noise, 8 bits per pixel. It needs ...",
        "options": {
            "a": "less than 8 bits per pixel: a model always helps",
            "b": "8 bits per pixel: it notices that nothing can be saved",
            "c": "more than 8 bits per pixel",
        },
    },
}


def _push(state, start, freq, total):
    return state // freq * total + start + state % freq


def check_pop(pop):
    tables = [[3, 1, 8, 4], [1, 14, 1], [250, 2, 4]]
    messages = [[2, 0, 3, 2, 1, 2], [1, 0, 2, 1, 1], [0, 2, 1, 0]]
    cases = []  # (state, starts, freqs, symbol, state before)
    for freqs, symbols in zip(tables, messages, strict=True):
        starts, state = [sum(freqs[:i]) for i in range(len(freqs))], 987_654_321_987_654_321
        for symbol in symbols:
            before, state = state, _push(state, starts[symbol], freqs[symbol], sum(freqs))
            cases.append((state, starts, freqs, symbol, before))
    answers = [filled(pop(state, list(starts), list(freqs))) for state, starts, freqs, _, _ in cases]
    try:
        answers = [(filled(a), filled(b)) for a, b in answers]
    except (TypeError, ValueError):
        return "return two things: the symbol, and the state as it was before the push"
    if all(answer == (symbol, before) for answer, (*_, symbol, before) in zip(answers, cases, strict=True)):
        if all(isinstance(state, int) for _, state in answers):
            return None
        return "the state should be a whole number: use // in place of /, which makes a float and loses digits"
    if all(answer == (before, symbol) for answer, (*_, symbol, before) in zip(answers, cases, strict=True)):
        return "symbol and state have changed places"
    if any(isinstance(state, float) for _, state in answers):
        return "there is a float: / loses digits, // keeps whole numbers whole"
    if any(answer[0] != case[3] for answer, case in zip(answers, cases, strict=True)):
        return "the symbol is wrong: it is the one whose slots, from start to start + freq, hold the slot"

    def like(formula):
        return all(
            answer[1] == formula(state, starts[symbol], freqs[symbol], sum(freqs), state % sum(freqs))
            for answer, (state, starts, freqs, symbol, _) in zip(answers, cases, strict=True)
        )

    mistakes = {
        "the symbol is right, and the state is still the one after the push: undo the push": lambda s, a, f, t, r: s,
        "within the symbol's slots: `start` has to be taken off the slot": lambda s, a, f, t, r: s // t * f + r,
        "`start` is added; a push added it, so take it off": lambda s, a, f, t, r: s // t * f + r + a,
        "the remainder is missing: a push also kept state % freq, as slot - start": lambda s, a, f, t, r: s // t * f,
        "multiply by freq: a push divided by it": lambda s, a, f, t, r: s // t + r - a,
        "total and freq have changed places: a push divides by freq and multiplies by total": lambda s, a, f, t, r: (
            s // f * t + r - a
        ),
        "that undoes only the multiplication by total: the push had divided by freq before, and added a remainder": (
            lambda s, a, f, t, r: s // t
        ),
        "divided by freq once more: a push divided by it, so multiply": lambda s, a, f, t, r: s // t // f + r - a,
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    return "the symbol is right, the state is not: popping what was pushed should give back the state from before"


class _Witness(nn.Module):
    """A model that remembers what its parts were given; its bits depend on each number of the code."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(0.3 * torch.randn(784, 5, generator=generator))
        self.back = nn.Parameter(0.1 * torch.randn(5, 784, generator=generator))
        self.decoded: list[Tensor] = []
        self.priced: list[Tensor] = []

    def encoder(self, x):
        return x.flatten(1) @ self.weight

    def decoder(self, y):
        self.decoded.append(y)
        return (y @ self.back).view(-1, 1, 28, 28)

    def bits(self, y):
        self.priced.append(y)
        return 1 + 0.3 * (y - 0.2).abs()


def check_rate_distortion(rate_distortion):
    model, worth = _Witness(), 3.0
    x = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    with Places() as places:
        loss = filled(rate_distortion(model, x.clone(), worth))
    if not model.decoded:
        return "the decoder is never asked: distortion is the error of model.decoder(...)"
    if not model.priced:
        return "there is no rate: model.bits(...) says what each number of the code costs"
    clean, code, priced = model.encoder(x).detach(), model.decoded[-1], model.priced[-1]
    if code.shape != clean.shape:
        return f"the decoder should get codes of shape {tuple(clean.shape)}, yours gets {tuple(code.shape)}"
    if hint := _about_noise((code - clean).detach(), code.detach()):
        return hint
    if priced.shape != code.shape:
        return f"the price is asked for codes of shape {tuple(code.shape)}, yours are {tuple(priced.shape)}"
    if not torch.allclose(priced, code):
        if torch.allclose(priced, clean, atol=1e-5):
            return "decoder and price should get the same code: the noisy one"
        return "decoder and price get codes that differ: draw the noise once, and use the noisy code for both"
    hint = _about_loss(loss, model, x, code, worth)
    return hint or (
        "right on the processor, but on a GPU it stops: draw the noise where `y` is" if places.stays else None
    )


def _about_noise(noise, code):
    """What is wrong with the noise on a code (N, k), or None."""
    if torch.allclose(noise, torch.zeros(()), atol=1e-5):
        return "the decoder gets the code without noise: nothing prepares it for rounding"
    if torch.allclose(code, code.round(), atol=1e-5):
        return "rounding has no gradient, so the encoder would learn nothing: noise takes its place in training"
    if torch.allclose(noise, noise[:, :1], atol=1e-5) or torch.allclose(noise, noise[:1], atol=1e-5):
        return "each number of each image's code needs noise of its own: torch.rand_like(y)"
    if noise.abs().max() > 0.5001:
        if noise.min() >= -1e-5 and noise.max() < 1.0001:
            return "this noise lies between 0 and 1: shift it, so that it lies between -1/2 and 1/2"
        return "rounding moves a number by 1/2 at most, and your noise moves some by more: torch.rand, not torch.randn"
    if abs(noise.mean()) > 0.1 or abs(noise.std() - 12**-0.5) > 0.06:
        return "the noise should be equally likely everywhere between -1/2 and 1/2"
    return None


def _about_loss(loss, model, x, code, worth):
    """What is wrong with a loss whose code is right, or None."""
    error = model.decoder(code) - x
    bits, images = model.bits(code), len(x)
    distortion, rate = error.square().sum() / images, bits.sum() / images
    loss = torch.as_tensor(loss)
    if loss.ndim:
        return f"the loss should be one number, the mean over the batch; yours has shape {tuple(loss.shape)}"
    if not loss.requires_grad:
        return "no gradient gets from the loss to the model: nothing could be learnt"
    if torch.isclose(loss, worth * distortion + rate, rtol=1e-4):
        return None
    mistakes = {
        "`worth` weighs the distortion, not the rate": distortion + worth * rate,
        "`worth` weighs the distortion only; the rate is in bits already": worth * (distortion + rate),
        "`worth` is missing: it says how many bits a unit of squared error is worth": distortion + rate,
        "that is the distortion alone: where is the rate?": worth * distortion,
        "that is the rate alone: where is the distortion?": rate,
        "add the two: both cost something, and the bits are positive already": worth * distortion - rate,
        "the sum over the batch; the mean over its images is asked for": images * (worth * distortion + rate),
        "the squared error is a sum over the pixels, not a mean": worth * distortion / 784 + rate,
        "the bits are a sum over the numbers of the code, not a mean": worth * distortion + bits.mean(),
        "both are sums for each image; take the mean over the images only": worth * distortion / 784 + bits.mean(),
        "square the errors; these are absolute ones": worth * error.abs().sum() / images + rate,
        "that is the root of the squared error": worth * error.flatten(1).norm(dim=1).mean() + rate,
        "the distortion is summed over the batch, the rate is a mean": worth * distortion * images + rate,
        "the rate is summed over the batch, the distortion is a mean": worth * distortion + images * rate,
    }
    for mistake, value in mistakes.items():
        if torch.isclose(loss, value, rtol=1e-4):
            return mistake
    right = (worth * distortion + rate).item()
    return f"for the test batch the loss should be {right:.2f}, yours is {loss.item():.4g}"


def check_break_even(break_even):
    cases = [(1000, 10, 30), (1_000_003, 21.5, 80), (999, 100, 110), (64, 4, 8)]
    answers = [float(filled(break_even(*case))) for case in cases]
    expected = [math.ceil(d / (theirs - ours)) for d, ours, theirs in cases]

    def like(formula):
        return all(abs(a - formula(*case)) < 1e-6 * max(1, abs(a)) for a, case in zip(answers, cases, strict=True))

    if answers == expected:
        never = float(filled(break_even(1000, 30, 20)))
        if never != math.inf:
            return "where ours needs more bytes than theirs it never pays: return math.inf"
        try:
            equal = float(filled(break_even(1000, 20, 20)))
        except ZeroDivisionError:
            return "where both need the same bytes, nothing is saved: that divides by 0. It never pays: math.inf"
        if equal != math.inf:
            return "where both need the same bytes, an image saves nothing and it never pays: return math.inf"
        return None
    mistakes = {
        "a whole number of images: round upwards": lambda d, o, t: d / (t - o),
        "one image too few: at that number it does not pay yet. Round upwards": lambda d, o, t: d // (t - o),
        "one image too many where the division comes out even: round upwards, and add nothing": lambda d, o, t: (
            d // (t - o) + 1
        ),
        "our own files cost bytes as well: what an image saves is theirs - ours": lambda d, o, t: math.ceil(d / t),
        "what an image saves is theirs - ours": lambda d, o, t: math.ceil(d / o),
        "the wrong way round: theirs - ours is what an image saves": lambda d, o, t: math.ceil(d / (o - t)),
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    if any(a < e for a, e in zip(answers, expected, strict=True)):
        return "for one of the tests that is too early: at that number of images it does not pay yet"
    d, o, t = cases[0]
    return (
        f"for a decoder of {d} bytes, {o} bytes an image against {t}, it should be {expected[0]}, yours {answers[0]:g}"
    )


def check_net_bits(net_bits):
    generator = torch.Generator().manual_seed(0)
    log_px, log_pz, log_qz = -torch.rand(3, 6, generator=generator) * torch.tensor([[900.0], [60.0], [40.0]])
    answer = torch.as_tensor(filled(net_bits(log_px.clone(), log_pz.clone(), log_qz.clone()))).float()
    truth = (log_qz - log_pz - log_px) / math.log(2)
    if answer.ndim == 0:
        return "one number for the whole batch; each image needs a number of its own"
    if answer.shape != truth.shape:
        return f"the shape should be (6,) for 6 images, yours is {tuple(answer.shape)}"
    if torch.allclose(answer, truth, rtol=1e-4):
        return None
    nats = truth * math.log(2)
    mistakes = {
        "these are nats: divide by log 2": nats,
        "divide by log 2 in place of multiplying: a nat is more than a bit": nats * math.log(2),
        "a cost is positive: minus the logarithm of a probability": -truth,
        "a cost is positive, and in bits: mind the sign, and divide by log 2": -nats,
        "the bits for choosing z come *back*: they are taken off": -(log_px + log_pz + log_qz) / math.log(2),
        "the bits for choosing z come back, and nats are no bits": -(log_px + log_pz + log_qz),
        "z is on the stack too: its bits under the prior are missing": (log_qz - log_px) / math.log(2),
        "without bits back; take off what choosing z gave": -(log_px + log_pz) / math.log(2),
        "that is the pixels' share only": -log_px / math.log(2),
        "prior and posterior have changed places": (log_pz - log_qz - log_px) / math.log(2),
        "per image, not per pixel": truth / 784,
    }
    for mistake, value in mistakes.items():
        if torch.allclose(answer, value, rtol=1e-4):
            return mistake
    return f"the first image should cost {truth[0]:.2f} bits, yours says {answer[0]:.4g}"


CHECKS = {
    "09-pop": check_pop,
    "09-rate-distortion": check_rate_distortion,
    "09-break-even": check_break_even,
    "09-net-bits": check_net_bits,
}

QUIZ = [
    {
        "question": "A pixel value has probability 1/8 under the model. What does a good coder spend on it?",
        "options": {
            "a": ("8 bits, since a pixel is a byte", "That is the price without a model: every value equally likely."),
            "b": ("3 bits", "-log2(1/8): halving the number of possibilities three times."),
            "c": ("1/8 bit", "A probability is no cost; its negative logarithm is."),
        },
        "right": "b",
    },
    {
        "question": "A code of 32 float32 numbers is rounded to whole numbers, most of them -1, 0 or 1, and "
        "entropy-coded. How many bytes is it about?",
        "options": {
            "a": ("128: 32 numbers of 4 bytes", "Only while they are kept as float32."),
            "b": ("32: one byte for each number", "A byte tells 256 values apart; three likely ones need far less."),
            "c": ("Less than 10", "Three likely values cost under 2 bits each: 32 of them about 6 to 8 bytes."),
        },
        "right": "c",
    },
    {
        "question": "What is the negative ELBO of a VAE, divided by log 2?",
        "options": {
            "a": (
                "The bits that bits-back coding spends on the image",
                "Pixels and code are paid for, and the bits that chose the code come back.",
            ),
            "b": ("The exact entropy of the image", "It is an upper bound of -log p(x), and depends on the model."),
            "c": ("A training loss without a unit", "With a likelihood over pixel values, it is a file size."),
        },
        "right": "a",
    },
    {
        "question": "Your decoder sums the same products in another order. What can happen to a losslessly coded file?",
        "options": {
            "a": ("Nothing: only the last digit differs", "A boundary between two symbols may lie just there."),
            "b": (
                "From some pixel on everything may be wrong",
                "One wrong symbol leaves a wrong state, and everything after it is read from that state.",
            ),
            "c": ("One pixel may be off by one", "An entropy coder has no nearly right: the next state is wrong too."),
        },
        "right": "b",
    },
    {
        "question": "A coder trained on digits gets a photograph. What is sure?",
        "options": {
            "a": (
                "It will be smaller than with PNG: networks compress better",
                "Only what they were trained on.",
            ),
            "b": ("It cannot be coded at all", "Every value has a probability above 0, so that it can, at a price."),
            "c": (
                "It comes back exactly, at whatever number of bytes",
                "Lossless is a promise about the pixels. The size depends on how well the model guesses.",
            ),
        },
        "right": "c",
    },
]
