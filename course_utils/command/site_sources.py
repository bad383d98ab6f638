"""What the site is made from: the executed pages as readers may see them, and texts with their figures filled in.

A page loses its teacher's notes; solutions, imports and code that only draws are folded; pictures come with their
descriptions; the drawing pad and the map of codes become what a browser brings to life.
"""

import ast
import base64
import html
import re
from pathlib import Path

from nbformat import NotebookNode, from_dict

from course_utils import CourseError
from course_utils.command import elsewhere
from course_utils.command.export import for_learners, student_copy
from course_utils.command.in_browser import live_assets, widget_of
from course_utils.scoreboard import UNITS, spread
from course_utils.support import files, notebooks
from course_utils.support.files import ASSETS, FIGURES_MIME, REFERENCE, ROOT, WIDGET_MIME, write_bytes

TEXTS = ASSETS / "site"
DRAWS = re.compile(r"course_utils\.(plots|diagrams|widgets)\b")
# A row of the README's table: the one place for the question of a page.
ROW = re.compile(r"\[(\d\d · [^\]]+)\]\(notebooks/(\w+)\.ipynb\) \| (.+?) \|")
NAME = re.compile(r"\{\{ (\w+) \}\}")
ARXIV = re.compile(r"(?<![\[/])\barXiv:(\d{4}\.\d{4,5})")
DOI = re.compile(r"(?<![\[/])\bdoi:(10\.\d{4,}/[^\s,;)]*[\w/])")


def prepare(folder: Path) -> None:
    """Lay out the sources of the site in an empty folder: pages, texts, pictures, and the scripts of what is live.

    Raises:
        CourseError: where a text names a figure that `data/reference.json` does not have.
    """
    extra, repository = folder / "extra", elsewhere.address()
    shown: dict[str, str] = {}
    for path in notebooks.find():
        notebook = from_dict(notebooks.read(path))
        page = page_copy(notebook, path.stem, extra / "figures")
        page.cells[0].source = _with_links(page.cells[0].source, path.stem, repository)
        write_bytes(folder / "pages" / path.name, notebooks.to_bytes(page))
        copy = student_copy(notebook)
        if repository:
            copy = elsewhere.with_first_cell(copy, f"git+{repository}")
        write_bytes(extra / "notebooks" / path.name, notebooks.to_bytes(copy))
        shown = _to_show(page) | shown
    for path in (ROOT / "data" / "figures").glob("*.png"):
        write_bytes(extra / "figures" / path.name, path.read_bytes())
    about_data = (ROOT / "data" / "README.md").read_text(encoding="utf-8").partition("\n")[2]
    words = _figures() | shown
    words |= {"cards": _cards(extra), "bibtex": bibtex(repository), "about_data": about_data}
    for path in TEXTS.glob("*.md"):
        write_bytes(folder / path.name, _filled_in(path.read_text(encoding="utf-8"), words, path.name).encode())
    for name in ("site.css", "icon.svg", "stix-two-math.woff2"):
        write_bytes(folder / "static" / name, (TEXTS / name).read_bytes())
    live_assets(folder / "static" / "live")


def page_copy(notebook: NotebookNode, name: str, figures: Path) -> NotebookNode:
    """A page as the site shows it.

    Args:
        notebook: the page, executed.
        name: of the page; its pictures' names begin so.
        figures: the folder that its pictures are written to. The page links them as `../figures/...`.
    """
    notebook = for_learners(notebook)
    drawing = {name for cell in notebook.cells if cell.cell_type == "code" for name in _drawing_names(cell.source)}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = _with_references(cell.source)
            continue
        fold = _fold_of(cell, drawing)
        kind = widget_of(cell)
        for i, output in enumerate(cell.outputs):
            if picture := _picture(output, figures, f"{name}-{number:02}-{i}"):
                live = f'<div class="{kind}" data-dataset="digits">{picture}</div>' if kind else picture
                output.data, output.metadata = {"text/html": live}, {}
            elif "data" in output:
                output.data.pop(FIGURES_MIME, None)
        cell.outputs = [output for output in cell.outputs if WIDGET_MIME not in output.get("data", {})]  # buttons
        cell.metadata.clear()
        if fold:
            cell.metadata.tags = ["hide-cell" if fold == "Solution" else "hide-input"]
            cell.metadata.mystnb = {"code_prompt_show": fold, "code_prompt_hide": fold}
    return notebook


def bibtex(repository: str | None) -> str:
    """How to cite the course, from CITATION.cff, with the repository's address where there is one."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    title, version = (re.findall(rf'^{key}: "?([^"\n]+)', citation, re.M)[0] for key in ("title", "version"))
    lines = [f"title = {{{title}}}", "year  = {2026}", f"note  = {{Version {version}}}"]
    lines += [f"url   = {{{repository}}}"] if repository else []
    return "@misc{autoencoders_hands_on,\n  " + ",\n  ".join(lines) + "\n}"


def _fold_of(cell, drawing):
    """The word above a cell's folded code, or nothing where the code stands open."""
    if "solution" in notebooks.tags(cell):
        return "Solution"
    body = ast.parse(cell.source).body
    if all(isinstance(line, ast.Import | ast.ImportFrom) for line in body):
        return "Imports"
    draws = cell.outputs and all(
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) and _first_name(line.value.func) in drawing
        for line in body
    )
    folded = cell.metadata.get("jupyter", {}).get("source_hidden")
    return "Code" if draws or folded else None


def _drawing_names(source):
    """What a cell imports from the modules that draw."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if DRAWS.match(f"{node.module}.{alias.name}"):
                    yield alias.asname or alias.name


def _first_name(node):
    """The name that an expression such as `plane.islands` begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _picture(output, figures, name):
    """Write an output's picture to a file; its HTML, or nothing where there is none."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        content, suffix = data["image/svg+xml"].encode(), "svg"
    elif "image/png" in data:
        content, suffix = base64.b64decode(data["image/png"]), "png"
    else:
        return None
    write_bytes(figures / f"{name}.{suffix}", content)
    about = output.metadata.get("image/png", {})
    size = "".join(f' {side}="{about[side]}"' for side in ("width", "height") if side in about)
    alt = html.escape(about.get("alt", ""))
    return f'<img src="../figures/{name}.{suffix}" alt="{alt}"{size} loading="lazy">'


def _with_references(text):
    """A text in which arXiv numbers and DOIs are links."""
    text = ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    return DOI.sub(r"[doi:\1](https://doi.org/\1)", text)


def _with_links(text, page, repository):
    """A page's first text with links to take it along, under the title."""
    links = {"Download the notebook": f"../notebooks/{page}.ipynb"}
    if repository:
        links |= {f"Open in {name}": link for name, link in elsewhere.places(repository, page).items()}
    line = " ".join(f'<a href="{html.escape(link)}">{name}</a>' for name, link in links.items())
    title, _, rest = text.partition("\n")
    return f'{title}\n\n<p class="take-along">{line}</p>\n{rest}'


def _to_show(page):
    """What the front page borrows from a page: the first pad, map and hourglass, by the names that the texts use."""
    found = {}
    for cell in page.cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {}).get("text/html", "").replace("../figures/", "figures/")
            for word, mark in {"pad": "course-pad", "plane": "course-plane", "hourglass": "An hourglass"}.items():
                if mark in shown and word not in found:
                    found[word] = shown
    return found


def _figures():
    """The full figures on MNIST as texts, by their names, and a table of those that Fashion-MNIST has as well."""
    rows = [row for row in files.read_json(REFERENCE, []) if row["setting"] == "full"]
    figures, clothes = (
        {
            (row["notebook"][:2], name): figure
            for row in rows
            if row["parameters"]["DATASET"] == dataset
            for name, figure in row["figures"].items()
        }
        for dataset in ("mnist", "fashion-mnist")
    )
    lines = ["| page | figure | MNIST | Fashion-MNIST | unit |", "|---|---|---|---|---|"]
    for page, name in clothes:
        words, _, unit = name.rpartition("_")
        both = (_on_one_line(where[page, name]) if (page, name) in where else "" for where in (figures, clothes))
        lines.append(f"| {page} | {words.replace('_', ' ')} | {' | '.join(both)} | {UNITS[unit]} |")
    named = {name: figure for (_, name), figure in figures.items()}
    pixels = {"pca_64_mse": {"mean": named["pca_64_sse"]["mean"] / 784, "std": 0.0}}  # in the unit of its rival
    return {name: _on_one_line(figure) for name, figure in (named | pixels).items()} | {"on_clothes": "\n".join(lines)}


def _on_one_line(figure):
    """A figure as text that does not break where a table is narrow."""
    return spread(figure).replace(" ", "\N{NO-BREAK SPACE}")


def _cards(extra):
    """The map of pages as HTML: a picture, the question and the minutes of each."""
    cards = []
    for title, page, question in ROW.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        about = notebooks.read(files.NOTEBOOKS / f"{page}.ipynb")["metadata"]["course"]
        pictures = [*extra.glob(f"figures/{page}_mnist.png"), *sorted(extra.glob(f"figures/{page}-*"))]
        cards.append(
            f'<li><a href="pages/{page}.html">'
            f'<img src="{pictures[0].relative_to(extra).as_posix()}" alt="" loading="lazy">'
            f"<strong>{html.escape(title)}</strong><span>{html.escape(question)}</span>"
            f"<small>about {about['study_minutes']} minutes</small></a></li>"
        )
    return f'<ul class="cards">{"".join(cards)}</ul>'


def _filled_in(text, words, name):
    """A text with what its {{ names }} stand for."""
    if unknown := sorted(set(NAME.findall(text)) - set(words)):
        raise CourseError(
            f"{name} names {', '.join(unknown)}, of which data/reference.json and the pages know nothing: "
            "mend the name there, or measure what is missing with `course measure --full`"
        )
    return NAME.sub(lambda match: words[match[1]], text)
