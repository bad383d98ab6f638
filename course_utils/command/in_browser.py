"""The drawing pad and the map of codes, alive in a page that has no Python: scripts, styles and weights for it.

The weights are .safetensors as text in a script, which a browser loads from a server and from a disk alike.
"""

import base64
import functools
import re
from pathlib import Path
from typing import Any

from course_utils.support.files import ASSETS, WIDGET_MIME, write_bytes

CALLS = {"draw_pad(": "course-pad", "latent_map(": "course-plane"}  # of the pages, and what stands in their place
TRAINED_ON = re.compile(r"^Model: page 02's latent plane.* trained on (.*): ", re.M)  # what `load_pretrained` prints
IMPORT = re.compile(r'^import (\w+) from "\./(\w+\.js)";$', re.M)


def live_assets(out_dir: Path) -> None:
    """Write to a folder what makes `course-pad` and `course-plane` of HTML pages come alive, on the built-in digits.

    A page links `course_live.css` and `course_live.js`; that script fetches the weights from beside it, once they are
    wanted.
    """
    files = {"course_live.css": _styles(), "course_live.js": f"window.courseLive = {_script('in_browser.js')};\n"}
    files |= {f"{kind}_digits.js": _weights(kind, "digits") for kind in ("pad", "plane")}
    for name, text in files.items():
        write_bytes(out_dir / name, text.encode())


def inline(widgets: set[str], dataset: str) -> str:
    """HTML that does the same within a page, before the end of its body, for the widgets that it shows."""
    scripts = [_weights(widget.removeprefix("course-"), dataset) for widget in sorted(widgets)]
    scripts.append(f"window.courseLive = {_script('in_browser.js')};")
    return f"<style>\n{_styles()}</style>\n" + "".join(f"<script>\n{text}\n</script>\n" for text in scripts)


def widget_of(cell: Any) -> str | None:
    """Which widget a cell of a page shows: "course-pad", "course-plane", or None."""
    shown = any(WIDGET_MIME in output.get("data", {}) for output in cell.get("outputs", []))
    lines = cell.source.splitlines() if shown else []
    return next((name for call, name in CALLS.items() if any(line.startswith(call) for line in lines)), None)


def dataset_of(notebook: Any) -> str | None:
    """The data set on which the models of an executed page's pad or map were trained; None where it shows none."""
    from course_utils.data import TITLES

    texts = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    trained = TRAINED_ON.search("\n".join(texts))
    return next((name for name, title in TITLES.items() if trained and title == trained[1]), None)


def _styles():
    return "".join((ASSETS / f"{name}.css").read_text("utf-8") for name in ("drawing_pad", "latent_map", "in_browser"))


def _script(name):
    """A module and those that it imports as one expression: browsers load no modules from a disk."""
    text = IMPORT.sub(lambda found: f"const {found[1]} = {_script(found[2])};", (ASSETS / name).read_text("utf-8"))
    return f"(() => {{\n{text.replace('export default', 'return')}}})()"


@functools.cache
def _weights(kind, dataset):
    """The script that holds the numbers for a "pad" or a "plane"."""
    from course_utils.widgets import packed  # which needs torch

    text = base64.b64encode(packed.KINDS[kind](dataset)).decode()
    return f'(window.courseWeights ??= {{}})["{kind}_{dataset}"] = "{text}";'
