"""Cells tagged `solution`: where the checked function ends, and whether it is such a cell that calls `check`.

Imports no torch, so that `course export` starts at once.
"""

import ast
import linecache
from dataclasses import dataclass
from typing import Any

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


def define(solution: Solution, namespace: dict[str, Any]) -> Any:
    """Execute a solution's definition among the variables of a page, as its cell would; returns what was defined."""
    text, name = solution.definition + "\n", f"<the course's answer to {solution.id}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # for tracebacks
    exec(compile(text, name, "exec"), namespace)
    return namespace[solution.name]


def is_called(id: str, text: str, line: int) -> bool:
    """Whether the call `check(id, ...)` in a line of a text judges the course's solution, unchanged but for its layout.

    A text is a cell, or a whole page as a script. A learner's function may be the very same as the course's: it is
    the course's where the cell holds nothing else, or where the stub's check stands further up.
    """
    try:
        body, course = ast.parse(text).body, ast.parse(find(id).definition).body
    except (CourseError, SyntaxError, ValueError):
        return False
    before = [statement for statement in body if (statement.end_lineno or 0) < line]
    alike = list(map(ast.dump, before[-len(course) :])) == list(map(ast.dump, course))
    return alike and (len(before) == len(course) or any(_is_check(statement, id) for statement in before))


def _is_check(statement, id):
    match statement:
        case ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(value), *_])):
            return value == id
    return False
