"""Pages are found by number, read as they are, and refused where they are none."""

import nbformat
import pytest
from small_pages import write_page

from course_utils import CourseError
from course_utils.support import files, notebooks


def test_pages_are_found_by_number_and_name_in_order():
    assert [path.stem for path in notebooks.find()] == list(notebooks.PAGES)
    for wanted in ("1", "01", 1, "01_autoencoder", "01_autoencoder.ipynb"):
        assert [path.stem for path in notebooks.find([wanted])] == ["01_autoencoder"]
    assert [path.stem[:2] for path in notebooks.find(["3", "0", "03"])] == ["00", "03"]


@pytest.mark.parametrize("wanted", ["77", "", "01_auto", "../01_autoencoder", "1_autoencoder"])
def test_what_is_no_page_is_told(wanted):
    with pytest.raises(CourseError, match=r"unknown notebook .*00_start_here, 01_autoencoder"):
        notebooks.find([wanted])


def test_other_notebooks_in_the_folder_are_left_out_and_named(tmp_path, monkeypatch):
    assert notebooks.left_out() == ""
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    for name in ("01_autoencoder", "01_autoencoder-Copy1", "Untitled"):
        (tmp_path / f"{name}.ipynb").write_text("{}")
    assert [path.stem for path in notebooks.find()] == ["01_autoencoder"]
    assert notebooks.left_out().endswith("no pages of the course: 01_autoencoder-Copy1.ipynb, Untitled.ipynb")
    with pytest.raises(CourseError, match="unknown notebook '02': expected one of 01_autoencoder"):
        notebooks.find(["02"])


@pytest.mark.parametrize("path", notebooks.find(), ids=lambda path: path.stem)
def test_a_page_is_read_as_nbformat_reads_it_and_written_as_it_is_committed(path):
    ours, theirs = notebooks.read(path), nbformat.read(path, as_version=4)
    assert [cell["source"] for cell in ours["cells"]] == [cell.source for cell in theirs.cells]
    assert [notebooks.tags(cell) for cell in ours["cells"]] == [cell.metadata.get("tags", []) for cell in theirs.cells]
    for our_cell, their_cell in zip(ours["cells"], theirs.cells, strict=True):
        for our_output, their_output in zip(our_cell.get("outputs", []), their_cell.get("outputs", []), strict=True):
            assert our_output.get("text") == their_output.get("text")
            ours_plain, theirs_plain = (
                output.get("data", {}).get("text/plain") for output in (our_output, their_output)
            )
            assert ours_plain == theirs_plain
    assert notebooks.to_bytes(theirs) == path.read_bytes().replace(b"\r\n", b"\n")


def test_parameters_of_pages(tmp_path):
    path = write_page(tmp_path, "x = 1", full={"EPOCHS": 7})
    assert notebooks.parameters_of(path) == {"DATASET": "auto", "EPOCHS": 3, "SEED": 0}
    assert notebooks.full_parameters_of(path) == {"EPOCHS": 7} and notebooks.full_minutes_of(path) == 1
    assert notebooks.full_parameters_of(write_page(tmp_path)) is None


@pytest.mark.parametrize("line", ["EPOCHS = ", "EPOCHS = 10 * 1000", "A, B = 1, 2", "print(1)"])
def test_parameters_that_cannot_be_read(tmp_path, line):
    path = write_page(tmp_path, "x = 1")
    path.write_text(path.read_text(encoding="utf-8").replace("EPOCHS = 3", line), encoding="utf-8")
    with pytest.raises(CourseError, match=r"cannot read the parameters of 42_small.*NAME = value"):
        notebooks.parameters_of(path)


def test_a_page_without_parameters_is_told(tmp_path):
    path = write_page(tmp_path, "x = 1")
    path.write_text(path.read_text(encoding="utf-8").replace('"parameters"', '"other"'), encoding="utf-8")
    with pytest.raises(CourseError, match="42_small.ipynb has 0 cells tagged `parameters`, expected one"):
        notebooks.parameters_of(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"<<<<<<< HEAD",
        b"\xff\xfe",
        b'{"cells": [{}], "metadata": {}}',
        b'{"cells": [{"source": "x"}], "metadata": {}}',
        b'{"cells": [], "metadata": {"course": 3}}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_notebook_is_told(tmp_path, content):
    path = tmp_path / "42_small.ipynb"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=r"42_small.ipynb is not a readable notebook.*git checkout"):
        notebooks.read(path)
