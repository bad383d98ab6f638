"""An executed page as HTML that needs no network: formulas in MathML, solutions and code of pictures folded.

The drawing pad and the map of codes are alive in it; other widgets are seen as still pictures.
"""

import copy

from nbformat import NotebookNode

from course_utils.command import in_browser
from course_utils.command.formulas import to_mathml
from course_utils.support.files import ASSETS, WIDGET_MIME

# In the page a solution opens on a click, as it does in JupyterLab.
FOLD_SOLUTIONS = """<script>
for (const cell of document.querySelectorAll(".celltag_solution")) {
  const fold = Object.assign(document.createElement("details"), {className: "fold"});
  fold.append(Object.assign(document.createElement("summary"), {textContent: "Solution"}));
  cell.replaceWith(fold);
  fold.append(cell);
}
</script></body>"""


def to_html(notebook: NotebookNode, title: str, end: str = FOLD_SOLUTIONS) -> str:
    """The HTML page of a notebook.

    Args:
        notebook: the page, executed.
        title: of the page.
        end: HTML that closes the body, with styles and scripts.
    """
    from nbconvert import HTMLExporter

    notebook = copy.deepcopy(notebook)
    widgets = [in_browser.widget_of(cell) for cell in notebook.cells]
    data = in_browser.dataset_of(notebook) if any(widgets) else None
    for cell, widget in zip(notebook.cells, widgets, strict=True):
        if cell.cell_type == "markdown":
            cell.source = to_mathml(cell.source)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("alive", None)
            # A page shows the picture in a widget's place, unless what it shows can be computed in a browser.
            if output.get("data", {}).pop(WIDGET_MIME, None) and widget and data:
                output.metadata["alive"] = {"widget": widget, "data": data}
    exporter = HTMLExporter(
        template_file=str(ASSETS / "page.html.j2"),
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        mermaid_js_url="",
        widget_renderer_url="",
    )
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    page = page.replace(' tabindex="0"', "")  # nbconvert makes every cell a stop of the Tab key
    return page.replace("</body>", (in_browser.inline({*filter(None, widgets)}, data) if data else "") + end)
