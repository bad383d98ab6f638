"""Cells tagged `solution`: where the checked function ends and the rest of the cell begins.

Imports no torch, so that `course export` starts at once.
"""

import ast
from dataclasses import dataclass

from course_utils import CourseError
from course_utils.support import files, notebooks


@dataclass(frozen=True)
class Solution:
    """A solution's cell in two parts: up to its call `check(id, name)`, and after it."""

    id: str
    name: str
    definition: str
    rest: str


def split(source: str) -> Solution:
    """The Solution in a cell's source; a CourseError where there is no `check("id", name)` on a line of its own."""
    for statement in ast.parse(source).body:
        match statement:
            case ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(id)), ast.Name(name)])):
                lines = source.splitlines()
                definition, rest = lines[: statement.lineno - 1], lines[statement.end_lineno :]
                return Solution(id, name, "\n".join(definition).strip(), "\n".join(rest).strip())
    raise CourseError(
        f'a cell tagged `solution` has no call check("id", name) on a line of its own: {source.splitlines()[:1]}'
    )


def page(id: str) -> list[dict]:
    """The cells of the course's own page that an exercise belongs to; none where it is missing."""
    path = next((path for path in notebooks.find() if path.name[:2] == id[:2]), None)
    return notebooks.read(path)["cells"] if path else []


def find(id: str) -> Solution:
    """The Solution of an exercise, from the course's own page."""
    for cell in page(id):
        if "solution" in notebooks.tags(cell):
            solution = split(cell["source"])
            if solution.id == id:
                return solution
    raise CourseError(
        f"no solution of {id} in {files.NOTEBOOKS}: solve the exercise above, or put the course's own page back there"
    )
