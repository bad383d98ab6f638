"""What the learner has guessed, solved and answered: one small file for each, in `files.state_dir()`.

Nothing leaves the machine. Imports no torch, so that `course progress` answers at once.
"""

import ast
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils import CourseError
from course_utils.support import files, notebooks
from course_utils.support.words import say


def keep(kind: str, id: str, **entry: Any) -> None:
    """Keep an entry, with the time; raises a CourseError where it cannot be written.

    Every id has a file of its own, so that notebooks that run side by side never overwrite each other's entries.

    Args:
        kind: "predictions", "exercises" or "quiz".
        id: "01-name", or "01-2" for the second question of a quiz.
        entry: what is known, as JSON has it; `time` is now unless it is given.
    """
    files.write_json(_file(kind, id), {"time": datetime.now().isoformat(timespec="seconds")} | entry)


def kept(kind: str, id: str) -> dict[str, Any]:
    """The entry as a dict, empty where there is none. A damaged file is set aside, with one line that says so."""
    file = _file(kind, id)
    try:
        entry = files.read_json(file, {})
    except CourseError as error:
        if isinstance(error.__cause__, OSError):  # no folder that can be read; keeping something says so
            return {}
        aside = file.with_suffix(".damaged")
        try:
            file.replace(aside)
            say(f"What was kept for {id} is damaged, and set aside as {aside.name}.")
        except OSError:
            say(str(error))
        return {}
    return entry if isinstance(entry, dict) else {"guess": entry}  # a bare guess is what earlier versions kept


def table() -> str:
    """The progress as a text: a row for each page, their sum, and what comes next."""
    counts: list[tuple[str, list[int], str]] = []  # page; numbers in the order of the headings; last time
    pages = []
    for page in notebooks.find():
        code = _code(page)
        guesses = {id: kept("predictions", id) for id in _asked(code, "predict", page)}
        exercises = {id: kept("exercises", id) for id in _asked(code, "check", page)}
        quiz = {id: kept("quiz", id) for id in _questions(code, page)}
        entries = [*guesses.values(), *exercises.values(), *quiz.values(), {}]
        last = max(str(entry.get("time", "")) for entry in entries)
        numbers = [*_made(guesses), *_made(exercises)[:2], *_made(quiz)]
        counts.append((page.stem, numbers, last[:10]))
        pages.append((page.stem, last, [id for id, entry in (guesses | exercises).items() if not entry]))
    sums = [sum(numbers[i] for _, numbers, _ in counts) for i in range(8)]
    counts.append(("all pages", sums, max((last for *_, last in counts), default="")))
    width = max(len(name) for name, *_ in counts)
    lines = [f"{'page':{width}}    guessed  right     solved  quiz done  right  last worked on"]
    for name, (guessed, of_n, right, solved, of_m, answered, of_k, known), last in counts:
        line = f"{name:{width}}  {guessed:3} of {of_n:2}  {right:5}  {solved:3} of {of_m:2}  "
        lines.append(f"{line}{answered:3} of {of_k:2}  {known:5}  {last}".rstrip())
    return "\n".join(filter(None, [*lines, _next(pages), notebooks.left_out()]))


def _made(entries):
    """How many entries there are, of how many that are asked for, and how many of them are right."""
    there = [entry for entry in entries.values() if entry]
    return len(there), len(entries), sum(entry.get("right") is True for entry in there)


def _next(pages):
    """What to do next: what is left on the page worked on last, or else on a page after it.

    Args:
        pages: (name, time of the last entry, ids that are left) of each page.
    """
    here = max(range(len(pages)), key=lambda i: pages[i][1], default=0)
    for name, _, left in pages[here:] + pages[:here]:
        if left:
            return f"Next: {name}, where {', '.join(left)} {'is' if len(left) == 1 else 'are'} left."
    return "Every guess is made and every exercise solved."


def _code(page):
    """All code of a page; none of one that cannot be read, since a learner may have edited it."""
    try:
        cells = notebooks.read(page)["cells"]
    except CourseError as error:
        say(str(error))
        return ""
    return "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")


def _asked(code, call, page):
    """The ids in a page's calls of `predict` or `check`, in order."""
    return list(dict.fromkeys(re.findall(rf'\b{call}\("({page.name[:2]}-[\w-]+)"', code)))


def _questions(code, page):
    """The ids of a page's questions in its quiz: "01-1", "01-2" and so on."""
    number = page.name[:2]
    source = (Path(__file__).parent / f"page_{number}.py").read_text(encoding="utf-8")  # importing it would take torch
    lists = [
        statement.value
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "QUIZ"
    ]
    count = len(lists[0].elts) if f'quiz("{number}")' in code and lists and isinstance(lists[0], ast.List) else 0
    return [f"{number}-{i + 1}" for i in range(count)]


def _file(kind, id):
    return files.state_dir() / kind / f"{id}.json"
