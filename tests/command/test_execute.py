"""`course run`: on small notebooks made here, for they fail in ways that the course's own must not."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import nbformat
import psutil
import pytest
from small_pages import SCORE, write_page

from course_utils import CourseError
from course_utils.command import cli, execute
from course_utils.exercises import solutions
from course_utils.support import files, notebooks


@pytest.fixture
def write(tmp_path):
    """Writes a notebook with a parameters cell and the given cells; returns its path."""
    return partial(write_page, tmp_path)


def job(path, parameters=None, **options):
    return execute.Job(path, parameters or {}, path.parent / "out" / path.name, **options)


def test_run_writes_notebook_and_page_and_reports_figures(write):
    done = []
    path = write(SCORE, "print('<b>hello</b>')")
    (result,) = execute.run([job(path, {"SEED": 5})], report=lambda job, result: done.append(result))
    assert result == done[0] and not result.error and result.figures == {"figure": 35.0} and result.seconds > 0
    out = path.parent / "out"
    assert sorted(p.name for p in out.iterdir()) == ["42_small.html", "42_small.ipynb"]
    page = (out / "42_small.html").read_text()
    assert "Small page" in page and "&lt;b&gt;hello" in page


def test_failure_names_cell_and_error_and_keeps_the_partial_notebook(write):
    good, bad = write("x = 1", name="41_good"), write("print('before')", "1 / 0", "print('after')")
    results = execute.run([job(bad), job(good)])
    assert [bool(result.error) for result in results] == [True, False]
    assert "ZeroDivisionError: division by zero" in results[0].error and "Small page" in results[0].error
    partial = (bad.parent / "out" / "42_small.ipynb").read_text()
    assert "before" in partial and '"after\\n"' not in partial
    assert "42_small" in execute.table(results) and "failed" in execute.table(results)


def test_the_table_shows_three_digits_and_no_powers_of_ten():
    figures = {"nats": 52_618.8, "error": 13.249, "share": 0.0051234}
    assert "nats 52619  error 13.2  share 0.00512" in execute.table([execute.Result("12_photographs", 80.0, figures)])


def test_cell_that_takes_too_long(write):
    started = time.monotonic()
    (result,) = execute.run([job(write("import time; time.sleep(60)"), timeout=2)])
    assert "longer than 2 seconds" in result.error
    assert time.monotonic() - started < 40


def test_kernel_that_dies(write):
    (result,) = execute.run([job(write("import os; os._exit(1)"))])
    assert "kernel died" in result.error


def test_a_worker_that_dies_fails_its_own_page_only(write):
    kill = "import os, psutil, time; time.sleep(1); psutil.Process(os.getppid()).kill(); time.sleep(60)"
    pages = [
        write(kill, name="40_deadly"),
        *(write("import time; time.sleep(2)", name=f"4{i}_good") for i in (1, 2, 3)),
    ]
    results = execute.run([job(page) for page in pages], workers=2)
    assert [bool(result.error) for result in results] == [True, False, False, False]
    assert "its process ended with status -9" in results[0].error


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
        execute.run([job(path, parameters)])
    assert not (path.parent / "out").exists()


def test_the_source_is_never_overwritten(write):
    path = write("x = 1")
    before = path.read_bytes()
    with pytest.raises(CourseError, match=r"holds the notebooks themselves.*--out"):
        execute.run([execute.Job(path, {}, path)])
    assert path.read_bytes() == before


@pytest.fixture
def long_run(write, tmp_path):
    """A process of its own that runs `course run` on a notebook with one long cell, and is in it."""
    write("import time; time.sleep(60)")
    code = f"""
import pathlib, signal, sys
from course_utils.command import cli
from course_utils.support import notebooks
notebooks.find = lambda numbers: [pathlib.Path({str(tmp_path / "42_small.ipynb")!r})]
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that a shell runs with & would ignore it
    sys.exit(cli.main(["run", "--dataset", "digits", "--out", {str(tmp_path / "out")!r}]))
"""
    (tmp_path / "main.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "main.py")], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list((tmp_path / "out").glob(".running-*/*.executed.ipynb")) and process.poll() is None:
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
        execute.run([execute.Job(write("x = 1"), {}, tmp_path / "file" / "x.ipynb")])


def test_another_executor_can_be_handed_in(write):
    with ThreadPoolExecutor(1) as executor:
        (result,) = execute.run([job(write(SCORE))], executor=executor)
    assert result.figures == {"figure": 30.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "77"], "unknown notebook '77'"),
        (["run", "--dataset", "mnits"], "unknown data set 'mnits'"),
        (["run", "01", "-p", "EPOCHS"], "expected NAME=VALUE"),
        (["run", "01", "-p", "NOPE=1", "--dataset", "digits"], "unknown parameter 'NOPE'"),
        (["run", "01", "--jobs", "0"], "--jobs 0: expected at least 1"),
        (["run", "--update", "--seed", "1"], "leave out --dataset, --seed"),
        (["measure", "00", "--full", "--dataset", "digits"], "no full setting in 00"),
        (["measure", "--dataset", "digits,mnits"], "unknown data set 'mnits'"),
        (["measure", "--seeds", "9-0"], "--seeds '9-0': expected for example 0-9"),
        (["measure", "--seeds", "some"], "--seeds 'some': expected for example 0-9"),
        (["measure", "--dataset", "digits", "--scheduler", "nowhere"], "no scheduler answers at 'nowhere'"),
        (["record", "nowhere"], "no receipts in"),
        (["data", "mnits"], "cannot download 'mnits'"),
    ],
)
def test_command_line_answers_bad_input_with_one_message(capsys, arguments, message):
    assert cli.main(arguments) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and "Traceback" not in captured.err


def test_missing_mnist_is_said_before_anything_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    for arguments in (["run", "--dataset", "mnist"], ["measure", "--full"]):
        assert cli.main(arguments) == 1
        assert "course data mnist" in capsys.readouterr().err
    assert cli.main(["data"]) == 0
    out = capsys.readouterr().out
    assert "digits" in out and "not on disk in " in out and "`course data mnist` downloads" in out


def test_clean_drops_what_changes_from_run_to_run():
    notebook = nbformat.v4.new_notebook(metadata={"papermill": {"duration": 1}, "widgets": {}, "course": {"full": {}}})
    notebook.cells = [nbformat.v4.new_code_cell("1", metadata={"papermill": {}, "execution": {}, "tags": []})]
    execute.clean(notebook)
    assert set(notebook.metadata) == {"course", "language_info"} and notebook.cells[0].metadata == {}


def test_folders_are_those_of_where_they_were_given(write, tmp_path, monkeypatch, capsys):
    """A kernel has another working folder than the terminal in which a variable or an option names one."""
    page = write("import os\nprint('data:', os.environ['COURSE_DATA'], 'own:', FOLDER, 'out')")
    page.write_text(page.read_text().replace("SEED = 0", 'SEED = 0\\nFOLDER = \\"\\"'))
    monkeypatch.setattr(notebooks, "find", lambda numbers=(): [page])
    (tmp_path / "here" / "my data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COURSE_DATA", "my data")
    assert cli.main(["run", "--dataset", "digits", "-p", "FOLDER=mine", "--out", "results"]) == 0
    said = (tmp_path / "here" / "results" / "42_small.ipynb").read_text()
    assert f"data: {tmp_path / 'here' / 'my data'} own: {tmp_path / 'here' / 'mine'} out" in said


def test_a_learners_copy_is_no_page_for_run_progress_export_and_solutions(tmp_path, monkeypatch, capsys):
    for name in ("00_start_here", "00_start_here-Copy1", "00_start_here copy", "Copy of 00_start_here", "00_mine"):
        (tmp_path / f"{name}.ipynb").write_bytes((files.NOTEBOOKS / "00_start_here.ipynb").read_bytes())
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(execute, "_collect", lambda jobs, *_: [execute.Result(job.out.stem, 1.0, {}) for job in jobs])
    line = "Left out, since they are no pages of the course: 00_mine.ipynb, 00_start_here copy.ipynb, "
    for command in (["run", "--dataset", "digits", "--out"], ["export", "student", "--out"], ["progress"]):
        assert cli.main([*command, str(tmp_path / "out")] if command[-1] == "--out" else command) == 0
        said = capsys.readouterr().out
        assert said.count(line) == 1 and said.count("00_start_here-Copy1") == 1, said
    assert [path.name for path in (tmp_path / "out").glob("*.ipynb")] == ["00_start_here.ipynb"]
    assert solutions.find("00-step").name == "step"
