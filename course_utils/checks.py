"""The learning calls of the notebooks, each one line: `predict`, `check` and `quiz` (and `score`, in scoreboard.py).

What they ask and how they judge stands in `course_utils/exercises/`, one module per page. Nothing leaves the machine.
"""

import contextlib
import html
import importlib
from collections.abc import Callable
from typing import Any

import torch
from IPython import get_ipython
from IPython.display import display

from course_utils import CourseError
from course_utils.exercises import NotFilledIn, progress, sandbox, solutions
from course_utils.support.attempt import TimeUp, attempt
from course_utils.support.notebooks import tags
from course_utils.support.words import described

SECONDS = 4  # that an answer may take; the judges themselves take less than a tenth of a second
_right: dict[str, Callable] = {}  # the functions that were found right since the kernel started, by the exercise's id


def predict(id: str, guess: str | float | None = None, *, result: str | float | None = None) -> None:
    """Ask for a guess before a result, keep it, and put the two side by side afterwards.

    predict("01-x")               shows the question, and in JupyterLab buttons or a field to answer it;
    predict("01-x", "a")          keeps your guess, a letter or a number;
    predict("01-x", result="b")   shows your guess beside the result.
    """
    question = _find(id, "PREDICTIONS")
    options = question.get("options")
    request = _request()
    if result is not None:
        result = _valid(result, question, "result")
        guess = _kept_guess(id, question)
        guessed = "no guess recorded" if guess is None else f"you guessed {_named(guess, question)}"
        print(f"Prediction {id}: {guessed}; the result is {_named(result, question)}.")
        if guess is not None and _is_read(request):
            _note_whether_right(id, guess, result, question)
    elif guess is None:
        example = f'"{next(iter(options))}"' if options else question["example"]
        lines = [f"Prediction {id}: {question['question']}"]
        lines += [f"  {letter}) {text}" for letter, text in (options or {}).items()]
        print("\n".join([*lines, f'Your guess: predict("{id}", {example}), then go on.']))
        if request and _is_read(request):
            from course_utils.widgets import buttons  # here: it takes time, and a page executed unread has no buttons

            buttons.ask(lambda guess: _keep_guess(id, guess, question), options, _kept_guess(id, question))
    else:
        print(_keep_guess(id, guess, question))


def check(id: str, answer: Any) -> None:
    """Say whether the answer to an exercise is right and, if not, what the likely mistake is.

    Never stops the notebook: an unfilled stub, and code that fails or does not end, are told as such.
    """
    judge = _find(id, "CHECKS")
    own = answer
    error: BaseException | None = None
    _right.pop(id, None)
    if answer is ...:
        problem, error = None, NotFilledIn()
    elif not callable(answer):
        problem = f'expected your function itself, as in check("{id}", name), got {described(answer)}'
    else:
        answer = sandbox.Watched(answer)
        with torch.random.fork_rng(devices=[]):  # the page's random numbers go on as if nothing had been checked
            problem, error = attempt(SECONDS, _judge, judge, answer)
    if isinstance(error, NotFilledIn):
        print(f"Exercise {id}: not filled in yet. Replace the dots and run the cell again.")
        return
    if error is not None:
        problem = _mishap(error, answer)
    print(f"Exercise {id}: " + (f"not yet: {problem[:500]}" if problem else "right."))
    if not problem:
        _right[id] = own
    request = _request()
    if not problem and _is_read(request) and not _is_solution(id, request):
        try:
            progress.keep("exercises", id)
        except CourseError as error:
            print(f"Exercise {id}: {error} The variable COURSE_STATE names the folder for your progress.")


def own_or_solution(id: str) -> Callable:
    """The function with which a page without solutions goes on: yours where `check` found it right, or the course's.

    The course's is defined among your own variables, as its cell in the course's notebook would do.
    """
    _find(id, "CHECKS")
    if id in _right:
        print(f"Exercise {id}: the page goes on with your function.")
        return _right[id]
    print(f"Exercise {id}: the page goes on with the course's function until yours is right.")
    solution = solutions.find(id)
    get_ipython().run_cell(solution.definition, silent=True).raise_error()
    return get_ipython().user_ns[solution.name]


def quiz(id: str) -> None:
    """Show a page's quiz; each answer opens with its explanation."""
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


def _judge(judge, answer):
    """The hint at what is wrong with a watched answer, or None; a judge sees its results, but not what else it does."""
    problem = judge(answer)
    if answer.changed and "changed" not in (problem or ""):  # some judges look for this, and say it better
        return "your function changes what it was given, in place: work on a copy, for example `x.clone()`"
    if answer.seeded:
        return "your function sets the global seed, so that random numbers repeat: leave the seed to the page"
    if answer.nan:
        return "; ".join(filter(None, [problem, "your function returned NaN, which is not a number"]))
    return problem


def _mishap(error, answer):
    """What to tell of an exception that came up while a watched answer was judged."""
    if isinstance(error, TimeUp):
        after = "" if error.stopped else ". It goes on in the background: choose Kernel > Restart Kernel"
        return (
            f"your code was still running after {SECONDS} seconds: does a loop never end, or does it go through "
            f"single numbers where one operation on the whole tensor would do?{after}"
        )
    if error is answer.error:
        try:
            text = str(error)
        except Exception:
            text = "its message cannot be read"
        return f"your code raised {type(error).__name__}: {text}"
    if answer.nan:
        return "your function returned NaN, which is not a number"
    if answer.returned is None:
        return "your function returned nothing: is there a `return`?"
    return f"your function returned {described(answer.returned)}, and not what was asked for"


def _request():
    """What the front end sent along with the cell that runs; empty outside of Jupyter."""
    shell = get_ipython()
    return shell.get_parent() if hasattr(shell, "get_parent") else {}


def _is_read(request):
    """Whether a person ran this cell, whom the front end could also ask for input; tools that execute pages say no."""
    return request.get("content", {}).get("allow_stdin", not request)


def _is_solution(id, request):
    """Whether the cell that runs is the page's solution: by its identifier, or by its text where that is unknown."""
    if not request:
        return False
    try:
        cells = solutions.page(id)
        tagged = [cell for cell in cells if "solution" in tags(cell)]
        here = request.get("metadata", {}).get("cellId")
        if here in [cell["id"] for cell in cells]:
            return here in [cell["id"] for cell in tagged]
        return request["content"]["code"].strip() in [cell["source"].strip() for cell in tagged]
    except (CourseError, KeyError, TypeError):  # not the page as the course has it: no solution to be found there
        return False


def _keep_guess(id, guess, question):
    """Keep a guess and return what to say of it; raises a CourseError for one that makes no sense."""
    guess = _valid(guess, question)
    try:
        progress.keep("predictions", id, guess=guess)
    except CourseError as error:
        return f"Prediction {id}: {error} The variable COURSE_STATE names the folder for guesses."
    return f"Prediction {id}: kept your guess, {_named(guess, question)}. Go on and see."


def _kept_guess(id, question):
    """The guess that was kept, or None."""
    try:
        return _valid(progress.kept("predictions", id).get("guess"), question)
    except CourseError:  # from an earlier version of the question
        return None


def _note_whether_right(id, guess, result, question):
    """Add to a kept guess whether it was right; a number is within a quarter of the result."""
    right = guess == result if "options" in question else abs(guess - result) <= abs(result) / 4
    entry = progress.kept("predictions", id) | {"guess": guess, "right": bool(right)}
    with contextlib.suppress(CourseError):  # the guess was there, and is shown
        progress.keep("predictions", id, **entry)


def _valid(guess, question, what="guess"):
    """A guess, or a result, in the form in which it is kept, or a CourseError; None stays None."""
    if guess is None:
        return None
    if "options" in question:
        letter = str(guess).strip().lower()
        if letter not in question["options"]:
            letters = ", ".join(question["options"])
            raise CourseError(f"the {what} {guess!r} is none of the answers: expected one of {letters}")
        return letter
    if isinstance(guess, str):
        raise CourseError(f"the {what} {guess!r} is text: write a number without quotes, such as {question['example']}")
    if isinstance(guess, bool) or not isinstance(guess, int | float) or not -1e9 < guess < 1e9:
        raise CourseError(f"the {what} {guess!r} is not a sensible number: expected for example {question['example']}")
    return guess


def _find(id, kind):
    """What the page of this id holds under `kind`; an id is "01-name", a quiz's just "01"."""
    try:
        page = importlib.import_module(f"course_utils.exercises.page_{str(id)[:2]}")
    except ModuleNotFoundError:
        raise CourseError(f"unknown id {id!r}: it should begin with the number of a page, for example '01'") from None
    entries = getattr(page, kind)
    if kind == "QUIZ":
        return entries
    if id not in entries:
        raise CourseError(f"unknown id {id!r}: page {str(id)[:2]} has {', '.join(entries)}")
    return entries[id]


def _named(value, question):
    """A guess or result as a reader sees it."""
    if "options" in question:
        return f"{value}) {question['options'][value]}"
    return f"{value:.3g}{question.get('unit', '')}"
