"""Makes `pytest notebooks/...` run under the same settings as the whole suite."""

import os
import tempfile

from course_utils.runner import prepare_environment

os.environ.setdefault("COURSE_STATE", tempfile.mkdtemp(prefix="course-state-"))
prepare_environment(COURSE_DATASET="digits")
