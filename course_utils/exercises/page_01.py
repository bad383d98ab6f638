"""Learning calls of page 01."""

import torch
from torch import nn

from course_utils.exercises import filled

PREDICTIONS = {
    "01-printout": {
        "question": "the loop prints a loss near 0.0002. How does that compare with the mean squared error per pixel?",
        "options": {"a": "it is the same", "b": "it is 784 times smaller", "c": "it is 64 times smaller"},
    },
    "01-pca": {
        "question": "with 8 numbers, by how many percent is the autoencoder's error below PCA's? (below 0: PCA wins)",
        "example": "5",
        "unit": " %",
    },
    "01-linear": {
        "question": "compared with PCA at equal code size, the error of a linear autoencoder is ...",
        "options": {"a": "lower: it is trained for many steps", "b": "the same", "c": "higher, whatever one does"},
    },
}


def check_parameters(count_parameters):
    widths = [10, 4, 3]
    truth = sum(p.numel() for p in nn.Sequential(nn.Linear(10, 4), nn.Linear(4, 3)).parameters())
    answer = filled(count_parameters(widths))
    if answer == 10 * 4 + 4 * 3:
        return "the biases are missing: a layer has one for each of its outputs"
    if answer == 10 * 4 + 10 + 4 * 3 + 4:
        return "a layer has one bias for each output, not for each input"
    if answer != truth:
        return f"for widths {widths} it should be {truth}, yours is {answer}"
    if count_parameters([7, 5]) != 40:
        return "it is right for three widths but not for two: do not write their number into the code"
    return None


def check_error_per_image(error_per_image):
    x, x_hat = torch.rand(2, 3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    truth = torch.stack([torch.linalg.vector_norm(a - b) ** 2 for a, b in zip(x_hat, x, strict=True)])
    answer = filled(error_per_image(x_hat, x))
    if not isinstance(answer, torch.Tensor):
        return f"expected a tensor, got {type(answer).__name__}"
    if answer.ndim == 0:
        return "this is one number for the whole batch; one per image was asked for"
    if answer.shape != (3,):
        return f"for three images the shape should be (3,), yours is {tuple(answer.shape)}"
    if torch.allclose(answer, truth, rtol=1e-4):
        return None
    if torch.allclose(answer, truth / 784, rtol=1e-4):
        return "this is the mean over the pixels; the sum was asked for"
    if torch.allclose(answer, truth.sqrt(), rtol=1e-4):
        return "this is the square root of the sum; leave the root out"
    if torch.allclose(answer, (x_hat - x).abs().flatten(1).sum(1), rtol=1e-4):
        return "this adds up the absolute differences; square them"
    if torch.allclose(answer, (x_hat - x).flatten(1).sum(1) ** 2, rtol=1e-4):
        return "you add before you square: square each pixel's difference first"
    return "the shape is right, but the numbers are not the summed squared differences"


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


CHECKS = {
    "01-parameters": check_parameters,
    "01-error-per-image": check_error_per_image,
    "01-mean-of-means": check_mean_of_means,
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
