"""Learning calls of page 07."""

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises import filled

PREDICTIONS = {
    "07-probe": {
        "question": "100 labels and a linear classifier, on raw pixels or on the 64 numbers of an autoencoder that was "
        "trained on all images. On the code it makes ...",
        "options": {
            "a": "far fewer mistakes: the code has already learned what digits are",
            "b": "somewhat fewer",
            "c": "no fewer, rather more",
        },
        "why": "Nothing in its training asked for digits to be told apart, only for images to be drawn again.",
    },
    "07-scratch": {
        "question": "the textbook's recipe: pretrain by copying, then fine-tune the encoder on 100 labels. Against the "
        "same network without the pretraining, it makes ...",
        "options": {
            "a": "about as many mistakes, or more",
            "b": "somewhat fewer",
            "c": "far fewer",
        },
        "why": "What serves to copy need not serve to tell digits apart, and the other network starts well too.",
    },
    "07-graph": {
        "question": "labels handed from neighbour to neighbour by PCA's distances, no network at all. Against a linear "
        "classifier on the same PCA, both from 100 labels, they give ...",
        "options": {
            "a": "more mistakes: nothing has learned what a digit is",
            "b": "far fewer mistakes",
            "c": "about as many",
        },
        "why": "The classifier sees the labelled hundred; the graph lets all the other images speak as well.",
    },
}


def check_balanced(balanced):
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 10, (2_000,), generator=generator)
    y[:300] = 3  # the first images are no fair sample
    first = filled(balanced(y, 12, torch.Generator().manual_seed(1)))
    if not isinstance(first, torch.Tensor) or first.ndim != 1:
        return "expected one tensor with the numbers of the chosen images, shape (10 * per_class,)"
    if first.dtype == torch.bool:
        return "that is a mask: return the numbers of the images, as `nonzero` gives them"
    if len(first) == 12:
        return "those are per_class images altogether: as many of *each* digit are wanted"
    if len(first) != 120:
        return f"for 12 images of each of ten digits there should be 120 numbers, yours are {len(first)}"
    if first.dtype.is_floating_point or first.min() < 0 or first.max() >= len(y):
        return "the numbers should be whole ones, from 0 to len(y) - 1"
    if (first < 10).all():
        return "those look like labels: return the numbers of the images, not their digits"
    counts = y[first].bincount(minlength=10)
    if not (counts == 12).all():
        digit = int((counts != 12).nonzero()[0])
        return (
            f"the digit {digit} comes {counts[digit]} times in place of 12. (Shuffling gives places in the list of one "
            "digit's images; look up which image stands there)"
        )
    if len(first.unique()) < 120:
        return "some image is drawn more than once: shuffle the images of a digit, and take the first of them"
    again = balanced(y, 12, torch.Generator().manual_seed(1))
    other = balanced(y, 12, torch.Generator().manual_seed(2))
    if set(first.tolist()) == set(other.tolist()):
        return "another generator should give other images: these are always the same ones"
    if not torch.equal(first, again):
        return "the same generator should give the same images: hand it to randperm as `generator=generator`"
    return None


def check_unwarp(unwarp_loss):
    torch.manual_seed(0)
    x = torch.rand(20, 1, 28, 28).pow(3)
    seen = []

    def model(images):
        seen.append(images)
        return 0.3 * images + 0.2

    loss = filled(unwarp_loss(model, x.clone(), torch.zeros(20)))
    if not isinstance(loss, torch.Tensor) or loss.ndim != 0:
        return "a loss is one number, as `mse` gives it"
    if not seen:
        return "the network is not used: its answer is model(...)"
    given = seen[0]
    if given.shape != x.shape:
        return f"the network should get images of shape {tuple(x.shape)}, yours gets {tuple(given.shape)}"
    if torch.equal(given, x):
        if not torch.isclose(loss, (0.3 * x + 0.2 - x).square().mean()):
            return "the wrong way round: the network should get the warped image, and be asked for the one as it was"
        return "the network gets the image as it was: nothing to undo"

    answer = 0.3 * given + 0.2

    def like(value):
        return torch.isclose(loss, value, rtol=1e-4)

    if like((answer - x).square().mean()):
        seen.clear()
        x[::2] = 0
        unwarp_loss(model, x.clone(), torch.zeros(20))
        if seen[0][::2].any() or not seen[0][1::2].flatten(1).any(1).all():
            return "a warp leaves an empty image empty: the network's input is the warped image, each for itself"
        return None
    if like((answer - given).square().mean()):
        return (
            "input and target are both warped: this network learns to copy warped digits. What should it be asked for?"
        )
    if like((given - x).square().mean()):
        return "this compares the warped image with the image; the network's answer is missing"
    if like((answer - x).square().flatten(1).sum(1).mean()) or like((answer - x).square().sum()):
        return "the mean over the pixels, as page 01's loss takes it: use `mse`"
    if len(seen) == 1:
        return "the target should be the image as it came in; yours is something else (warped a second time?)"
    return "use the network once: one warped image in, one answer out"


def check_pairs(pairs_loss):
    generator = torch.Generator().manual_seed(0)
    cases = []
    for size, dim, temperature in ((6, 4, 0.2), (9, 3, 0.5)):
        a = torch.randn(size, dim, generator=generator) * (1 + torch.arange(size))[:, None]
        b = 0.6 * a + torch.randn(size, dim, generator=generator)
        cases.append((a.requires_grad_(), b.requires_grad_(), temperature))
    answers = []
    for a, b, temperature in cases:
        loss = filled(pairs_loss(a, b, temperature))
        if isinstance(loss, torch.Tensor) and loss.ndim == 2:
            return f"that is a table of {tuple(loss.shape)} numbers; `F.cross_entropy` makes one loss of it"
        if not isinstance(loss, torch.Tensor) or loss.ndim != 0:
            return "a loss is one number, a mean over the images"
        if not loss.requires_grad:
            return "no gradient reaches the codes: is there a `detach`, an `item` or an `argmax` on the way?"
        answers.append(loss)

    def like(formula):
        return all(
            torch.isclose(answer, formula(a, b, t), rtol=1e-4) for answer, (a, b, t) in zip(answers, cases, strict=True)
        )

    def unit(z):
        return F.normalize(z, dim=1)

    def places(a):
        return torch.arange(len(a))

    def first_way(a, b, t):
        return F.cross_entropy(unit(a) @ unit(b).T / t, places(a))

    def second_way(a, b, t):
        return first_way(b, a, t)

    def both_ways(a, b, t):
        return (first_way(a, b, t) + second_way(a, b, t)) / 2

    if like(first_way) or like(second_way) or like(both_ways):
        return None

    def among_all(a, b, t):  # SimCLR's own form
        z = torch.cat([unit(a), unit(b)])
        table = (z @ z.T / t).fill_diagonal_(-torch.inf)
        return F.cross_entropy(table, (torch.arange(len(z)) + len(a)) % len(z))

    mistakes = {
        "the codes have their own lengths: bring each to length 1 first, so that `@` gives cosines": lambda a, b, t: (
            F.cross_entropy(a @ b.T / t, places(a))
        ),
        "only one of the two has length 1; `b` and `a` both should": lambda a, b, t: F.cross_entropy(
            unit(a) @ b.T / t, places(a)
        ),
        "the wrong axis: each image's code, a row, should have length 1": lambda a, b, t: F.cross_entropy(
            F.normalize(a, dim=0) @ F.normalize(b, dim=0).T / t, places(a)
        ),
        "multiplied by the temperature: divide": lambda a, b, t: F.cross_entropy(unit(a) @ unit(b).T * t, places(a)),
        "where is the temperature?": lambda a, b, t: F.cross_entropy(unit(a) @ unit(b).T, places(a)),
        "`F.cross_entropy` takes the softmax itself: give it the similarities": lambda a, b, t: F.cross_entropy(
            (unit(a) @ unit(b).T / t).softmax(1), places(a)
        ),
        "the right answer is 0 for every image: which column holds the partner of row i?": lambda a, b, t: (
            F.cross_entropy(unit(a) @ unit(b).T / t, torch.zeros(len(a), dtype=torch.long))
        ),
        "the wrong sign: this loss drives partners apart": lambda a, b, t: -first_way(a, b, t),
        "that is a sum over the images: take their mean": lambda a, b, t: first_way(a, b, t) * len(a),
        "`a` is compared with itself; its partner is in `b`": lambda a, b, t: F.cross_entropy(
            unit(a) @ unit(a).T / t, places(a)
        ),
        "this compares with the other codes in `a` too, as SimCLR does; here only rows of `b` compete": among_all,
    }
    for mistake, formula in mistakes.items():
        if like(formula):
            return mistake
    only_partners = [
        lambda a, b, t: -(unit(a) * unit(b)).sum(1).mean(),
        lambda a, b, t: -(unit(a) * unit(b)).sum(1).mean() / t,
        lambda a, b, t: 1 - (unit(a) * unit(b)).sum(1).mean(),
        lambda a, b, t: F.mse_loss(a, b),
        lambda a, b, t: F.mse_loss(unit(a), unit(b)),
    ]
    if any(map(like, only_partners)):
        return "this only asks partners to agree: one code for all images would be perfect. Who pushes the others away?"
    a, b, t = cases[0]
    return f"for the first of the test batches the loss should be {first_way(a, b, t):.4f}, yours is {answers[0]:.4f}"


def check_spread(spread):
    rng = np.random.default_rng(0)
    W = rng.random((8, 8)) * (rng.random((8, 8)) < 0.6)
    W = W + W.T + np.eye(8, k=1) + np.eye(8, k=-1)
    np.fill_diagonal(W, 0)
    S = W / np.sqrt(np.outer(W.sum(0), W.sum(1)))
    Y = np.zeros((8, 3))
    Y[[0, 3, 5], [0, 1, 2]] = 1

    def loop(alpha, steps, step, start=None):
        Q = Y.copy() if start is None else start
        for _ in range(steps):
            Q = step(Q, alpha)
        return Q

    def right(Q, alpha):
        return alpha * S @ Q + (1 - alpha) * Y

    cases = [(0.9, 3), (0.6, 7), (0.99, 1)]
    before = Y.copy()
    answers = [filled(spread(S, Y, alpha, steps)) for alpha, steps in cases]
    answers = [answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer) for answer in answers]
    if not np.array_equal(Y, before):
        return "Y itself was changed: `Q = Y` is another name for it and no copy, so do not write into Q"
    if any(answer.shape != Y.shape for answer in answers):
        return f"the shape should be that of Y, {Y.shape}, yours is {answers[0].shape}"

    def like(values):
        return all(np.allclose(a, v, rtol=1e-4, atol=1e-7) for a, v in zip(answers, values, strict=True))

    if like([loop(alpha, steps, right) for alpha, steps in cases]):
        return None
    mistakes = {
        "alpha and 1 - alpha have changed places": lambda a, n: loop(a, n, lambda Q, a: (1 - a) * S @ Q + a * Y),
        "the second term is missing: without (1 - alpha) Y the labels fade away": lambda a, n: loop(
            a, n, lambda Q, a: a * S @ Q
        ),
        "the second term is missing, and alpha too": lambda a, n: loop(a, n, lambda Q, a: S @ Q),
        "the given labels Y come back in every step, not the Q of the step before": lambda a, n: loop(
            a, n, lambda Q, a: a * S @ Q + (1 - a) * Q
        ),
        "Y is not weighed: it should come with 1 - alpha": lambda a, n: loop(a, n, lambda Q, a: a * S @ Q + Y),
        "the neighbours are not weighed: S @ Q should come with alpha": lambda a, n: loop(
            a, n, lambda Q, a: S @ Q + (1 - a) * Y
        ),
        "every step starts from Y again: in the loop, the neighbours' Q is needed": lambda a, n: right(Y, a),
        "start with Q = Y, not with zeros": lambda a, n: loop(a, n, right, np.zeros_like(Y)),
        "one step too few": lambda a, n: loop(a, n - 1, right),
        "one step too many": lambda a, n: loop(a, n + 1, right),
        "`steps` steps, as the question says, and not until nothing changes": lambda a, n: (
            (1 - a) * np.linalg.solve(np.eye(8) - a * S, Y)
        ),
        "`*` multiplies number by number; neighbours are added up by the matrix product `@`": lambda a, n: loop(
            a, n, lambda Q, a: a * (S[:, :3] * Q) + (1 - a) * Y
        ),
    }
    for mistake, formula in mistakes.items():
        if like([formula(alpha, steps) for alpha, steps in cases]):
            return mistake
    expected = loop(*cases[0], right)
    return f"after 3 steps the first row should begin with {expected[0, 0]:.4f}, yours with {answers[0][0, 0]:.4f}"


def check_class_mass(class_mass):
    Q = np.random.default_rng(0).random((7, 4)) ** 3 * [1, 0.2, 0.05, 0.6]
    before = Q.copy()
    answer = np.asarray(filled(class_mass(Q)))
    if not np.array_equal(Q, before):
        return "Q itself was changed: write `Q / ...` rather than `Q /= ...`"
    columns, rows = Q.sum(0), Q.sum(1, keepdims=True)
    truth = Q / columns
    truth /= truth.sum(1, keepdims=True)
    if answer.shape != Q.shape:
        return f"the shape should stay {Q.shape}, yours is {answer.shape}"
    if np.allclose(answer, truth):
        return None

    def to_rows(values):
        return values / values.sum(1, keepdims=True)

    mistakes = {
        "nothing has changed": Q,
        "the rows' sums are those from before: after the columns were divided, add up each row anew": Q
        / columns
        / rows,
        "every row adds up to 4, the number of classes: divide by its sum, not by its mean": 4 * truth,
        "the rows are missing: after the columns, bring every row to a sum of 1": Q / columns,
        "the columns are missing: first divide every column by its sum": Q / rows,
        "the other order: first the columns, then the rows": (Q / rows) / (Q / rows).sum(0),
        "that is one number for all of Q; every column has a sum of its own": Q / Q.sum(),
        "divide by the column's sum, not by its largest number": to_rows(Q / Q.max(0)),
        "multiplied in place of divided": to_rows(Q * columns),
    }
    for mistake, value in mistakes.items():
        if np.allclose(answer, value):
            return mistake
    return f"the first row should be {np.round(truth[0], 3).tolist()}, yours is {np.round(answer[0], 3).tolist()}"


CHECKS = {
    "07-balanced": check_balanced,
    "07-unwarp": check_unwarp,
    "07-pairs": check_pairs,
    "07-spread": check_spread,
    "07-class-mass": check_class_mass,
}

QUIZ = [
    {
        "question": "An autoencoder with a smaller reconstruction error gives a code on which a linear classifier ...",
        "options": {
            "a": ("makes fewer mistakes", "The error asks what can be drawn again, not what can be told apart."),
            "b": ("makes more mistakes", "That happens, but it is no rule either."),
            "c": (
                "may do better or worse: the error does not say",
                "Raw pixels can be copied without any error. What matters is what the code makes easy.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Fine-tuned after pretraining: 26 % wrong. From scratch, at the rate and the number of steps that "
        "were tuned for the former: 31 %. Pretraining gains ...",
        "options": {
            "a": ("5 points", "The rival ran with settings that were chosen for somebody else."),
            "b": ("nothing", "That would have to be measured, too."),
            "c": ("one cannot say yet", "Each needs the rate and the steps that suit it, chosen on validation images."),
        },
        "right": "c",
    },
    {
        "question": "A method reaches 2 % with 100 labels in one draw, another 3 % in another draw. The first is ...",
        "options": {
            "a": ("better by a third", "The draw alone can make such a difference with 100 labels."),
            "b": (
                "perhaps better: run both on the same draws, several of them",
                "Same draws for all methods, mean and spread: then the difference can be read.",
            ),
            "c": ("better, since the test set is large", "It is the 100 labelled images that were few."),
        },
        "right": "b",
    },
    {
        "question": "Spreading on the code of a network that undoes warps beats the plain code. What does it?",
        "options": {
            "a": ("The autoencoder", "Both have one, of the same size."),
            "b": ("More labels", "Both have the same 100."),
            "c": (
                "What we told it: which changes do not matter",
                "The two codes differ in the warps alone. They are prior knowledge, put in by us.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Why is every column divided by its sum after labels were spread?",
        "options": {
            "a": (
                "A class in a dense region would otherwise win too often",
                "It encodes that all classes are equally frequent; where they are not, it misleads.",
            ),
            "b": ("So that the loop converges", "The loop is over by then; alpha below 1 made it converge."),
            "c": ("To make the classifier linear", "It rescales ten columns and keeps everything else."),
        },
        "right": "a",
    },
]
