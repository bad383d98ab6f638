"""Guards: each looks at what came in at a door of the library, and raises a CourseError that says how to mend it.

Formulas and forward passes call only those that look at no number, such as `require_same_shape`: a step of training
pays for them with a few microseconds.
"""

import math
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from course_utils import CourseError
from course_utils.support.words import described


def require_whole(at_least: int = 1, **values: Any) -> None:
    """Whole numbers, each named as the caller's argument is."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < at_least:
            raise CourseError(f"{name}={value!r}: expected a whole number of at least {at_least}")


def require_positive(**values: Any) -> None:
    """Finite numbers above 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise CourseError(f"{name}={value!r}: expected a number above 0, for example 1e-3")


def require_seed(seed: Any, below: int = 2**63) -> None:
    """A seed of a random number generator."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < below:
        raise CourseError(f"seed={seed!r}: expected a whole number, 0 or more")


def require_tensors(*values: Any) -> None:
    """Tensors with numbers in them, on one device."""
    for value in values:
        if not isinstance(value, Tensor):
            raise CourseError(f"expected a tensor, got {type(value).__name__}: torch.as_tensor makes one")
        if value.is_meta:
            raise CourseError("a tensor on the device 'meta' has a shape but no numbers: make it on 'cpu'")
        if value.device != values[0].device:
            devices = " and ".join(sorted({str(other.device) for other in values}))
            raise CourseError(f"the tensors are on {devices}: bring them together, for example by .cpu()")


def require_floats(*values: Any) -> None:
    """Tensors of floating-point numbers."""
    require_tensors(*values)
    for value in values:
        if not value.is_floating_point():
            raise CourseError(f"expected float images from 0 to 1, got {value.dtype}: divide pixels of 0 to 255 by 255")


def require_same_shape(x_hat: Any, x: Any) -> None:
    """Float tensors of one shape with at least one image."""
    require_tensors(x_hat, x)
    # PyTorch would broadcast (B, 784) against (B, 1, 28, 28) and give a wrong number with no more than a warning.
    if x_hat.shape != x.shape:
        raise CourseError(
            f"x_hat has shape {tuple(x_hat.shape)} and x has shape {tuple(x.shape)}: reshape one to the other's shape"
        )
    if x.ndim == 0 or not x.numel():
        raise CourseError("there are no images to compare: the batch is empty. Did a condition leave none over?")
    require_floats(x_hat, x)


def require_batch(x: Any) -> None:
    """A tensor of images (B, ...)."""
    require_tensors(x)
    if x.ndim < 2:
        raise CourseError(f"expected images x of shape (B, 1, 28, 28) or (B, 784), got {tuple(x.shape)}")


def require_probabilities(**values: Tensor) -> None:
    """Numbers from 0 to 1, as cross-entropy takes them; NaN passes, and it is `training.fit` that says what blew up."""
    for name, value in values.items():
        low, high = torch.aminmax(value.detach())
        try:
            outside = bool(low < 0 or high > 1)
        except RuntimeError:  # inside of torch.func.vmap nobody may look at a number
            outside = False
        if outside:
            raise CourseError(
                f"cross-entropy needs {name} from 0 to 1, but it ranges from {low:.3g} to {high:.3g}: "
                "end the decoder with a Sigmoid, and do not normalise the images"
            )


def require_pixels(x: Any, count: int) -> None:
    """Float images (B, ...) of `count` pixels each."""
    require_floats(x)
    if x.ndim < 2 or x.shape[1:].numel() != count:
        raise CourseError(f"expected images of shape (B, 1, 28, 28) or (B, {count}), got {tuple(x.shape)}")


def require_size(x: Any, multiple: int, channels: int = 1) -> None:
    """Float images (B, channels, H, W) whose sides are multiples of a number."""
    require_floats(x)
    if x.ndim != 4 or x.shape[1] != channels or x.shape[2] % multiple or x.shape[3] % multiple:
        raise CourseError(
            f"expected images of shape (B, {channels}, H, W) with H and W multiples of {multiple}, such as 28, "
            f"got {tuple(x.shape)}"
        )


def require_finite(x: Tensor, name: str = "the images") -> None:
    """No NaN and no infinity. One pass and no memory: any of them shows in the least or the largest."""
    if x.numel():
        low, high = torch.aminmax(x.detach())
        if not (torch.isfinite(low) and torch.isfinite(high)):
            verb = "contain" if name.startswith("the ") else "contains"
            raise CourseError(f"{name} {verb} NaN or infinity: look for a division by zero before this point")


def require_unit_range(x: Tensor, name: str = "the images") -> None:
    """Finite numbers from 0 to 1."""
    require_finite(x, name)
    if x.numel():
        low, high = torch.aminmax(x.detach())
        if low < 0 or high > 1:
            verb = "range" if name.startswith("the ") else "ranges"
            raise CourseError(
                f"{name} {verb} from {low:.3g} to {high:.3g}, expected 0 to 1: "
                "divide pixels of 0 to 255 by 255, and leave out Normalize()"
            )


def require_images(x: Any) -> None:
    """Float images (N, 1, 28, 28) of numbers from 0 to 1."""
    require_tensors(x)
    if x.ndim != 4 or x.shape[1:] != (1, 28, 28) or not x.is_floating_point():
        raise CourseError(f"expected float images of shape (N, 1, 28, 28), got {described(x)}")
    require_unit_range(x)


def require_image_pairs(x_hat: Any, x: Any) -> None:
    """Finite float images of one shape (B, ...)."""
    require_same_shape(x_hat, x)
    if x.ndim < 2:
        raise CourseError(f"expected images of shape (B, ...), got {tuple(x.shape)}: x[None] is a batch of one")
    require_finite(x_hat, "x_hat")
    require_finite(x, "x")


def require_different_images(x: Any) -> None:
    """Two finite float images at least."""
    require_floats(x)
    if x.ndim < 2 or len(x) < 2:
        raise CourseError(f"good_start needs images that differ, got shape {tuple(x.shape)}: give it some hundred")
    require_finite(x)


def require_pairs(name: str, data: Any) -> None:
    """A TensorDataset of images and labels, finite and not empty."""
    if not isinstance(data, TensorDataset) or len(data.tensors) != 2 or len(data) == 0:
        raise CourseError(
            f"{name} should be a TensorDataset of images and labels with at least one image, for example from "
            f"data.load; got {_kind_of(data)}{_instead(name, data)}"
        )
    require_tensors(data.tensors[0])
    if data.tensors[0].is_floating_point():
        require_finite(data.tensors[0], name)


def _kind_of(data):
    if isinstance(data, TensorDataset):
        return f"one of {len(data.tensors)} tensors, with {len(data)} images"
    return f"a {type(data).__name__}"


def _instead(name, data):
    """What to write in the place of data of another kind."""
    inside = getattr(data, "dataset", None)
    if isinstance(data, DataLoader):
        return f": `fit` makes the batches itself. Hand over {name}.dataset and batch_size={data.batch_size}"
    if isinstance(data, Subset) and isinstance(inside, TensorDataset):
        return f": write TensorDataset(*{name}.dataset[{name}.indices])"
    if isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(part, Tensor) for part in data):
        return f": write TensorDataset(*{name})"
    if isinstance(data, Tensor):
        return f" of shape {tuple(data.shape)}: write TensorDataset(x, y), or TensorDataset(x, x) without labels"
    if isinstance(data, Dataset) and not isinstance(data, TensorDataset):
        return f": write TensorDataset(torch.stack([x for x, _ in {name}]), torch.tensor([y for _, y in {name}]))"
    return ""


def require_fitting(model: nn.Module, x: Tensor, batch_size: int) -> None:
    """Images of the type of the model's weights, and no batch that a BatchNorm cannot learn from."""
    weight = next(model.parameters())
    if x.dtype == torch.double and weight.dtype != torch.double:
        raise CourseError(
            f"the images are float64 and the model's weights {str(weight.dtype)[6:]}: hand over x.float()"
        )
    if len(x) % batch_size == 1 or batch_size == 1:
        norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
        if norm := next((layer for layer in model.modules() if isinstance(layer, norms)), None):
            sizes = (*range(batch_size, 1, -1), *range(batch_size + 1, batch_size + 9))
            better = next((size for size in sizes if len(x) % size != 1), "another number")
            raise CourseError(
                f"{len(x):,} images in batches of {batch_size} leave a single one for the last batch, from which "
                f"{type(norm).__name__} can learn no variance: take batch_size={better}, or leave an image out"
            )


def require_parameters(model: nn.Module) -> None:
    """A model that has parameters."""
    if next(model.parameters(), None) is None:
        raise CourseError("the model has no parameters, so there is nothing to train")


def require_scalar_loss(loss: Any) -> None:
    """The loss of a batch: one number."""
    if not isinstance(loss, Tensor) or loss.ndim:
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise CourseError(f"the loss should return one number, a tensor without dimensions, got {got}: use .mean()")


def require_trainable(loss: Any, value: float, lr: float) -> None:
    """The loss of a batch, and its value: one finite number with a gradient."""
    require_scalar_loss(loss)
    if not loss.requires_grad:
        raise CourseError(
            "the loss has no gradient: compute it from what the model returns, without .detach(), .item() or "
            "torch.no_grad()"
        )
    if value == -math.inf:
        raise CourseError(
            "the loss became -inf: the logarithm of an error of 0, as in the PSNR of two equal images, which is "
            "infinite. Add a small number, such as 1e-6, to the error before its logarithm"
        )
    if not math.isfinite(value):  # before the step, which would spoil the weights
        raise CourseError(
            f"the loss became {value}: training has blown up. Try a smaller learning rate than {lr:g}, and look for a "
            "log or an exp of something unbounded: exp(logvar) overflows beyond 88, so bound logvar, for example by "
            "clamp"
        )
