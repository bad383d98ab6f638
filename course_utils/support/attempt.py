"""Calling a function of the reader's, which may raise anything or never end, so that the page goes on."""

import contextvars
import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any


class TimeUp(Exception):
    """The function had not come to an end in time; `stopped` says whether it could be stopped then."""

    def __init__(self, stopped: bool) -> None:
        super().__init__("time is up")
        self.stopped = stopped


def attempt(seconds: float, function: Callable, *arguments: Any) -> tuple[Any, BaseException | None]:
    """Call `function(*arguments)` and return (result, None), or (None, the exception) whatever it raises.

    It runs in a thread of its own: Windows has no signal that could interrupt it after some time, and a
    KeyboardInterrupt raised there is the function's, while the reader's own one arrives here.
    """
    outcome: list[Any] = []
    over = threading.Event()

    def work():
        try:
            outcome[:] = function(*arguments), None
        except BaseException as error:
            outcome[:] = None, error
        over.set()

    # In a copy of this context, what the function prints appears under the cell that runs.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        in_time = over.wait(seconds)  # a join that Ctrl-C interrupts would take the thread for ended
    finally:
        stopped = over.is_set() or _stop(thread)
    return tuple(outcome) if in_time else (None, TimeUp(stopped))


def _stop(thread):
    """End a thread that executes Python code; False where it does not heed, for example while it sleeps."""
    for _ in range(20):
        if thread.ident not in sys._current_frames():
            return True
        # Not an Exception, so that `except Exception` in a loop does not catch it; threads end by it without a word.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(0.02)
    return thread.ident not in sys._current_frames()
