"""The course's pages as files: which they are, and what is in them. The one place that reads notebooks.

Imports no more than Python has, so that the command and the learning calls answer at once.
"""

import ast
import json
from pathlib import Path
from typing import Any

from course_utils import CourseError
from course_utils.support import files

# Only these are pages: whatever else lies in the folder, such as a learner's copy under any name, is left alone.
PAGES = (
    "00_start_here",
    "01_autoencoder",
    "02_variational_autoencoder",
    "03_convolutional_autoencoder",
    "04_dimensionality_reduction",
    "05_denoising",
    "06_anomaly_detection",
    "07_pretraining",
    "08_generation",
    "09_compression",
    "10_when_to_use_which",
    "11_when_a_vae_goes_wrong",
    "12_from_the_lesson_to_the_job",
    "13_from_denoising_to_diffusion",
    "14_how_tight_is_the_bound",
)


def find(numbers: list[str] | tuple[str, ...] = ()) -> list[Path]:
    """Pages by number ("1", "01") or name ("01_autoencoder"), in order; all of them without an argument."""
    there = [name for name in PAGES if (files.NOTEBOOKS / f"{name}.ipynb").is_file()]
    chosen = []
    for wanted in numbers:
        name = str(wanted).removesuffix(".ipynb")
        match = [page for page in there if name and (page == name or page[:2] == name.zfill(2))]
        if not match:
            raise CourseError(f"unknown notebook {wanted!r}: expected one of {', '.join(there)}")
        chosen += match
    return [files.NOTEBOOKS / f"{name}.ipynb" for name in sorted(set(chosen) or there)]


def left_out() -> str:
    """One line that names the notebooks among the pages that are none, or nothing."""
    others = sorted(path.name for path in files.NOTEBOOKS.glob("*.ipynb") if path.stem not in PAGES)
    return f"Left out, since they are no pages of the course: {', '.join(others)}" if others else ""


def read(path: Path) -> dict:
    """A notebook as JSON has it, with every source and text as one string; a CourseError where the file is none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        course = notebook["metadata"].get("course", {})
        if not isinstance(course, dict) or not isinstance(course.get("full", {}), dict):
            raise ValueError("its metadata are not the course's")
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            if not {"cell_type", "metadata"} <= set(cell):
                raise ValueError("a cell lacks its type or its metadata")
            list(cell["metadata"].get("tags", []))
            for output in cell.get("outputs", []):
                _join_lines(output)
        return notebook
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CourseError(
            f"{path.name} is not a readable notebook ({type(error).__name__}: {error}). "
            f"Restore it, for example with `git checkout notebooks/{path.name}`"
        ) from error


def to_bytes(notebook: Any) -> bytes:
    """A notebook of nbformat's as the course commits it."""
    import nbformat

    return (nbformat.writes(notebook, indent=1).rstrip() + "\n").encode()


def tags(cell: dict) -> list[str]:
    """The tags of a cell."""
    return cell["metadata"].get("tags", [])


def parameters_of(path: Path) -> dict[str, Any]:
    """The parameters of a page and their values as committed, from its cell tagged `parameters`."""
    tagged = [cell for cell in read(path)["cells"] if "parameters" in tags(cell)]
    if len(tagged) != 1:
        raise CourseError(f"{path.name} has {len(tagged)} cells tagged `parameters`, expected one")
    try:
        lines = ast.parse(tagged[0]["source"]).body
        return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, AttributeError) as error:
        raise CourseError(
            f"cannot read the parameters of {path.name} ({error}): "
            "write each on a line of its own as NAME = value, where the value is a plain number or text"
        ) from error


def full_parameters_of(path: Path) -> dict[str, Any] | None:
    """The parameters of the full setting, from the page's metadata, or None if it has none."""
    return read(path)["metadata"].get("course", {}).get("full")


def full_minutes_of(path: Path) -> float:
    """About how many minutes one run of the full setting takes on a core of its own, from the page's metadata."""
    return read(path)["metadata"]["course"]["full_minutes"]


def _join_lines(output):
    """Turn the lists of lines in an output, as files have them, into strings."""
    for holder in (output, output.get("data", {})):
        for key, value in holder.items():
            if key in ("traceback", "data", "metadata") or key.endswith("json"):
                continue
            if isinstance(value, list) and all(isinstance(line, str) for line in value):
                holder[key] = "".join(value)
