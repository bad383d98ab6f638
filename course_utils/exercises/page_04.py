"""Learning calls of page 04."""

import torch

from course_utils.exercises import filled

PREDICTIONS = {
    "04-knn": {
        "question": "nearest neighbours vote on 30 numbers of PCA instead of on all 784 pixels. They will be wrong ...",
        "options": {
            "a": "clearly more often: most of the image's numbers are gone",
            "b": "about as often, or less often",
            "c": "nearly always",
        },
    },
    "04-few": {
        "question": "30 numbers, but only 100 training images. The smaller error on test images is that of ...",
        "options": {
            "a": "PCA",
            "b": "the autoencoder",
            "c": "neither: they are equal within 5 %",
        },
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
    mean, variances, components = (torch.as_tensor(filled(part)).float() for part in answer)
    for name, part, shape in (("mean", mean, (5,)), ("variances", variances, (5,)), ("components", components, (5, 5))):
        if part.shape != shape:
            return f"for 60 images of 5 pixels the {name} should have shape {shape}, yours is {tuple(part.shape)}"
    if not torch.allclose(mean, centre, atol=1e-3):
        return "the first result is not the mean image: average over the images, not over the pixels"
    raw = torch.linalg.svdvals(images) ** 2 / len(images)
    if torch.allclose(variances, raw, rtol=1e-2) or torch.allclose(variances, raw.flip(0), rtol=1e-2):
        return "the images were not centred: subtract the mean before you look for directions"
    if torch.allclose(variances, truth.flip(0), rtol=1e-3):
        return "these run from the smallest variance to the largest: turn them around, and the components with them"
    if torch.allclose(variances, truth.sqrt(), rtol=1e-3):
        return "these are standard deviations; square them for variances"
    if torch.allclose(variances, lengths, rtol=1e-3):
        return "these are singular values s; the variances are s**2 / N"
    if torch.allclose(variances, lengths**2, rtol=1e-3):
        return "these are sums of squares: divide them by the number of images"
    if torch.allclose(variances, truth / truth.sum(), rtol=1e-3):
        return "these are shares of the variance; the variances themselves were asked for"
    if not torch.allclose(variances, truth, rtol=0.03):  # N or N - 1 below the fraction is a matter of taste
        return "the mean is right, but the variances are not the eigenvalues of the covariance matrix"

    def agree(rows):  # up to the sign of each row, which is free
        return torch.allclose((rows * directions).sum(1).abs(), torch.ones(5), atol=1e-2)

    if agree(components):
        return None
    if agree(components.T):
        return "the components are in the columns; one per row was asked for"
    if agree(components.flip(0)) or agree(components.T.flip(0)):
        return "the variances are in order, but the components run from the smallest variance to the largest"
    if torch.allclose(components.norm(dim=1), torch.ones(5), atol=1e-2):
        return "each component has length 1, as it should, but they are not the eigenvectors"
    return "a component should have length 1: do not scale it by its variance"


def check_numbers_needed(numbers_needed):
    variances = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0])
    cases = {2.0: 3, 3.0: 3, 4.0: 2, 5.0: 2, 0.5: 5, 9.0: 1}
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
        "question": "You have 150 images and need a code of 30 numbers by tonight. What do you use?",
        "options": {
            "a": (
                "A deep autoencoder with 500 epochs",
                "It will know the 150 images by heart, and do worse on others.",
            ),
            "b": ("PCA", "With few images it wins, it is exact, and you know its error beforehand."),
            "c": (
                "t-SNE with 30 dimensions",
                "t-SNE gives coordinates to the points that it has seen, and no encoder.",
            ),
        },
        "right": "b",
    },
    {
        "question": "A code has 30 numbers, and there is room for 10. Which code survives the cut best?",
        "options": {
            "a": ("PCA's", "Its first ten numbers are the best linear code of ten: components come in order."),
            "b": (
                "The deep autoencoder's",
                "Its numbers have no order. Each carries a part of everything, and the decoder needs them all.",
            ),
            "c": ("All equally", "The error of the full code says nothing about what is left of it after a cut."),
        },
        "right": "a",
    },
    {
        "question": "Why did the network of 2006 need pretraining, and yours did not?",
        "options": {
            "a": ("MNIST has become easier", "The images are the same 70,000."),
            "b": (
                "Its gradients died on the way to the first layers",
                "Sigmoid units and small weights let hardly any through. Better starts, BatchNorm and SiLU do.",
            ),
            "c": ("Its layers were too narrow", "The widths are the same: 1000, 500, 250, 30."),
        },
        "right": "b",
    },
]
