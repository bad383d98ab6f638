"""`course measure`: pages with many seeds, on several data sets, here or on a cluster; a receipt for each run."""

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from course_utils import CourseError
from course_utils.command.execute import CELL_TIMEOUT, Job, Report, Result, run
from course_utils.command.ingredients import differences, ingredients
from course_utils.support import notebooks
from course_utils.support.files import read_json, write_json

FULL_CELL_TIMEOUT = 3600  # seconds
RETRIES = 2  # of a run whose worker was lost


def plan(pages: list[Path], datasets: list[str], seeds: list[int], full: bool, out: Path) -> list[Job]:
    """The jobs of every page on every data set with every seed.

    Args:
        pages: from `notebooks.find`.
        datasets: "digits", "mnist", ...; not "auto", since a result is filed under this name.
        full: take the parameters that each page names as its full ones, in place of its own.
        out: folder for the executed pages and their receipts.
    """
    jobs = []
    for dataset in datasets:
        for page in pages:
            extra = (notebooks.full_parameters_of(page) or {}) if full else {}
            for seed in seeds:
                parameters = extra | {"DATASET": dataset, "SEED": seed}
                place = out / dataset / f"{page.stem}.seed{seed}.ipynb"
                jobs.append(Job(page, parameters, place, FULL_CELL_TIMEOUT if full else CELL_TIMEOUT))
    return jobs


def measure(
    jobs: list[Job],
    full: bool,
    executor: Executor | None = None,
    workers: int | None = None,
    report: Report | None = None,
) -> list[Result]:
    """Run jobs, and leave a receipt beside each page that was finished; runs that have one already are not repeated.

    A receipt counts only with the very ingredients that a run of now would have.
    """
    made_with = {job.out: ingredients(job.page, job.parameters) for job in jobs}
    results = {job.out: result for job in jobs if (result := _finished(job, made_with[job.out]))}

    def keep(job, result):
        if not result.error and (other := differences(result.made_with, made_with[job.out])):
            result.error = f"it ran with another {other} than this machine had at the start: run it again"
        if not result.error:
            write_json(receipt_of(job.out), _receipt(job, full, result))
        if report:
            report(job, result)

    for job in jobs:
        if job.out in results and report:
            report(job, results[job.out])
    todo = [job for job in jobs if job.out not in results]
    results |= {job.out: result for job, result in zip(todo, run(todo, executor, workers, keep), strict=True)}
    return [results[job.out] for job in jobs]


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The executor of a Dask cluster, by the address of its scheduler, for example "tcp://10.0.0.1:8786"."""
    try:
        from dask.distributed import Client
    except ImportError:
        raise CourseError("--scheduler needs Dask: `python -m pip install distributed` brings it") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise CourseError(
            f"no scheduler answers at {address!r} ({error}): start one, and workers, as `course measure --help` says"
        ) from error
    with client:
        yield client.get_executor(pure=False, retries=RETRIES)


def receipt_of(out: Path) -> Path:
    """The file that says with what result an executed page was finished."""
    return out.with_suffix(".json")


def read_receipts(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """All receipts below a folder, each with its executed page; a CourseError for one that does not fit its page."""
    found = []
    for path in sorted(folder.rglob("*.seed*.json")):
        receipt, executed = read_json(path, {}), path.with_suffix(".ipynb")
        if not isinstance(receipt, dict) or receipt.get("notebook") != _digest(executed):
            raise CourseError(f"{path} is no receipt of {executed.name}: delete it, and measure that run again")
        found.append((executed, receipt))
    return found


def _receipt(job, full, result):
    return {
        "page": job.page.stem,
        "setting": "full" if full else "quick",
        "parameters": notebooks.parameters_of(job.page) | job.parameters,
        "notebook": _digest(job.out),
        "result": {key: value for key, value in asdict(result).items() if key != "made_with"},
        "made_with": result.made_with,
    }


def _finished(job, made_with):
    """The Result of an earlier run with the same ingredients, or None; a damaged receipt proves nothing."""
    with contextlib.suppress(CourseError, KeyError, TypeError):
        earlier = read_json(receipt_of(job.out), None)
        if earlier["made_with"] == made_with and earlier["notebook"] == _digest(job.out):
            return Result(**earlier["result"], made_with=made_with)
    return None


def _digest(path):
    """The checksum of a file, or None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
