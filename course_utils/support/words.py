"""Values and errors in a few words, for messages. Imports neither torch nor numpy, so that anything may use it."""

import reprlib
import sys
import textwrap
from typing import Any


def described(value: Any) -> str:
    """A value as a learner would name it: a tensor or an array by its shape and type, anything else by its text."""
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind in ("torch.Tensor", "torch.Parameter", "numpy.ndarray"):
        name = "an array" if kind == "numpy.ndarray" else "a tensor"
        return f"{name} of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    return f"{reprlib.repr(value)} ({type(value).__name__})"


def shorten(text: str) -> str:
    """A text, such as an error's, on one line of bearable length."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return textwrap.shorten(line, 300, placeholder=" ...")


def last_line(error: BaseException) -> str:
    """The last line of an exception's message; of one that the system raised, its reason without the path."""
    if isinstance(error, OSError) and error.strerror:  # the path may be anyone's
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def say(text: str) -> None:
    """Print a text, with a "?" for what the console cannot show: folders have names in every script."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
