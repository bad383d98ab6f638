"""Learning calls of page 00."""

import torch

from course_utils.exercises import filled

PREDICTIONS = {
    "00-how-many": {
        "question": "the pad's copies go through 64 numbers. How many does it take, so that the course's classifier "
        "still reads most copies of digits as what they were?",
        "options": {"a": "nearly all of the 64", "b": "about 40", "c": "16 are enough"},
        "why": "The pixels of a digit depend on each other so much that 16 numbers, 2 % of 784, tell most digits "
        "apart, if with blurred lines.",
    },
}


def check_flatten(flatten):
    x = torch.rand(5, 1, 28, 28)
    try:
        answer = filled(flatten(x))
    except NameError as error:
        if error.name == "B":
            return "B stands for any number of images: take it from x, as len(x), or let `reshape` find it"
        raise
    if not isinstance(answer, torch.Tensor):
        return f"expected a tensor, got {type(answer).__name__}"
    if answer.shape == (784, 5):
        return "there is one column per image; it should be one row per image, (B, 784)"
    if answer.shape != (5, 784):
        return f"for five images the shape should be (5, 784), yours is {tuple(answer.shape)}"
    if not torch.equal(answer.sort(1).values, x.flatten(1).sort(1).values):
        return "the shape is right, but pixels of different images got mixed up"
    if not torch.equal(answer, x.flatten(1)):
        return "the shape is right, but the pixels are in another order than in the image"
    try:
        general = [flatten(x[:count]).shape == (count, 784) for count in (2, 1)]
    except (RuntimeError, IndexError):
        general = [False]
    if not general[0]:
        return "it works for five images but not for two: do not write the number of images into the code"
    if not all(general):
        return "it works for five images but not for one: an axis of length 1 went that you did not mean"
    return None


def check_squared_difference(squared_difference):
    x, x_hat = torch.rand(2, 3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    answer = filled(squared_difference(x_hat, x))
    answer = torch.as_tensor(answer, dtype=torch.float32)
    truth = float(torch.linalg.vector_norm(x_hat - x) ** 2)
    if answer.numel() != 1:
        return f"expected one number, got a tensor of shape {tuple(answer.shape)}: add all pixels up"
    if abs(answer - truth) < 1e-3 * truth:
        other = squared_difference(torch.ones(2, 5), torch.zeros(2, 5))
        return None if float(other) == 10 else "it works for images but not for tensors of another shape"
    if abs(answer - truth / x.numel()) < 1e-5:
        return "this is the mean over the pixels; the sum was asked for"
    if abs(answer - float((x_hat - x).abs().sum())) < 1e-2:
        return "this adds up the absolute differences; square them"
    if abs(answer - float((x_hat - x).sum())) < 1e-2:
        return "differences of opposite sign cancel out; square them before you add"
    if abs(answer - float((x_hat - x).sum() ** 2)) < 1e-2:
        return "you add before you square: square each pixel's difference first"
    if abs(answer - truth**0.5) < 1e-2:
        return "this is the square root of the sum; leave the root out"
    return "the number is not the sum of the squared differences"


def check_step(step):
    w, gradient = torch.tensor([1.0, -2.0]), torch.tensor([0.5, -4.0])
    answer = torch.as_tensor(filled(step(w.clone(), gradient.clone(), 0.1)))
    if answer.shape != w.shape:
        return f"the new weights should have the shape of the old ones, (2,), yours have {tuple(answer.shape)}"
    if torch.allclose(answer, w - 0.1 * gradient):
        right = torch.allclose(torch.as_tensor(filled(step(w.clone(), gradient.clone(), 0.5))), w - 0.5 * gradient)
        return None if right else "it works for lr = 0.1 only: use the lr that is given"
    if torch.allclose(answer, w + 0.1 * gradient):
        return "this goes uphill: the gradient points where the loss grows"
    if torch.allclose(answer, w - gradient):
        return "the learning rate is missing"
    if torch.allclose(answer, 0.1 * gradient):
        return "this is how far to go: take it away from w"
    if torch.allclose(answer, w - gradient / 0.1):
        return "multiply the gradient by lr, do not divide"
    if torch.allclose(answer, -0.1 * gradient):
        return "this is the change of the weights; return the new weights"
    return "these are not the weights after one step"


CHECKS = {
    "00-flatten": check_flatten,
    "00-squared-difference": check_squared_difference,
    "00-step": check_step,
}

IN_PLACE = {"00-step"}

QUIZ = [
    {
        "question": "What does an autoencoder need in order to learn?",
        "options": {
            "a": ("Images and their labels", "The labels go unused: the loss compares x_hat with x alone."),
            "b": ("Images alone", "The image is input and target at once. This is called self-supervised learning."),
            "c": (
                "A description of what a digit is",
                "Nobody describes anything; the structure is found in the images.",
            ),
        },
        "right": "b",
    },
    {
        "question": "x has shape (64, 1, 28, 28) and latent_dim is 16. What is the shape of z?",
        "options": {
            "a": ("(16,)", "There is one code per image, so the batch size stays."),
            "b": ("(64, 784)", "This is x flattened: nothing has been squeezed yet."),
            "c": ("(64, 16)", "One row per image, one column per number of the code."),
        },
        "right": "c",
    },
    {
        "question": "An autoencoder trained on digits gets a chessboard. What comes out?",
        "options": {
            "a": (
                "A chessboard, slightly blurred",
                "The code has no room for chessboards: training never asked for any.",
            ),
            "b": ("Some blur of digit-like parts", "The decoder only knows how to draw what it was trained on."),
            "c": (
                "An error message",
                "The shape is right, so the network answers; it does not know what it does not know.",
            ),
        },
        "right": "b",
    },
]
