"""The `course` command. Heavy imports stay inside the functions, so that `course --help` answers at once."""

import argparse
import ast
import os
import signal
import sys
import threading
from pathlib import Path

from course_utils import CourseError
from course_utils.files import BUILD, data_dir


def main(arguments=None):
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character shows a "?" and no traceback
            stream.reconfigure(errors="replace")
    try:
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

    run = commands.add_parser("run", help="execute notebooks, and write each with an HTML page")
    run.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names; all by default")
    run.add_argument("--dataset", help="auto, digits, mnist or fashion-mnist (default: auto; with --full: mnist)")
    run.add_argument("--seed", type=int, help="the random seed (default: the notebook's)")
    run.add_argument("-p", "--parameter", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    run.add_argument("--out", help=f"folder for the results (default: {BUILD.name}/ in the project)")
    run.add_argument("--jobs", type=int, help="how many notebooks at a time (default: one per core)")
    kind = run.add_mutually_exclusive_group()
    kind.add_argument("--full", action="store_true", help="full size, three seeds; resumes; writes data/reference.json")
    kind.add_argument("--claims", action="store_true", help="three seeds on the built-in digits and on MNIST")
    kind.add_argument("--update", action="store_true", help="re-execute the committed notebooks in place")
    run.add_argument("--record", action="store_true", help="with --claims: write the figures to data/reference.json")
    run.set_defaults(function=_run)

    export = commands.add_parser("export", help="write student copies, solutions, slides or handouts")
    export.add_argument("kind", metavar="KIND", help="student, solutions, slides or handout")
    export.add_argument("notebooks", nargs="*", metavar="NN", help="numbers or names; all by default")
    export.add_argument("--out", help=f"folder for the results (default: {BUILD.name}/export/KIND in the project)")
    export.set_defaults(function=_export)

    kit = commands.add_parser("kit", help="make a folder that installs without a network, for rooms with bad wifi")
    kit.add_argument("--for", nargs="+", dest="systems", metavar="SYSTEM", help="windows, macos, linux (default: this)")
    kit.add_argument("--python", nargs="+", metavar="VERSION", help="3.11, 3.12, 3.13 (default: this)")
    kit.add_argument("--out", help=f"the kit's folder (default: {BUILD.name}/kit in the project)")
    kit.set_defaults(function=_kit)

    data = commands.add_parser("data", help="list the image sets, or download one")
    data.add_argument("name", nargs="?", help="mnist or fashion-mnist")
    data.set_defaults(function=_data)

    progress = commands.add_parser("progress", help="show what you have guessed and solved, and what comes next")
    progress.set_defaults(function=_progress)
    return parser


def _run(options):
    from course_utils import runner

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    notebooks = runner.find(options.notebooks)
    if (options.full or options.claims or options.update) and (options.seed is not None or options.parameter):
        raise CourseError("--full, --claims and --update fix the seeds and parameters: leave out --seed and -p")
    if (options.claims or options.update) and options.dataset:
        raise CourseError("--claims and --update fix the data sets: leave out --dataset")
    if options.record and not options.claims:
        raise CourseError("--record goes with --claims (--full always records)")
    if options.jobs is not None and options.jobs < 1:
        raise CourseError(f"--jobs {options.jobs}: expected at least 1")
    out = Path(os.path.expanduser(options.out or BUILD)).resolve()

    if options.update:
        total = len(notebooks)
        results = _with_progress(total, lambda report: runner.update(notebooks, options.jobs, report))
    elif options.full or options.claims:
        setting = "full" if options.full else "quick"
        datasets = _datasets(options)
        if options.full:
            notebooks = [path for path in notebooks if runner.full_parameters_of(path) is not None]
            if not notebooks:
                raise CourseError(f"no full setting in {', '.join(options.notebooks)}: run it without --full")
            minutes = sum(map(runner.full_minutes_of, notebooks)) * len(runner.SEEDS) / (options.jobs or runner.cores())
            print(f"About {minutes:.0f} minutes, less what is finished already. Stop it when you like: it will go on.")
        total = len(notebooks) * len(datasets) * len(runner.SEEDS)

        def work(report):
            return [
                result
                for dataset in datasets
                for result in runner.run_seeds(
                    notebooks,
                    dataset,
                    setting,
                    out / setting,
                    resume=options.full,
                    record=options.full or options.record,
                    workers=options.jobs,
                    report=report,
                )
            ]

        results = _with_progress(total, work)
    else:
        dataset = options.dataset or "auto"
        _require(dataset)
        parameters = {"DATASET": dataset} | dict(_parameter(text) for text in options.parameter)
        if options.seed is not None:
            parameters["SEED"] = options.seed
        jobs = [runner.Job(path, parameters, out / path.name) for path in notebooks]
        results = _with_progress(len(jobs), lambda report: runner.run(jobs, workers=options.jobs, report=report))
    print(runner.table(results))
    if not options.update:
        print(f"Notebooks and HTML pages: {_relative(out)}")
    return 1 if any(result.error for result in results) else 0


def _export(options):
    from course_utils import export, runner

    out = Path(os.path.expanduser(options.out or BUILD / "export" / options.kind)).resolve()
    for line in export.export(options.kind, runner.find(options.notebooks), out):
        print(_relative(line) if isinstance(line, Path) else line, flush=True)
    return 0


def _kit(options):
    from course_utils import kit

    system, python = kit.this_system()
    systems, pythons = options.systems or [system], options.python or [python]
    out = Path(os.path.expanduser(options.out or BUILD / "kit")).resolve()
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


def _with_progress(total, work):
    """Call `work(report)` under a progress bar that moves on with every report."""
    from tqdm import tqdm

    from course_utils import runner

    with tqdm(total=total, desc="Running", unit="notebook", file=sys.stderr) as bar:

        def report(job, result):
            bar.update()
            if result.error:
                bar.write(f"{result.name} failed: {runner.shorten(result.error)}", file=sys.stderr)

        return work(report)


def _datasets(options):
    """The data sets of a run over several seeds; says so where one is left out."""
    from course_utils import data

    if options.full:
        dataset = data.resolve(options.dataset or "mnist")
        _require(dataset)
        return [dataset]
    if data.is_on_disk("mnist"):
        return ["digits", "mnist"]
    print("MNIST is not on disk and is left out; `course data mnist` downloads it.")
    return ["digits"]


def _require(dataset):
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
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):  # all that literal_eval may raise
        return name, value  # a word without quotes is a string


def _data(options):
    from course_utils import data

    if options.name:
        data.download(options.name)
        print(f"{data.TITLES[options.name]} is complete, in {_relative(data_dir())}.")
        return 0
    print(f"{'digits':14} built in: drawn in memory, needs no files")
    for name in data.DOWNLOADS:
        there = (
            "on disk"
            if data.is_on_disk(name)
            else f"not on disk: `course data {name}` downloads {data.DOWNLOAD_MB[name]} MB"
        )
        print(f"{name:14} {there}")
    print(f"Data folder: {_relative(data_dir())} (the variable COURSE_DATA names another)")
    print(f"'auto' means {data.resolve('auto')}.")
    return 0


def _progress(options):
    from course_utils import progress

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
