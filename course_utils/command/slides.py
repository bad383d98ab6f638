"""Slides of a notebook: which part of a page becomes a slide, what fits on one, and what goes to the speaker's notes.

Imports no torch, so that `course export` starts at once.
"""

import ast
import copy
import html
import math
import re
from functools import cache

from nbformat import NotebookNode

from course_utils.command.formulas import to_mathml
from course_utils.support.files import ASSETS, FIGURES_MIME, WIDGET_MIME

LINES = 16  # of text on a slide, below its heading
WIDTH = 80  # characters in such a line
FIGURE = 11  # lines that a figure takes
CODE_LINE, CODE_WIDTH = 0.8, 92  # of a line of text; characters
LONG_CODE = 18  # lines of text; code that takes more is not shown
SHORT, LONG = 60, 260  # characters: of a paragraph the first sentences are shown that are longer than SHORT together

NOT_SHOWN = re.compile(r"\*\*(References?|Next|Before|Before this page)[:.]?\*\*|<details")
LIST = re.compile(r"([-*]|\d+\.) ")
SENTENCE_END = re.compile(r"""(?<=[^\s(][^\s(])[.?!]['"*)`]*(?=\s+[^a-z\s]|$)""")
CALLS = {"predict", "check", "quiz", "score", "download_button"}  # which are for learners, and not shown


def to_slides(notebook: NotebookNode, title: str) -> str:
    """One HTML file of slides, which needs no network: reveal.js, styles, pictures and formulas are in it."""
    from nbconvert import SlidesExporter

    notebook = arrange(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = to_mathml(cell.source)
    exporter = SlidesExporter(
        template_file=str(ASSETS / "slides.html.j2"),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}, "asset": _asset})
    return page


def arrange(notebook: NotebookNode) -> NotebookNode:
    """The notebook cut into cells that make good slides, each with its slide type (`slideshow` in its metadata).

    A cell that has a slide type already (JupyterLab's "Slide Type") stays as it is. For the others: a heading of the
    second level begins a slide, one of the third a slide below it; of a paragraph the first sentence is shown; a figure
    stands without the code that draws it; imports, assertions, long code, hints and references are not shown. A slide
    that is full goes on below under the same heading. The speaker's notes have the whole text, the code of figures,
    and the cells tagged `teacher`.
    """
    deck = _Deck()
    for cell in copy.deepcopy(notebook.cells):
        if cell.metadata.get("slideshow", {}).get("slide_type"):
            deck.add_as_it_is(cell)
        elif "teacher" in cell.metadata.get("tags", []):
            fenced = f"```python\n{cell.source}\n```"
            deck.notes.append(fenced if cell.cell_type == "code" else f"**For teachers.** {cell.source}")
        elif cell.cell_type == "markdown":
            for block in blocks(cell.source):
                deck.add_text(block)
        elif cell.cell_type == "code":
            deck.add_code(cell)
    deck.end()
    for number, cell in enumerate(deck.cells):
        cell.id = f"slide-{number}"  # nbformat draws random ones, and no two exports would be equal
    return type(notebook)(notebook | {"cells": deck.cells})


class _Deck:
    """The cells so far, and what the slide that is being filled holds."""

    def __init__(self):
        self.cells, self.notes = [], []
        self.heading = ""
        self.used = 0.0  # lines
        self.fresh = "slide"  # the slide type of the next cell, where it begins a slide

    def end(self):
        """End the slide; what comes next begins one below."""
        if self.notes:
            self.cells.append(_markdown("\n\n".join(self.notes), "notes"))
            self.notes = []
        self.used, self.fresh = 0.0, "subslide"

    def show(self, cell, lines):
        """Put a cell on the slide, or on a new one with the same heading where it is full."""
        lead = []
        if self.used and self.used + lines > LINES and not cell.source.startswith("**Reading.**"):  # at its figure
            if re.search(r"(:|\*\*)$", self.cells[-1].source) and self.used > (
                height := _height(self.cells[-1].source)
            ):
                lead, lines = [self.cells.pop()], lines + height  # "After this page you can" stays with its list
            self.end()
        if self.fresh:
            self.cells.append(_markdown(self.heading, self.fresh))
            self.fresh = ""
        self.cells += [*lead, cell]
        self.used += lines

    def add_as_it_is(self, cell):
        if cell.metadata.slideshow.slide_type in ("slide", "subslide"):
            self.end()
        self.fresh = ""
        self.cells.append(cell)

    def add_text(self, block):
        if block.startswith("#"):
            if self.fresh == "slide" and self.heading:  # a heading right below another
                self.show(_markdown(""), 0)
            self.end()
            self.heading = block
            self.fresh = "subslide" if block.startswith("###") else "slide"
            return
        shown = "" if NOT_SHOWN.match(block) else shortened(block)
        if shown:
            for part in _pages(shown):
                self.show(_markdown(part), _height(part))
        if shown != block:
            self.notes.append(block)

    def add_code(self, cell):
        question = _question(cell)
        if question:
            self.show(_markdown(question), _height(question) + 1)
            self.end()  # the answer is on another slide
            return
        whole, cell.source = cell.source, _core(cell.source)
        cell.outputs = _tidied(cell.outputs)
        figure = any(map(_is_figure, cell.outputs))
        parameters = "parameters" in cell.metadata.get("tags", [])
        shows_code = cell.source and not (parameters or figure or _code_height(cell.source) > LONG_CODE)
        if cell.source and not shows_code:
            self.notes.append(f"```python\n{whole}\n```")
        code_lines, output_lines = _code_height(cell.source), sum(map(_output_height, cell.outputs))
        if figure and self.used > 4:
            self.end()
        if shows_code and code_lines + output_lines > LINES:
            program = copy.deepcopy(cell)
            program.outputs, program.id = [], f"{cell.id}-code"
            self.show(program, code_lines)
            shows_code = False
        if shows_code:
            self.show(cell, code_lines + output_lines)
        elif cell.outputs:
            cell.metadata["transient"] = {"remove_source": True}  # as nbconvert's TagRemovePreprocessor does
            self.show(cell, output_lines)


def blocks(source: str) -> list[str]:
    """The headings, paragraphs, lists, tables, formulas, fenced code and hints of a markdown text, one by one."""
    found = []
    for part in re.split(r"(^```.*?^```|^<details.*?</details>)", source, flags=re.MULTILINE | re.DOTALL):
        if part.startswith(("```", "<details")):
            found.append(part)
            continue
        part = re.sub(r"^#.*", "\n\\g<0>\n", part, flags=re.MULTILINE)
        part = re.sub(rf"^(?!{LIST.pattern}|[ #]).+\n(?={LIST.pattern})", "\\g<0>\n", part, flags=re.MULTILINE)
        found += re.split(r"\n\s*\n", part)
    return [block.strip() for block in found if block.strip()]


def shortened(block: str) -> str:
    """What a slide shows of a block: all, but of a paragraph only the first sentences, or nothing if they are long."""
    if LIST.match(block) or block[:1] in "|$!<#" or block.startswith("```"):
        return block
    text = " ".join(block.split())
    ends = [end.end() for end in SENTENCE_END.finditer(text)]
    whole = (text[:end] for end in ends if end > SHORT and _is_balanced(text[:end]))
    sentences = next(whole, text)
    return sentences if len(sentences) <= LONG else ""


def _is_balanced(text):
    """Whether no formula, code, emphasis or bracket is cut in two."""
    return text.count("(") == text.count(")") and all(text.count(mark) % 2 == 0 for mark in ("$", "`", "**"))


def _pages(block):
    """A list in parts that fit on a slide; anything else as it is."""
    if not LIST.match(block) or _height(block) <= LINES:
        return [block]
    parts = [""]
    for item in re.split(rf"\n(?={LIST.pattern})", block)[:: LIST.groups + 1]:
        if _height(f"{parts[-1]}\n{item}") > LINES:
            parts.append("")
        parts[-1] = f"{parts[-1]}\n{item}".strip()
    return parts


def _height(block):
    """About how many lines of a slide a block of text takes."""
    if block.startswith("```"):
        return _code_height(block)
    if block.startswith("$$"):
        return 3
    lines = block.splitlines() if LIST.match(block) or block.startswith("|") else [" ".join(block.split())]
    return sum(math.ceil(len(line) / WIDTH) for line in lines) + 0.5


def _code_height(text):
    return (sum(max(1, math.ceil(len(line) / CODE_WIDTH)) for line in text.splitlines()) + 1) * CODE_LINE


def _output_height(output):
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return FIGURE if _is_figure(output) else _code_height(text)


def _question(cell):
    """The question of a cell that asks for a guess and does nothing else, as markdown, or nothing."""
    if not cell.source.startswith("predict(") or "result=" in cell.source:
        return ""
    text = "".join(output.get("text", "") for output in cell.outputs)
    question, *options = html.escape(re.sub(r"^Your guess: .*", "", text, flags=re.MULTILINE).strip()).splitlines()
    items = "".join(f"<p>{option.strip()}</p>" for option in options)
    question = question.partition(": ")[2]  # without the identifier
    return f'<div class="question"><p><b>Your guess?</b> {question}</p>{items}</div>'


def _core(source):
    """Code without what a slide need not show: imports, assertions and the learning calls."""
    lines = source.splitlines()
    for statement in reversed(ast.parse(source).body):
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Assert():
                pass
            case ast.Expr(ast.Call(ast.Name(name))) if name in CALLS:
                pass
            case _:
                continue
        del lines[statement.lineno - 1 : statement.end_lineno]
    return "\n".join(lines).strip()


def _is_figure(output):
    return "image/png" in output.get("data", {})


def _tidied(outputs):
    """Outputs without what only a learner at a machine needs."""
    kept = []
    for output in outputs:
        data = output.get("data", {})
        data.pop(WIDGET_MIME, None)  # a slide shows the picture in its place
        if output.get("name") == "stderr" or (FIGURES_MIME in data and len(data) == 1):
            continue
        if "text" in output:
            output.text = re.sub(r"^(Data: |Exercise |Your guess: ).*\n?", "", output.text, flags=re.MULTILINE)
            output.text = output.text.replace("no guess recorded; ", "")
            if not output.text.strip():
                continue
        kept.append(output)
    return kept


def _markdown(source, slide_type="-"):
    import nbformat

    return nbformat.v4.new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide_type}})


@cache
def _asset(name):
    """A file of reveal.js, to be put into the page."""
    return (ASSETS / "reveal" / name).read_text(encoding="utf-8")
