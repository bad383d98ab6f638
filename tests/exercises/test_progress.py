"""What a learner has guessed and solved, and the table that `course progress` prints of it."""

import importlib
import os
import re

import pytest

from course_utils import CourseError
from course_utils.command import cli
from course_utils.exercises import progress
from course_utils.support import files, notebooks

PAGES = pytest.mark.parametrize("page", notebooks.find(), ids=lambda page: page.stem)


def asked(page, call):
    """The ids that a page asks for."""
    return progress._asked(progress._code(page), call, page)


def row(out, page):
    return " ".join(next(line for line in out.splitlines() if line.startswith(page)).split())


def test_table(state, capsys):
    progress.keep("predictions", "01-pca", guess=30, right=True, time="2026-01-02T03:04:05")
    progress.keep("predictions", "01-linear", guess="a", right=False, time="2026-01-01T03:04:05")
    progress.keep("exercises", "01-train-epoch", time="2026-01-01T03:04:05")
    progress.keep("exercises", "02-gap", time="2025-12-31T03:04:05")
    progress.keep("quiz", "01-1", answer="b", right=True, time="2026-01-03T03:04:05")
    progress.keep("quiz", "01-4", answer="a", right=False, time="2026-01-01T03:04:05")
    assert cli.main(["progress"]) == 0
    out = capsys.readouterr().out
    pages = {number: importlib.import_module(f"course_utils.exercises.page_{number}") for number in ("00", "01", "02")}
    asked = {
        number: [len(entries) for entries in (page.PREDICTIONS, page.CHECKS, page.QUIZ)]
        for number, page in pages.items()
    }
    for number, start, numbers, last in (
        ("00", "00_start_here", (0, 0, 0, 0, 0), ""),
        ("01", "01_autoencoder", (2, 1, 1, 2, 1), "2026-01-03"),
        ("02", "02_variational_autoencoder", (0, 0, 1, 0, 0), "2025-12-31"),
    ):
        (guessed, right, solved, done, known), (of_n, of_m, of_k) = numbers, asked[number]
        expected = f"{start} {guessed} of {of_n} {right} {solved} of {of_m} {done} of {of_k} {known} {last}"
        assert row(out, start) == expected.strip()
    assert row(out, "all pages").startswith("all pages 2 of ") and row(out, "all pages").endswith(" 1 2026-01-03")
    last = out.splitlines()[-1]
    assert re.fullmatch(r"Next: 01_autoencoder, where 01-printout, .*01-autoencoder.* are left\.", last)
    assert not re.search(r"01-pca(,| )", last) and "01-train-epoch" not in last


def test_a_page_that_cannot_be_read_and_notebooks_that_are_none_are_named(state, tmp_path, monkeypatch):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "01_autoencoder.ipynb").write_text("<<<<<<< HEAD")
    (folder / "my_copy.ipynb").write_text("{}")
    monkeypatch.setattr(files, "NOTEBOOKS", folder)
    text = progress.table()
    assert row(text, "01_autoencoder") == "01_autoencoder 0 of 0 0 0 of 0 0 of 0 0"
    assert text.endswith("Left out, since they are no pages of the course: my_copy.ipynb")


def test_next_is_the_page_after_a_finished_one_and_then_what_was_left_out(state):
    everything = [
        (kind, id)
        for page in notebooks.find()
        for kind, call in (("predictions", "predict"), ("exercises", "check"))
        for id in asked(page, call)
    ]
    for kind, id in everything:
        if id.startswith("03"):
            progress.keep(kind, id)
    assert progress.table().splitlines()[-1].startswith("Next: 04_")
    for kind, id in everything:
        if id != "01-pca":
            progress.keep(kind, id)
    assert progress.table().endswith("Next: 01_autoencoder, where 01-pca is left.")
    progress.keep("predictions", "01-pca")
    assert progress.table().endswith("Every guess is made and every exercise solved.")


@PAGES
def test_everything_that_a_page_asks_is_counted(page):
    module = importlib.import_module(f"course_utils.exercises.page_{page.name[:2]}")
    assert sorted(asked(page, "predict")) == sorted(module.PREDICTIONS)
    assert sorted(asked(page, "check")) == sorted(module.CHECKS)
    assert len(progress._questions(progress._code(page), page)) == len(module.QUIZ)


@pytest.mark.parametrize("content", [b"", b'{"guess": ', b"\xff\xfe\x00"])
def test_damaged_file_is_set_aside_with_one_line(state, capsys, content):
    progress.keep("exercises", "00-step")
    file = state / "exercises" / "00-step.json"
    file.write_bytes(content)
    assert progress.kept("exercises", "00-step") == {}
    assert capsys.readouterr().out == "What was kept for 00-step is damaged, and set aside as 00-step.damaged.\n"
    assert file.with_suffix(".damaged").read_bytes() == content and not file.exists()
    assert progress.kept("exercises", "00-step") == {} and capsys.readouterr().out == ""
    progress.keep("exercises", "00-step")
    assert progress.kept("exercises", "00-step")["time"]


@pytest.mark.parametrize("content", ["[]", "null", "3", '{"time": 5}', '{"right": []}'])
def test_unexpected_content_stops_nothing(state, content):
    (state / "predictions").mkdir()
    (state / "predictions" / "01-pca.json").write_text(content)
    assert "01_autoencoder" in progress.table()


def test_folder_that_is_none(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "file"))
    with pytest.raises(CourseError, match="cannot write"):
        progress.keep("exercises", "00-step")
    assert "0 of" in progress.table() and capsys.readouterr().out == ""


def test_entries_of_other_exercises_stay(state):
    progress.keep("exercises", "00-step")
    before = os.listdir(state / "exercises")
    progress.keep("exercises", "00-flatten")
    assert set(os.listdir(state / "exercises")) == {*before, "00-flatten.json"}
