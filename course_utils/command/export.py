"""`course export`: what a teacher hands out or shows, made from the committed notebooks.

Imports no torch, so that it starts at once.
"""

import copy
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode, from_dict

from course_utils import CourseError
from course_utils.command import slides
from course_utils.command.html import to_html
from course_utils.exercises import solutions
from course_utils.support import notebooks
from course_utils.support.files import NOTEBOOKS, write_bytes
from course_utils.support.notebooks import tags
from course_utils.support.words import shorten

# What turns a Chromium into a printer, under the names it goes by.
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
PRINT_SECONDS = 120

OPEN_SOLUTIONS = """<style>
.celltag_solution { border-left: 4px solid #009E73; }
.celltag_solution::before { content: "Solution"; font: bold 14px sans-serif; color: #007A59; margin-left: 1em; }
.celltag_teacher { border-left: 4px solid #D55E00; }
.celltag_teacher::before { content: "For teachers"; font: bold 14px sans-serif; color: #B04E00; margin-left: 1em; }
</style></body>"""

FOR_PRINT = """<style>
.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser, a.anchor-link { display: none !important; }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  :root { --jp-content-font-size1: 11px; --jp-code-font-size: 9.5px; }
  body, .jp-Notebook { padding: 0; margin: 0; }
  h1, h2, h3, h4 { break-after: avoid; }
  img, table, pre, math[display="block"], .jp-OutputArea-child { break-inside: avoid; }
  .jp-CodeCell { break-inside: auto; }
  .jp-RenderedMarkdown details { display: none; } /* hints: on paper they cannot be opened */
  .jp-Editor, .jp-OutputArea-output { overflow: visible !important; }
  pre { white-space: pre-wrap !important; }
  .jp-RenderedImage img { max-width: 100%; max-height: 120mm; object-fit: contain; object-position: left; }
}
</style></body>"""

STUDENT_NOTE = """*This copy is yours: without outputs, and without solutions. Where `check` has not yet found your \
function right, the line with `own_or_solution` goes on with the course's, so that the page runs to its end. The \
line with `solution` below it shows the course's answer, once you have taken its # away.*"""

LINK = re.compile(r"\]\((\d\d_\w+)\.ipynb")
FOLD = re.compile(r"<details>\s*<summary>.*?</summary>(.*?)</details>", re.DOTALL)


def export(kind: str, pages: list[Path], out: Path) -> Iterator[Path | str]:
    """Write each notebook as a "student" copy, with "solutions", as "slides" or as a "handout".

    Yields what was written, path by path, and a line of text where a PDF could not be made.

    Args:
        kind: "student" for notebooks without solutions and outputs, "solutions" for HTML pages with everything open,
            "slides" for reveal.js with the teacher's notes among the speaker's, "handout" for HTML pages without
            solutions, and PDF where a browser can print.
        pages: paths from `notebooks.find`.
        out: the folder to write to.
    """
    if kind not in KINDS:
        raise CourseError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    if out.resolve() == NOTEBOOKS:
        raise CourseError(f"{out} holds the notebooks themselves: name another folder with --out")
    yield from KINDS[kind]([(path.stem, from_dict(notebooks.read(path))) for path in pages], out)


def for_learners(notebook: NotebookNode) -> NotebookNode:
    """The notebook without cells tagged `teacher`."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if "teacher" not in tags(cell)]
    return notebook


def student_copy(notebook: NotebookNode) -> NotebookNode:
    """The notebook without solutions, teacher's notes and outputs. It still runs to its end: see `own_or_solution`."""
    import nbformat

    notebook = _without_solutions(
        for_learners(notebook),
        lambda solution: (
            "from course_utils.checks import own_or_solution, solution\n\n"
            f'{solution.name} = own_or_solution("{solution.id}")\n'
            f'# To read the course\'s answer, take the # away here:\n# solution("{solution.id}")\n'
            f"{solution.rest}".rstrip()
        ),
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(STUDENT_NOTE, id="student-copy"))
    return notebook


def handout_copy(notebook: NotebookNode) -> NotebookNode:
    """The notebook with outputs, without solutions and teacher's notes; what else a solution's cell shows stays."""
    return slides_copy(for_learners(notebook))


def slides_copy(notebook: NotebookNode) -> NotebookNode:
    """As a handout, but with the teacher's notes, which the speaker will see."""
    notebook = _without_solutions(_unfolded(notebook), lambda solution: solution.rest)
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook


def _unfolded(notebook):
    """A copy in which the teacher's notes are open."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "teacher" in tags(cell):
            cell.source = FOLD.sub(r"\1", cell.source).strip()
    return notebook


def _without_solutions(notebook, replacement):
    """A copy with `replacement(solution)` in cells tagged `solution`."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "solution" in tags(cell):
            cell.source = replacement(solutions.split(cell.source))
            cell.metadata.clear()
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = re.sub(r"^Exercise .*\n", "", output.text, flags=re.MULTILINE)
    return notebook


def _students(pages, out):
    copies = {out / f"{stem}.ipynb": notebooks.to_bytes(student_copy(notebook)) for stem, notebook in pages}
    for path, content in copies.items():
        if path.exists() and path.read_bytes() != content:
            raise CourseError(
                f"{path} is there already and differs, perhaps by somebody's work: move it away, "
                "or name another folder with --out"
            )
    for path, content in copies.items():
        write_bytes(path, content)
        yield path


def _solutions(pages, out):
    for stem, notebook in pages:
        path = out / f"{stem}.html"
        write_bytes(path, to_html(_linked(_unfolded(notebook)), stem, OPEN_SOLUTIONS).encode())
        yield path


def _slides(pages, out):
    for stem, notebook in pages:
        path = out / f"{stem}.html"
        write_bytes(path, slides.to_slides(_linked(slides_copy(notebook)), stem).encode())
        yield path


def _handouts(pages, out):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    for stem, notebook in pages:
        page = out / f"{stem}.html"
        write_bytes(page, to_html(_linked(handout_copy(notebook)), stem, FOR_PRINT).encode())
        yield page
        if browser:
            try:
                write_bytes(page.with_suffix(".pdf"), _printed(browser, page))
                yield page.with_suffix(".pdf")
            except (OSError, subprocess.SubprocessError) as error:
                yield f"no PDF of {stem}: {browser} failed ({shorten(str(error))})"
    if not browser:
        yield "no PDF: found no Chromium, Chrome or Edge. Install one, or print the HTML page from your browser."


KINDS = {"student": _students, "solutions": _solutions, "slides": _slides, "handout": _handouts}


def _linked(notebook):
    """A copy whose links lead to the other pages' HTML."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(r"](\1.html", cell.source)
    return notebook


def _printed(browser, page):
    """The PDF of an HTML page, as bytes."""
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        pdf = Path(folder, "page.pdf")
        options = ["--headless", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={folder}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # as root, in a container, Chromium only starts so
            options.append("--no-sandbox")
        subprocess.run(
            [browser, *options, f"--print-to-pdf={pdf}", page.resolve().as_uri()],
            check=True,
            capture_output=True,
            timeout=PRINT_SECONDS,
        )
        return pdf.read_bytes()
