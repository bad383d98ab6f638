"""Learning calls of page 12."""

import itertools
import math

import numpy as np
import torch
from torch import nn

from course_utils.exercises import filled

PREDICTIONS = {
    "12-workers": {
        "question": "a dataset holds a generator, seeded once; two workers load from it. In an epoch, the random "
        "numbers that its images get are ...",
        "options": {
            "a": "all different: the workers share one generator",
            "b": "the same ones twice: each worker has its own copy",
            "c": "none at all: a generator cannot be used by two",
        },
        "why": "A worker is a process with a copy of the dataset, and so of the generator, in the same state.",
    },
    "12-bytes": {
        "question": "WebP may shrink each photograph and choose its quality, to be as close as the network's copy "
        "from 32 bytes. It needs ...",
        "options": {
            "a": "fewer bytes: it knows how photographs look",
            "b": "about as many, up to half as many again",
            "c": "more than that",
        },
        "why": "A general codec knows nothing of these photographs, and its header alone is as large as the code.",
    },
    "12-judge": {
        "question": "a term with the reader's layers is added to an autoencoder's loss; the judge takes no part. The "
        "share of copies whose kind is named rightly rises ...",
        "options": {
            "a": "for both networks, by about as much",
            "b": "for both, but more for the reader",
            "c": "for the reader alone; to the judge the copies are as before",
        },
        "why": "Part of what the copies learn pleases these very layers, and part of it is what any network looks for.",
    },
    "12-processes": {
        "question": "two processes each take half of every batch and average their gradients. Beside one process with "
        "whole batches, the losses are ...",
        "options": {
            "a": "the same, but for rounding",
            "b": "noisier, since each gradient comes from half a batch",
            "c": "lower after each epoch: two have learned",
        },
        "why": "The mean of two half batches' mean gradients is the mean gradient of the whole batch.",
    },
    "12-odd": {
        "question": "two classes were kept out of training. Nearest neighbours among PCA codes rank them as odd ...",
        "options": {
            "a": "both, far better than a coin",
            "b": "both about as well as a coin",
            "c": "one of them worse than a coin: it looks more usual than what was known",
        },
        "why": "Distances among these codes measure large areas; 64 numbers leave thin things out.",
    },
}


def check_flip(random_flip):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(3, 6, 5, generator=generator)
    mirrored, decisions = x.flip(2), {}
    for epoch in range(2):
        for index in range(300):
            answer = filled(random_flip(x, index, epoch))
            if not isinstance(answer, torch.Tensor) or answer.shape != x.shape:
                return "expected one image of the shape that came in, (3, H, W)"
            if torch.equal(answer, x.flip(1)):
                return "this image stands on its head: mirror it left to right, along the last axis"
            if torch.equal(answer, x.flip(0)):
                return "this exchanged red and blue: mirror along the last axis"
            if not torch.equal(answer, x) and not torch.equal(answer, mirrored):
                return "expected the image as it is, or mirrored left to right, and nothing else"
            decisions[index, epoch] = torch.equal(answer, mirrored)
    again = {key: torch.equal(random_flip(x, *key), mirrored) for key in list(decisions)[:60]}
    if any(decisions[key] != value for key, value in again.items()):
        return "asked twice for the same image and epoch, it decides differently: who loads it would matter"
    share = sum(decisions.values()) / len(decisions)
    if share in (0, 1):
        return "it decides the same for all images and epochs"
    first, second = ([decisions[index, epoch] for index in range(300)] for epoch in (0, 1))
    if first == second:
        return "an image is mirrored in every epoch or in none: where does the epoch come in?"
    if len(set(first)) == 1 or len(set(second)) == 1:
        return "within an epoch all images are treated alike: where does the number of the image come in?"
    if not 0.4 < share < 0.6:
        return f"it mirrors {share:.0%} of the images; half of them were asked for"
    alternating = sum(a != b for a, b in itertools.pairwise(first)) / 299
    if alternating > 0.9 or alternating < 0.1:
        return "neighbours in the folder follow a pattern: draw the decision by a generator"
    if first[1:] == second[:-1] or first[::2] == second[:150]:
        return "an image gets the draw that another had in the epoch before: give each pair a seed of its own"
    return None


def check_fitted_nll(fitted_nll):
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(5, 3, 8, 8, generator=generator) * 255).round() / 255
    x_hat = (x + 0.1 * torch.randn(x.shape, generator=generator)).requires_grad_()
    answer = filled(fitted_nll(x_hat, x))
    if not isinstance(answer, torch.Tensor) or answer.ndim != 0:
        return "expected one number, as a tensor without axes: the mean over the images"
    error, values = (x_hat - x).detach().double().square().mean(), 3 * 8 * 8
    right = values * 0.5 * (torch.log(2 * math.pi * error) + 1)
    mistakes = {
        "this is a mean over the values; an image's likelihood is a sum over its 3 x H x W values": right / values,
        "this is the sum over all images of the batch: take the mean over them": 5 * right,
        "the sign is wrong: a loss is minus the logarithm": -right,
        "the 2 pi is missing": values * 0.5 * (torch.log(error) + 1),
        "the squared error divided by 2 sigma^2 is missing: with a fitted sigma it is 1/2 for each value": (
            values * 0.5 * torch.log(2 * math.pi * error)
        ),
        "log sigma^2 was taken for log sigma: half of it is in the formula": (
            values * (torch.log(error) + 0.5 * math.log(2 * math.pi) + 0.5)
        ),
        "this is the formula for sigma = 1": values * 0.5 * (error + math.log(2 * math.pi)),
        "this is half the squared error alone: sigma = 1, and no constants": 0.5 * values * error,
        "an image has three channels: count its values, 3 x H x W, and not its pixels": right / 3,
    }
    if not torch.isclose(answer.double(), right, rtol=1e-3):
        for mistake, value in mistakes.items():
            if torch.isclose(answer.double(), value, rtol=1e-3):
                return mistake
        per_image = (x_hat - x).detach().double().square().flatten(1).mean(1)
        if torch.isclose(answer.double(), (values * 0.5 * (torch.log(2 * math.pi * per_image) + 1)).mean(), rtol=1e-5):
            return "each image has a sigma of its own here: one for all was asked for"
        return f"for errors of mean square {error:.4f} and {values} values it should be {right:.2f}, not {answer:.2f}"
    if not answer.requires_grad:
        return "the number is right, but no gradient comes through it: was something detached?"
    (slope,) = torch.autograd.grad(answer, x_hat)
    expected = ((x_hat - x) / error / 5).detach().float()
    if not torch.allclose(slope, expected, rtol=1e-2, atol=1e-3 * float(expected.abs().max())):
        return "the number is right, but its gradient is not that of the formula: was something detached?"
    other = x + 0.3
    exact = 0.5 * values * (math.log(2 * math.pi * 0.09) + 1)
    if not torch.isclose(fitted_nll(other, x), torch.tensor(exact), rtol=1e-3):
        return "right for one size of the errors, but not for another: sigma should follow the errors"
    return None


def _stopping(losses, patience):
    """What is right: whether to stop after these epochs, and whether the last one is the best so far."""
    known = [loss if loss == loss else math.inf for loss in losses]
    is_best = known[-1] < min(known[:-1], default=math.inf)
    since = len(known) - 1 - known.index(min(known))
    return since >= patience, is_best


def check_early_stopping(early_stopping):
    cases = [
        ([5.0], 2),
        ([5.0, 4.0, 3.0], 2),
        ([5.0, 4.0, 4.5], 2),
        ([5.0, 4.0, 4.5, 4.2], 2),
        ([5.0, 4.0, 4.5, 4.2, 4.1], 3),
        ([5.0, 4.0, 4.5, 3.9], 2),
        ([5.0, 4.0, 4.0], 1),
        ([3.0, 5.0, 4.0, 3.5], 3),
        ([3.0, 5.0, 4.0], 3),
        ([-1.0, -2.0, -1.5], 1),
    ]
    for losses, patience in cases:
        answer = filled(early_stopping(list(losses), patience))
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            return "expected two answers: whether to stop, and whether the last epoch is the best so far"
        stop, best = (bool(part) for part in answer)
        right_stop, right_best = _stopping(losses, patience)
        case = f"for losses {losses} and a patience of {patience}"
        if best != right_best:
            if len(losses) == 1:
                return f"{case}: the first epoch is the best so far, since there is no other"
            if losses[-1] == min(losses[:-1]):
                return f"{case}: the last epoch only equals the best; keep the earlier one"
            if losses[-1] < losses[-2]:
                return f"{case}: the last epoch is better than the one before; that is not the best so far"
            return f"{case}: is the last epoch lower than all before?"
        if stop != right_stop:
            if stop and losses[-1] < losses[-2]:
                return f"{case}: you stop too early; count the epochs since the best one"
            if stop:
                return f"{case}: you stop {'at once' if len(losses) < 2 else 'too early'}; how long ago was the best?"
            if len(losses) > 2 and losses[-1] < losses[-2]:
                return f"{case}: you go on since the last step went down; what counts is the best epoch"
            return f"{case}: you go on, though the best epoch is {patience} back"
    stop, best = early_stopping([math.nan, 4.0], 2)
    if not best or stop:
        return "after a first epoch of NaN any number is better: for losses [nan, 4.0] the last epoch is the best"
    stop, best = early_stopping([3.0, math.nan, math.nan], 2)
    if best:
        return "a loss of NaN counts as the best here: no comparison with NaN is true, so ask whether it is smaller"
    if not stop:
        return "after two epochs of NaN, with a patience of 2, there is nothing to wait for: stop"
    return None


class _Probe(nn.Module):
    """A network that answers differently in training mode, as with dropout."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4))

    def forward(self, x):
        return x @ self.weight + (5.0 if self.training else 0.0)


def check_export_error(export_error):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 3, generator=generator)
    probe = _Probe().train()
    seen = []

    def exported(pixels):
        if not isinstance(pixels, np.ndarray):
            raise TypeError(f"the exported model takes a NumPy array, it got {type(pixels).__name__}")
        if pixels.dtype != np.float32:
            raise TypeError(f"the exported model takes float32, it got {pixels.dtype}")
        seen.append(len(pixels))
        weight = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
        answer = pixels @ weight
        if len(pixels) == 1:  # a fault that only a batch of one shows
            answer = answer + off_alone
        answer[-1, 0] -= off_last
        return answer

    off_alone = off_last = 0.0
    answer = float(filled(export_error(probe, exported, x)))
    if answer > 4:
        return "your network is in training mode: what is exported is the network in evaluation mode"
    if abs(answer) > 1e-4:
        return f"both compute the same here, and you found a difference of {answer:.2g}"
    if 1 not in seen:
        return "you never asked for a batch of one image: an exported network may work for one size of the batch only"
    if max(seen) == 1:
        return "you only asked for single images: an exported network may work for one size of the batch only"
    if len(x) not in seen:
        return f"of {len(x)} images you only asked for {max(seen)} at once: ask for all"
    off_last = 0.25
    answer = float(export_error(probe, exported, x))
    if answer < 0.01:
        return "one number was 0.25 too low, and you found nothing: is the sign left on?"
    if answer < 0.24:
        return f"one number is off by 0.25, you say {answer:.2g}: a mean hides a single fault. Take the largest"
    if answer > 0.26:
        return f"the largest difference is 0.25, you say {answer:.2g}: is something added up?"
    off_last, off_alone = 0.0, 0.5
    answer = float(export_error(probe, exported, x))
    if abs(answer) < 0.01:
        return "for a batch of one all numbers were 0.5 too high, and you found nothing: is the sign left on?"
    if abs(answer - 0.5) > 0.01:
        return f"for a batch of one all numbers are off by 0.5, you say {answer:.2g}: the largest over both batches"
    return None


def _perceptual(layers, x_hat, x, *, unit=True, chain=True, squared=True, mean=True, over="channels"):
    """What is right, or, by a keyword, a version of it with a mistake."""
    total, first_hat, first = torch.zeros((), dtype=x.dtype), x_hat, x
    for layer in layers:
        x_hat, x = (layer(x_hat), layer(x)) if chain else (layer(first_hat), layer(first))
        a, b = x_hat, x
        if unit:
            axes = (1,) if over == "channels" else (1, 2, 3) if over == "image" else (2, 3)
            a, b = (h / (h.square().sum(axes, keepdim=True) + 1e-20).sqrt() for h in (a, b))
        difference = (a - b).square() if squared else (a - b).abs()
        total = total + (difference.sum(1).mean() if mean else difference.mean())
    return total


def check_perceptual(perceptual_distance):
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 5, 3, stride=2, padding=1)
        ).requires_grad_(False)
    x = torch.rand(6, 3, 8, 10, generator=generator)
    x_hat = (x + 0.3 * torch.randn(x.shape, generator=generator)).requires_grad_()
    answer = filled(perceptual_distance(layers, x_hat, x))
    if not isinstance(answer, torch.Tensor) or answer.ndim != 0:
        return "expected one number, as a tensor without axes: the mean over places and images, summed over the layers"
    right = _perceptual(layers, x_hat, x)

    def near(value):
        return torch.isclose(answer, value, rtol=2e-3)

    if not near(right):
        last = _perceptual(layers[2:], layers[:2](x_hat), layers[:2](x))
        mistakes: dict[str, dict] = {
            "features are compared as they are: bring those of each place to length 1 first": {"unit": False},
            "this is a mean over the channels too: sum the squares over the channels of a place": {"mean": False},
            "the differences are not squared": {"squared": False},
            "length 1 is asked for at each place, over its channels; here it is over the whole image": {
                "over": "image"
            },
            "length 1 is asked for at each place, over its channels; here it is over the places of a channel": {
                "over": "places"
            },
        }
        for mistake, changes in mistakes.items():
            if near(_perceptual(layers, x_hat, x, **changes)):
                return mistake
        if near(right / len(layers)):
            return "this is the mean over the layers; their distances add up"
        if near(len(x) * right):
            return "this is the sum over the images: take the mean over images and places"
        if near(last):
            return "this is the distance after the last layer alone: every layer counts"
        if near(_perceptual(nn.Sequential(layers[0]), x_hat, x)):
            return "this is the distance after the first layer alone: every layer counts"
        if near(right + _perceptual([nn.Identity()], x_hat, x)):
            return "the pixels were compared as well: begin with what the first layer makes of them"
        sizes = [(4, 8, 10), (4, 8, 10), (5, 4, 5)]  # channels and places of each layer's features
        distances = [_perceptual([nn.Identity()], layers[:i](x_hat), layers[:i](x)) for i in (1, 2, 3)]
        if near(sum(d * high * wide for d, (_, high, wide) in zip(distances, sizes, strict=True))):
            return "this is the sum over the places: take the mean, or large layers count for more"
        if near(right.sqrt()) or near(sum(d.sqrt() for d in distances)):
            return "a root was taken at the end: the squared differences themselves are asked for"
        return f"for these layers and images it should be {right:.4f}, not {answer:.4f}"
    small, small_hat, same = 0.02 * x, 0.02 * x_hat.detach(), nn.Sequential(nn.Identity())
    if not torch.isclose(perceptual_distance(same, small_hat, small), _perceptual(same, small_hat, small), rtol=1e-2):
        return "with features of length 0.02 they are no longer brought to length 1: is your eps too large?"
    if not answer.requires_grad:
        return "the number is right, but no gradient comes through it to x_hat: was something detached?"
    (slope,) = torch.autograd.grad(answer, x_hat)
    (expected,) = torch.autograd.grad(right, x_hat)
    if not torch.allclose(slope, expected, rtol=1e-2, atol=1e-3 * float(expected.abs().max())):
        return "the number is right, but its gradient is not that of the formula: was something detached?"
    dark = -torch.ones(2, 3, 4, 4)  # nothing is left of it behind a ReLU
    if not torch.isfinite(perceptual_distance(nn.Sequential(nn.ReLU()), dark, x[:2, :, :4, :4])):
        return "where all features of a place are 0, this divides 0 by 0: add a small eps"
    return None


def _halving(loss, candidates, budget):
    """What is right: for each round who is trained and for how many epochs more; and the winner."""
    rounds, left, done, share = [], list(candidates), 0, budget // int(math.log2(len(candidates)))
    while len(left) > 1:
        more = share // len(left)
        done += more
        rounds.append((set(left), more))
        known = {c: math.inf if math.isnan(loss(c, done)) else loss(c, done) for c in left}
        left = sorted(left, key=known.__getitem__)[: len(left) // 2]
    return rounds, left[0]


def _falling(candidate, epochs):
    return candidate + 1 / epochs


def _negative(candidate, epochs):
    return -candidate * math.log(1 + epochs)


def _late(candidate, epochs):
    """After few epochs the small candidates lead, after many the large ones."""
    return abs(candidate - 0.8 * epochs)


def _overflowing(candidate, epochs):
    return math.nan if candidate < 3 else 10.0 - candidate


def check_halving(successive_halving):
    cases = [
        (_falling, [3, 1, 2, 4], 30),
        (_falling, [3, 1, 2, 4], 24),
        (_negative, [3, 8, 1, 2], 16),
        (_late, [4, 1, 2, 3, 8, 7, 6, 5], 48),
        (_late, [1, 2, 4, 6], 16),
        (_overflowing, [1, 5, 2, 6], 8),
        (_overflowing, [7, 1, 2, 5], 8),
        (_falling, [2, 1], 5),
    ]
    for loss, candidates, budget in cases:
        given = list(candidates)
        answer, asked, losses = _recorded(successive_halving, loss, given, budget)
        if given != candidates:
            return "the caller's list of candidates was changed; make a new one"
        hint = _misspent(asked, candidates, budget) or _misled(asked, losses, loss, candidates, budget)
        case = f"with candidates {candidates} and a budget of {budget} epochs"
        if hint:
            return f"{case}: {hint}"
        _, winner = _halving(loss, candidates, budget)
        if isinstance(answer, tuple | list):
            return "expected the winner alone, one of the candidates"
        if answer != winner:
            if any(answer == value for value in losses.values()):
                return "this returns a loss; the candidate that won was asked for"
            return f"{case}: the last round was won by {winner}, not by {answer!r}"
    return None


def _recorded(successive_halving, loss, candidates, budget):
    """The answer; what `train` was asked for, as (candidate, epochs more); and each candidate's last loss."""
    asked, done, losses = [], dict.fromkeys(candidates, 0), {}

    def train(candidate, epochs):
        if candidate not in done:
            raise ValueError(f"train takes one of the candidates {candidates}, it got {candidate!r}")
        if not isinstance(epochs, int) or epochs < 1:
            raise ValueError(f"train takes a whole number of epochs, at least 1, it got {epochs!r}; // divides so")
        asked.append((candidate, epochs))
        if len(asked) > 100:
            raise ValueError("train was called a hundred times for a handful of candidates: does the loop end?")
        done[candidate] += epochs
        losses[candidate] = loss(candidate, done[candidate])
        return losses[candidate]

    return filled(successive_halving(train, candidates, budget)), asked, losses


def _misspent(asked, candidates, budget):
    """What is wrong with the first round, or with the sum of all epochs."""
    if not asked:
        return "nobody was trained: call train(candidate, epochs)"
    spent = sum(epochs for _, epochs in asked)
    if spent > budget:
        return f"{spent} epochs were spent. Share them among the rounds before the first one begins"
    first = asked[: len(candidates)]
    if {candidate for candidate, _ in first} != set(candidates):
        return "in the first round each candidate is trained once, before anyone goes on"
    if len({epochs for _, epochs in first}) > 1:
        return f"in a round all get equally many epochs, here they got {first}"
    rounds, epochs = int(math.log2(len(candidates))), first[0][1]
    if rounds > 1 and epochs == budget // len(candidates):
        return "the first round has used up the whole budget: each round has an equal share of it"
    right = budget // rounds // len(candidates)
    if epochs != right:
        return (
            f"there are {rounds} rounds, of {budget // rounds} epochs each at most, so that in the first one each gets "
            f"{right}, not {epochs}"
        )
    return None


def _misled(asked, losses, loss, candidates, budget):
    """What is wrong with the rounds after the first."""
    start = 0
    for left, more in _halving(loss, candidates, budget)[0]:
        part = asked[start : start + len(left)]
        start += len(left)
        trained = {candidate for candidate, _ in part}
        if len(part) < len(left):
            return f"{len(left)} should have gone on in some round, {len(part)} did"
        if trained != left:
            if len(trained) < len(part):
                return "within a round one candidate was trained twice"
            if any(math.isnan(losses[candidate]) for candidate in trained):
                return "one whose loss is NaN went on: no comparison with NaN is true. Count it as the worst"
            return f"{sorted(trained)} went on, where the lower loss, as it is now, is that of {sorted(left)}"
        epochs = {epochs for _, epochs in part}
        if epochs != {more}:
            return f"the {len(left)} that are left get {more} more epochs each, they got {sorted(epochs)}"
    if len(asked) > start:
        return "somebody was trained on after the last round: with one left it is over"
    return None


CHECKS = {
    "12-flip": check_flip,
    "12-fitted-nll": check_fitted_nll,
    "12-early-stopping": check_early_stopping,
    "12-halving": check_halving,
    "12-perceptual": check_perceptual,
    "12-export-error": check_export_error,
}

QUIZ = [
    {
        "question": "Your GPU is busy a fifth of the time. What do you try first?",
        "options": {
            "a": ("A smaller network", "It would wait for its images even longer."),
            "b": (
                "Workers, or the images decoded once",
                "A network that waits for files is helped by whatever brings files sooner. Measure images a second.",
            ),
            "c": ("Mixed precision", "It makes the part faster that is not the slow one."),
        },
        "right": "b",
    },
    {
        "question": "You trained on one GPU with batches of 64; now there are four, each with batches of 64. What "
        "changed?",
        "options": {
            "a": (
                "The batch: it is 256 now, and the learning rate should be chosen anew",
                "Each step averages four times as many gradients, and there are a quarter as many steps in an epoch.",
            ),
            "b": ("Nothing but the time", "That holds if each of the four takes 16, so that the batch stays 64."),
            "c": ("The network: there are four", "All four hold the same weights after every step."),
        },
        "right": "a",
    },
    {
        "question": "A run is killed in its tenth epoch. Which file do you need to go on as if nothing had happened?",
        "options": {
            "a": (
                "The best weights",
                "They are for use. The optimizer's memory and the random numbers are not in them.",
            ),
            "b": ("The event file", "It holds the curves, and no weight."),
            "c": (
                "Weights, optimizer, epoch and random state",
                "What the next step depends on: with less than that, training goes on, but not the same training.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Copies were trained with the layers of network A in the loss. How do you find out whether more of "
        "them can be recognised now?",
        "options": {
            "a": ("By A: it knows the kinds best", "A was in the loss: copies may please it and nobody else."),
            "b": (
                "By a network with other weights that took no part",
                "What was trained on cannot judge. Put the photographs themselves beside it, and squared error alone.",
            ),
            "c": ("By the squared error", "It may rise or fall: it knows nothing of kinds."),
        },
        "right": "b",
    },
    {
        "question": "A photograph of plain fog gets the lowest oddness of all, though no fog was in training. Why?",
        "options": {
            "a": (
                "It is easy to copy",
                "A reconstruction error, and a likelihood too, measure how complicated an image is first of all.",
            ),
            "b": ("Fog was in training after all", "It need not have been: smooth areas are in every photograph."),
            "c": ("The network is too small", "Larger ones give smooth images high likelihoods just as well."),
        },
        "right": "a",
    },
]
