"""The learning calls of the notebooks, each one line: `predict`, `check` and `quiz` (and `score`, in scoreboard.py).

What they ask and how they judge stands in `course_utils/lessons/`, one module per notebook. Nothing leaves the machine.
"""

import html
import importlib

from IPython.display import display

from course_utils import CourseError, files


class NotFilledIn(Exception):
    """An exercise still returns its stub's `...`."""


def predict(id, guess=None, *, result=None):
    """Ask for a guess before a result, keep it, and put the two side by side afterwards.

    predict("01-x")               shows the question;
    predict("01-x", "a")          keeps your guess, a letter or a number;
    predict("01-x", result="b")   shows your guess beside the result.
    """
    question = _find(id, "PREDICTIONS")
    options = question.get("options")
    file = files.state_dir() / "predictions" / f"{id}.json"
    if result is not None:
        try:
            kept = _valid(files.read_json(file, None), question)
        except CourseError:  # unreadable, or from an earlier version of the question
            kept = None
        guessed = "no guess recorded" if kept is None else f"you guessed {_named(kept, question)}"
        print(f"Prediction {id}: {guessed}; the result is {_named(result, question)}.")
        return
    if guess is None:
        example = f'"{next(iter(options))}"' if options else question["example"]
        lines = [f"Prediction {id}: {question['question']}"]
        lines += [f"  {letter}) {text}" for letter, text in (options or {}).items()]
        print("\n".join([*lines, f'Your guess: predict("{id}", {example}), then go on.']))
        return
    guess = _valid(guess, question)
    try:
        files.write_json(file, guess)
        print(f"Prediction {id}: kept your guess, {_named(guess, question)}. Go on and see.")
    except CourseError as error:
        print(f"Prediction {id}: {error} The variable COURSE_STATE names the folder for guesses.")


def check(id, answer):
    """Say whether the answer to an exercise is right and, if not, what the likely mistake is.

    Never stops the notebook: an unfilled stub, and code that fails, are told as such.
    """
    judge = _find(id, "CHECKS")
    try:
        problem = judge(answer)
    except NotFilledIn:
        print(f"Exercise {id}: not filled in yet. Replace the dots and run the cell again.")
        return
    except (Exception, SystemExit) as error:
        problem = f"your code raised {type(error).__name__}: {str(error)[:300]}"
    print(f"Exercise {id}: " + (f"not yet: {problem}" if problem else "right."))


def quiz(id):
    """Show a notebook's quiz; each answer opens with its explanation."""
    questions = _find(id, "QUIZ")
    pages, lines = [], []
    for number, question in enumerate(questions, 1):
        lines.append(f"{number}. {question['question']}")
        options = []
        for letter, (text, explanation) in question["options"].items():
            lines.append(f"   {letter}) {text}")
            verdict = "Right" if letter == question["right"] else "No"
            options.append(
                f"<details><summary>{letter}) {html.escape(text)}</summary>"
                f"<p><b>{verdict}.</b> {html.escape(explanation)}</p></details>"
            )
        pages.append(f"<p><b>{number}. {html.escape(question['question'])}</b></p>{''.join(options)}")
    lines.append(
        "Run this cell in JupyterLab, or open the HTML page, to click on an answer and see why it is right or wrong."
    )
    display({"text/plain": "\n".join(lines), "text/html": "".join(pages)}, raw=True)


def filled(value):
    """Return `value`, or raise NotFilledIn where it is the stub's `...`, and a TypeError where nothing was returned."""
    if value is ...:
        raise NotFilledIn
    if value is None:
        raise TypeError("the function returned nothing; is there a `return`?")
    return value


def _valid(guess, question):
    """A guess in the form in which it is kept, or a CourseError; None stays None."""
    if guess is None:
        return None
    if "options" in question:
        letter = str(guess).strip().lower()
        if letter not in question["options"]:
            letters = ", ".join(question["options"])
            raise CourseError(f"the guess {guess!r} is none of the answers: expected one of {letters}")
        return letter
    if isinstance(guess, bool) or not isinstance(guess, int | float) or not -1e9 < guess < 1e9:
        raise CourseError(f"the guess {guess!r} is not a sensible number: expected for example {question['example']}")
    return guess


def _find(id, kind):
    """What the lesson of this id holds under `kind`; an id is "01-name", a quiz's just "01"."""
    try:
        lesson = importlib.import_module(f"course_utils.lessons.lesson_{str(id)[:2]}")
    except ModuleNotFoundError:
        raise CourseError(
            f"unknown id {id!r}: it should begin with the number of a notebook, for example '01'"
        ) from None
    entries = getattr(lesson, kind)
    if kind == "QUIZ":
        return entries
    if id not in entries:
        raise CourseError(f"unknown id {id!r}: notebook {id[:2]} has {', '.join(entries)}")
    return entries[id]


def _named(value, question):
    """A guess or result as a reader sees it."""
    if "options" in question:
        return f"{value}) {question['options'][value]}"
    return f"{value:.3g}{question.get('unit', '')}"
