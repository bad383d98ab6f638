"""`course kit`: the course in one folder, with all wheels, that installs without a network.

The kit may be for other systems and Pythons than those it is made on: uv chooses what is needed there, pip fetches it.
"""

import ast
import fnmatch
import functools
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course_utils import CourseError
from course_utils.support.files import BUILD, ROOT, data_dir

PYTHONS = ("3.11", "3.12", "3.13")
WHEELS = BUILD / "wheels"  # whatever was downloaded for kits, to be used again


@dataclass(frozen=True)
class System:
    """What a kit is made for.

    Attributes:
        title: its name for people.
        uv: uv's name for it.
        platforms: pip's names for it, which are tags of the wheels that run on it.
        shared: gigabytes of wheels that fit any Python.
        per_python: gigabytes of the others, for each Python.
    """

    title: str
    uv: str
    platforms: tuple[str, ...]
    shared: float
    per_python: float


SYSTEMS = {
    "windows": System(
        "Windows (x86-64)",
        "x86_64-pc-windows-msvc",
        ("win_amd64",),
        shared=0.13,
        per_python=0.24,
    ),
    "macos": System(
        "macOS 14 or later (Apple silicon)",
        "aarch64-apple-darwin",
        ("macosx_14_0_arm64",),  # pip takes wheels for earlier ones as well
        shared=0.14,
        per_python=0.21,
    ),
    "linux": System(
        "Linux (x86-64)",
        "x86_64-manylinux_2_28",
        (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)), "manylinux2014_x86_64"),
        shared=2.34,
        per_python=0.94,
    ),
}

# uv reads none of pip's settings, but gets these, to find what pip will find.
UV_OPTIONS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "constraint": "--constraints",
    "trusted-host": "--allow-insecure-host",
}
UV_VARIABLES = {"proxy": "ALL_PROXY", "cert": "SSL_CERT_FILE", "client-cert": "SSL_CLIENT_CERT"}

START_HERE = """\
AUTOENCODERS, HANDS ON: HOW TO INSTALL WITHOUT A NETWORK

This kit is for {systems}, with Python {pythons}.
Have Python installed (python.org) and {free} GB free. Copy this whole folder to your disk, and open a terminal in it.
The first line installs the course, which takes some minutes. The second tries it, lays out
copies of your own in learn, and opens the first page.
{commands}
README.md tells more.
"""
COMMANDS = {
    "windows": (
        "PowerShell on Windows",
        "py -{python} -m venv .venv; if ($?) {{ .venv\\Scripts\\python -m pip install {options} }}",
        ".venv\\Scripts\\course run 00; if ($?) {{ .venv\\Scripts\\course learn }}",
    ),
    "posix": (
        "Terminal on macOS or Linux",
        "python{python} -m venv .venv && .venv/bin/python -m pip install {options}",
        ".venv/bin/course run 00 && .venv/bin/course learn",
    ),
}
OPTIONS = "--no-index --find-links wheels -r requirements.txt"


def this_system() -> tuple[str, str]:
    """The name of the system that this runs on, and its Python, for example ("linux", "3.12")."""
    names = {"Windows": "windows", "Darwin": "macos", "Linux": "linux"}
    python = ".".join(platform.python_version_tuple()[:2])
    return names.get(platform.system(), platform.system()), python


def gigabytes(systems: list[str], pythons: list[str]) -> float:
    """About how large the wheels are for these systems and Pythons, by name; raises a CourseError on unknown ones."""
    for name in systems:
        if name not in SYSTEMS:
            raise CourseError(f"--for {name}: expected one of {', '.join(SYSTEMS)}")
    for version in pythons:
        if version not in PYTHONS:
            raise CourseError(f"--python {version}: expected one of {', '.join(PYTHONS)}")
    return sum(SYSTEMS[name].shared + len(pythons) * SYSTEMS[name].per_python for name in systems)


def build(out: Path, systems: list[str], pythons: list[str]) -> bool:
    """Make the kit, completely or not at all: under a temporary name first, then renamed.

    Args:
        out: the kit's folder. An earlier kit there is replaced.
        systems: names from `SYSTEMS`.
        pythons: versions from `PYTHONS`.

    Returns:
        Whether MNIST is in the kit.

    Raises:
        CourseError: where `out` is no earlier kit, uv is missing, the disk is full, or no set of wheels is complete.
    """
    size = gigabytes(systems, pythons)
    _check_replaceable(out)
    if importlib.util.find_spec("uv") is None:
        raise CourseError("`course kit` needs uv: `python -m pip install uv` brings it")
    try:
        for folder, need in ((WHEELS, 2 * size), (out.parent, size)):  # pip first downloads, then copies
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free / 1e9
            if free < need:
                raise CourseError(f"{folder} has {free:.1f} GB free, and this kit needs {need:.1f} GB there: free some")
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".kit-", ignore_cleanup_errors=True) as temporary:
            new = Path(temporary, "new")
            for path in course_files():
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, new / path)
            has_mnist = _copy_mnist(new)
            for system in systems:
                for python in pythons:
                    _gather(SYSTEMS[system], python, new / "wheels")
            (new / "START_HERE.txt").write_text(_start_here(systems, pythons), encoding="utf-8")
            _exchange(new, out, Path(temporary, "old"))
    except OSError as error:
        raise CourseError(
            f"cannot write the kit to {out}: {error.strerror or error}. Nothing was changed. "
            "Free some space, or name a folder that you may write to with --out"
        ) from error
    return has_mnist


def course_files() -> list[Path]:
    """The course's files, as paths below its folder: what git tracks or, without git, all but what it would ignore."""
    if (ROOT / ".git").exists():
        try:
            listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True).stdout
            return [path for path in map(Path, os.fsdecode(listed).split("\0")[:-1]) if (ROOT / path).is_file()]
        except (OSError, subprocess.CalledProcessError):
            pass
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [".git", *(line.strip("/") for line in lines if line and not line.startswith("#"))]

    def is_kept(path):
        names = (path.name, path.relative_to(ROOT).as_posix())
        return not any(fnmatch.fnmatch(name, pattern) for name in names for pattern in ignored)

    found = []
    for place, folders, files in os.walk(ROOT):
        # A virtual environment, whatever its name, runs nowhere else.
        folders[:] = [name for name in folders if is_kept(p := Path(place, name)) and not (p / "pyvenv.cfg").exists()]
        found += [path.relative_to(ROOT) for path in (Path(place, name) for name in files) if is_kept(path)]
    return found


def _check_replaceable(out):
    """Raise a CourseError where replacing `out` would destroy something that is no kit, or somebody's work."""
    if out == ROOT or (ROOT in out.parents and BUILD not in out.parents):
        raise CourseError(f"{out} lies among the course's own files: name another folder with --out")
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / "START_HERE.txt").is_file()):
        raise CourseError(f"{out} is there already and is no kit: name another folder with --out")
    if any((out / name).exists() for name in (".venv", ".course")):
        raise CourseError(
            f"the kit in {out} has been installed, and somebody may have worked in it: move it away, "
            "or name another folder with --out"
        )


def _copy_mnist(new):
    """Copy MNIST where it is on disk and whole; returns whether it is there."""
    from course_utils import data  # imports torch

    if not data.is_on_disk("mnist"):
        return False
    folder = Path("MNIST", "raw")
    (new / "data" / folder).mkdir(parents=True)
    for name in data.FILES:
        (new / "data" / folder / name).write_bytes(data.read_whole(data_dir(), "mnist", name))
    return True


def _gather(system, python, wheels):
    """Put wheels of all requirements, and of theirs in turn, into the folder `wheels`.

    `pip download` would compare conditions in requirements, such as `; sys_platform == "win32"`, with the values of
    this system (github.com/pypa/pip/issues/10050). So uv chooses the packages, and pip only fetches them.
    """
    # pip keeps its downloads in a temporary folder until all are there: gigabytes, too much for many a system's own.
    with tempfile.TemporaryDirectory(dir=BUILD, prefix=".pip-", ignore_cleanup_errors=True) as temporary:
        variables = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary) | {"PYTHONIOENCODING": "utf-8"}
        run = functools.partial(_run, f"{system.title} with Python {python}", variables)
        options, like_pip = _like_pip(run("pip", "config", "list", stdout=subprocess.PIPE))
        lock = f"{temporary}/lock.txt"
        options += ["--no-config", "--no-cache", "--only-binary=:all:", "--no-emit-package=autoencoder-course"]
        options += [f"--python={sys.executable}", f"--python-version={python}", f"--python-platform={system.uv}"]
        variables |= like_pip | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}  # uv's way to say which macOS
        run("uv", "pip", "compile", "-q", *options, "-o", lock, "requirements.txt")
        options = ["--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "-r", lock]
        options += [f"--python-version={python}", *(f"--platform={tag}" for tag in system.platforms)]
        run("pip", "download", *options, "-d", WHEELS)
        # Once more, from that folder alone, which may have wheels of earlier times as well.
        run("pip", "download", *options, "-d", wheels, "--no-index", f"--find-links={WHEELS}", "-q")


def _like_pip(listed):
    """The options and variables for uv that say what pip's settings say, as `pip config list` prints them."""
    settings = {}
    for section in ("global", "download", ":env:"):  # the later ones overrule the earlier
        for name, _, value in (line.partition("=") for line in listed.splitlines()):
            if name.startswith(f"{section}."):
                settings[name.removeprefix(f"{section}.")] = ast.literal_eval(value)
    # pip compares all indexes; uv would take a package from the first one that has it, in whatever version.
    options = ["--index-strategy=unsafe-best-match"]
    options += [f"{option}={value}" for name, option in UV_OPTIONS.items() for value in settings.get(name, "").split()]
    if settings.get("no-index", "").lower() in ("1", "on", "t", "true", "y", "yes"):
        options.append("--no-index")
    variables = {variable: settings[name] for name, variable in UV_VARIABLES.items() if name in settings}
    return options, variables | {"UV_SYSTEM_CERTS": "1"}  # certificates as pip finds them since 24.2


def _run(target, variables, tool, *arguments, stdout=None):
    """Run uv or pip in the course's folder, for a system and Python; returns what it printed, where that is a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = "; ".join(re.findall("^ERROR: (.*)", done.stderr, re.MULTILINE))  # as pip does
        said = said or " ".join(done.stderr.split()).removeprefix("error: ") or f"status {done.returncode}"
        offline = re.search("connection broken|Failed to fetch", done.stderr)
        raise CourseError(
            f"{tool} got no complete set of wheels for {target}, so nothing was changed. It says: {said.rstrip('.')}."
            + (" Check the connection to the package index." if offline else "")
        )
    return done.stdout


def _start_here(systems, pythons):
    commands = ""
    for kind, (title, *lines) in COMMANDS.items():
        if kind in systems or (kind == "posix" and {"macos", "linux"} & set(systems)):
            text = "\n".join(lines).format(python=pythons[0], options=OPTIONS)
            commands += f"\n{title}:\n\n{text}\n"
    if len(pythons) > 1:
        commands += f"\nWith another of these Pythons, write its number in place of {pythons[0]}.\n"
    return START_HERE.format(
        systems=", ".join(SYSTEMS[name].title for name in systems),
        pythons=" or ".join(pythons),
        free=10 if "linux" in systems else 3,
        commands=commands,
    )


def _exchange(new, out, old):
    """Put `new` in the place of `out`, and what was there, if anything, in the place of `old`."""
    if out.exists():
        os.replace(out, old)
    try:
        os.replace(new, out)
    except OSError:
        if old.exists():
            os.replace(old, out)
        raise
