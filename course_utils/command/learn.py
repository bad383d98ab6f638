"""`course learn`: the pages in a folder of one's own, and JupyterLab on it."""

import subprocess
import sys
from pathlib import Path

from course_utils import CourseError
from course_utils.support import files, notebooks

FOLDER = (files.ROOT if files.IN_CHECKOUT else Path.cwd()) / "learn"  # ignored by git


def lay_out(folder: Path) -> list[Path]:
    """Copy the pages that are not there yet into a folder; returns the new copies. What is there is never touched."""
    if folder.resolve() == files.NOTEBOOKS.resolve():
        raise CourseError(f"{folder} holds the course's own pages: name another folder")
    new = []
    for page in notebooks.find():
        copy = folder / page.name
        if not copy.exists():
            files.write_bytes(copy, page.read_bytes())
            new.append(copy)
    return new


def start_lab(folder: Path, browser: bool) -> int:
    """JupyterLab on the first page, for this machine only and with a token; returns its exit status when it ends."""
    command = [sys.executable, "-m", "jupyterlab", str(folder / notebooks.find()[0].name), "--ServerApp.ip=localhost"]
    return subprocess.call([*command, *([] if browser else ["--no-browser"])], cwd=folder)
