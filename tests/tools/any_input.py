"""Any input at all, and valid input: what the property tests of all floors draw from, and how they judge."""

import ast
import functools
import gzip
import os
import pkgutil
import re
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from course_utils import CourseError
from course_utils.support.files import PACKAGE

PROFILE = settings(
    max_examples=int(os.environ.get("COURSE_EXAMPLES", 40)),
    deadline=None,
    derandomize="COURSE_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=set(Phase) - {Phase.explain},
)

SHAPES = [
    (3, 1, 28, 28),
    (1, 1, 28, 28),
    (0, 1, 28, 28),
    (3, 784),
    (2, 3, 28, 28),
    (2, 1, 14, 12),
    (7, 3),
    (2, 0),
    (5,),
    (),
]
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
OTHERS = [torch.int64, torch.uint8, torch.bool, torch.complex64]
KINDS = [
    "uniform",
    "uniform",
    "normal",
    "zeros",
    "ones",
    "equal images",
    "nan",
    "inf",
    "-inf",
    "huge",
    "tiny",
    "0 to 255",
]
LAYOUTS = ["plain", "transposed", "every second", "gradient"]


@st.composite
def tensors(draw, shapes=SHAPES, dtypes=FLOATS + OTHERS, kinds=KINDS, layouts=(*LAYOUTS, "no numbers")):
    """Tensors of many shapes, types, layouts and contents."""
    shape, kind = draw(st.sampled_from(shapes)), draw(st.sampled_from(kinds))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    if kind == "normal":
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
    elif kind in ("zeros", "ones"):
        x = torch.full(shape, float(kind == "ones"), dtype=torch.float64)
    elif kind == "equal images" and x.ndim and len(x):
        x = x[:1].expand(shape)
    elif kind in ("nan", "inf", "-inf") and x.numel():
        x.view(-1)[draw(st.integers(0, x.numel() - 1))] = float(kind)
    elif kind in ("huge", "tiny", "0 to 255"):
        x = x * {"huge": 1e30, "tiny": 1e-42, "0 to 255": 255}[kind]
    dtype = draw(st.sampled_from(dtypes))
    x = x.nan_to_num(0, 1e9, -1e9).to(dtype) if dtype in OTHERS[:2] else x.to(dtype)
    layout = draw(st.sampled_from(layouts))
    if layout == "transposed" and x.ndim > 1:
        x = x.transpose(0, -1).contiguous().transpose(0, -1)
    elif layout == "every second" and x.ndim:
        x = x.repeat_interleave(2, dim=0)[::2]
    elif layout == "no numbers" and draw(st.booleans()):
        x = x.to("meta")  # a device that every machine has
    elif layout == "gradient" and dtype in FLOATS:
        x = x.requires_grad_()
    return x


NO_TENSORS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**30),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.floats(), max_size=3),
    st.just(np.random.rand(3, 784)),
)
ANYTHING = tensors() | tensors() | tensors() | NO_TENSORS
POINTS = tensors(shapes=[(7, 3), (9, 3), (8, 1), (40, 3), (3, 3), (0, 3), (7, 0), (), (2, 2, 2)])
ROW = st.lists(st.floats() | st.integers(-5, 10**30) | st.none(), max_size=4) | POINTS | NO_TENSORS


def answer(function, *arguments, **options):
    """What the function returns, or None where it refused with a message that a reader understands."""
    try:
        return function(*arguments, **options)
    except CourseError as error:
        assert len(str(error)) > 20
    except RuntimeError as error:  # torch names both types, or says that this processor has no such operation
        if not re.search(
            r"dtype|same type|scalar type|not implemented for|Input type|same device|meta tensor", str(error)
        ):
            raise
    return None


def double(x):
    return x.detach().double().numpy()


def close(ours, theirs, dtype):
    """Equal to the precision of the type, which for short floats is little; NaN only where NaN should be."""
    theirs = np.asarray(theirs, float)
    largest = torch.finfo(dtype).max
    tolerance = {torch.float16: 2e-2, torch.bfloat16: 1e-1}.get(dtype, 1e-4)
    with np.errstate(invalid="ignore"):
        good = np.isclose(double(ours), theirs, rtol=tolerance, atol=tolerance * 1e-2, equal_nan=True)
    return bool((good | (np.abs(theirs) > largest / 1e3) | (np.abs(theirs) < 1e-30)).all())


def mutated(content):
    """Bytes that differ from `content`: a part cut out, some bytes changed, or something else altogether."""
    place = st.integers(0, len(content) - 1)
    return st.one_of(
        place.map(lambda i: content[:i]),
        st.tuples(place, place).map(lambda cut: content[: min(cut)] + content[max(cut) :]),
        st.tuples(st.integers(0, min(40, len(content) - 1)), st.integers(0, 255)).map(
            lambda change: content[: change[0]] + bytes([change[1]]) + content[change[0] + 1 :]
        ),
        st.binary(max_size=100).map(lambda more: content + more),
        st.binary(max_size=200),
        st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"\x1f\x8b" + content, gzip.compress(content)]),
    )


# --- valid input: a refusal is a failure


def accepts(*names):
    """Mark a test of valid input with the functions of which it would notice that they refuse everything."""

    def mark(test):
        test.accepts = names
        return test

    return mark


def accepted_by(tests):
    """The (name, test) of every function that the tests of a module, a dict, are marked with."""
    return [(name, test) for test in tests.values() for name in getattr(test, "accepts", ())]


def notices_refusal(name, test, monkeypatch):
    """Assert that a test of valid input fails once the function of this name refuses everything."""

    def refuse(*arguments, **options):
        raise CourseError("refused, whatever it is")

    function = pkgutil.resolve_name(f"course_utils.{name}")
    monkeypatch.setattr(f"course_utils.{name}", refuse)
    for module in [module for key, module in sys.modules.items() if key.startswith("course_utils")]:
        for alias in [alias for alias, value in vars(module).items() if value is function]:
            monkeypatch.setattr(module, alias, refuse)  # where it was imported by its name
    with pytest.raises(CourseError, match="refused, whatever it is"):
        test()
    plt.close("all")  # what was left half drawn


@functools.cache
def public_functions(folder=""):
    """The names of all public functions and methods in the modules of a folder of the package, as "losses.mse"."""
    found = set()
    for path in (PACKAGE / folder).glob("*.py"):
        prefix = ".".join([*path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found.add(f"{prefix}.{node.name}")
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
                found |= {f"{prefix}.{node.name}.{method}" for method in methods}
    return {name for name in found if not name.rpartition(".")[2].startswith("_")}
