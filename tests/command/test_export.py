"""`course export`: on the course's own notebooks, read as a learner, a browser or a projector would."""

import html
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import ScriptExporter

from course_utils import CourseError
from course_utils.command import cli, export, slides
from course_utils.command.formulas import to_mathml
from course_utils.support import notebooks
from course_utils.support.files import NOTEBOOKS

PAGES = {path.stem: nbformat.read(path, as_version=4) for path in notebooks.find()}


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("name", PAGES)
def test_student_copy_holds_every_exercise_and_no_solution(name):
    page = PAGES[name]
    copy = export.student_copy(page)
    text = "\n".join(cell.source for cell in copy.cells)
    others = "\n".join(cell.source for cell in page.cells if cell not in tagged(page, "solution"))
    hidden = 0
    for cell in tagged(page, "solution"):
        for line in cell.source.partition("\n\n\ncheck(")[0].splitlines():
            if line.strip() not in others:  # not in the stub, and nowhere else on the page
                assert line not in text
                hidden += 1
    assert hidden >= len(tagged(page, "solution"))
    assert not tagged(copy, "solution")
    stubs = [cell.source for cell in page.cells if 'check("' in cell.source and cell not in tagged(page, "solution")]
    assert all(stub in text for stub in stubs)
    assert text.count(" = own_or_solution(") == len(tagged(page, "solution"))
    for cell in copy.cells:
        if cell.cell_type == "code":
            compile(cell.source, name, "exec")
            assert not cell.outputs and cell.execution_count is None
    notes = tagged(page, "teacher")
    assert notes and not [cell.source for cell in notes if cell.source in text]
    kept = [cell.source for cell in page.cells if cell not in tagged(page, "solution") + notes]
    assert [source for source in kept if source not in text] == []
    nbformat.validate(copy)


def executed(notebook, folder):
    """Run a notebook from another folder, as a learner who put it there, and return the printed lines."""
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs).splitlines()


@pytest.mark.parametrize("copy", [nbformat.from_dict, export.for_learners, export.student_copy])
def test_nbconvert_makes_python_scripts_of_pages_and_copies(copy):
    notebook = copy(PAGES["01_autoencoder"])
    script, resources = ScriptExporter().from_notebook_node(notebook)
    assert resources["output_extension"] == ".py"
    compile(script, "script", "exec")


def test_unfilled_student_copy_runs_to_its_end(tmp_path):
    (path,) = export.export("student", notebooks.find(["00"]), tmp_path)
    notebook = nbformat.read(path, as_version=4)
    lines = executed(notebook, tmp_path)
    for id in ("00-flatten", "00-squared-difference", "00-step"):
        assert f"Exercise {id}: not filled in yet. Replace the dots and run the cell again." in lines
        assert f"Exercise {id}: the page goes on with the course's function until yours is right." in lines
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def test_student_copy_goes_on_with_a_right_function_and_not_with_a_wrong_one(tmp_path):
    answers = {"03-conv-size": "(n - kernel + 2 * padding + stride) // stride", "00-step": "w + lr * gradient"}
    pages = [export.student_copy(PAGES[name]) for name in ("03_convolutional_autoencoder", "00_start_here")]
    imports = nbformat.v4.new_code_cell("import torch\nfrom torch import nn\nfrom course_utils.checks import check")
    shown = nbformat.v4.new_code_cell('print("a step of", step(0, 1, 1))')
    exercises = [cell for page in pages for cell in page.cells if any(f'("{id}"' in cell.source for id in answers)]
    notebook = pages[0]
    notebook.cells = [imports, *exercises, shown]
    for cell in notebook.cells:
        for id, answer in answers.items():
            if f'check("{id}"' in cell.source:
                cell.source = cell.source.replace("...", answer)
        cell.source = cell.source.replace('# solution("00-step")', 'solution("00-step")')
    lines = executed(notebook, tmp_path)
    assert "Exercise 03-conv-size: the page goes on with your function." in lines
    assert any(line.startswith("28 pixels, kernel 3, stride 2, padding 1: 14") for line in lines), "the cell does more"
    assert "Exercise 00-step: the page goes on with the course's function until yours is right." in lines
    assert "a step of -1" in lines, "the learner's function would have given 1"
    (answer,) = [output.data for cell in notebook.cells for output in cell.outputs if "data" in output]
    assert "return w - lr * gradient" in answer["text/plain"]


def test_work_in_a_student_copy_is_not_overwritten(tmp_path):
    (path,) = export.export("student", notebooks.find(["01"]), tmp_path)
    list(export.export("student", notebooks.find(["01"]), tmp_path))  # unchanged: written again without ado
    path.write_text(path.read_text(encoding="utf-8").replace("return ...", "return 1", 1), encoding="utf-8")
    with pytest.raises(CourseError, match=r"01_autoencoder.ipynb is there already and differs.*--out"):
        list(export.export("student", notebooks.find(["00", "01"]), tmp_path))
    assert "return 1" in path.read_text(encoding="utf-8") and len(list(tmp_path.iterdir())) == 1


class Page(HTMLParser):
    """Collects addresses that a browser would fetch by itself, the formulas, pictures and sections of a page."""

    def __init__(self, path):
        super().__init__()
        self.text, self.fetched, self.tags, self.descriptions = path.read_text(encoding="utf-8"), [], [], []
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        if tag != "a":
            self.fetched += [value for name, value in attributes.items() if name in ("src", "href", "data", "srcset")]
        if tag == "img":
            self.descriptions.append(attributes.get("alt"))


@pytest.fixture(scope="module", params=["solutions", "slides", "handout"])
def page(request, tmp_path_factory):
    """The kind, and the exported page 02, which has many formulas."""
    out = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "BROWSERS", ())
        wrote = list(export.export(request.param, notebooks.find(["02"]), out))
    assert wrote[0] == out / "02_variational_autoencoder.html" and [*out.iterdir()] == wrote[:1]
    assert wrote[1:] == [] or (request.param == "handout" and "no PDF: found no Chromium" in wrote[1])
    return request.param, Page(wrote[0])


def test_pages_fetch_nothing(page):
    _, page = page
    assert [address for address in page.fetched if address and not address.startswith(("data:", "#"))] == []
    assert not re.search(r"@import[^;]{0,20}(http|//)|url\([\"']?(https?:)?//|from ['\"]https?:", page.text)


def test_pages_show_the_formulas_and_describe_the_pictures(page):
    kind, page = page
    formulas = sum(count_formulas(cell.source) for cell in PAGES["02_variational_autoencoder"].cells)
    if kind == "slides":  # some are on the slides and in the notes
        assert page.tags.count("math") >= formulas
    else:
        assert page.tags.count("math") == formulas
    assert len(page.descriptions) >= 5 and all(len(text or "") > 20 for text in page.descriptions)
    assert "No description" not in page.text


def test_solutions_are_in_the_pages_for_teachers_only(page):
    kind, page = page
    text = html.unescape(re.sub(r"<[^>]+>", "", page.text))
    assert "def gap(prior, likelihood, q)" in text
    assert ("(0.5 * logvar) * torch.randn_like(mu)  # A: drew" in text) == (kind == "solutions")
    assert "Exercise 02-gap: right." not in text or kind == "solutions"


def count_formulas(markdown):
    plain = re.sub(r"```.*?```|`[^`]*`", "", markdown, flags=re.DOTALL)
    return plain.count("$$") // 2 + plain.replace("$$", "").count("$") // 2


@pytest.mark.parametrize("name", PAGES)
def test_every_formula_becomes_mathml(name):
    for cell in PAGES[name].cells:
        if cell.cell_type == "markdown":
            text = to_mathml(cell.source)
            formulas = re.findall(r"<math .*?</math>", text)
            assert len(formulas) == count_formulas(cell.source)
            assert not any(re.search(r"\\[a-zA-Z]", formula) for formula in formulas), "a command was not understood"
            code = r"```.*?```|`[^`\n]*`"
            assert re.findall(code, text, re.DOTALL) == re.findall(code, cell.source, re.DOTALL)


def test_formulas_next_to_code_and_prices():
    text = "`$HOME` and `$x$`, $5 is less than $6.\n\n```\n$y$\n```\nand $\\mathbb E[x]$."
    converted = to_mathml(text)
    assert converted.startswith("`$HOME` and `$x$`, $5 is less than $6.\n\n```\n$y$\n```\nand <")
    assert converted.count("<math") == 1 and "\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL E}" in converted


def test_teachers_notes_are_for_teachers():
    note = "<details><summary>For teachers</summary>\n\nAsk them *first*.\n\n</details>"
    cells = [nbformat.v4.new_markdown_cell(source) for source in ("## One\n\nA thought.", note, "## Two\n\nAnother.")]
    cells[1].metadata["tags"] = ["teacher"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for copy in (export.student_copy(notebook), export.handout_copy(notebook)):
        assert "Ask them" not in nbformat.writes(copy)
    assert slide_types(export.slides_copy(notebook)) == [
        ("slide", "## One"),
        ("-", "A thought."),
        ("notes", "**For teachers.** Ask them *first*."),
        ("slide", "## Two"),
        ("-", "Another."),
    ]


def test_teachers_notes_stand_open_among_the_solutions_and_among_the_speakers_notes(tmp_path):
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Page\n\nWhy.")])
    note = "<details><summary>For teachers</summary>\n\nAsk them *first*.\n\n</details>"
    page.cells.append(nbformat.v4.new_markdown_cell(note, metadata={"tags": ["teacher"]}))
    nbformat.write(page, tmp_path / "42_page.ipynb")
    for kind, where in {"solutions": "", "slides": r'<aside class="notes">'}.items():
        (path,) = export.export(kind, [tmp_path / "42_page.ipynb"], tmp_path / kind)
        text = path.read_text(encoding="utf-8")
        assert re.search(where + r"(?:(?!</?aside|</details).)*Ask them <em>first</em>", text, flags=re.DOTALL)
        assert text.count("Ask them") == 1 and "<summary>For teachers" not in text


def slide_types(notebook):
    return [(cell.metadata.slideshow.slide_type, cell.source) for cell in slides.arrange(notebook).cells]


def test_slides_of_a_page_are_the_same_each_time():
    page = PAGES["03_convolutional_autoencoder"]
    assert slides.to_slides(page, "03") == slides.to_slides(page, "03")


def test_slides_follow_headings_and_hold_what_fits():
    long = "This sentence is long enough to stand on a slide for itself, more or less. The rest is for the speaker."
    text = f"# Page\n\n## One\n{long}\n\n### Two\n\n- a\n- b\n\n<details><summary>Hint</summary>\n\nno\n\n</details>"
    found = slide_types(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)]))
    assert ("slide", "## One") in found and ("subslide", "### Two") in found and ("-", "- a\n- b") in found
    assert ("-", long.partition(" The rest")[0]) in found
    assert next(text for kind, text in found if kind == "notes") == long
    assert all(kind == "notes" for kind, text in found if "Hint" in text)
    items = "\n".join(f"- item {i}" for i in range(40))
    found = slide_types(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"## Many\n\n{items}")]))
    assert [text for _, text in found].count("## Many") == 3
    assert "\n".join(text for kind, text in found if kind == "-") == items


def test_slides_show_figures_without_code_and_code_without_what_is_for_learners():
    figure = nbformat.v4.new_output("display_data", {"image/png": "AAAA", "text/plain": "A curve."})
    drawn = nbformat.v4.new_code_cell("plot(x)", outputs=[figure])
    shown = nbformat.v4.new_code_cell('import math\n\n\ndef f(x):\n    return ...\n\n\nassert f\ncheck("01-x", f)')
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## One"), drawn, shown])
    cells = slides.arrange(notebook).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code[0].outputs == [figure] and code[0].metadata.transient.remove_source
    assert code[1].source == "def f(x):\n    return ..." and "transient" not in code[1].metadata
    assert "plot(x)" in cells[-1].source and cells[-1].metadata.slideshow.slide_type == "notes"


def test_slide_type_given_by_hand_is_kept():
    cells = [nbformat.v4.new_markdown_cell("## One"), nbformat.v4.new_markdown_cell("x. Y. Z.")]
    cells[1].metadata["slideshow"] = {"slide_type": "fragment"}
    assert ("fragment", "x. Y. Z.") in slide_types(nbformat.v4.new_notebook(cells=cells))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "unknown kind 'nonsense': expected one of student, solutions, slides, handout"),
        (["student", "77"], "unknown notebook '77'"),
        (["student", "--out", str(NOTEBOOKS)], "holds the notebooks themselves: name another folder with --out"),
    ],
)
def test_bad_input_gets_one_message(capsys, arguments, message):
    assert cli.main(["export", *arguments]) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1


def test_command_says_what_it_wrote(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "student", "00", "1", "--out", "copies"]) == 0
    names = ["00_start_here.ipynb", "01_autoencoder.ipynb"]
    assert capsys.readouterr().out.splitlines() == [os.path.join("copies", name) for name in names]
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == names


def test_export_starts_without_torch():
    code = "import course_utils.command.export, sys; sys.exit(bool({'torch', 'nbconvert', 'numpy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_browser_that_fails_leaves_the_page_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "BROWSERS", (sys.executable,))  # it does not know the options, and fails
    page, line = export.export("handout", notebooks.find(["00"]), tmp_path)
    assert [*tmp_path.iterdir()] == [page] and line.startswith("no PDF of 00_start_here: ")
