"""Values and errors in a few words."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_utils.support.words import described, last_line, shorten


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (torch.zeros(3, 1, dtype=torch.uint8), "a tensor of shape (3, 1) and type uint8"),
        (nn.Parameter(torch.zeros(2)), "a tensor of shape (2,) and type float32"),
        (np.zeros((2, 3)), "an array of shape (2, 3) and type float64"),
        (None, "None (NoneType)"),
        ("seven", "'seven' (str)"),
        ([1, 2], "[1, 2] (list)"),
    ],
)
def test_a_value_is_named_as_a_learner_would(value, text):
    assert described(value) == text


def test_a_long_value_is_cut():
    assert len(described("x" * 10_000)) < 100 and len(described(list(range(10_000)))) < 100


@given(st.text() | st.from_regex(r"(line\n){0,5}\x1b\[31m.*", fullmatch=True))
def test_a_text_becomes_one_line_of_bearable_length_without_control_characters(text):
    short = shorten(text)
    assert len(short) <= 300 and short.isprintable()
    if text.isprintable() and len(" ".join(text.split())) <= 300:
        assert short == " ".join(text.split())


def test_a_long_text_ends_in_dots():
    assert shorten("word " * 200).endswith("word ...") and len(shorten("x\n" * 10_000)) <= 300


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("first line\nsecond line\n"), "second line"),
        (KeyError(), "KeyError"),
        (RuntimeError("  "), "RuntimeError"),
        (FileNotFoundError(2, "No such file or directory", "/home/someone/x"), "No such file or directory"),
        (OSError("without a number"), "without a number"),
    ],
)
def test_the_last_line_of_an_error_names_no_path(error, text):
    assert last_line(error) == text
