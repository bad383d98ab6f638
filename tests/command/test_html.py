"""The HTML pages that `course run` writes."""

import base64
import re
from html.parser import HTMLParser

import nbformat
import pytest

from course_utils.command import export, slides
from course_utils.command.html import FOLD_SOLUTIONS, to_html
from course_utils.diagrams import drawing
from course_utils.support.files import WIDGET_MIME


def test_page_needs_no_network_and_leaves_code_alone():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("$x^2$ and\n\n$$\\hat x$$\n\n`$HOME$`")])
    notebook.cells.append(nbformat.v4.new_code_cell("1 + 1", metadata={"tags": ["solution"]}))
    notebook.cells.append(nbformat.v4.new_markdown_cell("$\\frac{$ is broken, and $5 is less than $6"))
    page = to_html(notebook, "<i>title</i>")
    assert "$\\frac{$ is broken, and $5 is less than $6" in page
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in page and 'display="block"' in page
    assert "$HOME$" in page and "$x^2$" not in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", page)
    assert "<i>title</i>" not in page and "celltag_solution" in page


def test_code_that_is_folded_in_jupyterlab_is_folded_and_its_output_is_not():
    def cell(text, **metadata):
        output = nbformat.v4.new_output("stream", text=f"output of {text}")
        return nbformat.v4.new_code_cell(f"{text}()", outputs=[output], metadata=metadata)

    cells = [
        cell("shown"),
        cell("folded", jupyter={"source_hidden": True}),
        cell("opened", jupyter={"source_hidden": False}),
        cell("solved", jupyter={"source_hidden": True}, tags=["solution"]),
    ]
    page = to_html(nbformat.v4.new_notebook(cells=cells), "page")
    (folded,) = re.findall(r'<details class="fold">(.*?)</details>', page, re.DOTALL)
    assert "folded" in folded and "shown" not in folded and "output of" not in folded
    assert all(f"output of {text}" in page for text in ("shown", "folded", "opened", "solved"))


PAD = """Model: page 02's latent plane, 2 numbers, trained on built-in digits: 137.7 (negative ELBO, nats per image)
"""


def page_with(source, printed, **metadata):
    """A page with one cell, which has printed this and shown a widget."""
    data = {WIDGET_MIME: {"model_id": "0"}, "image/png": "", "text/plain": "A pad."}
    outputs = [
        nbformat.v4.new_output("stream", text=printed),
        nbformat.v4.new_output("display_data", data, metadata=metadata),
    ]
    return to_html(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, outputs=outputs)]), "page")


def test_pad_and_plane_live_in_a_page_with_what_they_need():
    page = page_with("draw_pad(\n    preview(known))", PAD)
    assert '<div class="course-pad" data-dataset="digits">' in page
    assert '["pad_digits"] = "' in page and '["plane_digits"]' not in page
    assert not re.search(r'<(script|link)[^>]+(src|href)="[^"]', page)
    assert len(page.encode()) < 2_000_000
    page = page_with("latent_map(trained.decode)", PAD)
    assert '<div class="course-plane" data-dataset="digits">' in page
    assert '["plane_digits"] = "' in page and '["pad_digits"]' not in page


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("draw_pad(mine)", "Model: page 02's latent plane, 2 numbers, trained on my own images: 1 (a)\n"),
        ("draw_pad(mine)", ""),
        ("image_slider(rows)", PAD),
        ("def draw_pad(): pass", PAD),
    ],
)
def test_other_widgets_are_still_pictures_whatever_a_notebook_says(source, printed):
    page = page_with(source, printed, alive={"widget": "course-pad", "data": "digits"})
    assert "course-pad" not in page and "courseWeights" not in page and 'alt="A pad."' in page


ALT = 'A circle, "round" & <small>.'


@pytest.fixture
def drawn(monkeypatch):
    """A page with a drawing and a figure, as the course's own functions display them."""
    outputs = []

    def keep(bundle, metadata):
        data = {key: base64.b64encode(v).decode() if isinstance(v, bytes) else v for key, v in bundle.items()}
        outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata))

    monkeypatch.setattr(drawing, "display", keep)
    with drawing.drawing(3, 2, ALT) as axis:
        drawing.bare(axis, 3, 2)
        axis.text(1, 1, "round")
    cells = [nbformat.v4.new_markdown_cell("# Page"), nbformat.v4.new_code_cell("draw()", outputs=outputs)]
    picture = {key: value for key, value in outputs[0].data.items() if key != "image/svg+xml"}
    figure = nbformat.v4.new_output("display_data", picture, metadata=outputs[0].metadata)
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("plot()", outputs=[figure])])


@pytest.mark.parametrize("end", [FOLD_SOLUTIONS, export.OPEN_SOLUTIONS, export.FOR_PRINT, "slides", "handout"])
def test_drawings_are_shown_as_vector_graphics_and_figures_at_their_size(drawn, end):
    if end == "slides":
        page = slides.to_slides(export.slides_copy(drawn), "page")
    elif end == "handout":
        page = to_html(export.handout_copy(drawn), "page", export.FOR_PRINT)
    else:
        page = to_html(drawn, "page", end)
    images = []
    parser = HTMLParser()
    parser.handle_starttag = parser.handle_startendtag = lambda tag, attributes: (
        images.append(dict(attributes)) if tag == "img" else None
    )
    parser.feed(page)
    assert len(images) == 2, "of a drawing one picture should be shown, and not its PNG as well"
    kinds, contents = zip(*(image["src"].split(";base64,") for image in images), strict=True)
    assert kinds == ("data:image/svg+xml", "data:image/png")
    svg = base64.b64decode(contents[0]).decode()
    assert svg.startswith("<svg ") and ">round</text>" in svg
    figure = drawn.cells[-1].outputs[0]
    assert contents[1].strip() == figure.data["image/png"]
    assert images[1]["width"] == str(figure.metadata["image/png"]["width"])
    assert [image["alt"] for image in images] == [ALT, ALT]
