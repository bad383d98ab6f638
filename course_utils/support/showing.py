"""Showing something: in a notebook as well as its front end can, in a script as text."""

from typing import Any

from course_utils.support.words import say


def display(bundle: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
    """Show of a bundle, a dict from MIME type to content, what a front end shows best; without one its text."""
    from IPython import display, get_ipython  # here: slow to import, and not needed by most commands

    if get_ipython() is None:
        say(bundle["text/plain"])
    else:
        display.display(bundle, metadata=metadata, raw=True)
