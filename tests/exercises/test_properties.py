"""The learning calls: valid answers and figures are never refused; any other get a message, and nothing is stopped."""

import importlib
import itertools
import json
import math
import os
import re
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from any_input import (
    ANYTHING,
    NO_TENSORS,
    PROFILE,
    accepted_by,
    accepts,
    answer,
    mutated,
    notices_refusal,
    public_functions,
)
from hypothesis import given
from hypothesis import strategies as st

from course_utils import checks, scoreboard
from course_utils.exercises import passes, progress, solutions
from course_utils.support import files
from course_utils.support.notebooks import PAGES

PAGE_MODULES = [importlib.import_module(f"course_utils.exercises.page_{name[:2]}") for name in PAGES]
QUESTIONS = {id: question for page in PAGE_MODULES for id, question in page.PREDICTIONS.items()}
EXERCISES = [id for page in PAGE_MODULES for id in page.CHECKS]
FINITE = st.floats(-1e8, 1e8)


def learning_state(folder):
    return mock.patch.dict(os.environ, COURSE_STATE=str(folder))


# --- valid input


@accepts("checks.predict", "exercises.progress.keep", "exercises.progress.kept", "exercises.progress.table")
@PROFILE
@given(st.sampled_from(sorted(QUESTIONS)), FINITE | st.integers(-1000, 1000), st.data())
def test_any_guess_is_kept(id, number, draw):
    options = QUESTIONS[id].get("options")
    guess = draw.draw(st.sampled_from([*options, f" {max(options).upper()} "])) if options else number
    expected = guess.strip().lower() if options else guess
    with tempfile.TemporaryDirectory() as folder, learning_state(folder):
        progress.keep("exercises", "00-step")
        assert set(progress.kept("exercises", "00-step")) == {"time"}
        checks.predict(id)
        checks.predict(id, guess)
        checks.predict(id, guess)  # one that is far off in scale is asked back, and kept when it is repeated
        kept = json.loads(Path(folder, "predictions", f"{id}.json").read_text(encoding="utf-8"))
        assert kept["guess"] == progress.kept("predictions", id)["guess"] == expected
        checks.predict(id, result=guess)
        assert json.loads(Path(folder, "predictions", f"{id}.json").read_text(encoding="utf-8"))["right"] is True
        assert "all pages" in progress.table()


@accepts("checks.check", "checks.own_or_solution", "exercises.solutions.find", "exercises.solutions.page")
@PROFILE
@given(st.sampled_from(EXERCISES))
def test_any_function_is_judged(id):
    assert solutions.find(id).id == id and solutions.page(id)
    with tempfile.TemporaryDirectory() as folder, learning_state(folder):
        checks.check(id, lambda *arguments, **options: ...)
        with mock.patch.dict(checks._right, {id: math.sqrt}):
            assert checks.own_or_solution(id) is math.sqrt


@accepts("checks.quiz")
@PROFILE
@given(st.sampled_from([name[:2] for name in PAGES]))
def test_any_quiz_is_shown(id):
    with mock.patch.object(checks, "display") as display:
        checks.quiz(id)
    assert display.call_args.args[0]["text/html"].count("<b>Right.</b>") >= 3


@accepts("exercises.solutions.split")
@PROFILE
@given(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.integers(0, 3), st.integers(0, 3))
def test_any_solution_is_split_at_its_check(name, before, after):
    definition = "\n".join([f"def {name}_(x):", *["    x = x + 1"] * before, "    return x"])
    rest = "\n".join(["print(1)"] * after)
    found = solutions.split(f'{definition}\n\n\ncheck("01-{name}", {name}_)\n{rest}\n')
    assert (found.id, found.name, found.definition, found.rest) == (f"01-{name}", f"{name}_", definition, rest)


KINDS = st.sampled_from([float, np.float64, torch.tensor, lambda value: torch.tensor(value, requires_grad=True)])
NAMES = st.from_regex(r"[a-z]{1,5}(_[a-z]{1,5})?(_(sse|nats|db|bytes))?", fullmatch=True)


@accepts("scoreboard.score", "scoreboard.find_reference", "scoreboard.reference", "scoreboard.spread")
@PROFILE
@given(st.dictionaries(NAMES, st.tuples(FINITE, FINITE.map(abs), KINDS), min_size=1, max_size=4), st.integers(1, 9))
def test_any_figures_stand_beside_their_reference(figures, epochs):
    values = {name: value for name, (value, _, _) in figures.items()}
    means = {name: {"mean": value, "std": std} for name, (value, std, _) in figures.items()}
    parameters = {"DATASET": "mnist", "EPOCHS": epochs}
    row = {"notebook": "04_x", "setting": "full", "seeds": [0, 1], "parameters": parameters, "figures": means}
    other = row | {"parameters": parameters | {"EPOCHS": epochs + 1}, "setting": "quick"}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(files, "REFERENCE", Path(folder, "reference.json")),
        mock.patch.object(scoreboard, "_parameters", lambda: parameters | {"SEED": 5, "MORE": 1}),
        mock.patch.object(scoreboard, "display") as display,
    ):
        files.REFERENCE.write_text(json.dumps([other, row]))
        scoreboard.score(**{name: kind(value) for name, (value, _, kind) in figures.items()})
        assert scoreboard.find_reference(values, parameters | {"SEED": 7}) == row
        assert scoreboard.reference("04") == means
    bundle = display.call_args.args[0]
    assert bundle[files.FIGURES_MIME] == pytest.approx(values, rel=1e-6)
    for figure in means.values():
        text = scoreboard.spread(figure)
        assert text in bundle["text/plain"]
        digits = float(text.split(" ± ")[0])
        assert abs(digits - figure["mean"]) <= max(figure["std"], 0.006 * abs(figure["mean"]))


@accepts("exercises.passes.passes")
@PROFILE
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_of_any_network_it_is_seen_what_passes_through(widths):
    layers = [torch.nn.Linear(before, after) for before, after in itertools.pairwise(widths)]
    network = torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.ReLU(inplace=True))])
    x = torch.rand(3, widths[0])
    seen = passes.passes(network, x, torch.nn.Linear)
    assert torch.equal(seen[0][0], x)
    for layer, (into, out) in zip(layers, seen, strict=True):
        assert torch.equal(layer(into), out)
    for (_, out), (into, _) in itertools.pairwise(seen):
        assert torch.equal(out.relu(), into)


# --- any input


@PROFILE
@given(st.dictionaries(st.text(min_size=1, max_size=20), ANYTHING, max_size=3), NO_TENSORS)
def test_scores_of_anything(figures, page):
    with mock.patch.object(scoreboard, "display") as display:
        answer(lambda: scoreboard.score(**figures))
    for call in display.call_args_list:
        assert not re.search("<(?!/?(table|tr|td|th|p)>)", call.args[0]["text/html"])
    if isinstance(page, str):
        answer(scoreboard.reference, page)


IDS = st.sampled_from(["01-pca", "01-printout", "00", "10", "01", "00-step"]) | NO_TENSORS


@PROFILE
@given(IDS, ANYTHING)
def test_learning_calls_of_anything(tmp_path, id, thing):
    with learning_state(tmp_path), mock.patch.object(checks, "display"):
        answer(checks.predict, id)
        answer(checks.predict, id, thing)
        answer(checks.predict, id, result=thing)
        answer(checks.quiz, id)
        answer(checks.check, id, thing)


@PROFILE
@given(st.data())
def test_progress_with_damaged_files(tmp_path, draw):
    entry = json.dumps({"time": "2026-01-02T03:04:05", "guess": "a", "right": True}).encode()
    pages = tmp_path / "pages"
    pages.mkdir(exist_ok=True)
    (pages / "01_autoencoder.ipynb").write_bytes(draw.draw(mutated(b'{"cells": [], "metadata": {}}')))
    with mock.patch.object(files, "NOTEBOOKS", pages), learning_state(tmp_path):
        for kind, id in (("exercises", "01-x"), ("predictions", "01-pca")):
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / kind / f"{id}.json").write_bytes(draw.draw(mutated(entry)))
            assert isinstance(progress.kept(kind, id), dict)
        assert "01_autoencoder" in progress.table()


# --- that these tests notice refusals

# Judges, whose right and wrong answers test_checks.py has; answers that are lent or shown, in test_own_functions.py.
TOLD_ELSEWHERE = ("exercises.page_", "exercises.filled", "exercises.solutions.define", "exercises.solutions.is_called")
TOLD_ELSEWHERE += ("exercises.patients.", "checks.solution")


@pytest.mark.parametrize(("name", "test"), accepted_by(globals()))
def test_a_function_that_refuses_everything_fails_its_property(name, test, monkeypatch):
    notices_refusal(name, test, monkeypatch)


def test_every_public_function_has_a_property():
    here = {name for name in public_functions() if name.startswith(("checks.", "scoreboard."))}
    here -= {name for name in here if name.startswith(TOLD_ELSEWHERE)}
    here |= {name for name in public_functions("exercises") if not name.startswith(TOLD_ELSEWHERE)}
    assert here == {name for name, _ in accepted_by(globals())}
