"""`course learn`: copies of a learner's own, which are made once and never written to again."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from course_utils.command import cli, export, learn
from course_utils.support import files, notebooks

PAGES = [path.name for path in notebooks.find()]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two pages, which may change, and a way to lay it out in the folder `mine`: it gives what is said."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for path in notebooks.find(["00", "01"]):
        (pages / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(files, "NOTEBOOKS", pages)
    monkeypatch.chdir(tmp_path)
    return pages


def lay_out(capsys):
    assert cli.main(["learn", "mine", "--copies-only"]) == 0
    return capsys.readouterr().out.splitlines()


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_copies_are_the_students(course, tmp_path, capsys):
    assert lay_out(capsys) == ["2 new pages in mine; what was there is as it was."]
    for path in course.iterdir():
        notebook = nbformat.read(tmp_path / "mine" / path.name, as_version=4)
        assert notebook == export.student_copy(nbformat.read(path, as_version=4))
        tags = {tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])}
        assert not {"solution", "teacher"} & tags
        assert not any(cell.get("outputs") for cell in notebook.cells)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "mine").iterdir()}
    assert lay_out(capsys) == ["0 new pages in mine; what was there is as it was."]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "mine").iterdir()} == before


def test_what_has_changed_in_the_course_is_named_and_nothing_is_overwritten(course, tmp_path, capsys):
    lay_out(capsys)
    mine = {name: tmp_path / "mine" / name for name in ("00_start_here.ipynb", "01_autoencoder.ipynb")}
    change(mine["01_autoencoder.ipynb"], "return ...", "return 1")
    assert len(lay_out(capsys)) == 1  # the course has not changed: one's own work is no news
    executed = nbformat.read(mine["00_start_here.ipynb"], as_version=4)
    next(cell for cell in executed.cells if cell.cell_type == "code").execution_count = 7
    nbformat.write(executed, mine["00_start_here.ipynb"])
    for path in course.iterdir():
        change(path, "After this page you can", "After this page, you can")
    before = {name: path.read_bytes() for name, path in mine.items()}
    for _ in range(2):
        assert lay_out(capsys) == [
            "0 new pages in mine; what was there is as it was.",
            "00_start_here.ipynb: has changed in the course; your copy is as it was laid out, and is kept. To get the "
            "new one, move it away, for example to 00_start_here.mine.ipynb, and run `course learn` again.",
            "01_autoencoder.ipynb: has changed in the course; your copy has your work in it, and is kept. To get the "
            "new one, move it away, for example to 01_autoencoder.mine.ipynb, and run `course learn` again.",
        ]
    assert {name: path.read_bytes() for name, path in mine.items()} == before
    mine["01_autoencoder.ipynb"].rename(tmp_path / "mine" / "01_autoencoder.mine.ipynb")
    first, *news = lay_out(capsys)
    assert first.startswith("1 new page in mine") and len(news) == 1 and news[0].startswith("00_start_here")
    assert "After this page, you can" in mine["01_autoencoder.ipynb"].read_text(encoding="utf-8")


def test_other_outputs_in_the_course_are_no_news(course, capsys):
    lay_out(capsys)
    for path in course.iterdir():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = []
        nbformat.write(notebook, path)
    assert len(lay_out(capsys)) == 1


@pytest.mark.parametrize("manifest", [None, "", "[]", '{"00_start_here": 3}'])
def test_lost_or_damaged_list_stops_nothing(course, tmp_path, capsys, manifest):
    lay_out(capsys)
    listed = tmp_path / "mine" / learn.MANIFEST
    whole = json.loads(listed.read_text())
    (tmp_path / "mine" / "01_autoencoder.ipynb").write_text("not a notebook")
    listed.unlink() if manifest is None else listed.write_text(manifest)
    said = lay_out(capsys)
    assert "01_autoencoder.ipynb: not laid out by `course learn`, and left as it is." in said[-1]
    if manifest and "start" in manifest:
        assert "00_start_here.ipynb: has changed" in said[1]
    else:
        assert len(said) == 2 and json.loads(listed.read_text()) == {"00_start_here": whole["00_start_here"]}
    assert (tmp_path / "mine" / "01_autoencoder.ipynb").read_text() == "not a notebook"


def test_the_courses_own_folder_is_refused(course, capsys):
    assert cli.main(["learn", "pages", "--copies-only"]) == 1
    assert "pages holds the course's own pages: name another folder" in capsys.readouterr().err


LAB = """
import json, os, signal, sys, time
def stop(number, _):
    print("asked", number, flush=True)
    time.sleep(1)  # longer than `subprocess` would wait
    sys.exit(5)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
names = "JUPYTER_PREFER_ENV_PATH", "OMP_WAIT_POLICY"
print(json.dumps([sys.argv[1:], os.getcwd(), [os.environ[name] for name in names]]), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as Unix does")
@pytest.mark.parametrize(("number", "send"), [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)])
def test_jupyterlab_is_for_this_machine_with_its_token_and_stops_with_the_command(tmp_path, number, send):
    stand_in = tmp_path / "modules" / "jupyterlab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "__main__.py").write_text(LAB)
    command = [sys.executable, "-m", "course_utils.command.cli", "learn", str(tmp_path / "mine"), "--no-browser"]
    paths = os.pathsep.join([str(tmp_path / "modules"), str(files.PACKAGE.parent)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_WAIT_POLICY": "ACTIVE"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment
    ) as learning:
        assert learning.stdout.readline().startswith(f"{len(PAGES)} new pages in ")
        arguments, folder, variables = json.loads(learning.stdout.readline())
        time.sleep(0.2)
        send(learning.pid, number)
        assert learning.stdout.read() == f"asked {number}\n"
    assert learning.returncode == 5 and folder == str(tmp_path / "mine") and variables == ["1", "ACTIVE"]
    assert arguments == [str(tmp_path / "mine" / PAGES[0]), "--ServerApp.ip=localhost", "--no-browser"]
