"""Small pages for tests of the machinery: they take seconds, and fail in ways that the course's own must not."""

import nbformat

PARAMETERS = 'DATASET = "auto"\nEPOCHS = 3\nSEED = 0'
SCORE = "from course_utils.scoreboard import score\nscore(figure=SEED + 10 * EPOCHS)"


def write_page(folder, *code, name="42_small", full=None):
    """Write a notebook with a cell of parameters and the given cells of code; returns its path."""
    parameters = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    cells = [nbformat.v4.new_markdown_cell("# Small page"), parameters, *map(nbformat.v4.new_code_cell, code)]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    metadata |= {"course": {"full": full, "full_minutes": 1}} if full else {}
    path = folder / f"{name}.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata)), encoding="utf-8")
    return path
