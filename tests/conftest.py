"""Settings of the whole suite: one thread, the built-in digits for committed pages, an empty learner's state."""

import atexit
import os
import shutil
import tempfile

# Before torch is imported anywhere, since it reads the number of threads once.
from course_utils.command.execute import prepare_environment

if "COURSE_STATE" not in os.environ:
    os.environ["COURSE_STATE"] = tempfile.mkdtemp(prefix="course-state-")
    atexit.register(shutil.rmtree, os.environ["COURSE_STATE"], ignore_errors=True)
prepare_environment(COURSE_DATASET="digits")

import pytest  # noqa: E402

from course_utils import data  # noqa: E402
from course_utils.support.files import data_dir  # noqa: E402

MNIST = data.is_on_disk("mnist")


@pytest.fixture
def mnist():
    """Skips a test where MNIST is not on disk."""
    if not MNIST:
        pytest.skip(f"MNIST is not in {data_dir()}")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """An empty folder for predictions."""
    monkeypatch.setenv("COURSE_STATE", str(tmp_path))
    return tmp_path


def pytest_report_header():
    return f"MNIST: {'used' if MNIST else 'not on disk, its tests are skipped (course data mnist)'}"


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"MNIST was {'used' if MNIST else 'not on disk: its tests were skipped'}.")
