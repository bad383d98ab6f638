"""Learning calls of page 06."""

import torch
from sklearn.metrics import roc_auc_score
from torchvision.transforms.functional import gaussian_blur

from course_utils.exercises import filled

PREDICTIONS = {
    "06-ones": {
        "question": "a network knows all digits but 1, and copies 1s. Beside other digits', their squared error is ...",
        "options": {
            "a": "mostly larger: it has never seen a 1",
            "b": "about as large",
            "c": "mostly smaller",
        },
    },
    "06-score": {
        "question": "what adds more to the mean AUROC of ten digits?",
        "options": {
            "a": "the better model: an autoencoder in place of PCA, both judged by squared error",
            "b": "the better score: blurred error per ink in place of squared error, both for the autoencoder",
            "c": "neither: both add about nothing",
        },
    },
}


def check_auroc(auroc):
    generator = torch.Generator().manual_seed(0)
    coarse = [
        (torch.randint(0, high, (n,), generator=generator).float(), torch.randint(low, 9, (m,), generator=generator))
        for high, low, n, m in ((6, 2, 7, 12), (9, 0, 20, 5), (5, 4, 8, 8))
    ]  # whole numbers, so that many pairs are ties
    cases = [(normal, anomaly.float()) for normal, anomaly in coarse]
    answers = [float(filled(auroc(normal.clone(), anomaly.clone()))) for normal, anomaly in cases]
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
    (found, false_alarms, share), right = cases[0], truth(*cases[0])
    return (
        f"for {found:g} found, {false_alarms:g} false alarms and a share of {share:g} it should be {right:.3f}, "
        f"yours is {answers[0]:.3g}"
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


CHECKS = {
    "06-auroc": check_auroc,
    "06-threshold": check_threshold,
    "06-precision": check_precision,
    "06-blurred-per-ink": check_blurred_per_ink,
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
        "question": "One part in 1000 is broken. A detector finds 90 %, with 5 % false alarms. Of its alarms ...",
        "options": {
            "a": ("about 95 % are right", "5 % of the *normal* parts raise an alarm, and there are very many of them."),
            "b": ("about 90 % are right", "That is the share of broken parts that are found."),
            "c": ("about 2 % are right", "0.9 broken parts in 1000 against about 50 whole ones."),
        },
        "right": "c",
    },
    {
        "question": "An autoencoder with a wide code copies every input without error. As a detector it is ...",
        "options": {
            "a": ("perfect, since its loss is 0", "The loss is small for anomalies too, so nothing tells them apart."),
            "b": ("useless", "All scores are 0. It must copy the normal well and everything else badly."),
            "c": ("better with more training", "There is nothing left to learn: copying is all that was asked for."),
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
]
