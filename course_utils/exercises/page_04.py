"""Learning calls of page 04."""

import numpy as np
import torch
from torch import nn

from course_utils.exercises import filled
from course_utils.losses import sse

PREDICTIONS = {
    "04-knn": {
        "question": "nearest neighbours vote on 30 numbers of PCA instead of on all 784 pixels. They will be wrong ...",
        "options": {
            "a": "clearly more often: most of the image's numbers are gone",
            "b": "about as often, or less often",
            "c": "nearly always",
        },
        "why": {
            "a": "The numbers that were dropped are the small ones, and they change a distance but little.",
            "c": "Thirty numbers keep most of the variance, and so most of every distance.",
        },
    },
    "04-sigma": {
        "question": "the same VAE, trained anew with a likelihood whose sigma fits. Of the gap between its copies and "
        "the autoencoder's, this closes ...",
        "options": {
            "a": "hardly anything: clouds blur, whatever the likelihood",
            "b": "about a third",
            "c": "most",
        },
        "why": "The KL is as it was. But the errors count for more against it, so the code may say more.",
    },
    "04-few": {
        "question": "30 numbers, but only 100 training images. The smaller error on test images is that of ...",
        "options": {
            "a": "PCA",
            "b": "the autoencoder",
            "c": "neither: they are equal within 5 %",
        },
        "why": "It sets hundreds of thousands of weights by 100 images, and fits these images instead of all.",
    },
}


def check_pca(pca):
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([0.5, 3.0, 1.0, 2.0, 0.2])
    turn = torch.linalg.qr(torch.randn(5, 5, generator=generator)).Q
    images = torch.randn(60, 5, generator=generator) * scale @ turn + 4  # far from 0, so that centring matters
    centre = images.mean(0)
    _, lengths, directions = torch.linalg.svd(images - centre, full_matrices=False)
    truth = lengths**2 / len(images)
    answer = filled(pca(images))
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        return "return three things: the mean image, the variances and the components"
    arrays = any(isinstance(part, np.ndarray) for part in answer)
    # A copy, since NumPy's arrays that were turned around have negative strides, which PyTorch has not.
    parts = [part.copy() if isinstance(part, np.ndarray) else part for part in answer]
    mean, variances, components = (torch.as_tensor(filled(part)).float() for part in parts)
    for name, part, shape in (("mean", mean, (5,)), ("variances", variances, (5,)), ("components", components, (5, 5))):
        if part.shape != shape:
            return f"for 60 images of 5 pixels the {name} should have shape {shape}, yours is {tuple(part.shape)}"
    if not torch.allclose(mean, centre, atol=1e-3):
        return "the first result is not the mean image: average over the images, not over the pixels"
    raw = torch.linalg.svdvals(images) ** 2 / len(images)
    mistakes = {
        "the images were not centred: subtract the mean before you look for directions": raw,
        "the images were not centred, and these run from the smallest to the largest": raw.flip(0),
        "these run from the smallest variance to the largest: turn them around, and the components with them": (
            truth.flip(0)
        ),
        "these are standard deviations; square them for variances": truth.sqrt(),
        "these are singular values s; the variances are s**2 / N": lengths,
        "these are sums of squares: divide them by the number of images": lengths**2,
        "these are shares of the variance; the variances themselves were asked for": truth / truth.sum(),
    }

    def alike(wrong):  # N or N - 1 below the fraction is a matter of taste
        return torch.allclose(variances, wrong, rtol=0.03)

    if not alike(truth):
        hint = next((mistake for mistake, wrong in mistakes.items() if alike(wrong)), "")
        return hint or "the mean is right, but the variances are not the eigenvalues of the covariance matrix"

    def agree(rows):  # up to the sign of each row, which is free
        return torch.allclose((rows * directions).sum(1).abs(), torch.ones(5), atol=1e-2)

    if agree(components):
        again = (
            "the numbers are right, but they are NumPy's; the page goes on with tensors: torch.tensor(a.copy()).float()"
        )
        return again if arrays else None
    if agree(components.T):
        return "the components are in the columns; one per row was asked for"
    if agree(components.flip(0)) or agree(components.T.flip(0)):
        return "the variances are in order, but the components run from the smallest variance to the largest"
    if torch.allclose(components.norm(dim=1), torch.ones(5), atol=1e-2):
        return "each component has length 1, as it should, but they are not the eigenvectors"
    return "a component should have length 1: do not scale it by its variance"


def check_numbers_needed(numbers_needed):
    variances = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0])
    cases = {2.0: 3, 3.0: 3, 4.0: 2, 5.0: 2, 0.5: 5, 9.0: 1, 16.0: 0, 20.0: 0}
    answers = []
    for error in cases:
        answer = filled(numbers_needed(variances.clone(), error))
        if isinstance(answer, torch.Tensor) and answer.numel() != 1:
            return "one number was asked for, yours is a tensor of several"
        answers.append(float(answer))
    expected = list(cases.values())
    if answers == expected:
        return None
    kept = variances.cumsum(0)
    dropped = variances.flip(0).cumsum(0)
    mistakes = {
        "an error of exactly `error` is allowed: compare with >, not with >=": [
            int((dropped >= e).sum()) for e in cases
        ],
        "this is how many may be dropped; how many have to stay?": [5 - n for n in expected],
        "this is one too many": [n + 1 for n in expected],
        "at an error of 16 or more the mean image alone will do, without any number": [max(n, 1) for n in expected],
        "this is one too few": [n - 1 for n in expected],
        "the error is the sum of all dropped variances, not each of them alone": [
            int((variances > e).sum()) for e in cases
        ],
        "the dropped variances make the error, not the kept ones": [int((kept <= e).sum()) for e in cases],
        "the dropped variances make the error, not the kept ones: begin with the smallest": [
            int((kept > e).sum()) for e in cases
        ],
        "this is one too few, except where the error is hit exactly": [int((kept <= 16 - e).sum()) for e in cases],
        "`error` is a squared error, not a share of the variance": [int((dropped > 16 * e).sum()) for e in cases],
    }
    for mistake, values in mistakes.items():
        if answers == values:
            return mistake
    case = next(i for i in range(len(expected)) if answers[i] != expected[i])
    return (
        f"for variances 8, 4, 2, 1, 1 and an error of {list(cases)[case]:g} it should be {expected[case]}, "
        f"yours is {answers[case]:g}"
    )


class _Watched(nn.Module):
    """An autoencoder of 30 numbers that keeps what it was asked to decode."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.down = nn.Parameter(torch.randn(784, 30, generator=generator) / 28)
        self.up = torch.randn(30, 784, generator=generator) / 30**0.5
        self.decoded: list[torch.Tensor] = []

    def encode(self, x):
        return 1 + (x.flatten(1) @ self.down).abs()  # none of the numbers is 0

    def decode(self, z):
        self.decoded.append(z.detach().clone())
        z = nn.functional.pad(z, (0, 30 - z.shape[1]))  # one that was cut off is told below
        return torch.sigmoid(z @ self.up).view(-1, 1, 28, 28)

    def forward(self, x):
        return self.decode(self.encode(x))


def check_ordered(ordered_objective):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(16, 1, 28, 28, generator=generator), torch.arange(16) % 10
    model = _Watched()
    whole = model.encode(x).detach()
    lengths = set()
    for _ in range(300):  # so that a loss that cuts all codes of a batch alike comes to every length
        model.decoded.clear()
        loss = torch.as_tensor(filled(ordered_objective(model, x, y)))
        if not model.decoded:
            return "nothing was decoded: encode, cut, then `model.decode`"
        z = next((z for z in model.decoded if not torch.equal(z, whole)), whole)
        if hint := _mistake_of_cut(z, whole):
            return hint
        if loss.numel() != 1:
            return f"a loss is one number, yours has shape {tuple(loss.shape)}"
        if hint := _mistake_of_copy(loss.reshape(()), model.decode(z), model.decode(whole), x):
            return hint
        lengths |= set((z != 0).sum(1).tolist())
    passed = loss.requires_grad and torch.autograd.grad(loss, model.down, allow_unused=True)
    if not passed or passed[0] is None or not passed[0].any():
        return "no gradient reaches the encoder: what cuts it off?"
    return _mistake_of_lengths(lengths)


def _mistake_of_cut(z, whole):
    """What is wrong with codes (B, 30) that should be cut somewhere each, or None."""
    if z.ndim == 2 and z.shape[1] < 30:
        return f"the decoder expects all 30 numbers, and got {z.shape[1]}: put 0 in the place of those behind the cut"
    if z.shape != whole.shape:
        return f"the decoder expects codes of shape {tuple(whole.shape)}, and got {tuple(z.shape)}"
    kept = torch.isclose(z, whole, rtol=1e-4)
    gone = z == 0
    if not (kept | gone).all():
        if torch.allclose((z / whole).round(decimals=3) % 1, torch.zeros(())):
            return "the numbers before the cut should stay as they are, not be scaled"
        if (kept | torch.isclose(z, whole.mean(0), rtol=1e-3)).all():
            return "a mean stands behind the cut: let it be 0, which needs to know no other image"
        return "before the cut the numbers should stay as they are, behind it they should be 0"
    if (kept.sort(1, descending=True).values == kept).all():
        return None
    if (kept.sort(1).values == kept).all():
        return "the last numbers were kept and the first ones dropped: the other way round"
    return "numbers here and there were dropped, as by dropout: each code has one cut, and all behind it are 0"


def _mistake_of_copy(loss, x_hat, full, x):
    """What is wrong with a loss whose codes were cut well, or None."""
    mistakes = {
        "this is the mean over the pixels: as in `ae_objective`, sum over them": sse(x_hat, x) / 784,
        "this is the sum over the batch: take the mean over the images": sse(x_hat, x) * len(x),
        "the copies of the uncut codes were compared": sse(full, x),
        "copy by cut code was compared with the copy by the whole code: compare with x": sse(x_hat, full),
        "both the cut and the whole code were charged: the cut one alone was asked for": sse(x_hat, x) + sse(full, x),
    }
    if torch.isclose(loss, sse(x_hat, x), rtol=1e-3):
        return None
    hint = next((mistake for mistake, wrong in mistakes.items() if torch.isclose(loss, wrong, rtol=1e-3)), "")
    return hint or "the codes are cut well, but the loss is not the squared error between their copies and x"


def _mistake_of_lengths(lengths):
    """What is wrong with how many numbers were kept, over many batches, or None."""
    if lengths == {30}:
        return "no code was cut"
    if len(lengths) == 1:
        return f"every code keeps {min(lengths)} numbers: draw another place for each batch, or for each image"
    if min(lengths) < 1:
        return "some codes keep no number at all: `randint` does include its lower end"
    if max(lengths) < 30:
        return f"no code is ever kept whole, {max(lengths)} numbers are the most: randint leaves its upper end out"
    if min(lengths) > 1:
        return f"no code is cut to fewer than {min(lengths)} numbers: the first one alone should be of use too"
    if len(lengths) < 5:
        return f"the codes keep {sorted(lengths)} numbers only: cut anywhere"
    return None


def check_knn_vote(knn_vote):
    codes = torch.tensor([0.0, 0.1, 0.3, 0.6, 5.0, 5.1, 5.3, 5.6, 9.0])[:, None] * torch.tensor([[1.0, -1.0]])
    labels = torch.tensor([7, 3, 3, 3, 2, 8, 8, 4, 6])
    queries = torch.tensor([-0.2, 4.9, 0.15])[:, None] * torch.tensor([[1.0, -1.0]])
    cases = {3: [3, 8, 3], 4: [3, 8, 3], 1: [7, 2, 3]}
    answers = []
    for k in cases:
        answer = filled(knn_vote(codes, labels, queries, k))
        if not isinstance(answer, torch.Tensor):
            return f"expected a tensor with one label per query, got {type(answer).__name__}"
        if answer.shape == (3, k) or answer.shape == (k, 3):
            return "these are all neighbours: let them vote, so that one label per query remains"
        if answer.shape != (3,):
            return f"for three queries the shape should be (3,), yours is {tuple(answer.shape)}"
        answers.append(answer)
    if all(
        torch.equal(a.long(), torch.tensor(t)) and (a == a.long()).all()
        for a, t in zip(answers, cases.values(), strict=True)
    ):
        return None
    distances = torch.cdist(queries, codes)

    def like(votes):
        return all(torch.allclose(a.float(), votes(k).float(), atol=1e-3) for a, k in zip(answers, cases, strict=True))

    def nearest(k, largest=False):
        return distances.topk(k, largest=largest).indices

    if like(lambda k: labels[nearest(k, largest=True)].mode(1).values):
        return "these are the farthest neighbours: topk takes the largest unless told otherwise"
    if like(lambda k: labels[nearest(1)[:, 0]]):
        return "only the nearest neighbour was asked; k of them have a vote"
    if like(lambda k: labels[nearest(k)].float().mean(1)) or like(lambda k: labels[nearest(k)].float().mean(1).round()):
        return "labels are names, not quantities: take the most frequent one, not their mean"
    if like(lambda k: labels[nearest(k)].median(1).values):
        return "labels are names, not quantities: take the most frequent one, not the middle one"
    if like(lambda k: nearest(k).mode(1).values) or like(lambda k: nearest(k)[:, 0]):
        return "these are places in the list of codes: look up their labels"
    if like(lambda k: labels[nearest(3)].mode(1).values):
        return "use the k that is given"
    if like(lambda k: labels[nearest(k + 1)[:, 1:]].mode(1).values):
        return "the nearest one counts: it is not the query itself"
    return "the shape is right, but these are not the most frequent labels of the k nearest codes"


CHECKS = {
    "04-pca": check_pca,
    "04-numbers-needed": check_numbers_needed,
    "04-knn-vote": check_knn_vote,
    "04-ordered": check_ordered,
}

QUIZ = [
    {
        "question": "An autoencoder's copies are twice as good as PCA's, at equal code size. Are its distances better?",
        "options": {
            "a": (
                "Yes: its code holds more of the image",
                "It does, but the loss never asked how codes lie to each other.",
            ),
            "b": (
                "No: a network's distances mean nothing",
                "They may well be useful; here they are. It has to be measured.",
            ),
            "c": (
                "Unknown: measure it",
                "Stretch a number of the code, and the decoder can undo it: same copies, other neighbours.",
            ),
        },
        "right": "c",
    },
    {
        "question": "In a t-SNE picture, island A lies twice as far from B as from C. What follows for the images?",
        "options": {
            "a": (
                "Nothing certain",
                "t-SNE keeps neighbours. Far distances and sizes of islands are made as space allows.",
            ),
            "b": ("A is less similar to B than to C", "It may be, but the picture was not made to show that."),
            "c": (
                "The classes A and B are easier to tell apart",
                "Separate islands look equally separate, near or far.",
            ),
        },
        "right": "a",
    },
    {
        "question": "Three pictures of codes of two numbers: an overlapping cloud, long arms, a full round cloud of "
        "spread 1. Which is the VAE's, and why?",
        "options": {
            "a": ("The arms: it spreads the classes apart", "No term of any of the three losses knows a class."),
            "b": ("The round one: each code far from 0 costs it nats", "So its codes spread as the prior does."),
            "c": (
                "The overlapping one: its codes are noisy",
                "That is PCA's, a shadow from one side. The noise is in the VAE's loss, not in the mean codes shown.",
            ),
        },
        "right": "b",
    },
    {
        "question": "A code has 30 numbers, and there is room for 10. Which code survives the cut best?",
        "options": {
            "a": (
                "A plain autoencoder's",
                "Its numbers have no order. The first ten are any ten, unless you sort them by PCA.",
            ),
            "b": (
                "That of an autoencoder whose code was cut at random in training",
                "It learned to put what matters first; with all 30 numbers its copies are less good.",
            ),
            "c": ("All equally", "The error of the full code says nothing about what is left of it after a cut."),
        },
        "right": "b",
    },
    {
        "question": "Why was the network of 2006 so hard to train from random weights?",
        "options": {
            "a": (
                "Sigmoid units cannot be trained in deep networks",
                "With a start that fits them they can: see section 4.",
            ),
            "b": ("Its layers were too narrow", "The widths are the same: 1000, 500, 250, 30."),
            "c": (
                "Its start let hardly any gradient reach the first layers",
                "Small weights and flat sigmoids shrink it at every layer. A start that fits the units mends that.",
            ),
        },
        "right": "c",
    },
]
