"""`course learn`: the pages as copies in a folder of one's own, and JupyterLab on them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from nbformat import from_dict

from course_utils import CourseError
from course_utils.command.export import student_copy
from course_utils.support import files, notebooks

FOLDER = (files.ROOT if files.IN_CHECKOUT else Path.cwd()) / "learn"  # ignored by git
MANIFEST = ".course.json"  # in the folder: a digest of each page as it was laid out there
ENVIRONMENT = {  # of JupyterLab and its kernels, where the learner has set nothing else
    "JUPYTER_PREFER_ENV_PATH": "1",  # this Python's own kernel, and not one of the same name in the home folder
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait take no time from those that work
}


def lay_out(folder: Path) -> tuple[list[Path], list[str]]:
    """Lay out copies without outputs, solutions and teacher's notes of the pages that are not in a folder yet.

    Returns:
        The new copies, and a line on each page that is there but not as the course has it by now. What is in the
        folder is never touched.
    """
    if folder.resolve() == files.NOTEBOOKS.resolve():
        raise CourseError(f"{folder} holds the course's own pages: name another folder")
    laid = _read_manifest(folder)
    new, news, digests = [], [], {}
    for page in notebooks.find():
        copy, path = student_copy(from_dict(notebooks.read(page))), folder / page.name
        digest, before = _digest(copy.cells), laid.get(page.stem)
        if not path.exists():
            files.write_bytes(path, notebooks.to_bytes(copy))
            new.append(path)
            before = digest
        elif before is None and _digest_of(path) == digest:  # the list is gone, and the copy is as good as new
            before = digest
        elif before != digest:
            news.append(_what_changed(path, before))
        if before is not None:
            digests[page.stem] = before
    if digests != laid:
        files.write_json(folder / MANIFEST, digests)
    return new, news


def start_lab(folder: Path, browser: bool) -> int:
    """JupyterLab on the first page, for this machine only and with a token; returns its exit status when it ends."""
    command = [sys.executable, "-m", "jupyterlab", str(folder / notebooks.find()[0].name), "--ServerApp.ip=localhost"]
    if not browser:
        command.append("--no-browser")
    with subprocess.Popen(command, cwd=folder, env=ENVIRONMENT | os.environ) as lab:
        # Ctrl-C reaches JupyterLab as well, which asks what is meant; other signals reach this process alone.
        answers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: lambda *_: lab.terminate()}
        before = {}
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.signal(number, answer) for number, answer in answers.items()}
        try:
            return lab.wait()
        finally:
            for number, answer in before.items():
                signal.signal(number, answer)


def _what_changed(path, before):
    """A line on a page whose copy is not the course's of now; `before` is its digest as it was laid out, or None."""
    aside = f"move it away, for example to {path.stem}.mine.ipynb, and run `course learn` again"
    if before is None:
        return f"{path.name}: not laid out by `course learn`, and left as it is. To get the course's copy, {aside}."
    yours = "your copy is as it was laid out" if _digest_of(path) == before else "your copy has your work in it"
    return f"{path.name}: has changed in the course; {yours}, and is kept. To get the new one, {aside}."


def _read_manifest(folder):
    """The digests by the names of the pages; none where there is no list, or a damaged one."""
    try:
        laid = files.read_json(folder / MANIFEST, {})
    except CourseError:
        return {}
    return laid if isinstance(laid, dict) else {}


def _digest(cells):
    """A digest of what a learner reads, which neither an execution nor JupyterLab's way of saving changes."""
    read = [[cell["cell_type"], cell["source"]] for cell in cells]
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()


def _digest_of(path):
    """The digest of a notebook in the learner's folder, or None where it cannot be read."""
    try:
        return _digest(notebooks.read(path)["cells"])
    except CourseError:
        return None
