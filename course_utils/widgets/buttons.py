"""Guesses and downloads at a click. Each leaves a line of text where widgets cannot run."""

import html
from collections.abc import Callable

import ipywidgets

from course_utils import CourseError, data, download
from course_utils.support.showing import display


def ask(
    keep: Callable[[str | float], str], options: dict[str, str] | None = None, kept: str | float | None = None
) -> None:
    """Buttons for the answers to a question, or a field for a number.

    Args:
        keep: called with the guess, a letter or a number, at a click; returns what to say of it.
        options: dict from a letter to an answer; none where a number is asked for.
        kept: the guess so far, or None.
    """
    said = ipywidgets.HTML("" if kept is None else f"Kept so far: {kept}")

    def answer(guess):
        try:
            said.value = html.escape(keep(guess))
        except CourseError as error:
            said.value = html.escape(str(error))

    if options:
        letters = ipywidgets.ToggleButtons(
            options=list(options),
            value=kept,
            tooltips=list(options.values()),
            layout={"width": "auto"},
            style={"button_width": "3em"},
        )
        letters.observe(lambda change: answer(change["new"]), "value")
        parts = [letters]
    else:
        number = ipywidgets.FloatText(value=kept or 0, layout={"width": "8em"})
        button = ipywidgets.Button(description="Keep this guess", layout={"width": "auto"})
        button.on_click(lambda _: answer(number.value))
        parts = [number, button]
    row = ipywidgets.HBox([ipywidgets.Label("Your guess:"), *parts])
    _show(ipywidgets.VBox([row, said]), "A place for your guess")


def download_button(name: str = "mnist") -> None:
    """A button that downloads a data set, and says how it went. Nothing is fetched until it is pressed."""
    if not isinstance(name, str) or name not in data.DOWNLOADS:
        raise CourseError(f"there is nothing to download for {name!r}: expected one of {', '.join(data.DOWNLOADS)}")
    title = data.TITLES[name]
    button = ipywidgets.Button(description=f"Download {title}", layout={"width": "auto"})
    message = ipywidgets.HTML(
        f"{title} is already on disk."
        if data.is_on_disk(name)
        else f"It will take {download.DOWNLOAD_MB[name]} MB of your disk."
    )

    def press(_):
        button.disabled = True
        message.value = "Downloading, please wait a minute ..."
        try:
            download.download(name)
            message.value = f"{title} is complete. Choose Kernel > Restart Kernel and Run All Cells to use it."
        except CourseError as error:
            message.value = html.escape(str(error))
        button.disabled = False

    button.on_click(press)
    _show(ipywidgets.HBox([button, message]), f"A button to download {title}")


def _show(widget, what):
    """Display a widget, and in its place a text for GitHub, the HTML page and the tests."""
    display(widget._repr_mimebundle_() | {"text/plain": f"{what}: run this cell in JupyterLab to get it."})
