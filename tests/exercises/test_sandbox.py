"""What a learner's function did is noted, and what it returns or raises comes through as it is."""

import numpy as np
import pytest
import torch

from course_utils.exercises.sandbox import Watched


def seeding():
    torch.manual_seed(12)


@pytest.mark.parametrize(
    ("function", "arguments", "noted"),
    [
        (lambda x: x + 1, [torch.ones(3)], set()),
        (lambda x: x.add_(1), [torch.ones(3)], {"changed"}),
        (lambda x: x.sort(), [np.array([2.0, 1.0])], {"changed"}),
        (lambda x: x.append(3), [[1, 2]], {"changed"}),
        (lambda pair: pair[1].zero_(), [(torch.ones(2), torch.ones(2))], {"changed"}),
        (lambda x: x / 0 * 0, [torch.ones(3)], {"nan"}),
        (lambda x: [1.0, (2.0, float("nan"))], [0], {"nan"}),
        (lambda x: np.array([np.nan]), [0], {"nan"}),
        (lambda x: seeding(), [0], {"seeded"}),
        (lambda x: torch.rand(2), [0], set()),
    ],
)
def test_what_a_call_did_is_noted(function, arguments, noted):
    with torch.random.fork_rng(devices=[]):
        watched = Watched(function)
        watched(*arguments)
    assert {name for name in ("changed", "nan", "seeded") if getattr(watched, name)} == noted


def test_results_and_errors_come_through_and_are_kept():
    watched = Watched(lambda a, b=1: a / b)
    assert watched(6, b=3) == watched.returned == 2
    with pytest.raises(ZeroDivisionError) as raised:
        watched(1, b=0)
    assert watched.error is raised.value and watched.returned == 2
    watched(1)
    assert watched.error is None
