"""A quiz whose answers are clicked on."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets


def with_buttons(
    questions: Sequence[dict[str, Any]], kept: Sequence[str | None], keep: Callable[[int, str], str]
) -> ipywidgets.Widget:
    """The questions, each with a button for every answer.

    Args:
        questions: dicts with "question", "right" and "options", from letter to (answer, explanation).
        kept: the letter that was answered first, for each question, or None.
        keep: called with the number of a question, from 1, and the letter that was clicked; returns trouble, or "".
    """
    parts = [_question(number, *of_one, keep) for number, of_one in enumerate(zip(questions, kept, strict=True), 1)]
    return ipywidgets.VBox(parts)


def _question(number, question, first, keep):
    answers = "".join(f"<br>{letter}) {html.escape(text)}" for letter, (text, _) in question["options"].items())
    asked = ipywidgets.HTML(f"<b>{number}. {html.escape(question['question'])}</b>{answers}")
    letters = ipywidgets.ToggleButtons(
        options=list(question["options"]),
        value=None,
        tooltips=[text for text, _ in question["options"].values()],
        layout={"width": "auto"},
        style={"button_width": "3em"},
    )
    said = ipywidgets.HTML(f"Your first answer was {first})." if first in question["options"] else "")

    def answer(change):
        letter = change["new"]
        verdict = "Right" if letter == question["right"] else "No"
        trouble = keep(number, letter)
        explanation = html.escape(question["options"][letter][1])
        said.value = f"<b>{letter}) {verdict}.</b> {explanation} {html.escape(trouble)}".strip()

    letters.observe(answer, "value")
    row = ipywidgets.HBox([ipywidgets.Label("Your answer:"), letters])
    return ipywidgets.VBox([asked, row, said])
