"""What the one-line learning calls ask and how they judge, one module per page; and what the learner has done so far.

Each module holds PREDICTIONS (asked by `predict`), CHECKS (functions that judge an exercise: they return a hint at
the mistake, or None where the answer is right) and QUIZ.
"""

from typing import Any


class NotFilledIn(Exception):
    """An exercise still returns its stub's `...`."""


def filled(value: Any) -> Any:
    """Return `value`, or raise NotFilledIn where it is the stub's `...`, and a TypeError where it is no real answer."""
    if value is ...:
        raise NotFilledIn
    if value is None:
        raise TypeError("the function returned nothing; is there a `return`?")
    if "complex" in str(getattr(value, "dtype", type(value))):  # whose real part alone would be judged
        raise TypeError("the function returned complex numbers; where do they come from?")
    return value
