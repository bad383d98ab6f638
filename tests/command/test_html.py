"""The HTML pages that `course run` writes."""

import re

import nbformat

from course_utils.command.html import to_html


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
