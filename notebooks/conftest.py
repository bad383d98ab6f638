"""Makes `pytest notebooks/...` run under the same settings as the whole suite."""

import atexit
import os
import shutil
import tempfile

from course_utils.command.execute import prepare_environment

if "COURSE_STATE" not in os.environ:
    os.environ["COURSE_STATE"] = tempfile.mkdtemp(prefix="course-state-")
    atexit.register(shutil.rmtree, os.environ["COURSE_STATE"], ignore_errors=True)
prepare_environment(COURSE_DATASET="digits")
