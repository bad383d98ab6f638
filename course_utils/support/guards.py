"""Guards: each looks at what came in at a door of the library, and raises a CourseError that says how to mend it.

Formulas and forward passes call only those that look at no number, such as `require_same_shape`: a step of training
pays for them with a few microseconds.
"""

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from course_utils import CourseError
from course_utils.support.words import described

ROUNDING = 1e-5  # by which a pixel may exceed 0 or 1


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
        if isinstance(value, tuple | list) and any(isinstance(part, Tensor) for part in value):
            raise CourseError(
                f"expected a tensor, got a {type(value).__name__} of {len(value)}: take one of them. A VAE, for "
                "example, returns its copies first: x_hat, mu, logvar = model(x)"
            )
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
        low, high = _range(value)
        slack = ROUNDING if name == "x" else 0  # which is no argument of a logarithm
        if low < -slack or high > 1 + slack:
            raise CourseError(
                f"cross-entropy needs {name} from 0 to 1, but it ranges from {low:.8g} to {high:.8g}: "
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
    low, high = _range(x)
    if not (math.isfinite(low) and math.isfinite(high)):
        verb = "contain" if name.startswith("the ") else "contains"
        raise CourseError(f"{name} {verb} NaN or infinity: look for a division by zero before this point")


def require_unit_range(x: Tensor, name: str = "the images") -> None:
    """Finite numbers from 0 to 1, but for the last digit, which a blur or a resize may round up."""
    require_finite(x, name)
    low, high = _range(x)
    if low < -ROUNDING or high > 1 + ROUNDING:
        verb = "range" if name.startswith("the ") else "ranges"
        raise CourseError(
            f"{name} {verb} from {low:.3g} to {high:.3g}, expected 0 to 1: divide pixels of 0 to 255 by 255, leave out "
            "Normalize(), and cut off by .clamp(0, 1) what a resize adds"
        )


def _range(x):
    """The least and the largest of a tensor; 0 and 0 of none, and where nobody may look, as in torch.func.vmap."""
    if not x.numel():
        return 0.0, 0.0
    low, high = torch.aminmax(x.detach())
    try:
        return low.item(), high.item()
    except RuntimeError:
        return 0.0, 0.0


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


@contextmanager
def explained(model: nn.Module, x: Tensor, batch_size: int) -> Iterator[None]:
    """What PyTorch says within the block of images of another type than the weights, and of BatchNorm, in our words.

    Nobody knows before what a model and a loss do with images: one may cast them, another has more than one number in
    each channel of a single image.
    """
    try:
        yield
    except CourseError:  # in our words already
        raise
    except (RuntimeError, ValueError) as error:
        weights = {value.dtype for value in model.parameters() if value.is_floating_point()}
        if "Expected more than 1 value per channel" in str(error):
            sizes = (*range(batch_size, 1, -1), *range(batch_size + 1, batch_size + 9))
            better = next((size for size in sizes if len(x) % size != 1), "another number")
            raise CourseError(
                f"{len(x):,} images in batches of {batch_size} leave a single one for the last batch, from which "
                f"BatchNorm can learn no variance: take batch_size={better}, or leave an image out"
            ) from error
        about_types = "type" in str(error) and "Long" not in str(error)  # as labels should be
        if about_types and len(weights) == 1 and x.dtype not in weights:
            images, weight = (str(dtype).removeprefix("torch.") for dtype in (x.dtype, *weights))
            cast = {"float32": "x.float()", "float64": "x.double()"}.get(weight, f"x.to(torch.{weight})")
            raise CourseError(f"the images are {images} and the model's weights {weight}: hand over {cast}") from error
        raise


def require_model(model: Any) -> None:
    """A module, and not its class."""
    if not isinstance(model, nn.Module):
        is_class = isinstance(model, type)
        got = f"the class {model.__name__}: write {model.__name__}()" if is_class else described(model)
        raise CourseError(f"expected a model, an nn.Module, got {got}")


def require_parameters(model: Any) -> None:
    """A model that has parameters."""
    require_model(model)
    if next(model.parameters(), None) is None:
        raise CourseError("the model has no parameters, so there is nothing to train")


def require_loss(loss: Any) -> None:
    """A function of (model, x, y), and no loss of x_hat and x."""
    try:
        inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss).bind("model", "x", "y")
        right = not str(getattr(loss, "__module__", "")).startswith("torch.nn.functional")
    except TypeError:  # nothing that is called, or with other arguments
        right = False
    except ValueError:  # a function that does not tell its arguments
        right = True
    if not right:
        raise CourseError(
            f"the loss should be a function of (model, x, y), got {described(loss)}: write, for example, "
            "lambda model, x, y: mse(model(x), x)"
        )


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
