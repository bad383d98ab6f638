"""Guards let through what is right, and say of anything else how to mend it; there are few of them among formulas."""

import ast
import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import CourseError
from course_utils.support import guards
from course_utils.support.files import PACKAGE

X = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
NAN = torch.full((3, 1, 28, 28), math.nan)
LABELS = torch.zeros(3)
META = X.to("meta")
WEIGHT = nn.Parameter(torch.ones(()))


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("require_whole", [], {"n": 1, "m": np.int64(3)}),
        ("require_whole", [0], {"n": 0}),
        ("require_positive", [], {"lr": 1e-9, "std": 3, "width": np.float32(2)}),
        ("require_seed", [0], {}),
        ("require_seed", [np.int64(2**63 - 1)], {}),
        ("require_tensors", [X, LABELS, X.int()], {}),
        ("require_floats", [X, X.half(), NAN], {}),
        ("require_same_shape", [X, X.double()], {}),
        ("require_same_shape", [NAN, X], {}),
        ("require_batch", [X], {}),
        ("require_batch", [X.flatten(1).int()], {}),
        ("require_probabilities", [], {"x_hat": X, "x": (X > 0.5).float()}),
        ("require_probabilities", [], {"x_hat": NAN}),
        ("require_pixels", [X, 784], {}),
        ("require_pixels", [X.flatten(1), 784], {}),
        ("require_pixels", [X[:0], 784], {}),
        ("require_size", [torch.rand(2, 1, 32, 20), 4], {}),
        ("require_size", [torch.rand(2, 3, 5, 7), 1], {"channels": 3}),
        ("require_finite", [X * 1e30], {}),
        ("require_finite", [X[:0]], {}),
        ("require_unit_range", [X], {}),
        ("require_unit_range", [1.0000005 - 1.000001 * (X > 0.5)], {}),  # as a blur or a resize rounds
        ("require_probabilities", [], {"x": 1.0000005 - 1.000001 * (X > 0.5)}),
        ("require_images", [X], {}),
        ("require_images", [X[:0].half()], {}),
        ("require_image_pairs", [X * 1e9, X], {}),
        ("require_different_images", [X], {}),
        ("require_pairs", ["train", TensorDataset(X, LABELS)], {}),
        ("require_pairs", ["train", TensorDataset(X.byte(), LABELS)], {}),
        ("require_parameters", [nn.Linear(1, 1)], {}),
        ("require_model", [nn.Flatten()], {}),
        ("require_loss", [lambda model, x, y: model(x).mean()], {}),
        ("require_loss", [lambda model, x, y, share=0.1: model(x).mean()], {}),
        ("require_scalar_loss", [torch.tensor(math.nan)], {}),
        ("require_trainable", [WEIGHT * 2, 2.0, 1e-3], {}),
    ],
)
def test_what_is_right_passes(name, arguments, options):
    assert getattr(guards, name)(*arguments, **options) is None


REFUSED = [
    ("require_whole", [], {"n": 0}, "n=0: expected a whole number of at least 1"),
    ("require_whole", [2], {"n": 1}, "n=1: expected a whole number of at least 2"),
    ("require_whole", [], {"good": 1, "n": True}, "n=True"),
    ("require_whole", [], {"n": 2.0}, "n=2.0"),
    ("require_whole", [], {"n": "3"}, "n='3'"),
    ("require_positive", [], {"lr": 0}, "lr=0: expected a number above 0"),
    ("require_positive", [], {"lr": math.nan}, "lr=nan"),
    ("require_positive", [], {"lr": math.inf}, "lr=inf"),
    ("require_positive", [], {"lr": True}, "lr=True"),
    ("require_positive", [], {"lr": "fast"}, "lr='fast'"),
    ("require_seed", [-1], {}, "seed=-1: expected a whole number, 0 or more"),
    ("require_seed", [2**63], {}, "seed=9223372036854775808"),
    ("require_seed", [5], {"below": 5}, "seed=5"),
    ("require_seed", [None], {}, "seed=None"),
    ("require_tensors", [X, [1.0]], {}, "expected a tensor, got list: torch.as_tensor makes one"),
    ("require_tensors", [META], {}, "a tensor on the device 'meta' has a shape but no numbers"),
    ("require_floats", [X.byte()], {}, "uint8: divide pixels of 0 to 255 by 255"),
    ("require_same_shape", [X.flatten(1), X], {}, r"\(3, 784\) and x has shape \(3, 1, 28, 28\): reshape"),
    ("require_same_shape", [X[:0], X[:0]], {}, "the batch is empty"),
    ("require_same_shape", [X[0, 0, 0, 0], X[0, 0, 0, 0]], {}, "the batch is empty"),
    ("require_same_shape", [X.long(), X.long()], {}, "int64: divide"),
    ("require_batch", [X.flatten()], {}, r"expected images x of shape .* got \(2352,\)"),
    ("require_probabilities", [], {"x_hat": X * 2}, "cross-entropy needs x_hat from 0 to 1"),
    ("require_probabilities", [], {"x_hat": X, "x": X - 1}, "cross-entropy needs x from 0 to 1"),
    ("require_pixels", [X[:, :, :14], 784], {}, r"\(B, 784\), got \(3, 1, 14, 28\)"),
    ("require_pixels", [X.byte(), 784], {}, "uint8"),
    ("require_size", [X[..., :27], 4], {}, r"multiples of 4, such as 28, got \(3, 1, 28, 27\)"),
    ("require_size", [X.flatten(1), 4], {}, r"got \(3, 784\)"),
    ("require_finite", [NAN], {}, "the images contain NaN or infinity: look for a division by zero"),
    ("require_finite", [X / 0, "x_hat"], {}, "x_hat contains NaN or infinity"),
    ("require_unit_range", [X * 255], {}, "the images range from .* expected 0 to 1: divide pixels of 0 to 255 by 255"),
    ("require_unit_range", [X - 1, "x"], {}, "x ranges from .* leave out Normalize"),
    ("require_unit_range", [NAN], {}, "NaN"),
    ("require_images", [X.flatten(1)], {}, r"expected float images of shape \(N, 1, 28, 28\), got a tensor of shape"),
    ("require_images", [(255 * X).byte()], {}, "type uint8"),
    ("require_images", [None], {}, "got NoneType"),
    ("require_image_pairs", [X[0, 0, 0], X[0, 0, 0]], {}, r"x\[None\] is a batch of one"),
    ("require_image_pairs", [NAN, X], {}, "x_hat contains NaN"),
    ("require_image_pairs", [X, NAN], {}, "x contains NaN"),
    ("require_different_images", [X[:1]], {}, "give it some hundred"),
    ("require_different_images", [NAN], {}, "NaN"),
    ("require_pairs", ["val", X], {}, "val should be a TensorDataset of images and labels"),
    ("require_pairs", ["val", TensorDataset(X)], {}, "val should be a TensorDataset"),
    ("require_pairs", ["val", TensorDataset(X[:0], LABELS[:0])], {}, "at least one image"),
    ("require_pairs", ["val", TensorDataset(NAN, LABELS)], {}, "val contains NaN"),
    ("require_parameters", [nn.Flatten()], {}, "no parameters, so there is nothing to train"),
    ("require_model", [nn.Flatten], {}, r"got the class Flatten: write Flatten\(\)"),
    ("require_model", [TensorDataset(X)], {}, r"expected a model, an nn.Module, got .*\(TensorDataset\)"),
    *(
        ("require_loss", [loss], {}, r"a function of \(model, x, y\), got .*write, for example, lambda model, x, y")
        for loss in (nn.MSELoss(), nn.functional.mse_loss, lambda x_hat, x: 0, "mse", None)
    ),
    ("require_tensors", [(X, X, X)], {}, "got a tuple of 3: take one of them. A VAE"),
    ("require_probabilities", [], {"x_hat": 1.0000005 * X.ceil()}, "it ranges from 1.0000005 to 1.0000005"),
    ("require_trainable", [WEIGHT * 2, -math.inf, 0.5], {}, "PSNR of two equal images"),
    ("require_scalar_loss", [torch.ones(3)], {}, r"got shape \(3,\): use .mean"),
    ("require_scalar_loss", [1.0], {}, "got float"),
    ("require_trainable", [torch.ones(()), 1.0, 1e-3], {}, "the loss has no gradient"),
    ("require_trainable", [WEIGHT * 2, math.nan, 0.5], {}, "became nan.*smaller learning rate than 0.5.*bound logvar"),
    ("require_trainable", [WEIGHT * 2, math.inf, 0.5], {}, "became inf"),
]


@pytest.mark.parametrize(("name", "arguments", "options", "message"), REFUSED)
def test_what_is_not_is_told(name, arguments, options, message):
    with pytest.raises(CourseError, match=message):
        getattr(guards, name)(*arguments, **options)


def test_every_guard_is_tried_here():
    every = {name for name, function in vars(guards).items() if inspect.isfunction(function) and "require" in name}
    assert every == {name for name, *_ in REFUSED}


def guarding(path):
    """The numbers of the lines that only guard: those with `require_`, and each `if` that ends in a CourseError."""
    source = path.read_text(encoding="utf-8")
    lines = {number for number, line in enumerate(source.splitlines(), 1) if "require_" in line}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and isinstance(end := node.body[-1], ast.Raise) and "CourseError" in ast.dump(end):
            lines |= set(range(node.lineno, node.end_lineno + 1))
    return lines, len(source.splitlines())


@pytest.mark.parametrize("module", ["losses", "models"])
def test_at_most_a_tenth_of_the_formulas_and_models_are_guards(module):
    lines, total = guarding(PACKAGE / f"{module}.py")
    assert 0 < len(lines) <= total / 10, f"{len(lines)} of {total} lines are guards"


def test_guarding_lines_are_found(tmp_path):
    source = "require_x(1)\nif a:\n    if b:\n        raise CourseError(\n            'no'\n        )\n    c = 1\n"
    (tmp_path / "module.py").write_text(source)
    assert guarding(tmp_path / "module.py") == ({1, 3, 4, 5, 6}, 7)
