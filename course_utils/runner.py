"""Execute notebooks with papermill, side by side, and write each with an HTML page.

Imports no torch, so that it starts at once.
"""

import ast
import base64
import contextlib
import copy
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import signal
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from course_utils import CourseError
from course_utils.files import (
    ASSETS,
    BUILD,
    FIGURES_MIME,
    NOTEBOOKS,
    ROOT,
    WIDGET_MIME,
    locked,
    read_json,
    write_bytes,
    write_json,
)
from course_utils.formulas import to_mathml

CELL_TIMEOUT = 600  # seconds
FULL_CELL_TIMEOUT = 3600
SEEDS = (0, 1, 2)

# One thread per kernel: several notebooks run side by side, and figures repeat to the last digit.
# Without PASSIVE, threads that wait for work keep a core busy and slow each other down many times over.
KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",  # a bar that has reached its end tells a reader nothing
}

# In the page a solution opens on a click, as it does in JupyterLab.
FOLD_SOLUTIONS = """<style>.fold > summary { margin: 1em 0 1em 5.6em; font: 14px sans-serif; cursor: pointer; }</style>
<script>
for (const cell of document.querySelectorAll(".celltag_solution")) {
  const fold = Object.assign(document.createElement("details"), {className: "fold"});
  fold.append(Object.assign(document.createElement("summary"), {textContent: "Solution"}));
  cell.replaceWith(fold);
  fold.append(cell);
}
</script></body>"""


@dataclass(frozen=True)
class Job:
    """One execution: which notebook, with which parameters, written where, at most how many seconds a cell."""

    notebook: Path
    parameters: dict
    out: Path
    timeout: int = CELL_TIMEOUT

    def fingerprint(self):
        """Changes with the notebook's code, the helpers' code and the parameters: what a result depends on."""
        code = ["".join(cell["source"]) for cell in _read(self.notebook)["cells"] if cell["cell_type"] == "code"]
        helpers = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("course_utils/*.py"))]
        return hashlib.sha256(json.dumps([code, helpers, self.parameters], sort_keys=True).encode()).hexdigest()


@dataclass
class Result:
    """What became of a job: `error` is empty where it succeeded."""

    name: str
    seconds: float
    figures: dict
    error: str = ""


def find(numbers=()):
    """Notebooks by number ("1", "01") or name ("01_autoencoder"), in order; all of them without an argument."""
    notebooks = {path.stem: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
    chosen = []
    for wanted in numbers:
        name = str(wanted).removesuffix(".ipynb")
        match = [stem for stem in notebooks if name and (stem == name or stem[:2] == name.zfill(2))]
        if not match:
            raise CourseError(f"unknown notebook {wanted!r}: expected one of {', '.join(notebooks)}")
        chosen += match
    return [notebooks[name] for name in sorted(set(chosen) or notebooks)]


def parameters_of(notebook):
    """The parameters of a notebook and their values as committed, from its cell tagged `parameters`."""
    tagged = [cell for cell in _read(notebook)["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise CourseError(f"{notebook.name} has {len(tagged)} cells tagged `parameters`, expected one")
    try:
        lines = ast.parse("".join(tagged[0]["source"])).body
        return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}
    except (SyntaxError, ValueError, AttributeError) as error:
        raise CourseError(
            f"cannot read the parameters of {notebook.name} ({error}): "
            "write each on a line of its own as NAME = value, where the value is a plain number or text"
        ) from error


def full_parameters_of(notebook):
    """The parameters of the full setting, from the notebook's metadata, or None if it has none."""
    return _read(notebook)["metadata"].get("course", {}).get("full")


def full_minutes_of(notebook):
    """About how many minutes one run of the full setting takes on a core of its own, from the notebook's metadata."""
    return _read(notebook)["metadata"]["course"]["full_minutes"]


def cores():
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(notebook):
    """A notebook's JSON, or a CourseError where the file is none."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        course = content["metadata"].get("course", {})
        if not isinstance(course, dict) or not isinstance(course.get("full", {}), dict):
            raise ValueError("its metadata are not the course's")
        for cell in content["cells"]:
            "".join(cell["source"]), list(cell["metadata"].get("tags", [])), cell["cell_type"]
        return content
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CourseError(
            f"{notebook.name} is not a readable notebook ({type(error).__name__}: {error}). "
            f"Restore it, for example with `git checkout notebooks/{notebook.name}`"
        ) from error


def check_parameters(notebook, parameters):
    """Raise a CourseError for a parameter that the notebook does not have, or whose value is of another type."""
    known = parameters_of(notebook)
    for name, value in parameters.items():
        if name not in known:
            raise CourseError(f"unknown parameter {name!r} for {notebook.stem}: expected one of {', '.join(known)}")
        if type(value) is not type(known[name]):
            raise CourseError(
                f"parameter {name}={value!r} for {notebook.stem}: expected a value like {known[name]!r} "
                f"({type(known[name]).__name__})"
            )


def prepare_environment(**variables):
    """Set what kernels inherit. Call it before torch is imported."""
    os.environ.update(KERNEL_ENVIRONMENT | variables)


def run(jobs, executor=None, workers=None, report=None):
    """Execute jobs side by side and return their Results in the order of the jobs.

    Args:
        jobs: Jobs; their notebooks and parameters are checked before the first one starts.
        executor: any `concurrent.futures.Executor`, for example a cluster's; by default one process per core.
        workers: how many processes the default executor has.
        report: called with (job, result) as each job ends.

    Raises:
        CourseError: for bad parameters, a folder that cannot be written to, a Python without a Jupyter kernel, or
            where another process is running one of the jobs into the same folder.
    """
    if importlib.util.find_spec("ipykernel") is None:
        raise CourseError("this Python has no Jupyter kernel: run `python -m pip install -r requirements.txt` again")
    for job in jobs:
        check_parameters(job.notebook, job.parameters)
        if job.out.resolve() == job.notebook.resolve():
            raise CourseError(f"{job.out.parent} holds the notebooks themselves: name another folder with --out")
        _check_writable(job.out.parent)
    with contextlib.ExitStack() as locks:
        for job in jobs:
            locks.enter_context(
                locked(
                    job.out.with_name(f".{job.out.stem}.lock"),
                    busy=f"another `course run` is writing {job.out}: wait for it, or name another folder with --out",
                )
            )
            for left in job.out.parent.glob(f".running-{job.out.stem}-*"):  # by a run that was killed
                shutil.rmtree(left, ignore_errors=True)
        return _run(jobs, executor, workers, report)


def _run(jobs, executor, workers, report):
    """`run`, once everything is checked and no one else writes the same files."""
    own = executor is None
    if own:
        # "spawn" starts clean processes on every system; a fork would copy this one's threads and locks.
        executor = ProcessPoolExecutor(
            min(workers or cores(), len(jobs) or 1), mp_context=get_context("spawn"), initializer=_prepare_worker
        )
    results = {}
    try:
        futures = {executor.submit(execute, job): i for i, job in enumerate(jobs)}
        for future in as_completed(futures):
            job = jobs[futures[future]]
            try:
                result = future.result()
            except Exception as error:  # a worker that was killed takes its exception's type from the executor
                result = Result(job.out.stem, 0.0, {}, f"{type(error).__name__}: {error}")
            results[futures[future]] = result
            if report:
                report(job, result)
    except BaseException:
        if own:
            workers = list((executor._processes or {}).values())
            executor.shutdown(wait=False, cancel_futures=True)  # each goes when its notebook has stopped
            _stop(workers)
        raise
    finally:
        if own:
            executor.shutdown(cancel_futures=True)
    return [results[i] for i in range(len(jobs))]


def _stop(workers):
    """Let workers stop their kernels and go; one that does not heed, as while it starts a kernel, is asked again."""
    for seconds in (10, 5, 0):
        for worker in workers:
            with contextlib.suppress(OSError):
                os.kill(worker.pid, signal.SIGINT) if seconds else worker.kill()
        until = time.monotonic() + seconds
        while workers and time.monotonic() < until:
            ended = connection.wait([worker.sentinel for worker in workers], until - time.monotonic())
            workers = [worker for worker in workers if worker.sentinel not in ended]
        if not workers:
            return


def _prepare_worker():
    """Let this worker end when the process that started it is gone, even killed; its kernel notices, and ends too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in what a shell starts with &

    def wait():
        parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def execute(job):
    """Execute one notebook in this process's kernel environment; write it and its HTML page, finished or not."""
    prepare_environment()
    for chatty in ("asyncio", "papermill", "traitlets"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from course_utils import kernels

    started = time.perf_counter()
    error = ""
    with tempfile.TemporaryDirectory(dir=job.out.parent, prefix=f".running-{job.out.stem}-") as temporary:
        partial = Path(temporary) / job.out.name
        try:
            kernels.execute(job.notebook, partial, job.parameters, cwd=NOTEBOOKS, execution_timeout=job.timeout)
        except PapermillExecutionError as problem:
            error = f"cell {problem.exec_count}: {problem.ename}: {problem.evalue}"
        except CellTimeoutError:
            error = f"a cell took longer than {job.timeout} seconds"
        except DeadKernelError:
            error = "the kernel died; it may have run out of memory"
        except kernels.NoKernel as problem:
            error = f"no kernel could be started: {problem}"
        seconds = time.perf_counter() - started
        if not partial.exists():
            return Result(job.out.stem, seconds, {}, error or "papermill wrote no notebook")
        notebook = nbformat.read(partial, as_version=4)
        if error:
            error = f"{error} (after {_heading(notebook)})"
    write_bytes(job.out, nbformat.writes(notebook).encode())
    write_bytes(job.out.with_suffix(".html"), to_html(notebook, job.notebook.stem).encode())
    return Result(job.out.stem, seconds, figures_of(notebook), error)


def figures_of(notebook):
    """All figures that `score` put into an executed notebook."""
    figures = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            figures |= output.get("data", {}).get(FIGURES_MIME, {})
    return figures


def to_html(notebook, title, end=FOLD_SOLUTIONS):
    """An HTML page of a notebook that needs no network: formulas in MathML, solutions folded.

    Args:
        end: HTML that closes the body, with styles and scripts.
    """
    from nbconvert import HTMLExporter

    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = to_mathml(cell.source)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_MIME, None)  # a page shows the picture in its place
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
    return page.replace("</body>", end)


def clean(notebook):
    """Drop from an executed notebook what changes from run to run or depends on the machine."""
    for name in ("papermill", "widgets"):
        notebook.metadata.pop(name, None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill adds an empty list
    return notebook


def update(notebooks, workers=None, report=None):
    """Execute notebooks on the built-in digits, and put the clean result in the place of the committed ones."""
    import nbformat

    os.environ["COURSE_DATASET"] = "digits"
    with tempfile.TemporaryDirectory(prefix="course-") as state:
        os.environ["COURSE_STATE"] = state  # the page shows no one's predictions
        jobs = [Job(path, {}, BUILD / "update" / path.name) for path in notebooks]
        results = run(jobs, workers=workers, report=report)
    for job, result in zip(jobs, results, strict=True):
        if not result.error:
            notebook = clean(nbformat.read(job.out, as_version=4))
            write_bytes(job.notebook, (nbformat.writes(notebook, indent=1).rstrip() + "\n").encode())
    return results


def run_seeds(notebooks, dataset, setting, out, resume, record, workers=None, report=None):
    """Run notebooks on one data set with every seed of SEEDS.

    Args:
        dataset: "digits", "mnist", ...; not "auto", since the result is filed under this name.
        setting: "quick" for the notebooks' own parameters, "full" for those that each notebook names as its full ones.
        out: folder for the executed notebooks.
        resume: skip runs that an earlier call finished with the same code and parameters.
        record: write mean and spread to `data/reference.json`, and for the full setting the figures that a
            notebook tags `keep-figure` to `data/figures/`.
    """
    jobs, finished = [], {}
    for path in notebooks:
        extra = full_parameters_of(path) if setting == "full" else {}
        timeout = FULL_CELL_TIMEOUT if setting == "full" else CELL_TIMEOUT
        for seed in SEEDS:
            parameters = extra | {"DATASET": dataset, "SEED": seed}
            jobs.append(Job(path, parameters, out / dataset / f"{path.stem}.seed{seed}.ipynb", timeout))
    started_with = {job.out: job.fingerprint() for job in jobs}
    for job in jobs:
        if resume and (result := _finished(job, started_with[job.out])):
            finished[job.out] = result

    def keep(job, result):
        if not result.error and job.fingerprint() != started_with[job.out]:
            result.error = "the notebook or the helpers changed while it ran: run it again"
        if not result.error:
            receipt = {"fingerprint": started_with[job.out], "notebook": _digest(job.out), "result": asdict(result)}
            write_json(_receipt(job), receipt)
        if report:
            report(job, result)

    for job in jobs:
        if job.out in finished and report:
            report(job, finished[job.out])
    todo = [job for job in jobs if job.out not in finished]
    finished |= {job.out: result for job, result in zip(todo, run(todo, None, workers, keep), strict=True)}
    results = [finished[job.out] for job in jobs]
    if record:
        _record(jobs, results, setting)
    return results


def table(results):
    """A plain table of results: status, seconds and figures, or the error."""
    rows = [("notebook", "status", "seconds", "figures")]
    for result in results:
        figures = "  ".join(f"{name} {value:.3g}" for name, value in result.figures.items())
        rows.append(
            (result.name, "failed" if result.error else "ok", f"{result.seconds:.1f}", shorten(result.error) or figures)
        )
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
    )


def shorten(error):
    """An error on one line of bearable length."""
    text = "".join(character if character.isprintable() else " " for character in error)
    return textwrap.shorten(text, 300, placeholder=" ...")


def _record(jobs, results, setting):
    """File the runs of each notebook whose every seed succeeded."""
    from course_utils.scoreboard import record

    for path in dict.fromkeys(job.notebook for job in jobs):
        mine = [(job, result) for job, result in zip(jobs, results, strict=True) if job.notebook == path]
        if any(result.error or not result.figures for _, result in mine):
            continue
        parameters = parameters_of(path) | mine[0][0].parameters
        parameters.pop("SEED")
        record(path.stem, setting, parameters, {job.parameters["SEED"]: result.figures for job, result in mine})
        if setting == "full":
            _keep_figures(mine[0][0])


def _keep_figures(job):
    """Copy the pictures of cells tagged `keep-figure` from an executed notebook to `data/figures/`."""
    for cell in json.loads(job.out.read_text(encoding="utf-8"))["cells"]:
        if "keep-figure" in cell["metadata"].get("tags", []):
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    name = f"{job.notebook.stem}_{job.parameters['DATASET']}.png"
                    write_bytes(
                        ROOT / "data" / "figures" / name, base64.b64decode("".join(output["data"]["image/png"]))
                    )


def _receipt(job):
    """The file that says which notebook a run wrote when it was finished, and with what result."""
    return job.out.with_suffix(".json")


def _finished(job, fingerprint):
    """The Result of an earlier run with the same fingerprint, or None; a damaged receipt proves nothing."""
    with contextlib.suppress(CourseError, KeyError, TypeError):
        earlier = read_json(_receipt(job), None)
        if earlier["fingerprint"] == fingerprint and earlier["notebook"] == _digest(job.out):
            return Result(**earlier["result"])
    return None


def _digest(path):
    """The checksum of a file, or None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def _check_writable(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CourseError(f"cannot write to {folder}: {error.strerror}. Name another folder with --out.") from error


def _heading(notebook):
    """The last heading above the cell that failed, as a reader would say where it was."""
    heading = "the start"
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "papermill" not in str(cell.metadata.get("tags", "")):
            heading = next(
                (repr(line.lstrip("# ")) for line in cell.source.splitlines() if line.startswith("#")), heading
            )
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            break
    return heading
