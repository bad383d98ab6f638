"""Learning calls of page 06."""

import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torchvision.transforms.functional import gaussian_blur

from course_utils.exercises import filled

PREDICTIONS = {
    "06-ones": {
        "question": "a network knows all digits but 1, and copies 1s. Beside other digits', their squared error is ...",
        "options": {
            "a": "mostly smaller",
            "b": "about as large",
            "c": "mostly larger: it has never seen a 1",
        },
        "why": "An outline is hard to copy, and a 1 has little of it: here that outweighs that none was seen.",
    },
    "06-score": {
        "question": "PCA judged by the score that suits it best, or an autoencoder judged by squared error: whose mean "
        "AUROC over ten digits is higher?",
        "options": {
            "a": "the autoencoder's: the model decides",
            "b": "PCA's: the score decides",
            "c": "they are within half a point",
        },
        "why": "The better score is worth more than the better model, and it can be had with either.",
    },
}


def check_auroc(auroc):
    generator = torch.Generator().manual_seed(0)
    coarse = [
        (torch.randint(0, high, (n,), generator=generator).float(), torch.randint(low, 9, (m,), generator=generator))
        for high, low, n, m in ((6, 2, 7, 12), (9, 0, 20, 5), (5, 4, 8, 8))
    ]  # whole numbers, so that many pairs are ties
    cases = [(normal, anomaly.float()) for normal, anomaly in coarse]
    given = [torch.as_tensor(filled(auroc(normal.clone(), anomaly.clone()))) for normal, anomaly in cases]
    if any(answer.numel() != 1 for answer in given):
        shape = tuple(next(answer.shape for answer in given if answer.numel() != 1))
        return f"one number for all pairs; yours has shape {shape}: the mean runs over both axes"
    answers = [float(answer) for answer in given]
    expected = [
        roc_auc_score([0] * len(normal) + [1] * len(anomaly), torch.cat([normal, anomaly])) for normal, anomaly in cases
    ]

    def like(formula):
        return all(abs(a - float(formula(*case))) < 1e-4 for a, case in zip(answers, cases, strict=True))

    def share(normal, anomaly, ties):
        difference = anomaly[:, None] - normal
        return ((difference > 0).double() + ties * (difference == 0)).mean()

    if all(abs(a - e) < 1e-4 for a, e in zip(answers, expected, strict=True)):
        return None
    mistakes = {
        "ties are missing: a pair of equal scores counts one half": lambda n, a: share(n, a, 0),
        "a tie counts one half, not a whole win": lambda n, a: share(n, a, 1),
        "the wrong way round: it is the anomaly that should score higher": lambda n, a: share(a, n, 0.5),
        "the wrong way round (the anomaly should score higher), and ties are missing": lambda n, a: share(a, n, 0),
        "a probability lies between 0 and 1: leave out the percent": lambda n, a: 100 * share(n, a, 0.5),
        "these are counts: divide by the number of pairs": lambda n, a: share(n, a, 0.5) * len(n) * len(a),
        "divide by the number of pairs, which is n times m": lambda n, a: share(n, a, 0.5) * len(n),
        "divide by n times m, the number of pairs": lambda n, a: share(n, a, 0.5) * len(a),
        "this compares with the mean normal score; compare with every normal score": lambda n, a: (
            (a > n.mean()).double().mean()
        ),
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    n, m = (len(scores) for scores in cases[0])
    return f"for {n} normal and {m} unusual scores it should be {expected[0]:.4f}, yours is {answers[0]:.4g}"


def check_threshold(threshold):
    generator = torch.Generator().manual_seed(0)
    scores = [
        torch.rand(400, generator=generator).pow(3) * 20,
        torch.randn(1000, generator=generator).exp(),
        5 + torch.rand(200, generator=generator),
    ]  # lopsided, as errors are
    rates = (0.05, 0.2, 0.01)
    answers = [float(filled(threshold(s.clone(), rate))) for s, rate in zip(scores, rates, strict=True)]
    alarms = [(s > a).double().mean().item() for s, a in zip(scores, answers, strict=True)]

    def every(values, tolerance):
        return all(abs(v - w) <= t for v, w, t in zip(alarms, values, tolerance, strict=True))

    grain = [1.01 / len(s) for s in scores]  # one image more or less is no mistake
    if every(rates, grain):
        return None
    if every([1 - rate for rate in rates], grain):
        return "the wrong end: this threshold lets only that share of the normal images pass without an alarm"
    if all(abs(a - rate) < 1e-6 for a, rate in zip(answers, rates, strict=True)):
        return "that is the rate itself; the threshold is a score"
    hundredth = [torch.quantile(s, 1 - rate / 100).item() for s, rate in zip(scores, rates, strict=True)]
    if all(abs(a - h) < 1e-4 for a, h in zip(answers, hundredth, strict=True)):
        return "the rate is a share already, 0.05 for five percent: do not divide it by 100"
    if every([1 - (1 - rate) / 100 for rate in rates], grain):
        return "nearly every score lies above it: a percentile counts from 0 to 100, a quantile from 0 to 1"
    if all(abs(a - s.max()) < 1e-6 for a, s in zip(answers, scores, strict=True)):
        return "the largest score gives no false alarm at all, and lets too many anomalies pass"
    if all(abs(a - (1 - r) * s.max()) < 1e-5 for a, s, r in zip(answers, scores, rates, strict=True)):
        return "a share of the *images*, not of the largest score: sort the scores, or take a quantile"
    if any(
        all(abs(a - (s.mean() + k * s.std())) < 1e-2 for a, s in zip(answers, scores, strict=True))
        for k in (1.645, 2, 3)
    ):
        return "mean and standard deviation fit a bell curve; errors are lopsided. Take a quantile"
    if every([rate / 2 for rate in rates], grain):
        return "half of it at each end? Only large scores raise an alarm, so the whole rate belongs to the upper end"
    if every([0.05] * 3, grain):
        return "use the rate that is given"
    return f"{rates[0]:.0%} of the scores should lie above the threshold; above yours lie {alarms[0]:.1%}"


def check_precision(precision):
    cases = [(0.9, 0.05, 0.1), (0.6, 0.02, 0.001), (0.75, 0.25, 0.5), (1.0, 0.1, 0.3)]

    def truth(found, false_alarms, share):
        return found * share / (found * share + false_alarms * (1 - share))

    answers = [float(filled(precision(*case))) for case in cases]
    if all(abs(a - truth(*case)) < 1e-6 for a, case in zip(answers, cases, strict=True)):
        return None
    mistakes = {
        "how rare anomalies are plays no part in yours": lambda f, a, s: f / (f + a),
        "the false alarms come from the normal images, whose share is 1 - share": lambda f, a, s: f * s / (f * s + a),
        "the normal images' share is 1 - share, not share": lambda f, a, s: f * s / (f * s + a * s),
        "that is the share of all images that raise an alarm": lambda f, a, s: f * s + a * (1 - s),
        "that is the share of all images that are found anomalies: divide by all alarms": lambda f, a, s: f * s,
        "that is the share of the alarms that are *false*": lambda f, a, s: a * (1 - s) / (f * s + a * (1 - s)),
        "found and false alarms have changed places": lambda f, a, s: a * s / (a * s + f * (1 - s)),
        "share and 1 - share have changed places": lambda f, a, s: f * (1 - s) / (f * (1 - s) + a * s),
        "that is the share of anomalies found; asked is the share of alarms that are right": lambda f, a, s: f,
        "a share lies between 0 and 1: leave out the percent": lambda f, a, s: 100 * truth(f, a, s),
    }
    for mistake, formula in mistakes.items():
        if all(abs(a - formula(*case)) < 1e-6 for a, case in zip(answers, cases, strict=True)):
            return mistake
    if any(
        all(abs(a - round(truth(*case), digits)) < 1e-9 for a, case in zip(answers, cases, strict=True))
        for digits in range(1, 7)
    ):
        return "rounded: leave all digits in the number that you return, and round where you print it"
    answer, case = max(zip(answers, cases, strict=True), key=lambda pair: abs(pair[0] - truth(*pair[1])))
    found, false_alarms, share = case
    return (
        f"for {found:g} found, {false_alarms:g} false alarms and a share of {share:g} it should be "
        f"{truth(*case):.7f}, yours is {answer:.7g}"
    )


def check_blurred_per_ink(blurred_per_ink):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 1, 28, 28, generator=generator).pow(
        torch.arange(1, 7).view(6, 1, 1, 1)
    )  # from much ink to little
    x_hat = torch.rand(6, 1, 28, 28, generator=generator).pow(2)
    answer = torch.as_tensor(filled(blurred_per_ink(x_hat.clone(), x.clone()))).float()
    d = x_hat - x

    def blur(images, sigma=1.0):
        return gaussian_blur(images, 7, sigma)

    def total(images):
        return images.flatten(1).sum(1)

    ink = total(x)
    truth = total(blur(d).square()) / ink
    if answer.shape == truth.shape and torch.allclose(answer, truth, rtol=0.02):
        return None
    if answer.ndim == 0:
        return "one number for the whole batch; each image needs a score of its own"
    if answer.shape != truth.shape:
        return f"the shape should be (6,) for 6 images, yours is {tuple(answer.shape)}: flatten(1), then sum(1)"
    mistakes = {
        "the blur is missing": total(d.square()) / ink,
        "blur the difference first, then square: squares cannot cancel any more": total(blur(d.square())) / ink,
        "take no absolute value before the blur: too much and too little ink beside each other should cancel": (
            total(blur(d.abs()).square()) / ink
        ),
        "the ink of each image, not of the whole batch": total(blur(d).square()) / ink.sum(),
        "the ink is missing: divide by the sum of the pixels of x": total(blur(d).square()),
        "blur and ink are missing: this is the plain squared error": total(d.square()),
        "divide by the ink of x, not of x_hat": total(blur(d).square()) / total(x_hat),
        "divide by the sum of the pixels, not by the sum of their squares": total(blur(d).square()) / total(x.square()),
        "the ink is the sum of all pixels of x; that is the mean": total(blur(d).square()) / (ink / 784),
        "the sum over the pixels, not the mean": total(blur(d).square()) / 784 / ink,
        "the absolute difference in place of the square": total(blur(d).abs()) / ink,
        "the square is missing: too much and too little ink cancel out": total(blur(d)) / ink,
        "blur both images, or their difference; yours blurs x_hat only": total((blur(x_hat) - x).square()) / ink,
        "the blur's sigma should be 1: name it, since the default depends on the kernel": (
            total(gaussian_blur(d, 7).square()) / ink
        ),
        "without the square root": truth.sqrt(),
    }
    for mistake, value in mistakes.items():
        if torch.allclose(answer, value, rtol=1e-3, atol=1e-6):
            return mistake
    return f"the shape is right, the numbers are not: the first should be {truth[0]:.4g}, yours is {answer[0]:.4g}"


class _Copier(nn.Module):
    """An "autoencoder" whose copies are wrong in a known way: they lie one pixel aside."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x + self.gain * (x.roll(1, 3) - x)


def _blocks(batch, generator):
    """Images (B, 1, 28, 28) of grey blocks, fine and coarse, pale and strong: with more or less outline."""
    images = []
    for i in range(batch):
        side = (1, 2, 4, 7, 14)[i % 5]
        small = torch.rand(28 // side, 28 // side, generator=generator) - 0.5
        contrast = torch.rand((), generator=generator) * 0.8 + 0.2
        images.append(0.5 + contrast * small.repeat_interleave(side, 0).repeat_interleave(side, 1))
    return torch.stack(images)[:, None]


def check_trimmed(trimmed_loss):
    generator = torch.Generator().manual_seed(0)
    cases = [(_blocks(batch, generator), share) for batch, share in ((10, 0.2), (20, 0.25), (10, 0.1))]
    values = []
    for x, share in cases:
        value = torch.as_tensor(filled(trimmed_loss(_Copier(), x.clone(), torch.zeros(len(x)), share)))
        if value.numel() != 1:
            return f"a loss is one number, the mean over the images that are kept; yours has shape {tuple(value.shape)}"
        values.append(value.detach().reshape(()))

    def squares(x):
        return (x.roll(1, 3) - x).square().flatten(1)

    def errors(x):
        return squares(x).mean(1)

    def per_outline(x):
        return errors(x) / (x.diff(dim=2).abs().flatten(1).sum(1) + x.diff(dim=3).abs().flatten(1).sum(1)).clamp(min=1)

    def kept(x, share):
        return len(x) - round(share * len(x))

    def smallest(x, share):  # which images have the smallest error per outline
        return per_outline(x).argsort()[: kept(x, share)]

    def truth(x, share):
        return errors(x)[smallest(x, share)].mean()

    def like(formula):
        return all(torch.isclose(v.double(), formula(*c).double(), 1e-4) for v, c in zip(values, cases, strict=True))

    mistakes = {
        "no image is left out so far": lambda x, s: errors(x).mean(),
        "left out by the plain error: a part of them is only rich in outline. Divide by `outline(x)` to choose": (
            lambda x, s: errors(x).sort().values[: kept(x, s)].mean()
        ),
        "the error per outline chooses the images; what is averaged is their plain error": lambda x, s: (
            per_outline(x).sort().values[: kept(x, s)].mean()
        ),
        "those with the *smallest* errors were left out; what is odd has a large one": lambda x, s: errors(x)[
            per_outline(x).argsort()[len(x) - kept(x, s) :]
        ].mean(),
        "these are the images that should go: keep the others": lambda x, s: errors(x)[
            per_outline(x).argsort()[kept(x, s) :]
        ].mean(),
        "this keeps the share that should go": lambda x, s: errors(x)[
            per_outline(x).argsort()[: len(x) - kept(x, s)]
        ].mean(),
        "the mean is over the images that are kept: divide by their number, not by that of the batch": (
            lambda x, s: truth(x, s) * kept(x, s) / len(x)
        ),
        "the mean over the images that are kept, not the sum": lambda x, s: truth(x, s) * kept(x, s),
        "the mean over the pixels, as `mse` takes it, not the sum": lambda x, s: 784 * truth(x, s),
        "whole images are left out, not single pixels: first one error for each image": lambda x, s: (
            squares(x).flatten().sort().values[: round((1 - s) * squares(x).numel())].mean()
        ),
        "the worst pixels of each image are left out; whole images should be": lambda x, s: (
            squares(x).sort(1).values[:, : round((1 - s) * 784)].mean()
        ),
        "one image goes whatever the share: use the share that is given": lambda x, s: truth(x, 1 / len(x)),
        "use the share that is given": lambda x, s: truth(x, 0.1),
        "the last images of the batch were left out, whatever their errors": lambda x, s: errors(x)[
            : kept(x, s)
        ].mean(),
    }
    if not like(truth):
        return next(
            (mistake for mistake, formula in mistakes.items() if like(formula)),
            "try it by hand: four images with errors 6, 1, 3 and 8, errors per outline 2, 1, 4 and 2.5, and a share "
            f"of 0.25 have the loss 5. Here it should be {truth(*cases[0]):.4f}, and yours is {float(values[0]):.4g}",
        )
    x, share = cases[0]
    model = _Copier()
    value = torch.as_tensor(filled(trimmed_loss(model, x.clone(), torch.zeros(len(x)), share)))
    slope = value.requires_grad and torch.autograd.grad(value.reshape(()), model.gain, allow_unused=True)[0]
    if slope is False or slope is None or not torch.isclose(slope, 2 * truth(x, share), 1e-3):
        return "the number is right, but no gradient reaches the network: leave out item(), detach() and NumPy"
    return None


CHECKS = {
    "06-auroc": check_auroc,
    "06-threshold": check_threshold,
    "06-precision": check_precision,
    "06-blurred-per-ink": check_blurred_per_ink,
    "06-trimmed": check_trimmed,
}

QUIZ = [
    {
        "question": "A detector has an AUROC of 97 %. What does that say?",
        "options": {
            "a": ("97 % of its alarms are right", "That is the precision; it also depends on how rare anomalies are."),
            "b": (
                "In 97 of 100 pairs of an anomaly and a normal image, the anomaly scores higher",
                "It is a statement about pairs, and needs no threshold.",
            ),
            "c": ("97 % of all anomalies are found", "That depends on the threshold, and so on the false alarms."),
        },
        "right": "b",
    },
    {
        "question": "You want 1 % false alarms. From which images does the threshold come?",
        "options": {
            "a": (
                "Normal images that were not trained on",
                "Their largest hundredth gives the threshold, and no anomaly is needed.",
            ),
            "b": ("The training images", "The network knows them: their errors are smaller than those of new ones."),
            "c": (
                "The test images",
                "Then nothing is left to measure the false alarms with, and the result looks too good.",
            ),
        },
        "right": "a",
    },
    {
        "question": "A detector's AUROC is 91 % (interval 90 to 92). With 99 of 100 anomalies left out it is 89 % "
        "(85 to 93). What follows?",
        "options": {
            "a": ("AUROC falls where anomalies are rare", "It does not depend on their share; the precision does."),
            "b": (
                "Nothing: the difference lies within the interval",
                "Ninety anomalies do not determine it more closely.",
            ),
            "c": ("The detector is broken", "No score has changed: only fewer images were counted."),
        },
        "right": "b",
    },
    {
        "question": "Two detectors differ in network and in score, and the second is better. Which part did it?",
        "options": {
            "a": ("The network", "Only if both were judged by the same score."),
            "b": ("The score", "Only if the same network was judged by both."),
            "c": ("One cannot say", "Change one thing at a time: every model with every score."),
        },
        "right": "c",
    },
    {
        "question": "On 20 test images of each kind, the best of all thresholds is right for 85 %. On new images it is "
        "right for ...",
        "options": {
            "a": ("85 %, more or less", "It was picked as the best of many on these very images."),
            "b": ("probably less", "The best of many is partly the luckiest: choose on other images."),
            "c": ("probably more", "New images know nothing of the choice; nothing pulls them up."),
        },
        "right": "b",
    },
]
