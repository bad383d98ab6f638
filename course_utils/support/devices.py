"""Where tensors are made, whatever `torch.set_default_device` says."""

import functools
from collections.abc import Callable
from typing import Any

import torch


def on_cpu(function: Callable) -> Callable:
    """A function that makes its tensors on the CPU: where images come from, and where its random generators are."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with torch.device("cpu"):
            return function(*args, **kwargs)

    return wrapped
