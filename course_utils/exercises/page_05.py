"""Learning calls of page 05."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.exercises import filled
from course_utils.exercises.places import Places

PREDICTIONS = {
    "05-clean": {
        "question": "an autoencoder trained on clean digits gets noisy ones. Its twin, trained on noisy ones, is ...",
        "options": {
            "a": "worse: it never saw what clean digits look like at its input",
            "b": "about as good, within 0.5 dB: the narrow code keeps the noise out anyway",
            "c": "better by 0.5 to 2 dB",
            "d": "better by more than 2 dB",
        },
    },
    "05-linear": {
        "question": "the textbook's network, with your loss, against the matrix, rescaled. Who has more dB?",
        "options": {
            "a": "the network, by more than 1 dB",
            "b": "the network, but by less than 1 dB",
            "c": "the matrix",
        },
    },
    "05-light": {
        "question": "a denoiser trained on heavy noise (sigma 0.5) gets light noise (sigma 0.05). Its answer is ...",
        "options": {
            "a": "closer to the clean image than what it was given, and far better than at sigma 0.5",
            "b": "further from the clean image than what it was given",
            "c": "closer to the clean image than what it was given, but no better than at sigma 0.5",
        },
    },
    "05-targets": {
        "question": "which of these losses gives a network that comes closest to the one trained as in exercise 4?",
        "options": {
            "a": "`other_shot_uncut`, although it never meets a clean image",
            "b": "`by_heart`, the only one whose target is clean",
            "c": "`other_shot`: its target looks just like its input",
        },
    },
}


def check_salt_and_pepper(salt_and_pepper):
    torch.manual_seed(0)
    x = torch.rand(50, 1, 28, 28) * 0.8 + 0.1  # no pixel is 0 or 1
    before = x.clone()
    with Places() as places:
        noisy = filled(salt_and_pepper(x, 0.3))
    if not isinstance(noisy, torch.Tensor) or noisy.shape != x.shape:
        return f"expected a tensor of the images' shape {tuple(x.shape)}"
    if not torch.equal(x, before):
        return "the images that came in were changed: fill a copy, as `torch.where` and `masked_fill` do"
    salt, pepper = noisy == 1, noisy == 0
    if not (salt | pepper | (noisy == x)).all():
        return (
            "a hit pixel becomes exactly 0 or 1, and all others stay as they were; some of yours became something else"
        )
    white, black = salt.float().mean().item(), pepper.float().mean().item()
    if max(white, black) == 0:
        return "no pixel was hit"
    if min(white, black) == 0:
        return f"there is only {'salt' if white else 'pepper'}: half of the hit pixels become 0, the other half 1"
    masks = (salt | pepper).flatten(1)
    if (masks == masks[0]).all():
        return "every image is hit in the same places: draw one number for each pixel of each image"
    if abs(white + black - 0.6) < 0.02 or abs(white + black - (1 - 0.7**2)) < 0.008:
        return "twice as many pixels as asked for are hit: `share` counts salt and pepper together"
    if abs(white + black - (1 - 0.85**2)) < 0.008:
        return "salt and pepper are drawn one after the other, and some pixels are hit twice: draw one number per pixel"
    if abs(white + black - 0.3) > 0.02:
        return f"with share = 0.3, {100 * (white + black):.0f} % of the pixels are hit"
    if abs(white - black) > 0.03:
        return f"{100 * white:.0f} % of the pixels are salt and {100 * black:.0f} % pepper; both should be 15 %"
    hit = (salt_and_pepper(x, 0.8) != x).float().mean().item()
    if abs(hit - 0.8) > 0.03:
        return "right for one share only: use the `share` that is given"
    return "right on the processor, but on a GPU it stops: draw the numbers where `x` is" if places.stays else None


def check_mean_psnr(mean_psnr):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(4, 1, 28, 28, generator=generator)
    sizes = torch.tensor([0.01, 0.05, 0.2, 0.6]).view(4, 1, 1, 1)  # errors that differ much from image to image
    error = sizes * torch.randn(x.shape, generator=generator)
    answer = filled(mean_psnr(x + error, x))
    if not isinstance(answer, torch.Tensor | float | np.ndarray | np.floating):
        return f"expected one number, got {type(answer).__name__}"
    answer = torch.as_tensor(answer, dtype=torch.float)
    if answer.numel() != 1:
        return f"expected one number for all images, got shape {tuple(answer.shape)}: take the mean in the end"
    mse = error.flatten(1).square().mean(1)
    sse = error.flatten(1).square().sum(1)
    truth = -10 * mse.log10().mean()
    mistakes = {
        "this is the PSNR of the mean error: take the logarithm of each image's error first, and the mean then": (
            -10 * mse.mean().log10()
        ),
        "the sign is wrong: a smaller error should give more dB": -truth,
        "this sums the squared errors over the pixels; PSNR takes their mean": -10 * sse.log10().mean(),
        "this is the natural logarithm; dB are made with log10": -10 * mse.log().mean(),
        "the factor is 10 for a squared error (20 belongs to its square root)": 2 * truth,
        "the factor 10 is missing: this is bel, not decibel": truth / 10,
        "square the errors; these are absolute ones": -10 * error.abs().flatten(1).mean(1).log10().mean(),
        "this is the mean over single pixels; first take each image's mean squared error": (
            -10 * error.square().log10().mean()
        ),
        "the first mean goes over the images; take it over the pixels of each image, which is axis 1": (
            -10 * error.flatten(1).square().mean(0).log10().mean()
        ),
        "this is the sum over the images; the mean is asked for": 4 * truth,
        "these pixels reach from 0 to 1, not to 255": truth + 10 * torch.tensor(255.0**2).log10(),
    }
    if torch.isclose(answer, truth, rtol=1e-4):
        return None
    for mistake, value in mistakes.items():
        if torch.isclose(answer, value, rtol=1e-4):
            return mistake
    return f"for these images {truth:.2f} dB are right, yours is {answer.item():.2f}"


def check_linear_filter(fit_filter):
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(60, 5, generator=generator, dtype=torch.double)
    noisy = clean @ torch.rand(5, 5, generator=generator, dtype=torch.double) + 0.3
    noisy = noisy + 0.2 * torch.randn(noisy.shape, generator=generator, dtype=torch.double)
    before = noisy.clone(), clean.clone()
    answer = filled(fit_filter(noisy, clean, 3.0))
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return "expected two things, `return W, b`"
    W, b = (torch.as_tensor(filled(part)) for part in answer)
    if not torch.equal(noisy, before[0]) or not torch.equal(clean, before[1]):
        return "the images that came in were changed: write `noisy - noisy.mean(0)`, not `noisy -= ...`"
    if W.shape != (5, 5) or b.shape != (5,):
        return f"for 5 pixels, W should be (5, 5) and b (5,); yours are {tuple(W.shape)} and {tuple(b.shape)}"
    N, X = noisy - noisy.mean(0), clean - clean.mean(0)
    eye = torch.eye(5, dtype=torch.double)
    truth = torch.linalg.solve(N.T @ N + 3 * eye, N.T @ X)

    def is_close(a, c):
        return a.shape == c.shape and torch.allclose(a.double(), c, atol=1e-5)

    mistakes = {
        "W is the transposed one: images are rows here, so x_hat = noisy @ W + b": truth.T,
        "the ridge is missing: add it to the diagonal of N.T @ N": torch.linalg.solve(N.T @ N, N.T @ X),
        "the ridge belongs on the diagonal only: multiply it by torch.eye": torch.linalg.solve(N.T @ N + 3, N.T @ X),
        "the ridge should be added, with a plus": torch.linalg.solve(N.T @ N - 3 * eye, N.T @ X),
        "noisy and clean are mixed up: this filter makes clean images noisy": torch.linalg.solve(
            X.T @ X + 3 * eye, X.T @ N
        ),
        "the images are not centred: subtract the mean of each pixel first": torch.linalg.solve(
            noisy.T @ noisy + 3 * eye, noisy.T @ clean
        ),
        "the noisy images are not centred": torch.linalg.solve(noisy.T @ noisy + 3 * eye, noisy.T @ X),
        "this multiplies by N.T @ N instead of solving with it": (N.T @ N + 3 * eye) @ (N.T @ X),
        "N.T @ X is missing: this is the inverse alone": torch.linalg.inv(N.T @ N + 3 * eye),
        "each side is divided by the number of images before the ridge is added: here the sums are asked for": (
            torch.linalg.solve(N.T @ N / 60 + 3 * eye, N.T @ X / 60)
        ),
    }
    if not is_close(W, truth):
        for mistake, value in mistakes.items():
            if is_close(W, value):
                return mistake
        return "W is not the solution of (N.T @ N + ridge * I) W = N.T @ X"
    right = clean.mean(0) - noisy.mean(0) @ truth
    if is_close(b, right):
        return None
    wrong = {
        "b is only the clean mean: the noisy images have a mean too, which W carries along": clean.mean(0),
        "b has the wrong sign": -right,
        "b is the difference of the two means; the noisy one has to go through W": clean.mean(0) - noisy.mean(0),
        "b has to bring the mean noisy image to the mean clean one; it is 0 only for centred images": torch.zeros_like(
            b
        ),
    }
    for mistake, value in wrong.items():
        if is_close(b, value.double()):
            return mistake
    return "W is right, b is not: the mean noisy image should be sent to the mean clean image"


class _Witness(nn.Module):
    """A network that remembers what it was given, and answers what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: Tensor | None = None
        self.answer: Callable[[Tensor], Tensor] = torch.zeros_like

    def forward(self, noisy):
        self.seen = noisy.detach()
        return self.weight * self.answer(self.seen)


def check_loss(denoising_loss):
    generator = torch.Generator().manual_seed(0)
    clean = torch.randint(0, 3, (1, 1, 28, 28), generator=generator) / 2  # paper, ink, and grey between them
    x, y = clean.repeat(40, 1, 1, 1), torch.zeros(40, dtype=torch.long)
    model = _Witness()

    def value(answer):  # of the loss, where the network answers this
        model.answer, model.seen = answer, None
        return filled(denoising_loss(model, x.clone(), y.clone()))

    first = value(torch.zeros_like)
    if not isinstance(first, Tensor) or first.numel() != 1:
        return "expected one number for the whole batch, as a tensor: is there a mean?"
    if model.seen is None:
        return "the network is never asked: call model(...)"
    if not first.requires_grad:
        return "no gradient gets from the loss to the network: nothing could be learnt"
    noisy = model.seen
    if hint := _hint_at_noise(noisy, x):
        return hint
    second = value(torch.zeros_like)
    if torch.equal(model.seen, noisy):
        return "every batch gets the same noise, and a network can learn that by heart: draw it inside of the function"
    if value(lambda noisy: 0.99 * noisy) < value(lambda noisy: 0.99 * x):
        return "a network that hands the noise back has a smaller loss than one that answers the clean image"
    if not torch.isclose(first, second, rtol=1e-5):
        return "the same answer costs another loss with every draw of the noise: is the target clean?"
    near, far = (value(lambda noisy, a=a: x + a * (0.5 - x)) for a in (0.01, 0.4))
    if not near < far or not near < value(lambda noisy: 0.6 * x):
        return "the loss should be least for an answer that is the clean image: what is the target, and which sign?"
    with Places() as places:
        value(torch.zeros_like)
    if places.stays:
        return "right on the processor, but on a GPU it stops: randn_like(x) makes noise where the images are"
    return None


def _hint_at_noise(noisy, x):
    """What is wrong with the images that a network was given in place of `x`, 40 times one image, or None."""
    if noisy.shape != x.shape:
        return f"the network should get images of shape {tuple(x.shape)}, it got {tuple(noisy.shape)}"
    if torch.equal(noisy, x):
        return "the network gets the clean images: it should learn to answer noisy ones"
    if torch.equal(noisy[0], noisy[1]):
        return "all images of a batch get the same noise: draw a number for each pixel of each image"
    grey = noisy[x == 0.5].view(40, -1)
    if (grey.std(1) < 1e-6).all():
        return "all pixels of an image get the same noise: draw a number for each pixel"
    if noisy.min() < 0 or noisy.max() > 1:
        return "the test images are cut off at 0 and 1, and these are not: `gaussian` does both"
    cut = 100 * ((grey == 0) | (grey == 1)).float().mean().item()  # about 32 % for sigma = 0.5
    if abs(grey.mean() - 0.5) > 0.03 or abs(cut - 32) > 5:
        return "this is not the noise of the test images: that is `gaussian(x)`, with sigma = 0.5"
    return None


CHECKS = {
    "05-salt": check_salt_and_pepper,
    "05-mean-psnr": check_mean_psnr,
    "05-loss": check_loss,
    "05-linear-filter": check_linear_filter,
}

QUIZ = [
    {
        "question": "You have no clean images, but pairs of noisy shots of the same things. What must their noise be?",
        "options": {
            "a": ("Weak", "Even strong noise averages out over many images."),
            "b": ("The same in both shots", "Then the network can learn to hand the noise back."),
            "c": (
                "Independent, and 0 on average",
                "The target's noise averages out: the best answer is that for clean targets.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Your network beats the median filter by 3 dB. What should you also compare it with?",
        "options": {
            "a": (
                "A rescaled blur, and the best linear filter",
                "Both are a few lines, and with two numbers chosen on validation images they gain some decibels.",
            ),
            "b": ("A larger median filter", "Its size was chosen on validation images already."),
            "c": (
                "Nothing, 3 dB is half the error",
                "Half of a poor baseline's error can still be more than a good one's.",
            ),
        },
        "right": "a",
    },
    {
        "question": "Two papers report 20.1 and 20.6 dB on the same test images. Before you compare, what do you ask?",
        "options": {
            "a": ("How many parameters they have", "Worth knowing, but it does not change what a dB is."),
            "b": ("Whether they used SSIM as well", "That would be another figure; first the two must mean the same."),
            "c": (
                "Mean of PSNRs or PSNR of the mean, clipped or not, which noise",
                "Each of these can move the figure by as much as the two papers differ.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Why are denoised strokes softer than the clean ones?",
        "options": {
            "a": (
                "The network is too small",
                "A larger one is surer of more pixels, but what is not decided by the input stays soft.",
            ),
            "b": (
                "Squared error is least for the mean of all that is possible",
                "Where an edge may lie here or there, the mean of both is a grey.",
            ),
            "c": ("Clipping removes the contrast", "Clipping acts on the noisy input; the target is as sharp as ever."),
        },
        "right": "b",
    },
    {
        "question": "A denoised X-ray shows a fine clean structure. What has this page taught you about it?",
        "options": {
            "a": ("It may be invented", "Under heavy noise a denoiser draws what is likely, also where it is wrong."),
            "b": (
                "It was in the X-ray, or it would be blurred",
                "Wrong digits on this page were as clean as right ones.",
            ),
            "c": ("It is real if the PSNR is high", "PSNR is a mean over test images, and says nothing of this one."),
        },
        "right": "a",
    },
]
