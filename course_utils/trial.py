"""Calling a learner's function, which may do anything, so that the notebook goes on."""

import contextvars
import ctypes
import reprlib
import threading

import numpy as np
import torch


class TimeUp(Exception):
    """The function had not come to an end in time; `stopped` says whether it could be stopped then."""

    def __init__(self, stopped):
        super().__init__("time is up")
        self.stopped = stopped


def attempt(seconds, function, *arguments):
    """Call `function(*arguments)` and return (result, None), or (None, the exception) whatever it raises.

    It runs in a thread of its own: Windows has no signal that could interrupt it after some time, and a
    KeyboardInterrupt raised there is the function's, while the reader's own one arrives here.
    """
    outcome = []

    def work():
        try:
            outcome[:] = function(*arguments), None
        except BaseException as error:
            outcome[:] = None, error

    # In a copy of this context, what the function prints appears under the cell that runs.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        thread.join(seconds)
        in_time = not thread.is_alive()
    finally:
        stopped = _stop(thread)
    return tuple(outcome) if in_time else (None, TimeUp(stopped))


def _stop(thread):
    """End a thread that executes Python code; False where it does not heed, for example while it sleeps."""
    for _ in range(20):
        if not thread.is_alive():
            return True
        # Not an Exception, so that `except Exception` in a loop does not catch it; threads end by it without a word.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(0.02)
    return not thread.is_alive()


class Watched:
    """A learner's function, called as it is, with what it did noted down.

    Attributes:
        returned: what the last call returned.
        error: what the last call raised, or None.
        nan: whether a call returned a NaN.
        changed: whether a call changed a tensor, an array or a list that it was given.
        seeded: whether a call set torch's global seed.
    """

    def __init__(self, function):
        self.function = function
        self.returned = self.error = None
        self.nan = self.changed = self.seeded = False

    def __call__(self, *args, **kwargs):
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


def described(value):
    """A value in a few words, as a learner would name it."""
    if isinstance(value, torch.Tensor | np.ndarray):
        name = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return f"{name} of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    return f"{reprlib.repr(value)} ({type(value).__name__})"


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
