"""The HTML pages as readers meet them who see little or use no mouse: axe's rules, the keyboard, a narrow window."""

import base64

import nbformat
import pytest
import torch
from accessibility import CUT, PREPARE, violations

from course_utils import plots
from course_utils.command import export
from course_utils.command.html import to_html
from course_utils.diagrams import drawing
from course_utils.support import notebooks

FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  return {
    tag: at.tagName,
    index: [...document.querySelectorAll("a[href], summary, button, [tabindex]")].indexOf(at),
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}"""


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    """Opens an HTML text in a new tab; pages that ask for anything beyond themselves fail."""
    folder = tmp_path_factory.mktemp("pages")
    context = browser.new_context()

    def open_page(text, query="", **size):
        path = folder / "page.html"
        path.write_text(text, encoding="utf-8")
        page = context.new_page()
        if size:
            page.set_viewport_size(size)
        requested = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(path.as_uri() + query)
        assert [url for url in requested if not url.startswith(("data:", path.as_uri()))] == []
        return page

    yield open_page
    context.close()


def page_of(name):
    """A notebook as `course run` writes it for readers."""
    (path,) = notebooks.find([name])
    return to_html(nbformat.read(path, as_version=4), path.stem)


@pytest.mark.parametrize("name", [path.stem for path in notebooks.find()])
def test_axe_finds_nothing_on_a_page(opened, name):
    page = opened(page_of(name))
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == name
    assert page.locator("img:not([alt])").count() == 0
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize(("kind", "query"), [("solutions", ""), ("handout", ""), ("slides", "?print-pdf")])
def test_axe_finds_nothing_on_exports(opened, tmp_path, monkeypatch, kind, query):
    monkeypatch.setattr(export, "BROWSERS", ())  # no PDF is wanted here
    path, *_ = export.export(kind, notebooks.find(["02"]), tmp_path)
    page = opened(path.read_text(encoding="utf-8"), query)
    if query:  # every slide is on show
        page.wait_for_selector(".pdf-page")
    assert violations(page) == []
    page.close()


def test_keyboard_reaches_and_opens_everything(opened, picture):
    page = opened(page_of("00"))
    folds = page.locator("summary")
    assert folds.count() >= 12
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus["tag"] == "BODY":
            break
        assert focus["seen"] and focus["outline"] >= 2, focus
        reached.append(focus["index"])
        if focus["tag"] == "SUMMARY":
            page.keyboard.press("Enter")
            if len(reached) == 3:
                picture(page, "hint open and in focus")
    visible = page.locator("a[href]:visible, summary:visible, button:visible, [tabindex]:visible").count()
    assert len(set(reached)) == visible and reached == sorted(reached)
    assert page.locator("details:not([open])").count() == 0
    page.close()


@pytest.mark.parametrize("name", ["04", "09"])
def test_narrow_window_cuts_nothing_off(opened, picture, name):
    page = opened(page_of(name), width=360, height=740)
    page.evaluate(PREPARE)
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "360 pixels wide")
    page.close()


@pytest.fixture
def illustrated(monkeypatch):
    """A page with a wide figure and a drawing, as the course's own functions display them."""
    outputs = []

    def keep(bundle, metadata):
        data = {key: base64.b64encode(v).decode() if isinstance(v, bytes) else v for key, v in bundle.items()}
        outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata))

    for module in (plots, drawing):
        monkeypatch.setattr(module, "display", keep)
    plots.image_rows({"a row": torch.rand(12, 1, 28, 28)}, "Twelve images of noise in a row.")
    with drawing.drawing(8, 3, "A word on a sheet of paper.") as axis:
        drawing.bare(axis, 8, 3)
        axis.text(4, 1.5, "word")
    cells = [nbformat.v4.new_markdown_cell("# Page"), nbformat.v4.new_code_cell("show()", outputs=outputs)]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("width", [1280, 390])
def test_figures_fit_the_window_and_keep_their_shape(opened, illustrated, picture, width):
    page = opened(to_html(illustrated, "page"), width=width, height=740)
    figure, drawn = page.get_by_role("img").all()
    expected = illustrated.cells[1].outputs[0].metadata["image/png"]
    for image in (figure, drawn):
        size = image.evaluate("i => [i.width, i.height, i.naturalWidth, i.naturalHeight, i.complete]")
        assert size[4] and 0 < size[0] <= width
        assert size[0] / size[1] == pytest.approx(size[2] / size[3], rel=0.02)
    if width > 1_000:  # as large as it was meant to be, and so with two pixels for each of the page
        assert figure.evaluate("i => [i.width, i.height]") == [
            expected["width"],
            pytest.approx(expected["height"], abs=1),
        ]
    assert violations(page) == []
    picture(page, f"{width} pixels wide")
    page.close()


def test_formulas_are_drawn(opened):
    page = opened(page_of("02"))
    formulas = page.locator("main math")
    sizes = formulas.evaluate_all("all => all.map(formula => formula.getBoundingClientRect().height)")
    assert len(sizes) > 30 and min(sizes) > 5
    assert "$" not in "".join(page.locator(".jp-RenderedMarkdown").all_inner_texts())
    page.close()
