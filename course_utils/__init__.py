"""Helpers of the autoencoder course: the plumbing and the plots, so that the notebooks can show the ideas.

Import from the module that owns a name, for example `from course_utils.data import load`.
"""


class CourseError(ValueError):
    """Something that the reader can mend; the message says what was wrong, what was expected and what to do."""
