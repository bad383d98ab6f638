"""Typical wrong answers to the exercises of page 03, and what each should be told."""

import torch


def stamped(x, kernel, step=2, replace=False, size=(9, 11)):
    """What the exercise of page 03 asks for at stride 2, or a version of it with a mistake."""
    out = torch.zeros(size)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            patch = out[step * i : step * i + 3, step * j : step * j + 3]
            patch.copy_(x[i, j] * kernel + (0 if replace else patch))
    return out


def field(layers, start=1, step=lambda kernel, distance: (kernel - 1) * distance, early=False, add=False):
    """The receptive field, or a version of it with a mistake."""
    total, distance = start, 1
    for kernel, stride in layers:
        total += step(kernel, distance * stride if early else distance)
        distance = distance + stride if add else distance * stride
    return total


WRONG = [
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) // s, "stands at the beginning"),
    ("03-conv-size", lambda n, k, s, p: (n + p - k) // s + 1, "both sides"),
    ("03-conv-size", lambda n, k, s, p: (n - k) // s + 1, "frame of zeros is missing"),
    ("03-conv-size", lambda n, k, s, p: n + 2 * p - k + 1, "stride is missing"),
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) / s + 1, "whole number"),
    ("03-conv-size", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "round down"),
    ("03-conv-size", lambda n, k, s, p: 14, "for n = 28, kernel = 5, stride = 1, padding = 0 PyTorch makes 24 pixels"),
    ("03-transposed-size", lambda n, k, s, p, o: n * s + k - 2 * p + o, "n - 1 steps"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k - p + o, "both sides"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k + 2 * p + o, "smaller here"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k - 2 * p, "output_padding is missing"),
    ("03-transposed-size", lambda n, k, s, p, o: n * s, "PyTorch makes"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, replace=True), "overlap they should add up"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, step=1), "`stride` pixels further"),
    ("03-stamp", lambda x, kernel, s: stamped(torch.ones_like(x), kernel), "equally strong"),
    ("03-stamp", lambda x, kernel, s: stamped(x, torch.ones_like(kernel)), "multiply x[i, j] by the kernel"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.T), "turned around"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(3 * s + 3, 4 * s + 3)), "`stride` that is given"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(10, 11)), "shape (9, 11)"),
    ("03-stamp", lambda x, kernel, s: x.new_ones(9, 11), "the numbers are not"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.flip(0, 1)), "turned around"),
    ("03-stamp", lambda x, kernel, s: torch.zeros(9, 11), "still all zeros"),
    ("03-receptive-field", lambda ls: field(ls, add=True), "distances multiply"),
    ("03-receptive-field", lambda ls: field(ls, step=lambda k, d: k - 1), "strides are missing"),
    ("03-receptive-field", lambda ls: field(ls, 0, lambda k, d: k), "overlap"),
    ("03-receptive-field", lambda ls: field(ls, early=True), "not for itself"),
    ("03-receptive-field", lambda ls: field(ls, start=0), "field of 1 pixel"),
    ("03-receptive-field", lambda ls: 7, "gradient reaches"),
]
