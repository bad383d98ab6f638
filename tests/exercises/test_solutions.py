"""Solutions in two parts: what is checked, and what goes on with it."""

import importlib
import re

import pytest

from course_utils import CourseError
from course_utils.exercises import solutions
from course_utils.support import files
from course_utils.support.notebooks import PAGES


def test_a_cell_is_cut_at_its_check():
    found = solutions.split('def f(x):\n    return x\n\n\ncheck("01-x", f)\nprint(f(2))\n')
    assert (found.id, found.name) == ("01-x", "f")
    assert (found.definition, found.rest) == ("def f(x):\n    return x", "print(f(2))")


@pytest.mark.parametrize("source", ["x = 1", 'check("01-x", lambda x: x)', 'if True:\n    check("01-x", f)'])
def test_a_cell_without_a_check_of_its_own_line_is_told(source):
    with pytest.raises(CourseError, match=r'no call check\("id", name\) on a line of its own'):
        solutions.split(source)


@pytest.mark.parametrize("name", PAGES)
def test_every_exercise_of_a_page_has_its_solution_there(name):
    for id in importlib.import_module(f"course_utils.exercises.page_{name[:2]}").CHECKS:
        solution = solutions.find(id)
        assert solution.id == id and re.search(rf"^(def|class) {solution.name}\(", solution.definition, re.M)


def test_an_exercise_without_a_page_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "NOTEBOOKS", tmp_path)
    assert solutions.page("01-x") == []
    with pytest.raises(CourseError, match="no solution of 01-x in .*put the course's own page back"):
        solutions.find("01-x")
