"""Where the course keeps things, and writing files whole.

In a checkout all lies in the project's folder. Installed as a package, what the course brings along lies in the
package, and what it makes in the user's own folder for such data.
"""

import contextlib
import glob
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from course_utils import CourseError

PACKAGE = Path(__file__).resolve().parents[1]
IN_CHECKOUT = (PACKAGE.parent / "pyproject.toml").is_file()
ROOT = PACKAGE.parent if IN_CHECKOUT else PACKAGE / "shipped"  # of what the course brings along
OWN = ROOT if IN_CHECKOUT else platformdirs.user_data_path("autoencoder-course", appauthor=False)
NOTEBOOKS = ROOT / "notebooks"
REFERENCE = ROOT / "data" / "reference.json"
WEIGHTS = ROOT / "data" / "checkpoints"
BUILD = (ROOT if IN_CHECKOUT else Path.cwd()) / "build"  # executed notebooks and pages; ignored by git
ASSETS = PACKAGE / "assets"  # templates of the pages and slides, and reveal.js
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
FIGURES_MIME = "application/vnd.autoencoder-course.figures+json"  # `score` attaches figures so, `course run` finds them
ABANDONED = 3600  # seconds; writing one file takes far less, so an older temporary one was left by a killed process
FOLDERS = ("COURSE_DATA", "COURSE_STATE")  # variables that name folders


def data_dir() -> Path:
    """The folder with downloaded data: `COURSE_DATA`, or `data/` in the course's own place."""
    return Path(os.path.expanduser(os.environ.get("COURSE_DATA") or OWN / "data"))


def state_dir() -> Path:
    """The folder with the learner's predictions and progress: `COURSE_STATE`, or `.course/` in the course's place."""
    return Path(os.path.expanduser(os.environ.get("COURSE_STATE") or OWN / ".course"))


def given(path: str | Path) -> Path:
    """A path as it was meant where it was given: from the working folder of now, with `~` for the home folder."""
    if not isinstance(path, str | os.PathLike) or not str(path) or "\0" in str(path):
        raise CourseError(f"{path!r} is no path: expected text, for example 'folder/file'")
    return Path(os.path.abspath(os.path.expanduser(path)))


def settle_folders() -> None:
    """Make the folders named in variables absolute, before a kernel with another working folder reads them."""
    for name in FOLDERS:
        if os.environ.get(name):
            os.environ[name] = str(given(os.environ[name]))


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path` completely or not at all: under a temporary name first, then renamed.

    `~` is the home folder. Where the path is a link to a file, it is that file which is written.
    """
    path = Path(os.path.realpath(given(path)))
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # An ordinary new file has the mode that the user's umask leaves; to change one is refused on some disks.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):  # a disk that can be read only never held it
                temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise CourseError(
            f"cannot write {path}: {error.strerror or error}. Nothing was changed. "
            "Free some space or choose a folder that you may write to, then try again."
        ) from error
    _remove_abandoned(path)


def _remove_abandoned(path):
    """Remove what killed processes left of their attempts to write `path`."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):  # another process may have removed it, or finished it
            if path.stat().st_mtime - part.stat().st_mtime > ABANDONED:  # both by the clock of the disk
                part.unlink()


@contextlib.contextmanager
def locked(path: str | Path, busy: str | None = None) -> Iterator[None]:
    """Hold the lock on `path`, a file that exists only meanwhile; the system frees it even where a process is killed.

    Args:
        path: the file, in a folder that exists.
        busy: what a CourseError says at once where another process holds the lock; without it, wait for that one.
    """
    from filelock import FileLock, Timeout  # few commands need it

    try:
        lock = FileLock(path).acquire(timeout=0 if busy else -1)
    except Timeout:
        raise CourseError(busy) from None
    except (OSError, NotImplementedError) as error:  # a read-only folder, or a file system without locks
        raise CourseError(
            f"cannot make the lock {path}: {getattr(error, 'strerror', None) or error}. Nothing was changed. "
            "Free some space or choose a folder that you may write to, then try again."
        ) from error
    with lock:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows does not remove what is open
                os.unlink(path)  # while it is locked: one who waits for it sees that it is gone, and makes a new one


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, completely or not at all."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: str | Path, default: Any) -> Any:
    """The value in the JSON file at `path`, or `default` where there is no such file."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError, RecursionError) as error:
        raise CourseError(
            f"cannot read {path}: {error}. Restore it from the course, or delete it to start afresh."
        ) from error
