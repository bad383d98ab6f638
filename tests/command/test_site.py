"""What the site is made from: what readers see of a page, texts without a number typed twice, and the way elsewhere."""

import base64
import html
import os
import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import CourseError, scoreboard
from course_utils.command import elsewhere, site_sources
from course_utils.command.cli import main
from course_utils.support import files, notebooks
from course_utils.support.files import ROOT, WIDGET_MIME

REPOSITORY = "https://github.com/somebody/course"
PNG = base64.b64encode(b"a picture").decode()
README = (ROOT / "README.md").read_text(encoding="utf-8")


def drawn(alt, **more):
    about = {"image/png": {"alt": alt, "width": 300, "height": 100}}
    return new_output("display_data", {"image/png": PNG, "text/plain": alt} | more, metadata=about)


def cell(source, *tags, outputs=(), **metadata):
    return new_code_cell(source, metadata={"tags": list(tags)} | metadata, outputs=list(outputs))


@pytest.fixture
def shown(tmp_path):
    """The cells of a page as the site shows them."""

    def show(*cells):
        page = new_notebook(cells=[new_markdown_cell("# 07 · Page"), *cells])
        return site_sources.page_copy(page, "07_page", tmp_path / "figures").cells[1:]

    return show


def fold_of(cell):
    return cell.metadata.get("tags", []), cell.metadata.get("mystnb", {}).get("code_prompt_show")


def test_teachers_notes_are_left_out_and_hints_stay(shown):
    hint = "<details><summary>Hint 1</summary>\n\nLook.\n\n</details>"
    cells = shown(new_markdown_cell("Secret.", metadata={"tags": ["teacher"]}), new_markdown_cell(hint))
    assert [cell.source for cell in cells] == [hint]


def test_what_is_folded_is_solutions_imports_and_what_only_draws(shown):
    picture = drawn("Ten digits & more.")
    cells = shown(
        cell("import torch\nfrom course_utils.plots import image_rows\nfrom course_utils.diagrams import plane as p"),
        cell("def f(x):\n    return x\n\n\ncheck('07-f', f)", "solution", jupyter={"source_hidden": True}),
        cell("image_rows({'x': x}, alt='Ten digits.')\np.islands(x)", outputs=[picture]),
        cell("y = torch.ones(3)\nimage_rows({'y': y})", outputs=[picture]),
        cell("curves(x)", outputs=[picture]),  # not from a module that draws
        cell("assert x", jupyter={"source_hidden": True}),
        cell("import torch\nx = torch.ones(3)"),
    )
    folds = [fold_of(cell) for cell in cells]
    code = (["hide-input"], "Code")
    assert folds == [
        (["hide-input"], "Imports"),
        (["hide-cell"], "Solution"),
        code,
        ([], None),
        ([], None),
        code,
        ([], None),
    ]
    assert "def f" in cells[1].source  # folded, and there


def test_pictures_are_files_with_their_descriptions_and_sizes(shown, tmp_path):
    (one,) = shown(
        cell("draw()", outputs=[drawn('Digits, "large" & small.'), drawn("Two.", **{"image/svg+xml": "<svg/>"})])
    )
    png, svg = (output.data["text/html"] for output in one.outputs)
    assert 'alt="Digits, &quot;large&quot; &amp; small."' in png and 'width="300" height="100"' in png
    for text, content in ((png, b"a picture"), (svg, b"<svg/>")):
        assert (tmp_path / "pages" / re.search('src="([^"]+)"', text)[1]).resolve().read_bytes() == content


def test_pad_and_map_can_come_alive_and_other_widgets_are_still(shown):
    widget = {WIDGET_MIME: {"model_id": "1"}}
    pad, plane, slider, button = shown(
        cell("draw_pad(x)", outputs=[drawn("A pad.", **widget)]),
        cell("latent_map(x)", outputs=[drawn("A map.", **widget)]),
        cell("image_slider(x)", outputs=[drawn("A slider.", **widget)]),
        cell("download_button()", outputs=[new_output("display_data", widget | {"text/plain": "Button()"})]),
    )
    html_of = [cell.outputs[0].data["text/html"] for cell in (pad, plane, slider)]
    assert html_of[0].startswith('<div class="course-pad" data-dataset="digits"><img ') and 'alt="A pad."' in html_of[0]
    assert html_of[1].startswith('<div class="course-plane"') and html_of[2].startswith("<img ")
    assert button.outputs == []


def test_references_are_links_and_links_stay_as_they_are(shown):
    there = "[arXiv:1312.6114](https://arxiv.org/abs/1312.6114)"
    text = f"D. Kingma, arXiv:1312.6114. A. Odena, doi:10.23915/distill.00003. {there}"
    (cell,) = shown(new_markdown_cell(text))
    doi = "[doi:10.23915/distill.00003](https://doi.org/10.23915/distill.00003)"
    assert cell.source == f"D. Kingma, {there}. A. Odena, {doi}. {there}"


# What is laid out


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Lays the sources of two pages out, with a repository or without one; gives the folder."""
    pages = notebooks.find(["00", "02"])
    monkeypatch.setattr(notebooks, "find", lambda numbers=(): pages)
    monkeypatch.setattr(site_sources, "live_assets", lambda folder: None)  # a test in a browser has them

    def prepare(repository=None):
        monkeypatch.setattr(elsewhere, "address", lambda: repository)
        site_sources.prepare(tmp_path / "sources")
        return tmp_path / "sources"

    return prepare


def test_nothing_is_offered_elsewhere_until_there_is_an_address(prepared):
    folder = prepared()
    page, copy = (
        (folder / part / "02_variational_autoencoder.ipynb").read_text("utf-8") for part in ("pages", "extra/notebooks")
    )
    assert "Download the notebook" in page
    assert "Open in" not in page and "github.com" not in page + copy and "find_spec" not in copy


def test_with_an_address_pages_open_elsewhere_and_copies_bring_the_course(prepared):
    folder = prepared(REPOSITORY)
    first = nbformat.read(folder / "pages" / "00_start_here.ipynb", 4).cells[0].source
    links = re.findall(r'href="(https[^"]+)">Open in (\w+)<', first)
    assert [place for _, place in links] == ["Colab", "Kaggle", "Codespaces", "Binder"]
    assert all("somebody/course" in link for link, _ in links)
    copy = nbformat.read(folder / "extra" / "notebooks" / "00_start_here.ipynb", 4)
    nbformat.validate(copy)
    code = [cell.source for cell in copy.cells if cell.cell_type == "code"]
    assert "find_spec" in code[0] and f'"git+{REPOSITORY}"' in code[0]
    assert all("solution" not in notebooks.tags(cell) for cell in copy.cells)
    assert REPOSITORY in (folder / "about.md").read_text("utf-8")


def test_the_address_is_one_on_github(tmp_path, monkeypatch):
    monkeypatch.setattr(elsewhere, "ROOT", tmp_path)
    for line, expected in (("", None), (f'Repository = "{REPOSITORY}"', REPOSITORY)):
        (tmp_path / "pyproject.toml").write_text(f"[project]\n[project.urls]\n{line}\n")
        assert elsewhere.address() == expected
    (tmp_path / "pyproject.toml").write_text('[project]\n[project.urls]\nRepository = "somewhere.org/x"\n')
    with pytest.raises(CourseError, match=r"'somewhere.org/x'.*expected https://github.com/OWNER/NAME"):
        elsewhere.address()


def test_citation_says_the_same_everywhere():
    repository = elsewhere.address()
    assert site_sources.bibtex(repository) in README
    found = re.search(r"^repository-code: \"?([^\"\n]+)", (ROOT / "CITATION.cff").read_text("utf-8"), flags=re.M)
    assert (found and found[1]) == repository


def test_results_have_every_full_figure_of_the_reference(prepared):
    text = (prepared() / "results.md").read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "{{" not in text
    for row in files.read_json(files.REFERENCE, []):
        if row["setting"] == "full":
            for figure in row["figures"].values():
                assert f" {scoreboard.spread(figure)} |" in text


def test_an_unknown_figure_is_named(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(site_sources, "TEXTS", tmp_path)
    (tmp_path / "speed.md").write_text("{{ vae_nats }} and {{ vea_nats }}")
    with pytest.raises(CourseError, match=r"speed.md names vea_nats, "):
        prepared()


def test_every_page_is_on_the_map_with_its_question_and_minutes(prepared):
    rows = site_sources.ROW.findall(README)
    assert [page for _, page, _ in rows] == list(notebooks.PAGES)
    assert all(question.endswith("?") for *_, question in rows)
    text = (prepared() / "index.md").read_text("utf-8")
    for title, page, question in rows:
        minutes = notebooks.read(ROOT / "notebooks" / f"{page}.ipynb")["metadata"]["course"]["study_minutes"]
        (card,) = re.findall(rf'<a href="pages/{page}.html"><img src="[^"]+".*?</a>', text)
        assert title in card and html.escape(question) in card and f"about {minutes} minutes" in card


def test_a_folder_that_is_no_site_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    for out, message in ((tmp_path, "is no site"), (ROOT / "notebooks", "lies among the course's own files")):
        assert main(["site", "--out", str(out)]) == 1
        assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


# Elsewhere


@pytest.fixture
def host(tmp_path):
    """Runs code on a machine that has all but the course; `torch` and `torchvision` are versions to put there first."""
    venv.create(tmp_path / "host", with_pip=False)
    python = tmp_path / "host" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(where, "others.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(code, **there):
        for name, version in there.items():
            Path(where, name).mkdir(exist_ok=True)
            Path(where, name, "__init__.py").write_text(f"__version__ = '{version}'\n")
            about = Path(where, f"{name}-{version}.dist-info")
            about.mkdir()
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PIP_NO_INDEX": "1"}
        return subprocess.run([python, "-c", code], cwd=tmp_path, env=surroundings, capture_output=True, text=True)

    return run


def first_cell(source):
    copy = new_notebook(cells=[new_markdown_cell("# Page"), new_code_cell("x = 1")])
    return elsewhere.with_first_cell(copy, source).cells[1].source


def test_first_cell_brings_the_course_and_leaves_pytorch_as_it_is(host):
    done = host(first_cell(str(ROOT)), torch="2.9.9", torchvision="0.24.9")
    assert done.returncode == 0, done.stderr
    done = host("import course_utils, torch; print(torch.__version__, course_utils.__file__)")
    version, path = done.stdout.split(maxsplit=1)
    assert version == "2.9.9" and Path(path).parent.parent != ROOT
    assert host(first_cell("nothing-of-that-name")).returncode == 0  # it is there by now: nothing is installed


def test_first_cell_replaces_no_pytorch_that_is_too_old(host):
    done = host(first_cell(str(ROOT)), torch="2.5.0", torchvision="0.20.0")
    assert done.returncode != 0 and "(constraint) torch" in done.stdout
    assert host("import torch; print(torch.__version__)").stdout.strip() == "2.5.0"
    assert host("import course_utils").returncode != 0
