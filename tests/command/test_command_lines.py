"""Command lines: a valid one does what it says, any other gets one message; nothing is executed, fetched or printed."""

import contextlib
import io
import json
import os
import signal
from unittest import mock

import pytest
from any_input import PROFILE
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import CourseError, data
from course_utils.command import cli, execute
from course_utils.command.execute import Result
from course_utils.command.formulas import to_mathml
from course_utils.command.ingredients import ingredients
from course_utils.support import files, notebooks
from course_utils.support.notebooks import PAGES

FEW = settings(PROFILE, max_examples=PROFILE.max_examples // 2)


JOBS = []  # of the last run


def collect(jobs, submit, report):
    """What `execute._collect` would return if every page ran well; submits nothing."""
    results, JOBS[:] = [], jobs
    for job in jobs:
        job.out.write_bytes(b'{"cells": [], "metadata": {}}')
        made_with = ingredients(job.page, job.parameters)
        results.append(Result(job.out.stem, 1.0, {"error": 1.0}, made_with=made_with))
        if report:
            report(job, results[-1])
    return results


def update(pages, jobs, report):
    return [Result(page.stem, 1.0, {"error": 1.0}) for page in pages]


def ended(folder, *words):
    """The exit status of `course WORDS` in a folder, and what it says on both streams."""
    with contextlib.ExitStack() as stack:
        for patch in (
            mock.patch.object(execute, "_collect", collect),
            mock.patch.object(execute, "update", update),
            mock.patch("course_utils.command.experiments.cluster", lambda address: contextlib.nullcontext()),
            mock.patch("course_utils.command.learn.start_lab", return_value=0),
            mock.patch("course_utils.download._download_from", return_value="no network"),
            mock.patch("course_utils.command.export.to_html", return_value="page"),
            mock.patch("course_utils.command.slides.to_slides", return_value="page"),
            mock.patch("course_utils.command.export._printed", return_value=b"%PDF"),
            mock.patch.object(files, "REFERENCE", folder / "reference.json"),
            mock.patch.object(cli, "BUILD", folder / "build"),
            mock.patch("course_utils.command.learn.FOLDER", folder / "learn"),
            mock.patch.dict(os.environ, COURSE_DATA=str(folder / "data"), COURSE_STATE=str(folder / "state")),
        ):
            stack.enter_context(patch)
        out = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        errors = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.callback(os.chdir, os.getcwd())
        stack.callback(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        os.chdir(folder)
        try:
            status = cli.main(list(words))
        except SystemExit as end:  # argparse has said what is wrong
            status = end.code
    return status, out.getvalue(), errors.getvalue()


# --- valid lines

CHOSEN = st.lists(st.sampled_from(PAGES), unique=True, max_size=3).map(sorted)


def number(name):
    """A page as one types it, in any of the accepted ways."""
    return st.sampled_from([name, name[:2], str(int(name[:2])), f"{name}.ipynb"])


def names(chosen, draw):
    return [draw.draw(number(name)) for name in chosen]


@FEW
@given(CHOSEN, st.none() | st.integers(0, 99), st.none() | st.integers(1, 4), st.booleans(), st.data())
def test_run(tmp_path, chosen, seed, jobs, elsewhere, draw):
    out = tmp_path / ("else where" if elsewhere else "build")
    words = ["--dataset", "digits"] + ["--seed", str(seed)] * (seed is not None) + ["--jobs", str(jobs)] * bool(jobs)
    status, said, _ = ended(tmp_path, "run", *names(chosen, draw), *words, *["--out", out.name] * elsewhere)
    assert status == 0 and all(f"{name} " in said and (out / f"{name}.ipynb").exists() for name in chosen or PAGES)
    assert said.count(" ok ") == len(chosen or PAGES)


@FEW
@given(st.integers(1, 99), st.text("abcäö ", min_size=1, max_size=9))
def test_run_with_parameters(tmp_path, number, folder):
    words = ["run", "10", "-p", f"EPOCHS={number}", "-p", f"FOLDER={folder}", "--dataset", "digits"]
    status, _, errors = ended(tmp_path, *words)
    assert status == 0, errors
    (job,) = JOBS
    assert job.parameters == {"DATASET": "digits", "EPOCHS": number, "FOLDER": str(tmp_path / folder)}


def test_update(tmp_path):
    before = [path.read_bytes() for path in notebooks.find()]
    status, said, _ = ended(tmp_path, "run", "--update", "00", "01")
    assert status == 0 and said.count(" ok ") == 2
    assert [path.read_bytes() for path in notebooks.find()] == before


@settings(PROFILE, max_examples=6)
@given(st.sets(st.sampled_from(PAGES), min_size=1, max_size=2), st.integers(0, 3), st.integers(0, 2), st.booleans())
def test_measure_and_record(tmp_path_factory, chosen, first, more, full):
    folder = tmp_path_factory.mktemp("measured")
    having = [name for name in chosen if notebooks.full_parameters_of(files.NOTEBOOKS / f"{name}.ipynb") is not None]
    measured = having if full else chosen
    words = [*sorted(chosen), "--dataset", "digits", "--seeds", f"{first}-{first + more}", "--out", "out"]
    for scheduler in ([], ["--scheduler", "tcp://10.0.0.1:8786"]):
        status, said, errors = ended(folder, "measure", *words, *["--full"] * full, *scheduler)
        if not measured:
            assert status == 1 and "no full setting" in errors
            return
        assert status == 0 and said.count(" ok ") == len(measured) * (more + 1)
    assert len(list(folder.glob("out/digits/*.json"))) == len(measured) * (more + 1)
    status, said, _ = ended(folder, "record", "out")
    rows = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    assert status == 0 and [row["notebook"] for row in rows] == sorted(measured)
    assert all(
        row["seeds"] == list(range(first, first + more + 1)) and row["figures"]["error"]["std"] == 0 for row in rows
    )


@FEW
@given(st.text("abcäö ", min_size=1, max_size=9), st.booleans())
def test_learn(tmp_path_factory, name, named):
    folder = tmp_path_factory.mktemp("learner")
    words = ["learn", *[f"./{name}"] * named, "--copies-only"]
    laid_out = folder / (name if named else "learn")
    assert ended(folder, *words)[:2][1].startswith(f"{len(PAGES)} new pages in ")
    (laid_out / "00_start_here.ipynb").write_text("my work")
    (laid_out / "01_autoencoder.ipynb").unlink()
    status, said, _ = ended(folder, *words)
    assert status == 0 and said.startswith("1 new page in ")
    assert (laid_out / "00_start_here.ipynb").read_text() == "my work"
    assert ended(folder, *words[:-1], "--no-browser")[0] == 0


@FEW
@given(st.sampled_from(["student", "solutions", "slides", "handout"]), CHOSEN, st.booleans(), st.data())
def test_export(tmp_path, kind, chosen, elsewhere, draw):
    out = tmp_path / "else where" / kind if elsewhere else tmp_path / "build" / "export" / kind
    words = names(chosen, draw) + ["--out", f"else where/{kind}"] * elsewhere
    status, said, _ = ended(tmp_path, "export", kind, *words)
    assert status == 0
    for name in chosen or PAGES:
        path = out / f"{name}.{'ipynb' if kind == 'student' else 'html'}"
        assert path.exists() and os.path.relpath(path, tmp_path) in said


def test_data_and_progress(tmp_path):
    status, said, _ = ended(tmp_path, "data")
    assert status == 0 and all(name in said for name in data.TITLES) and "'auto' means digits." in said
    status, said, _ = ended(tmp_path, "progress")
    assert status == 0 and all(name in said for name in (*PAGES, "all pages"))
    for name in data.DOWNLOADS:
        status, _, errors = ended(tmp_path, "data", name)
        assert status == 1 and "could not download" in errors
        with mock.patch("course_utils.download.download"):
            status, said, _ = ended(tmp_path, "data", name)
        assert status == 0 and f"{data.TITLES[name]} is complete" in said


@pytest.mark.parametrize("refusing", ["execute.run", "experiments.measure", "export.export", "learn.lay_out"])
def test_a_command_that_refuses_everything_is_noticed(refusing, tmp_path):
    """Else the tests above could not fail."""
    line = {
        "execute": ["run", "00"],
        "experiments": ["measure", "00"],
        "export": ["export", "student"],
        "learn": ["learn"],
    }
    with mock.patch(f"course_utils.command.{refusing}", side_effect=CourseError("refused")):
        status, _, errors = ended(tmp_path, *line[refusing.partition(".")[0]])
    assert status == 1 and errors.endswith("course: refused\n")


# --- any line

WORDS = [
    *(
        "00",
        "1",
        "01_autoencoder",
        "77",
        "--full",
        "--update",
        "--seed",
        "-1",
        "--seeds",
        "0-1",
        "3-1",
        "0,x",
        "--jobs",
    ),
    *("0", "-p", "EPOCHS=1", "EPOCHS=", "=1", "DATASET=x", "EPOCHS={[]: 1}", "SEED=" + "-" * 20_000 + "1", "FOLDER=~"),
    *("--dataset", "auto", "digits", "digits,mnist", "mnist", "--out", "/dev/null/x", "/proc/x", "o" * 5000, "--help"),
    *("student", "slides", "solutions", "handout", "--copies-only", "--no-browser", "--scheduler", "nowhere:1", "out"),
    *("", "\udce4", "--record", "--claims", "."),
]
WORD = st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0"), max_size=8)
COMMANDS = ["run", "run", "measure", "measure", "record", "learn", "export", "data", "progress", "nothing"]


@PROFILE
@given(st.sampled_from(COMMANDS), st.lists(WORD, max_size=5))
def test_any_line_ends_well_or_with_one_message(tmp_path, command, words):
    pages = [path.read_bytes() for path in notebooks.find()]
    status, said, errors = ended(tmp_path, command, *words, *["--copies-only"] * (command == "learn"))
    assert status in (0, 1, 2) and "Traceback" not in errors
    assert status == 0 or errors.strip()
    assert status != 1 or errors.splitlines()[-1].startswith("course: ") or " failed" in said
    assert [path.read_bytes() for path in notebooks.find()] == pages


@PROFILE
@given(st.text() | st.from_regex(r"(\$[\\a-z{}_^$ ]{0,12}\$?[`$ ]?){1,4}", fullmatch=True))
def test_formulas(text):
    assert isinstance(to_mathml(text), str)
    assert to_mathml(f"`{text.replace('`', '').replace(chr(10), '')}x`").startswith("`")


@PROFILE
@given(st.from_regex(r"[a-z]( \+ [a-z0-9])?", fullmatch=True), st.text("abc ,.", max_size=9), st.booleans())
def test_valid_formulas_become_mathml_and_text_stays(formula, text, display):
    made = to_mathml(f"{text}\n\n$$\n{formula}\n$$\n" if display else f"{text} ${formula}$")
    assert "$" not in made and made.startswith(text) and "<math" in made and f"<mi>{formula[0]}</mi>" in made
