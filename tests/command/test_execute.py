"""`course run`: on small notebooks made here, for they fail in ways that the course's own must not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import psutil
import pytest

from course_utils import CourseError
from course_utils.command import cli, execute
from course_utils.support import files
from course_utils.support.files import NOTEBOOKS

PARAMETERS = 'DATASET = "auto"\nEPOCHS = 3\nSEED = 0'
SCORE = "from course_utils.scoreboard import score\nscore(figure=SEED + 10 * EPOCHS)"


@pytest.fixture
def write(tmp_path):
    """Writes a notebook with a parameters cell and the given cells; returns its path."""

    def write(*code, name="42_small", full=None):
        parameters = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [nbformat.v4.new_markdown_cell("# Small page"), parameters]
        cells += [nbformat.v4.new_code_cell(source) for source in code]
        metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
        metadata |= {"course": {"full": full}} if full else {}
        path = tmp_path / f"{name}.ipynb"
        path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)))
        return path

    return write


def job(path, parameters=None, **options):
    return runner.Job(path, parameters or {}, path.parent / "out" / path.name, **options)


def test_find():
    assert [path.stem[:2] for path in runner.find()] == sorted(path.stem[:2] for path in NOTEBOOKS.glob("*.ipynb"))
    for wanted in ("1", "01", "01_autoencoder", "01_autoencoder.ipynb"):
        assert [path.stem for path in runner.find([wanted])] == ["01_autoencoder"]
    with pytest.raises(CourseError, match=r"unknown notebook '77'.*00_start_here, 01_autoencoder"):
        runner.find(["77"])


def test_run_writes_notebook_and_page_and_reports_figures(write):
    done = []
    path = write(SCORE, "print('<b>hello</b>')")
    (result,) = runner.run([job(path, {"SEED": 5})], report=lambda job, result: done.append(result))
    assert result == done[0] and not result.error and result.figures == {"figure": 35.0} and result.seconds > 0
    out = path.parent / "out"
    assert sorted(p.name for p in out.iterdir()) == ["42_small.html", "42_small.ipynb"]
    page = (out / "42_small.html").read_text()
    assert "Small page" in page and "&lt;b&gt;hello" in page


def test_page_needs_no_network_and_leaves_code_alone(write):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("$x^2$ and\n\n$$\\hat x$$\n\n`$HOME$`")])
    notebook.cells.append(nbformat.v4.new_code_cell("1 + 1", metadata={"tags": ["solution"]}))
    notebook.cells.append(nbformat.v4.new_markdown_cell("$\\frac{$ is broken, and $5 is less than $6"))
    page = runner.to_html(notebook, "<i>title</i>")
    assert "$\\frac{$ is broken, and $5 is less than $6" in page
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in page and 'display="block"' in page
    assert "$HOME$" in page and "$x^2$" not in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", page)
    assert "<i>title</i>" not in page and "celltag_solution" in page


def test_failure_names_cell_and_error_and_keeps_the_partial_notebook(write):
    good, bad = write("x = 1", name="41_good"), write("print('before')", "1 / 0", "print('after')")
    results = runner.run([job(bad), job(good)])
    assert [bool(result.error) for result in results] == [True, False]
    assert "ZeroDivisionError: division by zero" in results[0].error and "Small page" in results[0].error
    partial = (bad.parent / "out" / "42_small.ipynb").read_text()
    assert "before" in partial and '"after\\n"' not in partial
    assert "42_small" in runner.table(results) and "failed" in runner.table(results)


def test_cell_that_takes_too_long(write):
    started = time.monotonic()
    (result,) = runner.run([job(write("import time; time.sleep(60)"), timeout=2)])
    assert "longer than 2 seconds" in result.error
    assert time.monotonic() - started < 40


def test_kernel_that_dies(write):
    (result,) = runner.run([job(write("import os; os._exit(1)"))])
    assert "kernel died" in result.error


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"EPOHCS": 3}, r"unknown parameter 'EPOHCS' for 42_small: expected one of DATASET, EPOCHS, SEED"),
        ({"EPOCHS": "three"}, r"EPOCHS='three'.*like 3 \(int\)"),
        ({"SEED": 1.5}, r"SEED=1.5"),
    ],
)
def test_bad_parameters_start_nothing(write, parameters, message):
    path = write("x = 1")
    with pytest.raises(CourseError, match=message):
        runner.run([job(path, parameters)])
    assert not (path.parent / "out").exists()


@pytest.mark.parametrize("line", ["EPOCHS = ", "EPOCHS = 10 * 1000", "A, B = 1, 2", "print(1)"])
def test_parameters_that_cannot_be_read(write, line):
    path = write("x = 1")
    path.write_text(path.read_text().replace("EPOCHS = 3", line))
    with pytest.raises(CourseError, match=r"cannot read the parameters of 42_small.*NAME = value"):
        runner.run([job(path)])


@pytest.mark.parametrize("content", [b"", b"{}", b"<<<<<<< HEAD", b"\xff\xfe", b'{"cells": [{}], "metadata": {}}'])
def test_file_that_is_no_notebook(write, content):
    path = write("x = 1")
    path.write_bytes(content)
    with pytest.raises(CourseError, match=r"42_small.ipynb is not a readable notebook.*git checkout"):
        runner.run([job(path)])


def test_the_source_is_never_overwritten(write):
    path = write("x = 1")
    before = path.read_bytes()
    with pytest.raises(CourseError, match=r"holds the notebooks themselves.*--out"):
        runner.run([runner.Job(path, {}, path)])
    assert path.read_bytes() == before


@pytest.fixture
def long_run(write, tmp_path):
    """A process of its own that runs `course run` on a notebook with one long cell, and is in it."""
    write("import time; time.sleep(60)")
    code = f"""
import pathlib, signal, sys
from course_utils.command import cli, execute
runner.find = lambda numbers: [pathlib.Path({str(tmp_path / "42_small.ipynb")!r})]
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that a shell runs with & would ignore it
    sys.exit(cli.main(["run", "--dataset", "digits", "--out", {str(tmp_path / "out")!r}]))
"""
    (tmp_path / "main.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list((tmp_path / "out").glob(".running-*/*.ipynb")) and process.poll() is None:
        time.sleep(0.2)
    time.sleep(2)  # now the kernel is in its long cell
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals work differently on Windows")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_ends_soon_and_cleanly(long_run, tmp_path, sent):
    long_run.send_signal(sent)
    _, errors = long_run.communicate(timeout=30)
    assert long_run.returncode == 130 and "course: stopped." in errors and "Traceback" not in errors
    assert not list((tmp_path / "out").glob(".running-*"))


def test_killed_run_leaves_no_process_behind(long_run):
    started = psutil.Process(long_run.pid).children(recursive=True)
    assert len(started) >= 2  # a worker and its kernel, at least
    long_run.kill()
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []


def test_folder_that_cannot_be_written(write, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CourseError, match=r"cannot write to .*--out"):
        runner.run([runner.Job(write("x = 1"), {}, tmp_path / "file" / "x.ipynb")])


def test_another_executor_can_be_handed_in(write):
    with ThreadPoolExecutor(1) as executor:
        (result,) = runner.run([job(write(SCORE))], executor=executor)
    assert result.figures == {"figure": 30.0}


def test_seeds_are_resumed_and_recorded(write, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "REFERENCE", tmp_path / "reference.json")
    path = write(f"assert SEED < 2 or EPOCHS == 3\n{SCORE}", full={"EPOCHS": 7})
    calls = []

    def run():
        del calls[:]
        return runner.run_seeds(
            [path], "digits", "full", tmp_path / "out", resume=True, record=True, report=lambda job, r: calls.append(r)
        )

    assert [bool(result.error) for result in run()] == [False, False, True]  # seed 2 fails
    assert not (tmp_path / "reference.json").exists(), "an incomplete set of seeds is not recorded"
    executed = (tmp_path / "out" / "digits" / "42_small.seed0.ipynb").stat().st_mtime_ns
    write(SCORE, full={"EPOCHS": 7})  # mended: code changed, so everything runs again
    assert [result.figures["figure"] for result in run()] == [70.0, 71.0, 72.0]
    assert (tmp_path / "out" / "digits" / "42_small.seed0.ipynb").stat().st_mtime_ns != executed
    (row,) = json.loads((tmp_path / "reference.json").read_text())
    assert row["parameters"] == {"DATASET": "digits", "EPOCHS": 7} and row["figures"]["figure"]["mean"] == 71.0
    executed = (tmp_path / "out" / "digits" / "42_small.seed0.ipynb").stat().st_mtime_ns
    assert [result.figures["figure"] for result in run()] == [70.0, 71.0, 72.0]  # nothing left to do
    assert (tmp_path / "out" / "digits" / "42_small.seed0.ipynb").stat().st_mtime_ns == executed and len(calls) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "77"], "unknown notebook '77'"),
        (["run", "--dataset", "mnits"], "unknown data set 'mnits'"),
        (["run", "01", "-p", "EPOCHS"], "expected NAME=VALUE"),
        (["run", "01", "-p", "NOPE=1", "--dataset", "digits"], "unknown parameter 'NOPE'"),
        (["run", "01", "--jobs", "0"], "--jobs 0: expected at least 1"),
        (["run", "--full", "--seed", "1"], "leave out --seed"),
        (["run", "00", "--full", "--dataset", "digits"], "no full setting in 00"),
        (["run", "--claims", "--dataset", "digits"], "leave out --dataset"),
        (["run", "--record"], "--record goes with --claims"),
        (["data", "mnits"], "cannot download 'mnits'"),
    ],
)
def test_command_line_answers_bad_input_with_one_message(capsys, arguments, message):
    assert cli.main(arguments) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and "Traceback" not in captured.err


def test_missing_mnist_is_said_before_anything_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for arguments in (["run", "--dataset", "mnist"], ["run", "--full"]):
        assert cli.main(arguments) == 1
        assert "course data mnist" in capsys.readouterr().err
    assert cli.main(["data"]) == 0
    out = capsys.readouterr().out
    assert "digits" in out and "not on disk: `course data mnist`" in out


def test_long_error_is_shortened_to_one_line():
    assert len(runner.shorten("x\n" * 10_000)) <= 300 and "\n" not in runner.shorten("a\nb\x1b[31m")


def test_clean_drops_what_changes_from_run_to_run():
    notebook = nbformat.v4.new_notebook(metadata={"papermill": {"duration": 1}, "widgets": {}, "course": {"full": {}}})
    notebook.cells = [nbformat.v4.new_code_cell("1", metadata={"papermill": {}, "execution": {}, "tags": []})]
    runner.clean(notebook)
    assert set(notebook.metadata) == {"course", "language_info"} and notebook.cells[0].metadata == {}
