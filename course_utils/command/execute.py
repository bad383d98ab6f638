"""Execute pages with papermill, side by side, and write each with an HTML page.

Imports no torch, so that it starts at once.
"""

import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_utils import CourseError
from course_utils.command.ingredients import ingredients
from course_utils.support import notebooks
from course_utils.support.files import BUILD, FIGURES_MIME, NOTEBOOKS, locked, settle_folders, write_bytes
from course_utils.support.words import shorten

CELL_TIMEOUT = 600  # seconds

# One thread per kernel: several pages run side by side, and figures repeat to the last digit.
# Without PASSIVE, threads that wait for work keep a core busy and slow each other down many times over.
KERNEL_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",  # a bar that has reached its end tells a reader nothing
}


@dataclass(frozen=True)
class Job:
    """One execution: which page, with which parameters, written where, at most how many seconds a cell."""

    page: Path
    parameters: dict[str, Any]
    out: Path
    timeout: int = CELL_TIMEOUT


@dataclass
class Executed:
    """What a worker sends back: the page as bytes, finished or not, so that no disk need be shared with it."""

    seconds: float = 0.0
    error: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    notebook: bytes = b""
    html: bytes = b""
    made_with: dict[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """What became of a job: `error` is empty where it succeeded."""

    name: str
    seconds: float
    figures: dict[str, float]
    error: str = ""
    made_with: dict[str, str] = field(default_factory=dict)


Report = Callable[[Job, Result], None]


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def require_parameters(page: Path, parameters: dict[str, Any]) -> None:
    """Parameters that the page has, with values of the same type."""
    known = notebooks.parameters_of(page)
    for name, value in parameters.items():
        if name not in known:
            raise CourseError(f"unknown parameter {name!r} for {page.stem}: expected one of {', '.join(known)}")
        if type(value) is not type(known[name]):
            raise CourseError(
                f"parameter {name}={value!r} for {page.stem}: expected a value like {known[name]!r} "
                f"({type(known[name]).__name__})"
            )


def prepare_environment(**variables: str) -> None:
    """Set what kernels inherit. Call it before torch is imported."""
    os.environ.update(KERNEL_ENVIRONMENT | variables)


def run(
    jobs: list[Job], executor: Executor | None = None, workers: int | None = None, report: Report | None = None
) -> list[Result]:
    """Execute jobs side by side and return their Results in the order of the jobs.

    Args:
        jobs: Jobs; their pages and parameters are checked before the first one starts.
        executor: any `concurrent.futures.Executor`, for example a cluster's; by default a process for each page.
        workers: how many pages at a time (default: one per core), where no executor is given.
        report: called with (job, result) as each job ends.

    Raises:
        CourseError: for bad parameters, a folder that cannot be written to, a Python without a Jupyter kernel, or
            where another process is running one of the jobs into the same folder.
    """
    if importlib.util.find_spec("ipykernel") is None:
        raise CourseError("this Python has no Jupyter kernel: run `python -m pip install -r requirements.txt` again")
    settle_folders()
    for job in jobs:
        require_parameters(job.page, job.parameters)
        if job.out.resolve() == job.page.resolve():
            raise CourseError(f"{job.out.parent} holds the notebooks themselves: name another folder with --out")
        _require_writable(job.out.parent)
    with contextlib.ExitStack() as stack:
        for job in jobs:
            stack.enter_context(
                locked(
                    job.out.with_name(f".{job.out.stem}.lock"),
                    busy=f"another `course run` is writing {job.out}: wait for it, or name another folder with --out",
                )
            )
            for left in job.out.parent.glob(f".running-{job.out.stem}-*"):  # by a run that was killed
                shutil.rmtree(left, ignore_errors=True)
        if executor:
            return _collect(jobs, lambda job: executor.submit(execute, *_task(job)), report)
        processes = stack.enter_context(_Processes(min(workers or cores(), len(jobs) or 1)))
        return _collect(jobs, lambda job: processes.submit(*_task(job), job.out), report)


def _task(job):
    """What a worker is told of a job."""
    return job.page.stem, job.page.read_bytes(), job.parameters, job.timeout


def _collect(jobs, submit, report):
    """Submit jobs, and write what comes back; returns the Results in the order of the jobs."""
    futures: dict[Future, int] = {submit(job): i for i, job in enumerate(jobs)}
    results = {}
    try:
        for future in as_completed(futures):
            job = jobs[futures[future]]
            try:
                done = future.result()
                if done.notebook:
                    write_bytes(job.out, done.notebook)
                    write_bytes(job.out.with_suffix(".html"), done.html)
            except Exception as error:  # a full disk here, or a worker that is lost for good, as the executor says it
                done = Executed(error=f"{type(error).__name__}: {error}")
            result = Result(job.out.stem, done.seconds, done.figures, done.error, done.made_with)
            results[futures[future]] = result
            if report:
                report(job, result)
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [results[i] for i in range(len(jobs))]


class _Processes:
    """A process of its own for each page, so many at a time: one that dies takes no other page with it."""

    def __init__(self, workers):
        self.threads = ThreadPoolExecutor(workers)
        self.running = []

    def submit(self, name, source, parameters, timeout, out):
        return self.threads.submit(self._run, name, source, parameters, timeout, out)

    def _run(self, name, source, parameters, timeout, out):
        context = get_context("spawn")  # a clean process on every system; a fork would copy threads and locks
        answer, send = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(send, name, source, parameters, timeout, out))
        process.start()
        self.running.append(process)
        send.close()
        try:
            return answer.recv()
        except EOFError:
            process.join()
            return Executed(error=f"its process ended with status {process.exitcode}; it may have run out of memory")
        finally:
            process.join()
            self.running.remove(process)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.threads.shutdown(wait=False, cancel_futures=True)
        if kind:  # interrupted: each goes when its notebook has stopped
            self._stop()
        self.threads.shutdown()

    def _stop(self):
        """Let processes stop their kernels and go; one that does not heed, as while one starts, is asked again."""
        for seconds in (10, 5, 0):
            for process in list(self.running):
                with contextlib.suppress(OSError):
                    os.kill(process.pid, signal.SIGINT) if seconds else process.kill()
            until = time.monotonic() + seconds
            while (left := [process.sentinel for process in list(self.running)]) and time.monotonic() < until:
                connection.wait(left, max(0, until - time.monotonic()))
                time.sleep(0.05)  # the thread that waits for it takes it off the list
            if not left:
                return


def _work(send, name, source, parameters, timeout, out):
    """Execute a page in this process and send back what came of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in what a shell starts with &

    def wait():  # this process ends when the one that started it is gone, even killed; its kernel notices, and ends too
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".running-{out.stem}-") as folder:
            send.send(execute(name, source, parameters, timeout, folder))
    except Exception as error:  # such as a full disk
        send.send(Executed(error=f"{type(error).__name__}: {error}"))
    except KeyboardInterrupt:
        pass


def execute(name: str, source: bytes, parameters: dict[str, Any], timeout: int, place: str | None = None) -> Executed:
    """Execute one page in a kernel of this Python; whatever happens to it is in what is returned.

    Args:
        name: of the page.
        source: the page's notebook.
        parameters: what papermill puts in.
        timeout: seconds for a cell.
        place: an empty folder for the files meanwhile; a temporary one by default.
    """
    prepare_environment()
    settle_folders()
    for chatty in ("asyncio", "papermill", "traitlets"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    import nbformat
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from course_utils.command import this_python
    from course_utils.command.html import to_html

    started, error = time.perf_counter(), ""
    with contextlib.nullcontext(place) if place else tempfile.TemporaryDirectory(prefix="course-") as folder:
        page, partial = Path(folder, f"{name}.ipynb"), Path(folder, f"{name}.executed.ipynb")
        page.write_bytes(source)
        try:
            this_python.execute(page, partial, parameters, cwd=NOTEBOOKS, execution_timeout=timeout)
        except PapermillExecutionError as problem:
            error = f"cell {problem.exec_count}: {problem.ename}: {problem.evalue}"
        except CellTimeoutError:
            error = f"a cell took longer than {timeout} seconds"
        except DeadKernelError:
            error = "the kernel died; it may have run out of memory"
        except this_python.NoKernel as problem:
            error = f"no kernel could be started: {problem}"
        seconds = time.perf_counter() - started
        if not partial.exists():
            return Executed(seconds, error or "papermill wrote no notebook")
        notebook = nbformat.read(partial, as_version=4)
        made_with = ingredients(page, parameters)
    if error:
        error = f"{error} (after {_heading(notebook)})"
    content, html = nbformat.writes(notebook).encode(), to_html(notebook, name).encode()
    return Executed(seconds, error, figures_of(notebook), content, html, made_with)


def figures_of(notebook: NotebookNode) -> dict[str, float]:
    """All figures that `score` put into an executed page."""
    figures: dict[str, float] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            figures |= output.get("data", {}).get(FIGURES_MIME, {})
    return figures


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop from an executed page what changes from run to run or depends on the machine."""
    for name in ("papermill", "widgets"):
        notebook.metadata.pop(name, None)
    # The ending is what `jupyter nbconvert --to script` gives its file.
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill adds an empty list
    return notebook


def update(pages: list[Path], workers: int | None = None, report: Report | None = None) -> list[Result]:
    """Execute pages on the built-in digits, and put the clean result in the place of the committed ones."""
    import nbformat

    os.environ["COURSE_DATASET"] = "digits"
    with tempfile.TemporaryDirectory(prefix="course-") as state:
        os.environ["COURSE_STATE"] = state  # the page shows no one's predictions
        jobs = [Job(page, {}, BUILD / "update" / page.name) for page in pages]
        results = run(jobs, workers=workers, report=report)
    for job, result in zip(jobs, results, strict=True):
        if not result.error:
            write_bytes(job.page, notebooks.to_bytes(clean(nbformat.read(job.out, as_version=4))))
    return results


def table(results: list[Result]) -> str:
    """A plain table of results: status, seconds and figures, or the error."""
    rows = [("page", "status", "seconds", "figures")]
    for result in results:
        figures = "  ".join(
            f"{name} {value:.3g}" if abs(value) < 1000 else f"{name} {value:.0f}"  # not 5.2e+04
            for name, value in result.figures.items()
        )
        rows.append(
            (result.name, "failed" if result.error else "ok", f"{result.seconds:.1f}", shorten(result.error) or figures)
        )
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip() for row in rows
    )


def _require_writable(folder):
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
