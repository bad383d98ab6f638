"""A learner's function, watched while an exercise is judged."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch


class Watched:
    """A learner's function, called as it is, with what it did noted down.

    Attributes:
        returned: what the last call returned.
        error: what the last call raised, or None.
        nan: whether a call returned a NaN.
        changed: whether a call changed a tensor, an array or a list that it was given.
        seeded: whether a call set torch's global seed.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        self.returned: Any = None
        self.error: BaseException | None = None
        self.nan = self.changed = self.seeded = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        before, seed = _copied(given), torch.initial_seed()
        self.error = None
        try:
            self.returned = self.function(*args, **kwargs)
        except BaseException as error:
            self.error = error
            raise
        self.nan |= _has_nan(self.returned)
        self.changed |= not _equal(before, given)
        self.seeded |= torch.initial_seed() != seed
        return self.returned


def _has_nan(value):
    """Whether there is a NaN among the numbers of a value."""
    if isinstance(value, list | tuple):
        return any(_has_nan(part) for part in value)
    if isinstance(value, torch.Tensor):
        return bool(value.isnan().any())
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fc" and bool(np.isnan(value).any())
    return isinstance(value, float | complex) and value != value


def _copied(value):
    """A copy of the tensors, arrays and lists in a value; anything else stays itself."""
    if isinstance(value, list | tuple):
        return [_copied(part) for part in value]
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _equal(copy, value):
    """Whether a value is still what it was when it was copied."""
    if isinstance(copy, list) and isinstance(value, list | tuple):
        return len(copy) == len(value) and all(map(_equal, copy, value))
    if isinstance(copy, torch.Tensor) and isinstance(value, torch.Tensor):
        return torch.equal(copy, value)
    if isinstance(copy, np.ndarray) and isinstance(value, np.ndarray):
        return np.array_equal(copy, value)
    return copy is value
