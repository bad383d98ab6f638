"""Learning calls of page 10."""

import math

import torch
from torch import nn

from course_utils.exercises import filled

PREDICTIONS = {
    "10-uses": {
        "question": "in how many of the ten lines below is the autoencoder clearly better than the baseline beside it?",
        "example": "8",
    },
    "10-prior": {
        "question": "samples of a VAE, and of its twin that trained without noise and KL: codes of both come from "
        "mixtures of ten normals, fitted to each one's codes. Whose are nearer to real images?",
        "options": {
            "a": "the twin's, by more than a tenth",
            "b": "the VAE's, by more than a tenth: it was trained to generate",
            "c": "both are about as near",
        },
        "why": "Given a density that fits the codes, noise and KL in training are not what makes the samples good.",
    },
    "10-smallest": {
        "question": "the textbook's three models, as printed, store images at equal error. Whose codes take the fewest "
        "bytes?",
        "options": {
            "a": "the convolutional one's: the textbook recommends it for compression",
            "b": "the VAE's: its code is the shortest",
            "c": "the plain autoencoder's: 64 numbers are a good compromise",
        },
    },
    "10-own": {
        "question": "some hundred images of your own, codes of 8 numbers. Whose copies are the best?",
        "options": {
            "a": "PCA's: it needs few images",
            "b": "the autoencoder's, trained on the images as they are",
            "c": "the autoencoder's, trained on slightly moved and turned copies as well",
        },
    },
}


def check_clearly_better(clearly_better):
    # mean and deviation of ours and of the baseline, and whether less is better
    cases = [
        ((4.24, 0.02), (13.9, 0.0), True),
        ((13.9, 0.0), (4.24, 0.02), True),
        ((17.94, 0.09), (17.7, 0.0), False),
        ((17.8, 0.09), (17.7, 0.0), False),
        ((99.06, 0.05), (98.84, 0.0), False),
        ((10.0, 3.0), (14.0, 3.0), True),  # 4 is less than 2 times 4.24, and more than 2 times 1.5 or once 3
        ((10.0, 3.0), (19.0, 3.0), True),
        ((10.0, 0.3), (10.7, 0.3), False),  # worse
        ((10.0, 0.1), (12.0, 1.5), True),  # a baseline that differs much from run to run
        ((50.0, 4.0), (41.0, 2.0), False),  # 9 is more than 2 times 4.47
        ((10.0, 3.0), (17.0, 3.0), True),  # 7 is more than 2 times 3, and less than 2 times 4.24
    ]

    def truth(ours, baseline, less):
        gain = baseline[0] - ours[0] if less else ours[0] - baseline[0]
        return gain > 2 * math.hypot(ours[1], baseline[1])

    def like(formula):
        return [bool(formula(*case)) for case in cases] == answers

    answers = [bool(filled(clearly_better(*case))) for case in cases]
    if like(truth):
        return None
    mistakes = {
        "the spread plays no part in yours": lambda a, b, less: (b[0] - a[0] if less else a[0] - b[0]) > 0,
        "the direction is not looked at: sometimes less is better, sometimes more": lambda a, b, less: (
            b[0] - a[0] > 2 * math.hypot(a[1], b[1])
        ),
        "a result that is clearly *worse* is not better: look at the sign of the difference": lambda a, b, less: (
            abs(b[0] - a[0]) > 2 * math.hypot(a[1], b[1])
        ),
        "the wrong way round": lambda a, b, less: truth(b, a, less),
        "the baseline's spread counts too": lambda a, b, less: (b[0] - a[0] if less else a[0] - b[0]) > 2 * a[1],
        "two deviations are asked for, yours takes one": lambda a, b, less: (
            (b[0] - a[0] if less else a[0] - b[0]) > math.hypot(a[1], b[1])
        ),
        "both deviations count, and yours takes the larger alone": lambda a, b, less: (
            (b[0] - a[0] if less else a[0] - b[0]) > 2 * max(a[1], b[1])
        ),
        "deviations add up as squares: sqrt(a² + b²), not a + b": lambda a, b, less: (
            (b[0] - a[0] if less else a[0] - b[0]) > 2 * (a[1] + b[1])
        ),
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    wrong = next(case for case, answer in zip(cases, answers, strict=True) if answer != truth(*case))
    (a, sa), (b, sb), less = wrong
    return f"for {a:g} ± {sa:g} against {b:g} ± {sb:g}, where {'less' if less else 'more'} is better, yours is wrong"


def check_one_normal(one_normal):
    generator = torch.Generator().manual_seed(0)
    root = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.3, 0.0], [-0.5, 0.4, 0.2]])
    z = torch.randn(2_000, 3, generator=generator) @ root.T + torch.tensor([3.0, -1.0, 0.5])
    count, mean, covariance = 20_000, z.mean(0), torch.cov(z.T)

    def draw():
        return torch.as_tensor(filled(one_normal(z.clone(), count))).float()

    drawn = draw()
    if drawn.shape != (count, 3):
        return f"{count} codes of 3 numbers are asked for, shape ({count}, 3); yours has {tuple(drawn.shape)}"
    if (drawn[:100, None] == z).all(2).any():
        return "these are the codes of training images themselves: draw new ones"
    if torch.equal(drawn, draw()):
        return "two calls give the same codes: each should draw anew"
    spread = torch.cov(drawn.T)

    def like(other):
        return torch.allclose(spread, other, atol=0.05)

    if not torch.allclose(drawn.mean(0), mean, atol=0.05):
        off = (drawn.mean(0) - mean).abs().max()
        return f"on average the new codes should be what the given ones are; yours are off by up to {off:.2f}"
    lower = torch.linalg.cholesky(covariance)
    mistakes = {
        "each number varies as it should, but by itself: which ones go together is lost": covariance.diag().diag(),
        "the covariance plays no part: each number varies by 1, by itself": torch.eye(3),
        "the covariance is a square, as it were: noise wants a root of it (`torch.linalg.cholesky`)": covariance
        @ covariance,
        "the wrong way round: noise in rows wants the transpose of the root": lower.T @ lower,
        "nothing varies": torch.zeros(3, 3),
    }
    if not like(covariance):
        hints = (mistake for mistake, other in mistakes.items() if like(other))
        return next(hints, f"the covariance of the new codes is off by up to {(spread - covariance).abs().max():.2f}")
    z.zero_()
    try:
        drawn = draw()
    except (RuntimeError, ValueError):
        return "it fails where numbers never vary: is something added to the diagonal of the covariance?"
    if not (drawn.std(0) <= 0.1).all():
        return f"numbers that are always 0 should hardly vary; yours do, by up to {drawn.std(0).max():.2f}"
    return None


def check_split(split):
    parts = [filled(split(n, 0)) for n in (100, 43, 10)]
    for n, answer in zip((100, 43, 10), parts, strict=True):
        if not isinstance(answer, tuple | list) or len(answer) != 3:
            return "three parts are asked for: training, validation and test"
        answer = [torch.as_tensor(part).flatten() for part in answer]
        if any(part.dtype == torch.bool or part.is_floating_point() for part in answer):
            return "each part should be a tensor of whole numbers: which images belong to it"
        everyone = torch.cat(answer).tolist()
        if len(set(everyone)) < len(everyone):
            return "some image is in two parts: then the test knows what training has seen"
        if set(everyone) != set(range(n)):
            return f"the parts together should hold every image from 0 to {n - 1} once"
        sizes = [len(part) for part in answer]
        if sizes[0] < sizes[2] or sizes[0] < sizes[1]:
            return f"training should get the largest part; yours are {sizes}"
        if abs(sizes[0] - 0.7 * n) > 1.01 or abs(sizes[1] - 0.15 * n) > 1.01:
            return f"of {n} images, 70 % should be for training and 15 % for validation; yours are {sizes}"
    first = torch.as_tensor(parts[0][0]).tolist()
    if first == sorted(first):
        return "the images are in the order of their names: shuffle them, or training may see one kind only"
    if torch.as_tensor(filled(split(100, 0))[0]).tolist() != first:
        return "the same seed should give the same parts: use a generator with that seed"
    if torch.as_tensor(filled(split(100, 1))[0]).tolist() == first:
        return "another seed should give other parts: use the seed"
    return None


class _Watched(nn.Module):
    """A network that notes down the images it gets: 0.3 x + 0.2, whatever their shape."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.3))
        self.seen = []

    def forward(self, images):
        self.seen.append(images.detach().clone())
        return self.scale * images + 0.2


def check_warped_loss(warped_loss):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(20, 1, 7, 7, generator=generator).pow(3).repeat_interleave(4, 2).repeat_interleave(4, 3)
    model = _Watched()
    torch.manual_seed(0)
    loss = filled(warped_loss(model, x.clone(), torch.zeros(20)))
    if not isinstance(loss, torch.Tensor) or loss.ndim != 0:
        return "a loss is one number, as `sse` gives it"
    if len(model.seen) != 1:
        return "the network is not used: its copy is model(...)" if not model.seen else "use the network once"
    if not loss.requires_grad:
        return "no gradient reaches the network: is there a `detach`, an `item` or a `no_grad` on the way?"
    given = model.seen[0]
    if given.shape[1:] != x.shape[1:]:
        return f"the network should get images of shape (B, 1, 28, 28), yours gets {tuple(given.shape)}"
    copies = 0.3 * given + 0.2
    moved = given.shape != x.shape or not torch.allclose(given, x)

    def like(a, b):
        return a.shape == b.shape and torch.isclose(loss, (a - b).square().flatten(1).sum(1).mean(), rtol=1e-4)

    if not moved:
        if like(copies, x):
            return "nothing is warped, although the network is in training: the images go through `warp` first"
        return "the network gets the images as they were, and is asked for warped ones, of which it knows nothing"
    if like(copies, x):
        return "asked for the images as they were, the network learns to undo warps (page 07): here it should copy"
    if like(given, x):
        return "this compares warped images with unwarped ones; the network's copy is missing"
    squares = (copies - given).square()
    if torch.isclose(loss, squares.mean(), rtol=1e-4) or torch.isclose(loss, squares.sum(), rtol=1e-4):
        return "the sum over the pixels, and the mean over the images: use `sse`"
    if not like(copies, given):
        return (
            "the copy is compared with another image than the one that the network got: each call of `warp` draws "
            "anew, so call it once, and keep what it gives"
        )
    model.eval()
    loss = filled(warped_loss(model, x.clone(), torch.zeros(20)))
    if model.seen[-1].shape != x.shape or not torch.allclose(model.seen[-1], x):
        return "right in training; in evaluation (`model.training` is False) the images should come as they are"
    if not like(0.3 * x + 0.2, x):
        return "in evaluation the copy should be compared with the images as they are"
    return None


def check_pick(pick):
    cases = [  # errors, the simplest method first
        [("mean", (52.0, 0.0)), ("pca", (19.7, 0.0)), ("ae", (26.9, 0.1))],
        [("pca", (5.70, 0.0)), ("ae", (3.10, 0.08)), ("warps", (2.00, 0.05))],
        [("pca", (19.7, 0.0)), ("ae", (26.9, 0.1)), ("warps", (14.3, 0.1))],
        [("pca", (3.05, 0.0)), ("ae", (3.00, 0.10)), ("deep", (2.95, 0.12))],
        [("pca", (9.0, 0.0)), ("ae", (4.10, 0.10)), ("deep", (4.00, 0.10))],
        [("a", (7.0, 0.1)), ("b", (6.5, 1.0)), ("c", (6.0, 0.1)), ("d", (6.1, 0.1))],
        [("pca", (4.25, 0.1)), ("ae", (4.0, 0.1))],  # the bars do not touch, and the lead is not clear
        [("pca", (4.35, 0.1)), ("ae", (4.0, 0.1))],  # bars of two deviations touch, and it is
    ]

    def truth(results):
        best = min(figure for _, figure in results)
        return next(name for name, (m, s) in results if not m - best[0] > 2 * math.hypot(s, best[1]))

    def simplest_within_own_spread(results):
        best = min(m for _, (m, _) in results)
        return next(name for name, (m, s) in results if m - best <= 2 * s)

    def simplest_whose_bar_touches(results, deviations):
        best = min(figure for _, figure in results)
        return next(name for name, (m, s) in results if m - best[0] <= deviations * (s + best[1]))

    answers = [filled(pick(list(case))) for case in cases]
    if any(not isinstance(answer, str) for answer in answers):
        return f"return the name of a method, which is text; yours is {type(answers[0]).__name__}"
    if answers == [truth(case) for case in cases]:
        return None
    mistakes = {
        "the best is not always the choice: a simpler one that it does not *clearly* beat is": lambda case: min(
            case, key=lambda result: result[1][0]
        )[0],
        "that is always the first, however much worse it is": lambda case: case[0][0],
        "that is the last one which the best does not clearly beat; the simplest come first": lambda case: truth(
            case[::-1]
        ),
        "less is better here: the best has the smallest mean": lambda case: max(case, key=lambda result: result[1][0])[
            0
        ],
        "the spread of the best counts too: use clearly_better": simplest_within_own_spread,
        "bars that do not touch are no clear lead yet: use clearly_better": lambda case: simplest_whose_bar_touches(
            case, 1
        ),
        "two bars may touch, and the lead be clear: use clearly_better": lambda case: simplest_whose_bar_touches(
            case, 2
        ),
    }
    for mistake, formula in mistakes.items():
        if answers == [formula(case) for case in cases]:
            return mistake
    case, answer = next((c, a) for c, a in zip(cases, answers, strict=True) if a != truth(c))
    if answer not in dict(case):
        return f"{answer!r} is none of the names"
    figures = ", ".join(f"{name} {m:g} ± {s:g}" for name, (m, s) in case)
    return f"of {figures} the choice is not {answer!r}"


CHECKS = {
    "10-clearly-better": check_clearly_better,
    "10-one-normal": check_one_normal,
    "10-split": check_split,
    "10-warped-loss": check_warped_loss,
    "10-pick": check_pick,
}

QUIZ = [
    {
        "question": "A method reaches 21.3 dB, a published one 21.1 dB. What do you want to know first?",
        "options": {
            "a": ("How many parameters it has", "It matters, but a difference that is luck needs no explanation."),
            "b": (
                "How far results lie apart over seeds, and what a plain baseline reaches",
                "Without a spread 0.2 dB may be luck; without a baseline nobody knows whether 21 is much.",
            ),
            "c": ("Which optimiser it uses", "That is a detail of the recipe, not a judgement of the result."),
        },
        "right": "b",
    },
    {
        "question": "As printed, the convolutional autoencoder needs the most bytes at equal error. Why?",
        "options": {
            "a": ("Convolutions do not compress", "Around a code of 20 numbers they need as few bytes as the others."),
            "b": ("It copies too well", "Its code was rounded until its copies were as bad as the rest's."),
            "c": (
                "Its code has 1568 numbers",
                "They cost bytes however they are rounded; what was missing is a bottleneck.",
            ),
        },
        "right": "c",
    },
    {
        "question": "You have 200 scans, no more will come, and want codes of 10 numbers. What do you try first?",
        "options": {
            "a": ("PCA", "With few images and nothing else known, it is hard to beat and takes a second."),
            "b": ("A VAE", "It needs many images to fill its prior, and you want copies, not inventions."),
            "c": ("A deep autoencoder", "It would learn the 200 by heart, unless you know how they may be varied."),
        },
        "right": "a",
    },
    {
        "question": "Your photos come in bursts of ten nearly equal ones. How do you split them?",
        "options": {
            "a": ("At random, image by image", "Then the test holds near copies of training images, and flatters."),
            "b": ("By burst: all ten into the same part", "What is nearly equal must not lie on both sides."),
            "c": ("In the order of the names", "Bursts stay together, but the parts may differ in season and place."),
        },
        "right": "b",
    },
    {
        "question": "A VAE's samples beat an autoencoder's, whose codes were drawn from independent normals. So ...",
        "options": {
            "a": ("VAEs generate better", "The two differ in the model *and* in the density: at equal what?"),
            "b": (
                "the KL orders the code",
                "Perhaps: on MNIST it helps simple densities. But this comparison mixes model and density.",
            ),
            "c": (
                "draw both from the same kind of density first",
                "With a mixture of ten on either's codes, little or nothing of such a lead was left here.",
            ),
        },
        "right": "c",
    },
]
