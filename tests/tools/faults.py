"""The fault suite: kills, full disks, bad servers, two at once. Nothing breaks, and nothing is lost.

    python tests/tools/faults.py [WORD ...] [--load]

tries each fault many times, at moments drawn from a seed and on all cores, and prints a table; the exit status is 1 if
any try lost data or ended badly. A try ends well if the course goes on by itself at the next start, or says in one
message what is wrong.
Words choose faults by name. `--load` puts thirty learners on this machine instead, and prints what they need.

`pytest` runs the same faults a few times each (tests/command/test_faults.py). They use fork, SIGKILL and tmpfs: on
Linux only.
"""

import argparse
import functools
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

# Before torch is imported anywhere, since it reads the number of threads once.
from course_utils.command.execute import prepare_environment

prepare_environment(COURSE_DATASET="digits")

import psutil  # noqa: E402
import pytest  # noqa: E402
import small_mnist  # noqa: E402
import torch  # noqa: E402
from small_pages import SCORE, write_page  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402
from torchvision import datasets  # noqa: E402

from course_utils import CourseError, data, download  # noqa: E402
from course_utils.command import execute, export, records  # noqa: E402
from course_utils.exercises import progress  # noqa: E402
from course_utils.losses import mse, sse  # noqa: E402
from course_utils.models import VAE, Autoencoder  # noqa: E402
from course_utils.resuming import fit_resumable  # noqa: E402
from course_utils.support import files, notebooks, weights  # noqa: E402

LINUX = sys.platform == "linux"


class Lost(AssertionError):
    """Data that was whole before the fault is gone or changed after it."""


class Impossible(Exception):
    """This machine cannot produce the fault."""


@dataclass(frozen=True)
class Fault:
    """One way to fail; `attempt(random, folder)` returns how it ended, or raises what went wrong."""

    name: str
    attempt: Callable
    times: int
    quick: int = 1  # times in the short form


def kept(condition, what):
    """Raise Lost unless the condition holds."""
    if not condition:
        raise Lost(what)


# --- processes to kill


def forked(function, *arguments):
    """Start a function in a copy of this process, which is silent; returns the copy's number."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            function(*arguments)
        status = 0
    finally:
        os._exit(status)


def kill_during(function, *arguments, after):
    """Start a function in a copy of this process and kill it after so many seconds, if it is not finished by then."""
    pid = forked(function, *arguments)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def to_the_end(function, *arguments):
    """Run a function in a copy of this process; returns how many seconds it took."""
    started = time.perf_counter()
    _, status = os.waitpid(forked(function, *arguments), 0)
    assert status == 0, f"{getattr(function, '__name__', function)} failed"
    return time.perf_counter() - started


def course(folder, *arguments, before="", **options):
    """Start `course ARGUMENTS` on one page in a process of its own, with its results and reference in a folder."""
    main = folder / "main.py"
    main.write_text(
        f"""
import pathlib, sys
from course_utils.command import cli, execute
from course_utils.support import files, notebooks
files.REFERENCE = pathlib.Path({str(folder / "reference.json")!r})
notebooks.find = lambda numbers=(): [pathlib.Path({str(folder / "42_small.ipynb")!r})]
{before}
if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
""",
        encoding="utf-8",
    )
    command = [sys.executable, str(main), *arguments, "--out", str(folder / "out")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def answer(process, limit=120):
    """Wait for a process; returns its exit status and what it said."""
    out, err = process.communicate(timeout=limit)
    assert "Traceback" not in err, err
    return process.returncode, out + err


def kill_with_family(process):
    """SIGKILL a process; the kernels and workers that it started must be gone soon."""
    family = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive, f"still running: {alive}"


def check_whole(out):
    """Every finished file in a folder can be read to its end."""
    for path in out.rglob("[!.]*"):
        if path.suffix in (".ipynb", ".json") and not any(part.startswith(".") for part in path.parts):
            json.loads(path.read_text(encoding="utf-8"))
        if path.suffix == ".html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), f"{path.name} is cut short"


def no_leftovers(folder):
    assert not list(folder.rglob(".running-*")) + list(folder.rglob(".download-*")), list(folder.rglob(".*"))


# --- killed at any moment


def loss(model, x, y):
    return mse(model(x), x)


def train(checkpoint, figures=None, epochs=8, loss=loss):
    """A small training that draws random numbers; writes its figures and a checksum of its weights."""
    torch.manual_seed(0)
    x = torch.rand(100, 1, 28, 28)
    model = torch.nn.Sequential(torch.nn.Dropout(0.1), Autoencoder(latent_dim=4, hidden_dim=8))
    history = fit_resumable(checkpoint, model, TensorDataset(x, x), loss, epochs=epochs, device="cpu", progress=False)
    weights = hashlib.sha256(b"".join(value.numpy().tobytes() for value in model.state_dict().values())).hexdigest()
    if figures:
        files.write_json(figures, [[row["train"] for row in history], weights])


@functools.cache
def uninterrupted_training():
    """Figures of the same training without a fault, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = to_the_end(train, Path(folder, "run.pt"), Path(folder, "figures.json"))
        return files.read_json(Path(folder, "figures.json"), None), seconds


def killed_training(draw, folder):
    expected, seconds = uninterrupted_training()
    kill_during(train, folder / "run.pt", after=draw.uniform(0, seconds))
    there = (folder / "run.pt").exists()
    to_the_end(train, folder / "run.pt", folder / "figures.json")
    kept(files.read_json(folder / "figures.json", None) == expected, "resumed training has other figures")
    return "goes on, same figures" if there else "starts anew, same figures"


@contextmanager
def mirror(folder, how):
    """A server in a process of its own, and a small MNIST that can be downloaded from it into `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        _, arrays = small_mnist.make_small(folder / "source", patch)
        for name, value in (("TIMEOUT", 0.5), ("DEADLINE", 1), ("LARGEST", 1e7)):
            patch.setattr(download, name, value)
        patch.setenv("COURSE_DATA", str(folder / "data"))
        ready, write = os.pipe()

        def serve():
            with small_mnist.server(arrays) as url:
                os.write(write, url.encode())
                time.sleep(600)

        pid = forked(serve)
        try:
            url = os.read(ready, 100).decode()
            patch.setattr(datasets.MNIST, "mirrors", [f"{url}/{how}/"])
            yield url, patch
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(ready), os.close(write)


def silently(function, *arguments):
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return function(*arguments)


def killed_download(draw, folder):
    with mirror(folder, "good"):
        kill_during(download.download, "mnist", after=draw.uniform(0, 0.5))
        with suppress(CourseError):  # not there yet is an answer; a set that is not whole is none
            assert len(silently(data.load, "mnist", "train")) == 50
        silently(download.download, "mnist")
        assert len(silently(data.load, "mnist", "train")) == 50
    no_leftovers(folder / "data")
    return "complete at the next call"


def killed_reference(draw, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "REFERENCE", folder / "reference.json")
        parameters = {"DATASET": "digits", "EPOCHS": 5}
        records.record("00_before", "quick", parameters, {0: {"error": 1.0}})

        def rewrite():
            for i in range(10_000):
                records.record("01_page", "quick", parameters, {seed: {"error": float(i)} for seed in range(3)})

        kill_during(rewrite, after=draw.uniform(0, 0.1))
        rows = files.read_json(files.REFERENCE, None)
        kept(rows and rows[0]["figures"]["error"]["mean"] == 1.0, "a row is gone")
        records.record("02_after", "quick", parameters, {0: {"error": 2.0}})
        assert files.read_json(files.REFERENCE, None)[-1]["notebook"] == "02_after"
    return "the old file or the new one"


def killed_progress(draw, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_STATE", str(folder))
        progress.keep("predictions", "01-pca", guess=0)

        def work():
            for i in range(10_000):
                progress.keep("predictions", "01-pca", guess=i)
                progress.keep("exercises", f"00-{i % 20}")

        kill_during(work, after=draw.uniform(0, 0.1))
        kept(isinstance(progress.kept("predictions", "01-pca").get("guess"), int), "a guess is gone")
        for file in (folder / "exercises").glob("*.json"):
            kept(progress.kept("exercises", file.stem).get("time"), f"{file.name} is damaged")
        assert not list(folder.rglob("*.damaged")) and "01_autoencoder" in progress.table()
    return "the old entry or the new one"


def killed_export(draw, folder):
    kind = draw.choice(["student", "solutions", "slides"])
    pages = [write_page(folder, "x = 1", name=f"4{i}_small") for i in range(3)]

    def write(out):
        return [path.name for path in export.export(kind, pages, out)]

    whole, out = folder / "whole", folder / "out"
    kill_during(write, out, after=draw.uniform(0, to_the_end(write, whole)))
    check_whole(out)
    to_the_end(write, out)
    for path in whole.iterdir():
        first, again = ((place / path.name).read_bytes() for place in (whole, out))
        assert first == again, path.name
    return "written at the next call"


def killed_run(draw, folder):
    write_page(folder, "import time; time.sleep(1)", "print('done')")
    run = course(folder, "run", "--dataset", "digits")
    with suppress(subprocess.TimeoutExpired):
        run.wait(draw.uniform(0.5, 8))
    kill_with_family(run)
    check_whole(folder / "out")
    status, said = answer(course(folder, "run", "--dataset", "digits"))
    assert status == 0, said
    assert "done" in (folder / "out" / "42_small.ipynb").read_text(encoding="utf-8")
    check_whole(folder / "out"), no_leftovers(folder)
    return "runs at the next start"


def killed_measurement(draw, folder):
    write_page(folder, SCORE, full={"EPOCHS": 7})
    arguments = ("measure", "--full", "--dataset", "digits", "--jobs", "1")
    run = course(folder, *arguments)
    with suppress(subprocess.TimeoutExpired):
        run.wait(draw.uniform(3, 22))
    kill_with_family(run)
    check_whole(folder / "out")
    receipts = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*.seed?.json")}
    status, said = answer(course(folder, *arguments))
    assert status == 0, said
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "REFERENCE", folder / "reference.json")
        (row,) = records.record_folder(folder / "out")
    assert row["figures"] == {"figure": {"mean": 71.0, "std": 1.0}}, row
    for path, written in receipts.items():
        kept(path.stat().st_mtime_ns == written, "a finished run was repeated")
    no_leftovers(folder)
    return f"goes on after {len(receipts)} of 3 seeds"


# --- a laptop that sleeps: processes that stand still for a while


def asleep(pids, draw, before, longest):
    """Let processes run for a while of up to `before` seconds, and then stand still for up to `longest`."""
    time.sleep(draw.uniform(0, before))
    for what in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids():
            with suppress(ProcessLookupError):
                os.kill(pid, what)
        if what == signal.SIGSTOP:
            time.sleep(draw.uniform(0, longest))


def sleeping_training(draw, folder):
    expected, seconds = uninterrupted_training()
    pid = forked(train, folder / "run.pt", folder / "figures.json")
    asleep(lambda: [pid], draw, seconds, 2)
    assert os.waitpid(pid, 0)[1] == 0
    kept(files.read_json(folder / "figures.json", None) == expected, "training has other figures after a pause")
    return "same figures"


def sleeping_download(draw, folder):
    def fetch():
        try:
            download.download("mnist")
        except CourseError as error:  # a pause longer than the deadline looks like a server that stalls
            files.write_json(folder / "said.json", str(error))

    with mirror(folder, "good"):
        pid = forked(fetch)
        asleep(lambda: [pid], draw, 0.2, 2)
        assert os.waitpid(pid, 0)[1] == 0
        said = files.read_json(folder / "said.json", "")
        assert not said or "nothing was changed" in said, said
        silently(download.download, "mnist")
        assert len(silently(data.load, "mnist", "train")) == 50
    no_leftovers(folder / "data")
    return "one message, and complete at the next call" if said else "complete"


def sleeping_run(draw, folder):
    write_page(folder, "import time; time.sleep(1)", "print('done')")
    run = course(folder, "run", "--dataset", "digits")
    family = psutil.Process(run.pid)
    asleep(lambda: [run.pid, *(child.pid for child in family.children(recursive=True))], draw, 6, 3)
    status, said = answer(run)
    assert status == 0, said
    check_whole(folder / "out"), no_leftovers(folder)
    return "goes on"


# --- disks


@contextmanager
def disk(folder, size, *options):
    """A small file system of its own, where this machine lets us make one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise Impossible("making a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def refuses(function, *arguments, says):
    """The function must raise a CourseError with these words."""
    try:
        silently(function, *arguments)
    except CourseError as error:
        assert says in str(error), error
    else:
        raise AssertionError(f"{function} went on")


def full_disk(draw, folder):
    with disk(folder / "disk", "96k") as small:
        before = {"rows": list(range(draw.randint(1, 2000)))}
        files.write_json(small / "file.json", before)
        (small / "other").write_bytes(bytes(draw.randint(40, 70) * 1024))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "REFERENCE", small / "reference.json")
            refuses(files.write_json, small / "file.json", {"rows": ["x" * 90_000]}, says="No space left")
            refuses(train, small / "run.pt", says="No space left")  # a checkpoint of some 160 kB
        kept(files.read_json(small / "file.json", None) == before, "the old file is gone")
        assert {path.name for path in small.iterdir()} == {"file.json", "other"}
        remount(small, "size=1m")
        to_the_end(train, small / "run.pt", small / "figures.json")
        assert files.read_json(small / "figures.json", None) == uninterrupted_training()[0]
    return "one message; works once there is space"


def full_disk_at_a_checkpoint(draw, folder):
    expected, _ = uninterrupted_training()
    with disk(folder / "disk", "1m") as small:
        to_the_end(functools.partial(train, epochs=draw.randint(1, 7)), small / "run.pt")
        before = (small / "run.pt").read_bytes()
        remount(small, f"size={len(before) // 1024 + 8}k")
        refuses(train, small / "run.pt", says="No space left")
        kept((small / "run.pt").read_bytes() == before, "the last checkpoint is gone")
        remount(small, "size=1m")
        to_the_end(train, small / "run.pt", folder / "figures.json")
    kept(files.read_json(folder / "figures.json", None) == expected, "resumed training has other figures")
    return "one message; goes on from the last epoch"


def full_disk_in_a_run(draw, folder):
    write_page(folder, "print('done')")
    with disk(folder / "out", f"{draw.choice([4, 16, 64])}k") as small:
        status, said = answer(course(folder, "run", "--dataset", "digits"))
        assert status == 1 and "No space left" in said, said
        check_whole(small)
        remount(small, "size=8m")
        status, said = answer(course(folder, "run", "--dataset", "digits"))
        assert status == 0, said
        check_whole(small), no_leftovers(small)
    return "one message; works once there is space"


def read_only(draw, folder):
    page = write_page(folder, "x = 1")
    with disk(folder / "out", "1m") as small, mirror(folder, "good") as (_, patch):
        files.write_json(small / "reference.json", [])
        remount(small, "ro")
        patch.setenv("COURSE_STATE", str(small))
        patch.setenv("COURSE_DATA", str(small))
        patch.setattr(files, "REFERENCE", small / "reference.json")
        row = ("01_page", "quick", {"DATASET": "digits"}, {0: {"error": 1.0}})
        refuses(progress.keep, "exercises", "00-step", says="Read-only")
        refuses(train, small / "run.pt", says="Read-only")
        refuses(records.record, *row, says="Read-only")
        refuses(download.download, "mnist", says="Read-only")
        refuses(lambda: list(export.export("student", [page], small)), says="Read-only")
        status, said = answer(course(folder, "run", "--dataset", "digits"))
        assert status == 1 and "Read-only" in said and said.count("\n") == 1, said
    return "one message each"


NO_MODES = """
import os
def refuse(*_, **__):
    raise PermissionError(1, "Operation not permitted")
os.chmod = os.fchmod = pathlib.Path.chmod = refuse
"""


def no_modes(draw, folder):
    """A disk that keeps no modes, as exFAT and CIFS do: whoever sets one is refused."""
    write_page(folder, "print('done')", SCORE)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("chmod", "fchmod"):
            patch.setattr(os, name, refuse_mode)
        train(folder / "run.pt", folder / "figures.json")
        files.write_json(folder / "file.json", {"kept": draw.random()})
    kept(files.read_json(folder / "figures.json", None) == uninterrupted_training()[0], "training has other figures")
    status, said = answer(course(folder, "run", "--dataset", "digits", before=NO_MODES))
    assert status == 0, said
    check_whole(folder / "out"), no_leftovers(folder / "out")
    return "all is written"


def refuse_mode(*_, **__):
    raise PermissionError(1, "Operation not permitted")


def relative_names(draw, folder):
    """Folders named from where one stands reach kernels that stand elsewhere."""
    name = draw.choice(["own", "./own", "sub/../own", "own/"])
    write_page(
        folder, "from course_utils.support.files import data_dir, state_dir\nprint(data_dir(), state_dir(), sep='|')"
    )
    names = {"COURSE_DATA": name, "COURSE_STATE": name}
    process = course(folder, "run", "--dataset", "digits", cwd=folder, env=os.environ | names)
    status, said = answer(process)
    assert status == 0, said
    page = notebooks.read(folder / "out" / "42_small.ipynb")
    (printed,) = [output["text"] for cell in page["cells"] for output in cell.get("outputs", []) if "text" in output]
    assert printed.strip() == f"{folder / 'own'}|{folder / 'own'}", printed
    return "mean what they meant"


def duplicated_page(draw, folder):
    """A learner's copy beside the pages, whatever the front end calls it, is no page."""
    page = write_page(folder, "print('done')")
    names = ["42_small-Copy1", "42_small (1)", "Kopie von 42_small", "42_small copy", "Untitled"]
    copies = draw.sample(names, draw.randint(1, len(names)))
    for name in copies:
        (folder / f"{name}.ipynb").write_text(page.read_text(encoding="utf-8").replace("done", "'"), encoding="utf-8")
    before = f"""
import importlib
importlib.reload(notebooks)
notebooks.PAGES = ("42_small",)
files.NOTEBOOKS = pathlib.Path({str(folder)!r})
"""
    status, said = answer(course(folder, "run", "--dataset", "digits", before=before))
    assert status == 0 and "Left out" in said and all(name in said for name in copies), said
    kept({path.stem for path in folder.glob("*.ipynb")} == {"42_small", *copies}, "a learner's copy is gone")
    assert [path.stem for path in (folder / "out").glob("*.ipynb")] == ["42_small"]
    return "left out, with a line"


# --- servers


def bad_server(how):
    def attempt(draw, folder):
        with mirror(folder, how) as (url, patch):
            (folder / "data").mkdir()
            (folder / "data" / "mine.txt").write_text("keep me")
            started = time.monotonic()
            refuses(download.download, "mnist", says="could not download MNIST; nothing was changed")
            assert time.monotonic() - started < 10
            kept(os.listdir(folder / "data") == ["mine.txt"], "the data folder was changed")
            patch.setattr(datasets.MNIST, "mirrors", [f"{url}/{how}/", f"{url}/good/"])
            silently(download.download, "mnist")
            assert len(silently(data.load, "mnist", "train")) == 50
        return "one message; the next mirror helps"

    return attempt


def redirected_server(draw, folder):
    with mirror(folder, "moved"):
        silently(download.download, "mnist")
        assert len(silently(data.load, "mnist", "train")) == 50
    return "followed, and the checksum compared"


# --- kernels and processes


TAKEN_PORTS = """
import socket
from jupyter_client.connect import LocalPortCache
taken = socket.create_server(("127.0.0.1", 0))
honest, left = LocalPortCache.find_available_port, [5 * {times}]
def find(self, ip):
    left[0] -= 1
    return honest(self, ip) if left[0] < 0 else taken.getsockname()[1]
LocalPortCache.find_available_port = find
"""


def dying_kernel(draw, folder):
    how = draw.choice(["os._exit(0)", "os._exit(1)", "os.kill(os.getpid(), 9)", "os.abort()"])
    write_page(folder, "x = 1", f"import os; {how}")
    status, said = answer(course(folder, "run", "--dataset", "digits"))
    assert status == 1 and "the kernel died" in said and "Small page" in said, said
    check_whole(folder / "out"), no_leftovers(folder)
    return "one message with the place"


def bad_kernel_spec(draw, folder):
    """Jupyter's own python3 is broken, as after an upgrade of the system's Python."""
    spec = {"argv": [str(folder / "gone"), "-m", "ipykernel", "-f", "{connection_file}"], "display_name": "old"}
    content = draw.choice([json.dumps(spec | {"language": "python"}), "{", "", "[]", "\0"])
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(content)
    write_page(folder, "print('done')")
    environment = os.environ | {name: str(folder) for name in ("JUPYTER_DATA_DIR", "JUPYTER_PATH")}
    status, said = answer(course(folder, "run", "--dataset", "digits", env=environment | {"JUPYTER_NO_CONFIG": "1"}))
    assert status == 0, said
    return "runs in its own Python"


def taken_ports(times):
    """Jupyter gives a kernel ports that another program takes before it starts, so many times."""

    def attempt(draw, folder):
        write_page(folder, "print('done')")
        run = course(folder, "run", "--dataset", "digits", before=TAKEN_PORTS.format(times=times))
        status, said = answer(run)
        if times < 3:
            assert status == 0, said
            return "tried again"
        assert status == 1 and "no kernel could be started" in said and "in use" in said, said
        return "one message after three tries"

    return attempt


def two_runs(draw, folder):
    write_page(folder, f"print({draw.random()})", "import time; time.sleep(2)")
    runs = []
    for _ in range(2):
        runs.append(course(folder, "run", "--dataset", "digits"))
        time.sleep(draw.uniform(0, 1))
    ends = [answer(run) for run in runs]
    assert 0 in [status for status, _ in ends], ends
    for status, said in ends:
        assert status == 0 or ("another `course run` is writing" in said and said.count("\n") == 1), said
    check_whole(folder / "out"), no_leftovers(folder)
    return "one runs, the other is told" if any(status for status, _ in ends) else "one after the other"


def terminated_in_the_background(draw, folder):
    """As `course run &` in a script, which starts it with interrupts ignored; then `kill`."""
    write_page(folder, "import time; time.sleep(60)")
    ignore = functools.partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    run = course(folder, "run", "--dataset", "digits", preexec_fn=ignore)
    while not list(folder.glob("out/.running-*/*.executed.ipynb")) and run.poll() is None:
        time.sleep(0.1)
    time.sleep(draw.uniform(0, 2))
    family = psutil.Process(run.pid).children(recursive=True)
    run.terminate()
    status, said = answer(run, limit=30)
    assert status == 130 and "course: stopped." in said, said
    assert not psutil.wait_procs(family, timeout=10)[1]
    no_leftovers(folder)
    return "stops, with its kernels"


def together(*functions):
    """Run functions at the same time, each in a process of its own."""
    pids = [forked(function) for function in functions]
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)


def two_recorders(draw, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "REFERENCE", folder / "reference.json")

        def record(name):
            for i in range(10):
                records.record(f"{name}{i}", "quick", {"DATASET": "digits"}, {0: {"error": 1.0}})

        together(*(functools.partial(record, name) for name in "abc"))
        kept(len(files.read_json(files.REFERENCE, [])) == 30, "a row is gone")
    return "all rows are there"


def two_kernels_guess(draw, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_STATE", str(folder))

        def guess(number):
            for i in range(50):
                progress.keep("predictions", "01-pca", guess=number)
                progress.keep("predictions", f"01-{number}-{i}", guess=i)
                assert progress.kept("predictions", "01-pca")["guess"] in (1, 2)

        together(functools.partial(guess, 1), functools.partial(guess, 2))
        kept(len(list((folder / "predictions").iterdir())) == 101, "a guess is gone")
    return "every entry is one kernel's"


def two_downloads(draw, folder):
    with mirror(folder, "good"):

        def fetch():
            time.sleep(draw.uniform(0, 0.1))
            try:
                download.download("mnist")
            except CourseError as error:
                assert "another download" in str(error)

        together(fetch, fetch, fetch)
        assert len(silently(data.load, "mnist", "train")) == 50
    no_leftovers(folder / "data")
    return "one fetches, the others are told"


# --- bytes and clocks


def flip_a_bit(draw, path):
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


@functools.cache
def half_trained():
    with tempfile.TemporaryDirectory() as folder:
        to_the_end(functools.partial(train, epochs=4), Path(folder, "run.pt"))
        return Path(folder, "run.pt").read_bytes()


def flipped_checkpoint(draw, folder):
    expected, _ = uninterrupted_training()
    (folder / "run.pt").write_bytes(half_trained())
    flip_a_bit(draw, folder / "run.pt")

    def go_on():
        try:
            train(folder / "run.pt", folder / "figures.json")
        except CourseError as error:
            files.write_json(folder / "figures.json", str(error))

    to_the_end(go_on)
    figures = files.read_json(folder / "figures.json", None)
    if isinstance(figures, str):
        assert "Delete" in figures, figures
        return "refused with a remedy"
    kept(figures == expected, "a damaged checkpoint gave other figures")
    return "a bit that nobody reads"


def flipped_weights(draw, folder):
    path = folder / "vae.safetensors"
    model = VAE(latent_dim=2, hidden_dim=4)
    weights.halve(model)
    weights.save(model, path, {"data": "none"})
    flip_a_bit(draw, path)
    try:
        loaded = weights.load(VAE(latent_dim=2, hidden_dim=4), path, "command")
    except CourseError as error:
        assert "damaged" in str(error)
        return "refused with a remedy"
    pairs = zip(loaded.state_dict().values(), model.state_dict().values(), strict=True)
    kept(all(torch.equal(ours, theirs) for ours, theirs in pairs), "damaged weights were loaded")
    return "a bit that nobody reads"


def other_loss(draw, folder):
    (folder / "run.pt").write_bytes(half_trained())
    factor = draw.uniform(1.01, 5)
    other = draw.choice([lambda model, x, y: sse(model(x), x), lambda model, x, y: factor * mse(model(x), x)])
    refuses(functools.partial(train, loss=other), folder / "run.pt", says="made with another loss")
    kept((folder / "run.pt").read_bytes() == half_trained(), "the checkpoint was overwritten")
    return "refused with a remedy"


def changed_clock(draw, folder):
    expected, _ = uninterrupted_training()
    now, days = time.time(), draw.uniform(-4000, 4000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_STATE", str(folder / "state"))
        patch.setattr(time, "time", lambda: now + 86400 * days)
        to_the_end(functools.partial(train, epochs=4), folder / "run.pt")
        os.utime(folder / "run.pt", (now + 86400 * days,) * 2)
        live = folder / ".run.pt.other.part"  # another process is writing at this moment
        live.write_bytes(b"half")
        to_the_end(train, folder / "run.pt", folder / "figures.json")
        progress.keep("exercises", "00-step", time="2099-01-01T00:00:00")
        progress.keep("exercises", "00-flatten")
        assert "2 of" in progress.table()
    assert live.exists(), "a file that is being written was removed"
    kept(files.read_json(folder / "figures.json", None) == expected, "resumed training has other figures")
    return "same figures"


def abandoned_files(draw, folder):
    """What killed processes leave goes away; what another one is writing at the moment stays."""
    old, young = folder / ".x.json.old.part", folder / ".x.json.young.part"
    old.write_bytes(b"half"), young.write_bytes(b"half")
    age = draw.uniform(1.1, 1000) * files.ABANDONED
    os.utime(old, (time.time() - age,) * 2)
    files.write_json(folder / "x.json", 1)
    assert young.exists() and not old.exists()
    return "removed after an hour"


THREADS = """
import sys
import torch
from torch.utils.data import TensorDataset
from course_utils import digits
from course_utils.losses import mse, vae_loss
from course_utils.models import VAE, Autoencoder, ConvAutoencoder
from course_utils.training import evaluate, fit

def elbo(model, x, y):
    recon_x, mu, logvar = model(x)
    return vae_loss(recon_x, x, mu, logvar) / len(x)

def copy(model, x, y):
    return mse(model(x), x)

images, factors = digits.generate(2000)
data = TensorDataset(images.unsqueeze(1) / 255, factors["digit"])
torch.set_num_threads(int(sys.argv[1]))
for build, loss in ((Autoencoder, copy), (VAE, elbo), (ConvAutoencoder, copy)):
    torch.manual_seed(0)
    model = build()
    fit(model, data, loss, epochs=2, device="cpu", progress=False)
    torch.manual_seed(0)
    print(f"{build.__name__} {evaluate(model, data, loss):.3g}")
"""


def other_threads(draw, folder):
    printed = {}
    for threads in (1, 2, 4):
        command = [sys.executable, "-c", THREADS, str(threads)]
        printed[threads] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed[1] == printed[2] == printed[4], printed
    return "1, 2 and 4 print the same digits"


LEARNERS, PATIENCE = 30, 150
KERNEL_BYTES = 1.34e9  # that a kernel on page 01 takes, with the process that runs it
LEARNER = """
import json, resource, sys
import psutil
import torch
from course_utils import data, digits
from course_utils.losses import mse
from course_utils.models import Autoencoder
from course_utils.training import fit
sys.stdout, out = sys.stderr, sys.stdout
train = data.load("mnist" if data.is_on_disk("mnist") else "digits", "train")
drawn = int(digits.generate(2000)[0].long().sum())
torch.manual_seed(0)
small = torch.utils.data.TensorDataset(train.x[:5000], train.y[:5000])
history = fit(Autoencoder(), small, lambda model, x, y: mse(model(x), x), epochs=1, device="cpu", progress=False)
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
figures = [drawn, f"{history[0]['train']:.3g}"]
print(json.dumps({"threads": psutil.Process().num_threads(), "MB": megabytes, "figures": figures}), file=out)
"""


def load():
    """Thirty learners at once: their processes, and then kernels on page 01, thirty or as many as memory allows."""
    free = psutil.virtual_memory().available
    kernels = max(1, min(LEARNERS, int(free / KERNEL_BYTES)))
    ends = {}
    for name, settings in (("one thread each", execute.KERNEL_ENVIRONMENT), ("torch's own threads", {})):
        environment = {key: value for key, value in os.environ.items() if key not in execute.KERNEL_ENVIRONMENT}
        command = [sys.executable, "-c", LEARNER]
        started, least = time.perf_counter(), free
        running = [
            subprocess.Popen(command, env=environment | settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(LEARNERS)
        ]
        while any(process.poll() is None for process in running) and time.perf_counter() - started < PATIENCE:
            least = min(least, psutil.virtual_memory().available)
            time.sleep(0.2)
        late = [process for process in running if process.poll() is None]
        for process in late:
            process.kill()
        answers = [json.loads(process.communicate()[0]) for process in running if process not in late]
        ends[name] = {json.dumps(answer["figures"]) for answer in answers}
        print(
            f"{LEARNERS} learners, {name}: {len(answers)} are ready after {time.perf_counter() - started:.0f} s; each "
            f"{max((answer['MB'] for answer in answers), default=0):.0f} MB and "
            f"{max((answer['threads'] for answer in answers), default=0)} threads at most; "
            f"all together {(free - least) / 1e9:.1f} GB; figures {ends[name]}",
            flush=True,
        )
    page, least = notebooks.find(["01"])[0], [free]
    with tempfile.TemporaryDirectory() as folder:
        (alone,) = execute.run([execute.Job(page, {}, Path(folder, "alone.ipynb"))])
        started = time.perf_counter()
        jobs = [execute.Job(page, {"SEED": seed}, Path(folder, f"seed{seed}.ipynb")) for seed in range(kernels)]
        watch = threading.Event()

        def sample():
            while not watch.wait(0.5):
                least[0] = min(least[0], psutil.virtual_memory().available)

        threading.Thread(target=sample).start()
        try:
            results = execute.run(jobs, workers=kernels)
        finally:
            watch.set()
    seconds = [result.seconds for result in results]
    each = (free - least[0]) / kernels
    print(
        f"{kernels} kernels on page 01: {time.perf_counter() - started:.0f} s, {min(seconds):.0f} to "
        f"{max(seconds):.0f} s each, and {alone.seconds:.0f} s for one alone; {each / 1e9:.2f} GB each, so this one "
        f"has memory for {free / each:.0f} of them; "
        f"failed: {sum(bool(result.error) for result in results)}"
    )
    return any(result.error for result in results) or any(len(figures) > 1 for figures in ends.values())


SERVERS = {
    "stall": "stalls",
    "trickle": "is endlessly slow",
    "endless": "never ends",
    "half": "drops the connection",
    "html": "answers with a web page",
    "wrong": "sends other bytes",
    "missing": "has no such file",
    "loop": "redirects for ever",
}
FAULTS = [
    Fault("killed: training with a checkpoint", killed_training, 50, 3),
    Fault("killed: download", killed_download, 50, 2),
    Fault("killed: data/reference.json", killed_reference, 50, 3),
    Fault("killed: guesses and exercises", killed_progress, 50, 3),
    Fault("killed: course export", killed_export, 50, 0),
    Fault("killed: course run", killed_run, 20, 0),
    Fault("killed: course measure", killed_measurement, 8, 0),
    Fault("course run &, then SIGTERM", terminated_in_the_background, 2, 1),
    Fault("asleep: training with a checkpoint", sleeping_training, 20),
    Fault("asleep: download", sleeping_download, 20),
    Fault("asleep: course run", sleeping_run, 4, 0),
    Fault("disk full: files", full_disk, 10),
    Fault("disk full: checkpoint", full_disk_at_a_checkpoint, 10),
    Fault("disk full: course run", full_disk_in_a_run, 1, 0),
    Fault("read-only folder", read_only, 1, 0),
    Fault("disk that refuses modes", no_modes, 4),
    Fault("relative names of folders", relative_names, 4, 0),
    Fault("duplicates of a page", duplicated_page, 4, 0),
    *(Fault(f"server {what}", bad_server(how), 3, how in ("half", "html", "loop")) for how, what in SERVERS.items()),
    Fault("server redirects", redirected_server, 3),
    Fault("kernel dies inside a cell", dying_kernel, 2, 0),
    Fault("broken Jupyter kernel spec", bad_kernel_spec, 2, 0),
    Fault("ports of a kernel taken twice", taken_ports(2), 2),
    Fault("ports of a kernel always taken", taken_ports(3), 1, 0),
    Fault("two runs into one folder", two_runs, 2, 1),
    Fault("three recorders at once", two_recorders, 5),
    Fault("two kernels guess at once", two_kernels_guess, 5),
    Fault("three downloads at once", two_downloads, 5),
    Fault("bit flipped in a checkpoint", flipped_checkpoint, 50, 3),
    Fault("bit flipped in weights", flipped_weights, 500, 50),
    Fault("checkpoint of another loss", other_loss, 10),
    Fault("clock changed", changed_clock, 10),
    Fault("abandoned temporary files", abandoned_files, 10),
    Fault("other numbers of threads", other_threads, 1, 0),
]


def try_once(fault, seed, i):
    """Returns how one try ended, what failed, and whether data was lost."""
    with tempfile.TemporaryDirectory(prefix="course-faults-", ignore_cleanup_errors=True) as folder:
        try:
            return fault.attempt(random.Random(f"{fault.name} {seed} {i}"), Path(folder)), "", False
        except Impossible as reason:
            return f"left out: {reason}", "", False
        except Exception as error:
            return "FAILED", f"{fault.name}, try {i}:\n{traceback.format_exc()}", isinstance(error, Lost)


def try_numbered(number, seed, i):
    """`try_once` for FAULTS[number], which another process can be asked for."""
    return try_once(FAULTS[number], seed, i)


def try_out(fault, times):
    """Try a fault so many times, one after the other."""
    return [try_once(fault, 0, i) for i in range(times)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD", help="only faults with one of these words in their name")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--load", action="store_true", help="thirty learners at once")
    options = parser.parse_args()
    if not LINUX:
        print("The faults need fork, SIGKILL and tmpfs: they are tried on Linux only.")
        return 0
    if options.load:
        return int(load())
    chosen = [f for f in FAULTS if not options.words or any(word in f.name for word in options.words)]
    width = max(len(fault.name) for fault in chosen)
    print(f"{'fault':{width}}  tried  lost  seconds  outcome")
    bad = []
    with ProcessPoolExecutor(execute.cores(), get_context("fork")) as pool:
        for fault in chosen:
            started = time.perf_counter()
            once = functools.partial(try_numbered, FAULTS.index(fault), options.seed)
            tries = list(pool.map(once, range(fault.times)))
            ends, lost = Counter(end for end, _, _ in tries), sum(lost for _, _, lost in tries)
            outcome = "; ".join(f"{how} ({count})" if len(ends) > 1 else how for how, count in ends.most_common())
            seconds = time.perf_counter() - started
            print(f"{fault.name:{width}}  {fault.times:5}  {lost or 'none':>4}  {seconds:7.0f}  {outcome}", flush=True)
            bad += [failure for _, failure, _ in tries if failure]
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
