"""`course record`: rows of `data/reference.json`, and the site's pictures, from the receipts of `course measure`."""

import base64
import statistics
from pathlib import Path
from typing import Any

from course_utils import CourseError
from course_utils.command.experiments import read_receipts
from course_utils.command.ingredients import differences
from course_utils.support import files, notebooks


def record_folder(folder: Path) -> list[dict]:
    """File the runs below a folder, a row for each page, data set and setting; returns the rows.

    Raises:
        CourseError: where there are no receipts, or where runs of one row differ in more than the seed.
    """
    groups: dict[tuple, list[tuple[Path, dict]]] = {}
    for executed, receipt in read_receipts(folder):
        key = (receipt["page"], receipt["setting"], receipt["parameters"]["DATASET"])
        groups.setdefault(key, []).append((executed, receipt))
    if not groups:
        raise CourseError(f"no receipts in {folder}: `course measure` leaves them there")
    rows = []
    for (page, setting, dataset), runs in sorted(groups.items()):
        first = runs[0][1]
        for executed, receipt in runs:
            theirs, ours = (
                {k: v for k, v in r["made_with"].items() if k != "parameter SEED"} for r in (receipt, first)
            )
            if other := differences(theirs, ours):
                raise CourseError(
                    f"{executed.name} was made with another {other} than {runs[0][0].name}: measure both again"
                )
        if not first["result"]["figures"]:
            continue
        parameters = {name: value for name, value in first["parameters"].items() if name != "SEED"}
        figures = {receipt["parameters"]["SEED"]: receipt["result"]["figures"] for _, receipt in runs}
        rows.append(record(page, setting, parameters, figures))
        if setting == "full":
            _keep_figures(runs[0][0], f"{page}_{dataset}.png")
    return rows


def record(page: str, setting: str, parameters: dict[str, Any], runs: dict[int, dict[str, float]]) -> dict[str, Any]:
    """Write the mean and the spread of several runs to `data/reference.json`, in place of an earlier such row.

    Args:
        page: its name, for example "01_autoencoder".
        setting: "quick" for the page's own parameters, "full" for the full ones.
        parameters: dict of the parameters that all runs share, the resolved data set among them.
        runs: dict from a seed to that run's dict of figures.
    """
    names = next(iter(runs.values()))
    values = {name: [run[name] for run in runs.values()] for name in names}
    row = {
        "notebook": page,
        "setting": setting,
        "parameters": parameters,
        "seeds": sorted(runs),
        "figures": {
            name: {"mean": _short(statistics.mean(v)), "std": _short(statistics.stdev(v) if len(v) > 1 else 0.0)}
            for name, v in values.items()
        },
    }
    key = ("notebook", "setting")
    with files.locked(files.REFERENCE.with_name(".reference.lock")):  # or of two runs, one would lose its row
        rows = [
            old
            for old in files.read_json(files.REFERENCE, [])
            if [old[k] for k in key] != [row[k] for k in key] or old["parameters"]["DATASET"] != parameters["DATASET"]
        ]
        rows = sorted([*rows, row], key=lambda row: (row["notebook"], row["setting"], row["parameters"]["DATASET"]))
        files.write_json(files.REFERENCE, rows)
    return row


def _keep_figures(executed, name):
    """Copy the picture of the cell tagged `keep-figure` from an executed page to `data/figures/`."""
    for cell in notebooks.read(executed)["cells"]:
        if "keep-figure" in notebooks.tags(cell):
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    png = base64.b64decode(output["data"]["image/png"])
                    files.write_bytes(files.REFERENCE.parent / "figures" / name, png)


def _short(value):
    return float(f"{value:.6g}")
