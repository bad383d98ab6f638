"""A run's figures beside the reference: `score(name=value, ...)` in a notebook, `data/reference.json` on disk."""

import html
import math
from typing import Any

from IPython import get_ipython

from course_utils import CourseError
from course_utils.support import files
from course_utils.support.showing import display

# The last word of a figure's name is its unit.
UNITS = {
    "sse": "squared error per image",
    "mse": "squared error per pixel",
    "nats": "nats per image",
    "percent": "percent",
    "db": "dB, mean over the images",
    "bpp": "bits per pixel",
    "bytes": "bytes per image",
    "distance": "squared distance of features",
}


def score(**figures: Any) -> None:
    """Show this run's figures beside the reference for the same notebook, data and parameters.

    A reference is the mean and the standard deviation over several seeds. Where the parameters were changed there
    is none, and the table says so.
    """
    for name, value in figures.items():
        try:
            figures[name] = float(value.detach() if hasattr(value, "detach") else value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise CourseError(f"{name} should be a number, got {value!r:.80}") from None
    if equal := [name for name, value in figures.items() if name.endswith("_db") and value == math.inf]:
        raise CourseError(
            f"{', '.join(equal)} is infinite: that is the PSNR of equal images. Was an image compared with itself?"
        )
    if bad := [name for name, value in figures.items() if not math.isfinite(value)]:
        raise CourseError(f"{', '.join(bad)} is not finite: look for a division by zero, or training that blew up")
    row = find_reference(figures, _parameters())
    lines = [("figure", "this run", "reference", "unit")]
    for name, value in figures.items():
        words, _, unit = name.rpartition("_")
        label = words if unit in UNITS else name
        lines.append(
            (
                label.replace("_", " "),
                f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}",
                spread(row["figures"][name]) if row else "no reference",
                UNITS.get(unit, ""),
            )
        )
    if row:
        runs = len(row["seeds"])
        what = f"mean ± standard deviation over {runs} seeds" if runs > 1 else "a single run"
        note = f"Reference: {what}, same data and parameters."
    else:
        note = "No reference: it exists only for the parameters that the notebook came with."
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    text = "\n".join("  ".join(line).rstrip() for line in padded)
    cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in lines[1:]]
    head = "".join(f"<th>{cell}</th>" for cell in lines[0])
    table = f"<table><tr>{head}</tr>{''.join(f'<tr>{cell}</tr>' for cell in cells)}</table><p>{html.escape(note)}</p>"
    display({"text/plain": f"{text}\n{note}", "text/html": table, files.FIGURES_MIME: figures})


def find_reference(figures: dict[str, float], parameters: dict[str, Any]) -> dict | None:
    """The row of `data/reference.json` with these figures and parameters (apart from the seed), or None."""
    wanted = {name: value for name, value in parameters.items() if name != "SEED"}
    for row in files.read_json(files.REFERENCE, []):
        known = {name: wanted.get(name) for name in row["parameters"]}
        if known == row["parameters"] and set(figures) <= set(row["figures"]):
            return row
    return None


def reference(page: str, dataset: str = "mnist", setting: str = "full") -> dict[str, dict[str, float]]:
    """What the course has measured of a page, by its number ("04"), in its full or its quick setting.

    Returns:
        A dict from a figure's name to {"mean": ..., "std": ...} over the seeds.
    """
    for row in files.read_json(files.REFERENCE, []):
        if (row["notebook"][:2], row["parameters"]["DATASET"], row["setting"]) == (page, dataset, setting):
            return row["figures"]
    option = " --full" if setting == "full" else ""
    raise CourseError(
        f"no {setting} figures of page {page} on {dataset} in {files.REFERENCE.name}: "
        f"`course measure {page} --dataset {dataset}{option}` measures them, and `course record` files them"
    )


def spread(figure: dict[str, float]) -> str:
    """A figure's mean and standard deviation as text, to the first digit in which runs differ: "16.0 ± 0.2"."""
    if not figure["std"]:
        return f"{figure['mean']:#.3g}".rstrip(".")  # 1.20, not 1.2: three digits are known
    decimals = max(0, -math.floor(math.log10(figure["std"])))
    return f"{figure['mean']:.{decimals}f} ± {figure['std']:.{decimals}f}"


def _parameters():
    """The parameters of the running notebook, as its variables stand now, with the data set that "auto" stands for."""
    from course_utils.data import resolve

    shell = get_ipython()
    names = {name: value for name, value in (shell.user_ns if shell else {}).items() if name.isupper()}
    if "DATASET" in names:
        names["DATASET"] = resolve(names["DATASET"])
    return names
