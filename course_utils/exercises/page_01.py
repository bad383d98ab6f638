"""Learning calls of page 01."""

import copy
import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_utils.exercises import filled
from course_utils.exercises.passes import passes

PREDICTIONS = {
    "01-printout": {
        "question": "the loop prints a loss near 0.0002. How does that compare with the mean squared error per pixel?",
        "options": {"a": "it is the same", "b": "it is 784 times smaller", "c": "it is 64 times smaller"},
        "why": {
            "a": "The total holds one mean for each batch, and is divided by the number of images: 64 times as many.",
            "b": "The mean over 784 pixels is taken already; what is left is one mean for each batch of 64, divided by "
            "the number of images.",
        },
    },
    "01-pca": {
        "question": "with 8 numbers, by how many percent is the autoencoder's error below PCA's? (below 0: PCA wins)",
        "example": "5",
        "unit": " %",
        "why": "Images do not lie along a flat sheet, and with few numbers a network that bends follows them much "
        "better than straight lines do.",
    },
    "01-neighbours": {
        "question": "the nearest training image has the test image's label in some share of cases. With 32 numbers of "
        "code in place of 784 pixels, this share is ...",
        "options": {
            "a": "lower by 10 points or more",
            "b": "about the same, within 4 points",
            "c": "higher by 10 points or more",
        },
        "why": {
            "a": "What the 32 numbers leave out, the exact edges of strokes, says little about the label.",
            "c": "Nobody told the network which images belong together: it kept what is needed to redraw them.",
        },
    },
    "01-linear": {
        "question": "compared with PCA at equal code size, the error of a linear autoencoder is ...",
        "options": {"a": "the same", "b": "lower: it is trained for many steps", "c": "higher, whatever one does"},
        "why": {
            "b": "PCA is the best that straight lines can do, so no linear network gets below it, however long it "
            "trains.",
            "c": "The best linear network copies exactly as PCA does, and gradient descent comes as near to it as one "
            "likes.",
        },
    },
    "01-easiest": {
        "question": "which of these inputs comes back with the smallest error?",
        "options": {
            "a": "test images as they are",
            "b": "test images in a mirror",
            "c": "noise: every pixel drawn at random",
            "d": "a blank image, all pixels 0",
        },
        "why": "The error says how hard an image is to draw, not how familiar it is; blank paper is easy.",
    },
}
EXPECTED = [784, 128, 5, 128, 784]  # widths of the model that is asked for, with a code of 5 numbers


def check_autoencoder(autoencoder):
    model = filled(autoencoder(5))
    if isinstance(model, tuple | list):
        return "expected one model, nn.Sequential(encoder, decoder); these are its parts"
    if not isinstance(model, nn.Module):
        return f"expected a model, for example nn.Sequential(encoder, decoder), got {type(model).__name__}"
    if not isinstance(model, nn.Sequential) or len(model) != 2:
        return "expected nn.Sequential(encoder, decoder): two parts, since the page takes them apart later"
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(4, 1, 28, 28, generator=generator)
    if not _runs(model, x):
        if _runs(model, x.flatten(1)):
            return "it wants rows of 784 pixels, but images come as (B, 1, 28, 28): begin with nn.Flatten()"
        layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        for layer, following in itertools.pairwise(layers):
            if layer.out_features != following.in_features:
                return f"a layer puts out {layer.out_features} numbers, and the next one wants {following.in_features}"
    seen = passes(model, x, nn.Linear)
    widths = [784, *(after.shape[-1] for _, after in seen)]
    if widths != EXPECTED:
        if _widths(autoencoder(9), x) == widths:
            return "the code has the same size for every `latent_dim`: put `latent_dim` in its place"
        return (
            f"for latent_dim = 5 an image should pass through linear layers of {_row(EXPECTED)} numbers, "
            f"yours are {_row(widths)}"
        )
    with torch.no_grad():
        z, x_hat = model[0](x), model(x)
    if z.shape != (4, 5):
        return f"for 4 images and 5 numbers the encoder should give codes (4, 5), yours are {tuple(z.shape)}"
    if x_hat.shape == (4, 784):
        return "the copies are rows of 784 pixels: nn.Unflatten(1, (1, 28, 28)) makes images of them"
    if x_hat.shape != x.shape:
        return f"copies should have the shape of the images, {tuple(x.shape)}, yours have {tuple(x_hat.shape)}"
    (_, h1), (into_code, code), (into_h2, h2), (into_last, _) = seen
    if not torch.equal(into_h2, code):
        return "the code should be free to be negative: leave out what follows the encoder's last layer"
    for before, after, where in ((h1, into_code, "encoder"), (h2, into_last, "decoder")):
        if torch.equal(before, after):
            return f"in the {where} nothing follows the layer of 128: without a ReLU there, two layers are worth one"
        if not torch.equal(before.relu(), after):
            return f"what follows the {where}'s layer of 128 is no ReLU"
    if len(list(model.parameters())) != 8:
        return "218,192 parameters would be right for 64 numbers: is there a layer without its bias, or one unused?"
    with torch.no_grad():
        far = model(1e3 * torch.randn(4, 1, 28, 28, generator=generator))
    if far.min() < 0 or far.max() > 1:
        return "a pixel of the copy can leave the range from 0 to 1: what squeezes any number into it?"
    if autoencoder(5) is model:
        return "every call should build a new model: build it inside of the function"
    return None


def _runs(model, x):
    try:
        with torch.no_grad():
            model(x)
    except (RuntimeError, ValueError):
        return False
    return True


def _widths(model, x):
    return [784, *(out.shape[-1] for _, out in passes(model, x, nn.Linear))] if _runs(model, x) else None


def _row(widths):
    return ", ".join(map(str, widths))


def check_mean_of_means(mean_error_over):
    x, x_hat = torch.rand(2, 10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    x_hat[8:] = x[8:]  # the last, short batch is perfect, which a mean of means overrates
    truth = float((x_hat - x).square().sum() / 10)
    answer = filled(mean_error_over(list(zip(x_hat.split(4), x.split(4), strict=True))))
    if abs(answer - truth) < 1e-3 * truth:
        return None
    if abs(answer - truth / 784) < 1e-3 * truth:
        return "this is the mean over the pixels; sum over the pixels, and average over the images"
    if abs(answer - truth * 10) < 1e-3 * truth:
        return "this is the sum over all images; divide by their number"
    if abs(answer - truth * 10 / 3) < 1e-3 * truth:
        return "the sum is right, but it is divided by the number of batches"
    batches = [(x_hat - x).square().flatten(1).sum(1)[i : i + 4] for i in (0, 4, 8)]
    if abs(answer - float(sum(batch.mean() for batch in batches)) / 10) < 1e-3 * truth:
        return "images are counted now, but it is still the means of the batches that are added: add sums"
    return (
        f"for batches of 4, 4 and 2 images with a squared error of {truth * 10:.1f} in all "
        f"it should be {truth:.2f}, yours is {answer:.4g}"
    )


def check_train_epoch(train_epoch):
    start = _tiny_model()
    mine, loader = copy.deepcopy(start), _loader()
    answer = filled(train_epoch(mine, loader, _descent(mine)))
    truth, errors = _trained(start)
    if all(torch.equal(p, q) for p, q in zip(mine.parameters(), start.parameters(), strict=True)):
        return (
            "no weight of `model` has changed: is there a `step`, does `backward` come before it, is nothing cleared "
            "between the two, and is it the model itself that is trained?"
        )
    if not _same(mine, truth):
        for mistake, variant in VARIANTS.items():
            if _same(mine, _trained(start, **variant)[0]):
                return mistake
        other = copy.deepcopy(start)
        train_epoch(other, _loader(label=7), _descent(other))
        if not _same(mine, other):
            return (
                "what it learns depends on the labels, or on chance: compare the copy with the image, and nothing else"
            )
        return "the weights change, but not as by one step for each batch on the mean squared error (nn.MSELoss)"
    sizes = [4, 4, 2]
    means = sum(errors) / 3, sum(e * n for e, n in zip(errors, sizes, strict=True)) / 10
    answer = float(answer.detach() if isinstance(answer, torch.Tensor) else answer)
    if any(_close(answer, mean) for mean in means):
        return None
    if _close(answer, sum(errors)):
        return "training is right; the value returned is the sum over the batches: return their mean"
    if _close(answer, sum(errors) / 10):
        return "training is right; the value returned is a sum of means, divided by the number of images: see above"
    if _close(answer, errors[-1]):
        return "training is right; the value returned is the last batch's loss: average over all batches"
    if any(_close(answer, 784 * mean) for mean in means):
        return "training is right; the value returned is per image: return it per pixel, as nn.MSELoss has it"
    return f"training is right; the mean of the batches' losses would be {means[0]:.5f}, yours is {answer:.5f}"


# What else the weights may have gone through; see `_trained`.
VARIANTS: dict[str, dict] = {
    "gradients add up from batch to batch: clear them in every step": {"clear": False},
    "only the first batch is learned: does the loop end too early, at a `return` inside of it?": {"batches": 1},
    "there is one step for the whole epoch: every batch should have its own": {"once": True},
    "only the last batch leads to a step: `backward` and `step` belong inside of the loop": {"only_last": True},
    "this goes through the loader more than once: one epoch is asked for": {"epochs": 2},
    "the loss is summed over the pixels: nn.MSELoss takes the mean over pixels and images": {"scale": 784 * 4},
    "the loss is the sum per image: nn.MSELoss takes the mean over the pixels as well": {"scale": 784},
    "this climbs: the sign of the loss is wrong": {"scale": -1},
}


def _tiny_model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 3), nn.Linear(3, 784), nn.Unflatten(1, (1, 28, 28))).double()


def _loader(label=0):
    x = torch.rand(10, 1, 28, 28, generator=torch.Generator().manual_seed(0)).double()
    return DataLoader(TensorDataset(x, torch.full((10,), label)), batch_size=4)


def _descent(model):
    return torch.optim.SGD(model.parameters(), lr=1e-6)  # small, so that a loss too large by 784 does not blow up


def _trained(start, clear=True, batches=3, epochs=1, scale=1.0, once=False, only_last=False):
    """A copy of the model `start` after an epoch, or after a mistaken one, and the losses of the batches."""
    model = copy.deepcopy(start)
    optimizer, errors = _descent(model), []
    for _ in range(epochs):
        for number, (x, _) in enumerate(list(_loader())[:batches]):
            loss = F.mse_loss(model(x), x)
            errors.append(loss.item())
            if only_last and number < 2:
                continue
            if clear and not (once and number):
                optimizer.zero_grad()
            (loss * scale * (len(x) / 4 if scale == 784 * 4 else 1)).backward()
            if not once or number == 2:
                optimizer.step()
    return model, errors


def _same(a, b):
    """Whether two trained copies of the tiny model went through the same steps, down to the curvature of the loss."""
    pairs = zip(a.parameters(), b.parameters(), _tiny_model().parameters(), strict=True)
    return all((p - q).abs().max() <= 1e-7 * (q - start).abs().max() for p, q, start in pairs)


def _close(a, b):
    return abs(a - b) < 1e-3 * abs(b)


def check_pca_copy(pca_copy):
    generator = torch.Generator().manual_seed(0)
    x, mean = torch.randn(4, 6, generator=generator), torch.randn(6, generator=generator)
    directions = torch.linalg.qr(torch.randn(6, 2, generator=generator))[0].T.contiguous()  # (2, 6)
    answer = filled(pca_copy(x, mean, directions))
    if not isinstance(answer, torch.Tensor):
        return f"expected a tensor, got {type(answer).__name__}"
    if answer.shape == (4, 2):
        return "these are the codes: go back from them to copies, of the shape of x"
    if answer.shape != (4, 6):
        return f"for 4 images of 6 pixels the shape should be (4, 6), yours is {tuple(answer.shape)}"
    z = (x - mean) @ directions.T
    mistakes = {
        "the mean was taken off, and is missing in the copy: put it back at the end": z @ directions,
        "the mean is put back, but was never taken off: the code counts from the mean": mean
        + x @ directions.T @ directions,
        "where is the mean? The line goes through it, and not through 0": x @ directions.T @ directions,
        "this is what is left over, x minus its copy": x - mean - z @ directions,
        "this is the image itself: nothing went through the directions": x,
        "every copy is the mean: add the code times the directions": mean.expand_as(x),
    }
    if torch.allclose(answer, mean + z @ directions, atol=1e-4):
        return None
    for mistake, value in mistakes.items():
        if torch.allclose(answer, value, atol=1e-4):
            return mistake
    return "the shape is right, the numbers are not: code = (x minus mean) along each direction; copy = mean plus code"


CHECKS = {
    "01-autoencoder": check_autoencoder,
    "01-mean-of-means": check_mean_of_means,
    "01-train-epoch": check_train_epoch,
    "01-pca-copy": check_pca_copy,
}

QUIZ = [
    {
        "question": "An autoencoder for 784 pixels has no layer narrower than 1,000 numbers. What is the danger?",
        "options": {
            "a": ("That it learns too much structure", "Nothing forces it to look for structure any more."),
            "b": ("That it just copies", "There is room for every pixel: no layer is a bottleneck."),
            "c": (
                "That training fails",
                "Training goes smoothly and the loss can become tiny, which makes this a trap.",
            ),
        },
        "right": "b",
    },
    {
        "question": "One tutorial reports a loss of 0.006, another one 4.7, for the same model and data. Who is right?",
        "options": {
            "a": ("The first: smaller is better", "The size of a loss depends on what is summed and what is averaged."),
            "b": ("Possibly both", "0.006 per pixel times 784 pixels is 4.7 per image. Always ask for the unit."),
            "c": (
                "The second: the first is too small to be true",
                "A mean over mostly empty pixels is small by nature.",
            ),
        },
        "right": "b",
    },
    {
        "question": "You need a code of 100 numbers for an experiment, and have one minute. What do you try first?",
        "options": {
            "a": (
                "PCA",
                "It takes a second, and is the baseline that anything else has to beat.",
            ),
            "b": (
                "A deep autoencoder",
                "It may win in the end; without PCA beside it you would not know.",
            ),
            "c": ("A linear autoencoder", "That is PCA, found slowly."),
        },
        "right": "a",
    },
    {
        "question": "An image from a broken camera is reconstructed with a very small error. What do you conclude?",
        "options": {
            "a": ("It is a normal image", "A blank image has a tiny error too, and no one would call it normal."),
            "b": (
                "The autoencoder has seen broken cameras in training",
                "It need not have: some images are just easy.",
            ),
            "c": ("Nothing yet: it may only be easy to draw", "Simple images have small errors, familiar or not."),
        },
        "right": "c",
    },
]
