"""The explicit download of the sets that are not built in: nothing else in the course fetches anything."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path

from tqdm import tqdm

from course_utils import CourseError, data
from course_utils.support.files import data_dir, locked
from course_utils.support.words import last_line

DOWNLOAD_MB = {"mnist": 66, "fashion-mnist": 86}  # packed and unpacked files together
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
TIMEOUT = 20  # seconds without an answer before a download gives up
DEADLINE = 900  # seconds for one file, since a server can also be endlessly slow
LARGEST = 100e6  # bytes; the largest real file has 26 million


def download(name: str) -> None:
    """Fetch a set from the mirrors that torchvision names: into a temporary folder, checked, then moved to its place.

    Each archive is compared with the checksum that torchvision knows, so a mirror without HTTPS cannot slip in other
    data; torchvision unpacks and reads it. Whatever was in the data folder stays until the new files are complete.
    One process at a time downloads into a folder; another one is told so.
    """
    if name not in data.DOWNLOADS:
        raise CourseError(f"cannot download {name!r}: expected one of {', '.join(data.DOWNLOADS)}")
    root = data_dir()
    for file in data.FILES:
        if os.path.isdir(place := data.raw_folder(root, name) / file):  # as some archives of all four unpack
            raise CourseError(f"{place} is a folder, and should be a file: move it away, and try again")
    if data.is_on_disk(name):
        try:
            data.read_idx(root, name, train=True), data.read_idx(root, name, train=False)
        except CourseError:
            pass  # damaged: fetch it again
        else:
            if any(root.glob(".download-*")):
                with contextlib.suppress(CourseError), _downloading(root):
                    pass  # what a download left that was killed at its very end goes
            return
    problems = []
    reader = data.reader(name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _downloading(root):
            if shutil.disk_usage(root).free < 2e6 * DOWNLOAD_MB[name]:
                raise OSError(None, f"less than {2 * DOWNLOAD_MB[name]} MB free")
            for mirror in reader.mirrors:
                if problem := _download_from(mirror, reader, root, name):
                    problems.append(f"{mirror} ({problem})")
                else:
                    return
    except OSError as error:
        raise CourseError(
            f"cannot store {data.TITLES[name]} in {root}: {error.strerror or error}. "
            f"It needs {2 * DOWNLOAD_MB[name]} MB while downloading; name another folder in the variable COURSE_DATA."
        ) from error
    said = "; ".join(problems).lower()
    remedy = "Check the connection and try again"
    if "certificate has expired" in said or "not yet valid" in said:
        remedy = "A certificate is told to be out of date: is this computer's clock right? Then try again"
    elif "hostname mismatch" in said:
        remedy = "Another server answers in the place of the mirror: log in to this network first, and try again"
    elif "certificate" in said:
        remedy = (
            "This Python does not know who signed the server's certificate. On macOS run the script `Install "
            "Certificates.command` beside Python in Applications; behind a company's proxy name the file with its "
            "certificate in the variable SSL_CERT_FILE. Then try again"
        )
    raise CourseError(
        f"could not download {data.TITLES[name]}; nothing was changed. Tried: {'; '.join(problems)}. "
        f"{remedy}, or go on with the built-in digits, which need none."
    )


@contextlib.contextmanager
def _downloading(root):
    """Hold the lock on downloads into `root`, without what killed ones left there."""
    with locked(root / ".download.lock", busy=f"another download into {root} is under way: wait for it to end"):
        for left in root.glob(".download-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _download_from(mirror, reader, root, name):
    """Fetch a set from one mirror and move it to its place; returns what went wrong, or None."""
    with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as temporary:
        raw = data.raw_folder(Path(temporary), name)
        raw.mkdir(parents=True)
        try:
            for file, md5 in reader.resources:
                _fetch(mirror + file, raw / file, md5)
            reader(temporary, download=True)  # finds the archives, and only unpacks them
            data.read_idx(Path(temporary), name, train=True), data.read_idx(Path(temporary), name, train=False)
        except Exception as error:  # a server can fail in more ways than can be listed
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                raise  # another mirror would not help
            return last_line(error)
        data.raw_folder(root, name).mkdir(parents=True, exist_ok=True)
        for file in raw.iterdir():
            os.replace(file, data.raw_folder(root, name) / file.name)
    return None


def _fetch(url, path, md5):
    """Download one file with a progress bar; it must be complete in time, of sensible size and the published one."""
    deadline = time.monotonic() + DEADLINE
    with (
        urllib.request.urlopen(url, timeout=TIMEOUT) as answer,
        open(path, "wb") as file,
        tqdm(total=answer.length, desc=path.name, unit="B", unit_scale=True) as bar,
    ):
        while chunk := answer.read1(1 << 16):  # read() would wait until the whole chunk is there
            bar.update(file.write(chunk))
            if file.tell() > LARGEST:
                raise RuntimeError(f"{path.name} is far larger than it should be")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path.name} took longer than {DEADLINE} seconds")
    if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != md5:
        raise RuntimeError(f"{path.name} is not the published file")
