"""Every loss that a page hands to `fit` runs on another device than the CPU, where `fit` puts model and images.

No GPU is needed: PyTorch's fake tensors have a shape and a device and no numbers, and those of "cuda" do not mix with
those of the CPU.
"""

import ast
import contextlib
import copy
import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from course_utils import data, training
from course_utils.support.notebooks import find, read

IMAGES = 300  # of each split: what a page finds out does not count here


class WithoutClaims(ast.NodeTransformer):
    """Untrained models bear out no claim."""

    def visit_Assert(self, node):
        return ast.Pass()


def takes_a_batch(function):
    """Whether a function takes what `fit` hands to a loss: a model and a batch (x, y)."""
    return list(inspect.signature(function).parameters)[1:3] == ["x", "y"]


def move(model):
    """Put a model on a fake GPU; inside of a FakeTensorMode."""
    for module in model.modules():
        for name, tensor in module._parameters.items():
            module._parameters[name] = None if tensor is None else nn.Parameter(torch.empty_like(tensor, device="cuda"))
        for name, tensor in module._buffers.items():
            module._buffers[name] = None if tensor is None else torch.empty_like(tensor, device="cuda")


def fails_elsewhere(model, x, y, loss):
    """What `loss` raises on a fake GPU, or None."""
    there = copy.deepcopy(model).train()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            x, y = (torch.empty_like(tensor, device="cuda") for tensor in (x, y))
            move(there)
            assert loss(there, x, y).device.type == "cuda"
    except Exception as error:
        return error


@pytest.fixture
def tried(monkeypatch):
    """What became of each loss that was handed to `fit`, which does not train; all data are few."""
    losses, load = {}, data.load

    def fit(model, train, loss, *, batch_size=64, **_):
        x, y = (tensor[:batch_size] for tensor in train.tensors)
        losses[loss.__qualname__] = losses.get(loss.__qualname__) or fails_elsewhere(model, x, y, loss)
        return [{"epoch": 1, "train": 1.0, "val": 1.0, "seconds": 1.0}]

    def load_few(name, split="train", size=None, **options):
        return load("digits", split, min(size or IMAGES, IMAGES), **options)

    def numbers(read):  # a loss may keep a record of its value, or draw a whole number
        def ones(x):
            dtype = float if x.is_floating_point() else int
            return np.ones(tuple(x.shape), dtype).tolist() if isinstance(x, FakeTensor) else read(x)

        return ones

    for name in ("item", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, numbers(getattr(torch.Tensor, name)))
    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(data, "load", load_few)
    return losses


@pytest.mark.parametrize("page", find(), ids=lambda path: path.stem)
def test_losses_run_on_another_device(page, tried, state):
    cells = ["".join(cell["source"]) for cell in read(page)["cells"] if cell["cell_type"] == "code"]
    names = {"__name__": "__main__"}
    for source in cells:
        tree = ast.fix_missing_locations(WithoutClaims().visit(ast.parse(source)))
        with contextlib.suppress(Exception):  # an untrained model, or few images, are too little for some cells
            exec(compile(tree, str(page), "exec"), names)
    plt.close("all")
    assert {name: error for name, error in tried.items() if error} == {}
    losses = {value.__qualname__ for value in names.values() if inspect.isfunction(value) and takes_a_batch(value)}
    assert losses <= set(tried), f"not reached: {losses - set(tried)}"
    assert tried


def test_a_tensor_made_on_the_cpu_is_found():
    def loss(model, x, y):
        return (model(x) - torch.randn(x.shape)).square().mean()

    images = torch.rand(4, 5)
    assert "same device" in str(fails_elsewhere(nn.Linear(5, 5), images, images, loss))
    assert fails_elsewhere(nn.Linear(5, 5), images, images, lambda model, x, y: model(x).mean()) is None
