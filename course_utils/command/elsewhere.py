"""Opening the course on machines of others: all that follows from the address of its repository.

The address stands in one place, pyproject.toml, and while it is not there, nothing is offered:

    [project.urls]
    Repository = "https://github.com/OWNER/NAME"
"""

import re
import tomllib

import nbformat
from nbformat import NotebookNode

from course_utils import CourseError
from course_utils.support.files import ROOT

BRANCH = "gh-pages"  # to which the site is published, the learners' copies of the pages with it
FIRST_CELL = """\
# On a machine of others: installs the course where it is missing, and leaves the PyTorch that is there as it is.
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

if find_spec("course_utils") is None:
    there = [name for name in ("torch", "torchvision") if find_spec(name)]
    Path("as_it_is.txt").write_text("".join(f"{{name}}=={{version(name)}}\\n" for name in there))
    install = [sys.executable, "-m", "pip", "install", "-c", "as_it_is.txt", "{source}"]
    subprocess.run(install, check=True)"""


def address() -> str | None:
    """The repository's address, or None while there is none; a CourseError where it is not on GitHub."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("urls", {})
    found = urls.get("Repository")
    if found is not None and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", found):
        raise CourseError(
            f"pyproject.toml names the repository {found!r}: expected https://github.com/OWNER/NAME, "
            "without a slash at the end"
        )
    return found


def places(repository: str, page: str) -> dict[str, str]:
    """Links that open a page on a machine of others, by the place's name.

    Args:
        repository: its address, from `address`.
        page: its name, for example "01_autoencoder".
    """
    name = repository.removeprefix("https://github.com/")
    copy = f"{name}/blob/{BRANCH}/notebooks/{page}.ipynb"
    return {
        "Colab": f"https://colab.research.google.com/github/{copy}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src=https://github.com/{copy}",
        "Codespaces": f"https://codespaces.new/{name}",
        "Binder": f"https://mybinder.org/v2/gh/{name}/HEAD?labpath=learn/{page}.ipynb",
    }


def with_first_cell(notebook: NotebookNode, source: str) -> NotebookNode:
    """Put a cell before a learner's copy's first code that installs the course where it is missing; gives the copy.

    Args:
        notebook: the copy, which is changed.
        source: what pip is to install, for example "git+https://github.com/OWNER/NAME".
    """
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    cell = nbformat.v4.new_code_cell(FIRST_CELL.format(source=source), id="where-it-is-missing")
    notebook.cells.insert(first, cell)
    return notebook
