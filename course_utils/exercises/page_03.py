"""Learning calls of page 03."""

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import filled

PREDICTIONS = {
    "03-noise": {
        "question": "random blots go through the convolutional autoencoder, whose code has 1568 numbers. Out come ...",
        "options": {
            "a": "scraps of digits, since digits are all it has seen",
            "b": "the same blots, more or less",
            "c": "a plain grey",
        },
    },
    "03-shift": {
        "question": "digits moved by 3 pixels, through 32 numbers: the convolutional network's error will ...",
        "options": {
            "a": "stay about the same",
            "b": "grow, but not double",
            "c": "more than double",
        },
    },
}


def check_conv_size(conv_size):
    def truth(n, kernel, stride, padding):
        return nn.Conv1d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, n)).shape[-1]

    mistakes = {
        "the kernel also stands at the beginning, before it moves": lambda n, k, s, p: (n + 2 * p - k) // s,
        "the frame has zeros on both sides": lambda n, k, s, p: (n + p - k) // s + 1,
        "the frame of zeros is missing": lambda n, k, s, p: (n - k) // s + 1,
        "how far the kernel can move depends on its own size": lambda n, k, s, p: (n + 2 * p) // s,
        "the stride is missing": lambda n, k, s, p: n + 2 * p - k + 1,
        "a last step that does not fit is not taken: round down": lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1,
    }
    return _judge_size(conv_size, truth, mistakes, [(28, 3, 2, 1), (28, 5, 1, 0), (13, 4, 3, 2), (30, 7, 2, 3)])


def check_transposed_size(transposed_size):
    def truth(n, kernel, stride, padding, output_padding):
        layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, output_padding)
        return layer(torch.zeros(1, 1, n)).shape[-1]

    mistakes = {
        "there are n stamps, but only n - 1 steps between them": lambda n, k, s, p, o: n * s + k - 2 * p + o,
        "padding is cut off on both sides": lambda n, k, s, p, o: (n - 1) * s + k - p + o,
        "padding makes the output smaller here": lambda n, k, s, p, o: (n - 1) * s + k + 2 * p + o,
        "output_padding is missing": lambda n, k, s, p, o: (n - 1) * s + k - 2 * p,
        "output_padding is added at one end only": lambda n, k, s, p, o: (n - 1) * s + k - 2 * p + 2 * o,
        "the last stamp is as wide as the kernel": lambda n, k, s, p, o: (n - 1) * s - 2 * p + o,
    }
    return _judge_size(transposed_size, truth, mistakes, [(7, 3, 2, 1, 1), (14, 4, 2, 1, 0), (5, 5, 3, 0, 2)])


def _judge_size(answer, truth, mistakes, cases):
    answers = [float(filled(answer(*case))) for case in cases]
    expected = [truth(*case) for case in cases]
    if any(a != round(a) for a in answers):
        return "a number of pixels is a whole number: divide by // instead of /"
    if answers == expected:
        return None
    for mistake, formula in mistakes.items():
        if answers == [formula(*case) for case in cases]:
            return mistake
    wrong = next(i for i in range(len(cases)) if answers[i] != expected[i])
    names = ("n", "kernel", "stride", "padding", "output_padding")
    case = ", ".join(f"{name} = {value}" for name, value in zip(names, cases[wrong], strict=False))
    return f"for {case} PyTorch makes {expected[wrong]} pixels, yours are {answers[wrong]:g}"


def check_stamp(stamp):
    generator = torch.Generator().manual_seed(0)
    x, kernel = torch.rand(4, 5, generator=generator), torch.rand(3, 3, generator=generator)
    answer = filled(stamp(x, kernel, 2))
    truth = F.conv_transpose2d(x[None, None], kernel[None, None], stride=2)[0, 0]
    answer = torch.as_tensor(answer)
    if answer.is_complex():
        return "expected real numbers, yours are complex"
    answer = answer.float()
    if answer.shape != truth.shape:
        return f"`out` should have shape {tuple(truth.shape)} here; leave the other lines as they are"
    if not answer.any():
        return "`out` is still all zeros: your line has to change it, for example with +="
    if torch.allclose(answer, truth, atol=1e-5):
        wide = F.conv_transpose2d(x[None, None], kernel[None, None], stride=3)[0, 0]
        again = torch.as_tensor(stamp(x, kernel, 3)).float()
        return (
            None
            if again.shape == wide.shape and torch.allclose(again, wide, atol=1e-5)
            else "use the `stride` that is given"
        )
    overwritten, dense, flat = torch.zeros_like(truth), torch.zeros_like(truth), torch.zeros_like(truth)
    for i in range(4):
        for j in range(5):
            overwritten[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] = x[i, j] * kernel
            dense[i : i + 3, j : j + 3] += x[i, j] * kernel
            flat[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[i, j]
    if torch.allclose(answer, overwritten, atol=1e-5):
        return "where stamps overlap they should add up; yours replace what was there"
    if torch.allclose(answer, dense, atol=1e-5):
        return "the stamps are one pixel apart: the next one lands `stride` pixels further"
    if torch.allclose(answer, flat, atol=1e-5):
        return "all pixels of a stamp are equal: multiply x[i, j] by the kernel"
    if torch.allclose(answer, F.conv_transpose2d(torch.ones(1, 1, 4, 5), kernel[None, None], stride=2)[0, 0]):
        return "every stamp is equally strong: multiply the kernel by x[i, j]"
    turned = (kernel.T, kernel.flip(0, 1))
    if any(torch.allclose(answer, F.conv_transpose2d(x[None, None], k[None, None], stride=2)[0, 0]) for k in turned):
        return "the kernel is turned around"
    return "the shape is right, the numbers are not: which patch of `out` belongs to x[i, j]?"


def check_receptive_field(receptive_field):
    def truth(layers):
        x = torch.zeros(1, 1, 201, requires_grad=True)
        out = x
        for kernel, stride in layers:
            out = F.conv1d(out, torch.ones(1, 1, kernel), stride=stride)
        (gradient,) = torch.autograd.grad(out[0, 0, 2], x)
        return int(torch.count_nonzero(gradient))

    cases = [[(3, 2), (3, 2)], [(3, 1), (3, 1), (3, 1)], [(5, 2), (3, 3), (4, 1)], [(7, 1)]]
    answers = [filled(receptive_field(list(layers))) for layers in cases]
    expected = [truth(layers) for layers in cases]
    if answers == expected:
        return None
    if answers == [1 + sum(k - 1 for k, _ in layers) for layers in cases]:
        return "the strides are missing: after a stride of 2, neighbours are 2 pixels apart"
    if answers == [sum(k for k, _ in layers) for layers in cases]:
        return "neighbouring patches overlap: a layer adds kernel - 1, not kernel"
    if answers == [_field(layers, early=True) for layers in cases]:
        return "a layer's own stride counts for the layers after it, not for itself"
    if answers == [a - 1 for a in expected]:
        return "begin with a field of 1 pixel"
    if answers == [_added(layers) for layers in cases]:
        return "distances multiply: after two strides of 2, neighbours are 4 pixels apart, after three 8"
    wrong = next(i for i in range(len(cases)) if answers[i] != expected[i])
    return f"for {cases[wrong]} the gradient reaches {expected[wrong]} pixels, you say {answers[wrong]}"


def _field(layers, early):
    """The receptive field, or what it would be if a layer's stride counted for the layer itself."""
    field, distance = 1, 1
    for kernel, stride in layers:
        distance *= stride if early else 1
        field += (kernel - 1) * distance
        distance *= 1 if early else stride
    return field


def _added(layers):
    """What the receptive field would be if distances added up."""
    field, distance = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * distance
        distance += stride
    return field


CHECKS = {
    "03-conv-size": check_conv_size,
    "03-stamp": check_stamp,
    "03-transposed-size": check_transposed_size,
    "03-receptive-field": check_receptive_field,
}

QUIZ = [
    {
        "question": "A code has shape (16, 8, 8), the image (1, 28, 28). Is that a bottleneck?",
        "options": {
            "a": ("Yes, 8 is less than 28", "Count all the numbers: there are 16 channels."),
            "b": ("No, it has more numbers than the image", "16 x 8 x 8 = 1024, and the image has 784 pixels."),
            "c": ("Only if the ReLU is left out", "A ReLU changes which values are allowed, not how many there are."),
        },
        "right": "b",
    },
    {
        "question": "Generated images show a fine checkerboard. What is the likely reason?",
        "options": {
            "a": (
                "Too few epochs",
                "More training may hide it, but the pattern comes from how the decoder is built.",
            ),
            "b": ("Pooling in the encoder", "Pooling loses positions; it does not stamp a regular pattern."),
            "c": (
                "Stamps that overlap unevenly",
                "A transposed convolution whose kernel is no multiple of its stride does that.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Network A has error 10.1, network B 10.4, each trained once. Which is better?",
        "options": {
            "a": ("One cannot say", "Train each with several seeds, and compare the difference with the spread."),
            "b": ("A", "Another seed might turn it around."),
            "c": ("A, if the test set is large", "A large test set does not remove the luck of the training run."),
        },
        "right": "a",
    },
    {
        "question": "What makes convolutions save parameters?",
        "options": {
            "a": ("They use small numbers", "The size of a weight costs nothing."),
            "b": (
                "The same weights serve at every place",
                "A kernel of 3 x 3 has nine weights, however large the image is.",
            ),
            "c": ("They skip every second pixel", "That is the stride; it saves arithmetic, not weights."),
        },
        "right": "b",
    },
]
