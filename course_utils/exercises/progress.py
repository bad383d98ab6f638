"""What the learner has guessed and solved: one small file for each, in `files.state_dir()`. Nothing leaves the machine.

Imports no torch, so that `course progress` answers at once.
"""

import re
from datetime import datetime
from typing import Any

from course_utils import CourseError
from course_utils.support import files, notebooks


def keep(kind: str, id: str, **entry: Any) -> None:
    """Keep an entry, with the time; raises a CourseError where it cannot be written.

    Every id has a file of its own, so that notebooks that run side by side never overwrite each other's entries.

    Args:
        kind: "predictions" or "exercises".
        id: "01-name".
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
            print(f"What was kept for {id} is damaged, and set aside as {aside.name}.")
        except OSError:
            print(error)
        return {}
    return entry if isinstance(entry, dict) else {"guess": entry}  # a bare guess is what earlier versions kept


def table() -> str:
    """The progress as a text: a row for each page, their sum, and what comes next."""
    counts: list[tuple[str, list[int], str]] = []  # page; guessed, of how many, right, solved, of how many; last time
    pages = []
    for page in notebooks.find():
        code = _code(page)
        guesses = {id: kept("predictions", id) for id in _asked(code, "predict", page)}
        exercises = {id: kept("exercises", id) for id in _asked(code, "check", page)}
        guessed = [entry for entry in guesses.values() if entry]
        right = [entry for entry in guessed if entry.get("right") is True]
        passed = [entry for entry in exercises.values() if entry]
        last = max(str(entry.get("time", "")) for entry in [*guesses.values(), *exercises.values(), {}])
        numbers = [len(guessed), len(guesses), len(right), len(passed), len(exercises)]
        counts.append((page.stem, numbers, last[:10]))
        pages.append((page.stem, last, [id for id, entry in (guesses | exercises).items() if not entry]))
    sums = [sum(numbers[i] for _, numbers, _ in counts) for i in range(5)]
    counts.append(("all pages", sums, max((last for *_, last in counts), default="")))
    width = max(len(name) for name, *_ in counts)
    lines = [f"{'page':{width}}    guessed  of them right     solved  last worked on"]
    for name, (guessed_n, of_n, right_n, passed_n, exercises_n), last in counts:
        line = f"{name:{width}}  {guessed_n:3} of {of_n:2}  {right_n:13}  {passed_n:3} of {exercises_n:2}  {last}"
        lines.append(line.rstrip())
    return "\n".join(filter(None, [*lines, _next(pages), notebooks.left_out()]))


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
        print(error)
        return ""
    return "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")


def _asked(code, call, page):
    """The ids in a page's calls of `predict` or `check`, in order."""
    return list(dict.fromkeys(re.findall(rf'\b{call}\("({page.name[:2]}-[\w-]+)"', code)))


def _file(kind, id):
    return files.state_dir() / kind / f"{id}.json"
