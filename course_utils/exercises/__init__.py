"""What the one-line learning calls ask and how they judge, one module per page; and what the learner has done so far.

Each module holds

- PREDICTIONS, asked by `predict`: each a dict with its "question"; "options", a dict from letter to answer, or an
  "example" of a number, its "unit" and perhaps a "range" of (low, high) in which every sensible guess lies; and "why",
  the sentence that explains the result to those who guessed wrong, or a dict from the wrong letter to such a sentence;
- CHECKS, functions that judge an exercise: they return a hint at the mistake, or None where the answer is right;
- perhaps IN_PLACE, the exercises whose function may change what it is given, since it updates it;
- QUIZ, a list of questions, each answer with its explanation.
"""

from typing import Any


class NotFilledIn(Exception):
    """An exercise still returns its stub's `...`."""


def filled(value: Any) -> Any:
    """Return `value`, a tensor of other floats as float32.

    Raises NotFilledIn where it is the stub's `...`, and a TypeError where it is no real answer.
    """
    if value is ... or (isinstance(value, tuple | list) and any(part is ... for part in value)):
        raise NotFilledIn
    if value is None:
        raise TypeError("the function returned nothing; is there a `return`?")
    if "complex" in str(getattr(value, "dtype", type(value))):  # whose real part alone would be judged
        raise TypeError("the function returned complex numbers; where do they come from?")
    is_tensor = hasattr(value, "is_floating_point") and hasattr(value, "float")
    return value.float() if is_tensor and value.is_floating_point() else value
