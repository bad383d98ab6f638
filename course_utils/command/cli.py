"""The `course` command. Heavy imports stay inside the functions, so that `course --help` answers at once."""

import argparse
import ast
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from course_utils import CourseError
from course_utils.support import notebooks
from course_utils.support.files import BUILD, IN_CHECKOUT, REFERENCE, data_dir, given, settle_folders
from course_utils.support.words import shorten

PATHS = ("FOLDER",)  # parameters of pages that name a folder


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character shows a "?" and no traceback
            stream.reconfigure(errors="replace")
    try:
        settle_folders()
        return options.function(options)
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("course: stopped.", file=sys.stderr)
        return 130


def _interrupt(signum, frame):
    """End on a termination signal as on Ctrl-C, so that kernels are stopped and temporary files removed."""
    raise KeyboardInterrupt


def _parser():
    parser = argparse.ArgumentParser(prog="course", description="Run the autoencoder course and manage its data.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, about, *, pages=False, **more):
        new = commands.add_parser(name, help=about, formatter_class=argparse.RawDescriptionHelpFormatter, **more)
        new.set_defaults(function=function)
        if pages:
            new.add_argument("pages", nargs="*", metavar="NN", help="numbers or names; all by default")
        return new

    learn = command("learn", _learn, "lay copies of the pages out in a folder of your own, and open JupyterLab on them")
    learn.add_argument("folder", nargs="?", metavar="DIR", help="where (default: learn/, which git ignores)")
    learn.add_argument("--copies-only", action="store_true", help="do not start JupyterLab")
    learn.add_argument("--no-browser", action="store_true", help="let JupyterLab open no browser")

    run = command("run", _run, "execute pages, and write each with an HTML page", pages=True)
    run.add_argument("--dataset", help="auto, digits, mnist or fashion-mnist (default: auto)")
    run.add_argument("--seed", type=int, help="the random seed (default: the page's)")
    run.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    run.add_argument("--out", help=f"folder for the results (default: {BUILD.name}/)")
    run.add_argument("--jobs", type=int, help="how many pages at a time (default: one per core)")
    run.add_argument("--update", action="store_true", help="re-execute the committed pages in place")

    measure = command(
        "measure",
        _measure,
        "execute pages with several seeds and data sets, and leave a receipt of each run",
        pages=True,
        epilog="""\
on several machines, each with the course installed at the same version, and its own data:
  dask scheduler                                      on one of them; it prints its ADDRESS, for example tcp://10.0.0.1:8786
  dask worker ADDRESS --nthreads 1 --nworkers 4       on each that helps: four pages at a time there
  course measure --scheduler ADDRESS --seeds 0-9      where the receipts shall be""",
    )
    measure.add_argument("--dataset", help="one or more, with commas (default: digits, and mnist where it is on disk)")
    measure.add_argument("--seeds", default="0-2", help="for example 0-9, or 0,3,5 (default: 0-2)")
    measure.add_argument(
        "--full", action="store_true", help="the full setting, on mnist unless --dataset says otherwise"
    )
    measure.add_argument(
        "--out", help=f"folder for pages and receipts (default: {BUILD.name}/quick or {BUILD.name}/full)"
    )
    measure.add_argument("--jobs", type=int, help="how many pages at a time (default: one per core)")
    measure.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, which then runs the pages")

    record = command("record", _record, "make the rows of data/reference.json from the receipts in a folder")
    record.add_argument("folder", metavar="DIR", help="what `course measure` wrote to")

    export = command("export", _export, "write student copies, solutions, slides or handouts")
    export.add_argument("kind", metavar="KIND", help="student, solutions, slides or handout")
    export.add_argument("pages", nargs="*", metavar="NN", help="numbers or names; all by default")
    export.add_argument("--out", help=f"folder for the results (default: {BUILD.name}/export/KIND)")

    kit = command("kit", _kit, "make a folder that installs without a network, for rooms with bad wifi")
    kit.add_argument("--for", nargs="+", dest="systems", metavar="SYSTEM", help="windows, macos, linux (default: this)")
    kit.add_argument("--python", nargs="+", metavar="VERSION", help="3.11, 3.12, 3.13 (default: this)")
    kit.add_argument("--out", help=f"the kit's folder (default: {BUILD.name}/kit)")

    site = command("site", _site, "make the course's site, to be published or opened from the disk")
    site.add_argument("--out", help=f"the site's folder (default: {BUILD.name}/site)")

    data = command("data", _data, "list the image sets, or download one")
    data.add_argument("name", nargs="?", help="mnist or fashion-mnist")

    command("progress", _progress, "show what you have guessed and solved, and what comes next")
    return parser


def _learn(options):
    from course_utils.command import learn

    folder = given(options.folder or learn.FOLDER)
    new, news = learn.lay_out(folder)
    first = f"{len(new)} new page{'s' if len(new) != 1 else ''} in {_relative(folder)}; what was there is as it was."
    print("\n".join([first, *news]), flush=True)  # JupyterLab's lines follow
    return 0 if options.copies_only else learn.start_lab(folder, browser=not options.no_browser)


def _run(options):
    from course_utils.command import execute

    _prepare(options)
    if options.update:
        _require_checkout("--update")
    if options.update and (options.seed is not None or options.parameter or options.dataset):
        raise CourseError("--update fixes data set, seed and parameters: leave out --dataset, --seed and -p")
    pages, out = notebooks.find(options.pages), given(options.out or BUILD)
    if options.update:
        results = _with_progress(len(pages), lambda report: execute.update(pages, options.jobs, report))
    else:
        dataset = options.dataset or "auto"
        _require_data(dataset)
        parameters = {"DATASET": dataset} | dict(_parameter(text) for text in options.parameter)
        if options.seed is not None:
            parameters["SEED"] = options.seed
        jobs = [execute.Job(page, parameters, out / page.name) for page in pages]
        results = _with_progress(len(jobs), lambda report: execute.run(jobs, workers=options.jobs, report=report))
    print(execute.table(results))
    if not options.update:
        print(f"Notebooks and HTML pages: {_relative(out)}")
    return 1 if any(result.error for result in results) else 0


def _measure(options):
    from course_utils.command import execute, experiments

    _prepare(options)
    pages, seeds, datasets = notebooks.find(options.pages), _seeds(options.seeds), _datasets(options)
    out = given(options.out or BUILD / ("full" if options.full else "quick"))
    if options.full:
        pages = [page for page in pages if notebooks.full_parameters_of(page) is not None]
        if not pages:
            raise CourseError(f"no full setting in {', '.join(options.pages)}: measure it without --full")
        if not options.scheduler:
            minutes = sum(map(notebooks.full_minutes_of, pages)) * len(seeds) * len(datasets)
            minutes /= options.jobs or execute.cores()
            print(f"About {minutes:.0f} minutes, less what is finished already. Stop it when you like: it will go on.")
    jobs = experiments.plan(pages, datasets, seeds, options.full, out)
    with experiments.cluster(options.scheduler) if options.scheduler else contextlib.nullcontext() as executor:
        results = _with_progress(
            len(jobs), lambda report: experiments.measure(jobs, options.full, executor, options.jobs, report)
        )
    print(execute.table(results))
    print(f"Receipts: {_relative(out)}; `course record {_relative(out)}` makes reference rows of them")
    return 1 if any(result.error for result in results) else 0


def _record(options):
    from course_utils.command import records

    _require_checkout("`course record`")
    for row in records.record_folder(given(options.folder)):
        seeds = ", ".join(map(str, row["seeds"]))
        print(f"{row['notebook']}, {row['setting']}, {row['parameters']['DATASET']}: seeds {seeds}")
    print(f"Written: {_relative(REFERENCE)}")
    return 0


def _export(options):
    from course_utils.command import export

    if line := notebooks.left_out():
        print(line)
    out = given(options.out or BUILD / "export" / options.kind)
    for written in export.export(options.kind, notebooks.find(options.pages), out):
        print(_relative(written) if isinstance(written, Path) else written, flush=True)
    return 0


def _kit(options):
    from course_utils.command import kit

    _require_checkout("`course kit`")
    system, python = kit.this_system()
    systems, pythons = options.systems or [system], options.python or [python]
    out = given(options.out or BUILD / "kit")
    size = kit.gigabytes(systems, pythons)
    print(
        f"The wheels for {', '.join(systems)} with Python {', '.join(pythons)} are about {size:.1f} GB: at 50 Mbit/s "
        f"they take {size * 8000 / 50 / 60:.0f} minutes to download, less what is in {_relative(kit.WHEELS)} already.",
        flush=True,
    )
    has_mnist = kit.build(out, systems, pythons)
    size = sum(path.stat().st_size for path in out.rglob("*")) / 1e9
    mnist = "with MNIST" if has_mnist else "without MNIST (`course data mnist` downloads it)"
    print(f"Kit of {size:.1f} GB, {mnist}: {_relative(out)}. Copy the folder; START_HERE.txt in it says how to go on.")
    return 0


def _site(options):
    from course_utils.command import site

    _require_checkout("`course site`")
    out = given(options.out or BUILD / "site")
    site.build(out)
    size = sum(path.stat().st_size for path in out.rglob("*")) / 1e6
    print(f"Site of {size:.1f} MB: {_relative(out / 'index.html')}")
    return 0


def _prepare(options):
    """What holds for every command that executes pages."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    if options.jobs is not None and options.jobs < 1:
        raise CourseError(f"--jobs {options.jobs}: expected at least 1")
    if line := notebooks.left_out():
        print(line)


def _require_checkout(what):
    """Raise a CourseError where the course was installed as a package: what would be changed is not the user's."""
    if not IN_CHECKOUT:
        raise CourseError(
            f"{what} works on the course's own folder: get the project, for example with git, and try there"
        )


def _with_progress(total, work):
    """Call `work(report)` under a progress bar that moves on with every report."""
    from tqdm import tqdm

    with tqdm(total=total, desc="Running", unit="page", file=sys.stderr) as bar:

        def report(job, result):
            bar.update()
            if result.error:
                bar.write(f"{result.name} failed: {shorten(result.error)}", file=sys.stderr)

        return work(report)


def _seeds(text):
    """The seeds of "0-9" or "0,3,5", in order."""
    seeds = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            seeds |= set(range(int(first), int(last if dash else first) + 1)[:1_001])
        except ValueError:
            seeds.clear()
        if not seeds or len(seeds) > 1_000:
            raise CourseError(f"--seeds {text!r}: expected for example 0-9, or 0,3,5, at most a thousand")
    return sorted(seeds)


def _datasets(options):
    """The data sets of a run over several seeds; says so where one is left out."""
    from course_utils import data

    if options.dataset or options.full:
        names = [data.resolve(name.strip()) for name in (options.dataset or "mnist").split(",")]
        if not options.scheduler:  # whose workers have their own data
            for name in names:
                _require_data(name)
        return list(dict.fromkeys(names))
    if data.is_on_disk("mnist"):
        return ["digits", "mnist"]
    print("MNIST is not on disk and is left out; `course data mnist` downloads it.")
    return ["digits"]


def _require_data(dataset):
    """Raise a CourseError unless the data set is known and there."""
    from course_utils import data

    name = data.resolve(dataset)
    if name in data.DOWNLOADS and not data.is_on_disk(name):
        raise CourseError(
            f"{data.TITLES[name]} is not in {data_dir()}: run `course data {name}`, or use --dataset digits"
        )


def _parameter(text):
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CourseError(f"-p {text!r}: expected NAME=VALUE, for example -p EPOCHS=3")
    try:
        parsed = ast.literal_eval(value)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):  # all that literal_eval may raise
        parsed = value  # a word without quotes is a string
    if name in PATHS and isinstance(parsed, str) and parsed:
        parsed = str(given(parsed))  # the kernel has another working folder
    return name, parsed


def _data(options):
    from course_utils import data, download

    if options.name:
        download.download(options.name)
        print(f"{data.TITLES[options.name]} is complete, in {_relative(data_dir())}.")
        return 0
    print(f"{'digits':14} built in: drawn in memory, needs no files")
    for name in data.DOWNLOADS:
        print(f"{name:14} {_state(name)}")
    print(f"Data folder: {_relative(data_dir())} (the variable COURSE_DATA names another)")
    print(f"'auto' means {data.resolve('auto')}.")
    return 0


def _state(name):
    """What `course data` says of a set that is not built in."""
    from course_utils import data, download
    from course_utils.command.near_misses import near_misses

    if not data.is_on_disk(name):
        folder, size = _relative(data.raw_folder(data_dir(), name)), download.DOWNLOAD_MB[name]
        lines = [f"not on disk in {folder}: `course data {name}` downloads {size} MB", *near_misses(data_dir(), name)]
        return "\n".join(lines[:1] + [f"{'':14} but {line}" for line in lines[1:5]])
    try:
        for file in data.FILES:
            data.read_whole(data_dir(), name, file)
    except CourseError as problem:
        return str(problem)
    return "on disk"


def _progress(options):
    from course_utils.exercises import progress

    print(progress.table())
    return 0


def _relative(path):
    """A path as the reader would type it from here."""
    try:
        return os.path.relpath(path)
    except ValueError:  # on another drive (Windows)
        return str(path)


if __name__ == "__main__":
    sys.exit(main())
