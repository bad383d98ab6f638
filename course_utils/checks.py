"""The learning calls of the notebooks, each one line: `predict`, `check`, `solution`, `quiz` (`score` is elsewhere).

What they ask and how they judge stands in `course_utils/exercises/`, one module per page. Nothing leaves the machine.
"""

import contextlib
import html
import importlib
import linecache
import sys
import traceback
from collections.abc import Callable
from typing import Any

import torch
from IPython import get_ipython

from course_utils import CourseError
from course_utils.exercises import NotFilledIn, progress, sandbox, solutions
from course_utils.support.attempt import TimeUp, attempt
from course_utils.support.notebooks import tags
from course_utils.support.showing import display
from course_utils.support.words import described, say

SECONDS = 4  # that an answer may take; the judges themselves take less than a tenth of a second
# By the exercise's id, since the kernel started:
_right: dict[str, Callable] = {}  # the learner's functions that were found right
_courses: dict[str, Any] = {}  # the course's functions that stand among the learner's variables
_doubted: dict[str, float] = {}  # guesses that were asked back, by the prediction's id


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
        say(f"Prediction {id}: {guessed}; the result is {_named(result, question)}.")
        if guess is not None:
            right = _is_right(guess, result, question)
            if not right and (why := _why(guess, question)):
                say(f"Why: {why}")
            if _is_read(request):
                _note_whether_right(id, guess, right)
    elif guess is None:
        example = f'"{next(iter(options))}"' if options else question["example"]
        lines = [f"Prediction {id}: {question['question']}"]
        lines += [f"  {letter}) {text}" for letter, text in (options or {}).items()]
        say("\n".join([*lines, f'Your guess: predict("{id}", {example}), then go on.']))
        if request and _is_read(request):
            from course_utils.widgets import buttons  # here: it takes time, and a page executed unread has no buttons

            buttons.ask(lambda guess: _keep_guess(id, guess, question), options, _kept_guess(id, question))
    else:
        say(_keep_guess(id, guess, question))


def check(id: str, answer: Any) -> None:
    """Say whether the answer to an exercise is right and, if not, what the likely mistake is.

    Never stops the notebook: an unfilled stub, and code that fails or does not end, are told as such.
    """
    judge = _find(id, "CHECKS")
    caller, request = sys._getframe(1), _request()
    of_course = _is_solution(id, caller, request)
    if not of_course and id in _courses and answer is _courses[id]:
        say(f"Exercise {id}: this is the course's function. Run the cell with yours, and then this one.")
        return
    own = answer
    error: BaseException | None = None
    before = _right.get(id) if of_course else _right.pop(id, None)
    if answer is ...:
        problem, error = None, NotFilledIn()
    elif not callable(answer):
        problem = f'expected your function itself, as in check("{id}", name), got {described(answer)}'
    else:
        answer = sandbox.Watched(answer)
        with torch.random.fork_rng(devices=[]):  # the page's random numbers go on as if nothing had been checked
            problem, error = attempt(SECONDS, _judge, judge, answer, _may_change(id))
    if isinstance(error, NotFilledIn) or _is_about_dots(error):
        lent = _is_read(request) and _lend(id, own, caller.f_globals)
        until_then = " Until then the page goes on with the course's function." if lent else ""
        say(f"Exercise {id}: not filled in yet. Replace the dots and run the cell again.{until_then}")
        return
    if error is not None:
        problem = _mishap(error, answer)
    if of_course:
        _courses[id] = own
        if before is not None and not problem:
            _put_back(before, own, caller.f_globals)
            say(f"Exercise {id}: right, as yours was: the page goes on with your function.")
            return
    say(f"Exercise {id}: " + (f"not yet: {problem[:500]}" if problem else "right."))
    if not problem and not of_course:
        _right[id] = own
        if _is_read(request):
            try:
                progress.keep("exercises", id)
            except CourseError as error:
                say(f"Exercise {id}: {error} The variable COURSE_STATE names the folder for your progress.")


def own_or_solution(id: str) -> Callable:
    """The function with which a page without solutions goes on: yours where `check` found it right, or the course's.

    The course's is defined among your own variables, as its cell in the course's notebook would do.
    """
    _find(id, "CHECKS")
    if id in _right:
        say(f"Exercise {id}: the page goes on with your function.")
        return _right[id]
    say(f"Exercise {id}: the page goes on with the course's function until yours is right.")
    _courses[id] = solutions.define(solutions.find(id), sys._getframe(1).f_globals)
    return _courses[id]


def solution(id: str) -> None:
    """Show the course's answer to an exercise. Nothing is defined by it, and the exercise does not count as solved."""
    _find(id, "CHECKS")
    code = solutions.find(id).definition
    note = f"The course's answer to {id}, to be read: nothing was defined, and it does not count as solved."
    display({"text/plain": f"{note}\n\n{code}", "text/markdown": f"{note}\n\n```python\n{code}\n```"})


def quiz(id: str) -> None:
    """Show a page's quiz; each answer comes with its explanation. The first answer to each question is kept.

    In JupyterLab an answer is a click on its letter; elsewhere each opens, and nothing is kept.
    """
    questions = _find(id, "QUIZ")
    request = _request()
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
    bundle = {"text/plain": "\n".join(lines), "text/html": "".join(pages)}
    if request and _is_read(request):
        from course_utils.widgets.quiz import with_buttons  # here: it takes time, and a page executed unread has none

        kept = [progress.kept("quiz", f"{id}-{number}").get("answer") for number in range(1, len(questions) + 1)]
        buttons = with_buttons(questions, kept, lambda number, letter: _keep_answer(id, number, letter, questions))
        bundle |= {kind: view for kind, view in buttons._repr_mimebundle_().items() if kind not in bundle}
    display(bundle)


def _judge(judge, answer, may_change):
    """The hint at what is wrong with a watched answer, or None; a judge sees its results, but not what else it does."""
    problem = judge(answer)
    if answer.changed and not may_change and "changed" not in (problem or ""):  # which some judges say better
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
    if error is answer.error or _passed_through(error, answer.function):
        return f"your code raised {type(error).__name__}: {_text(error)}"
    if isinstance(answer.returned, torch.nn.Module):
        return f"calling your model raised {type(error).__name__}: {_text(error)}"
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


def _is_solution(id, caller, request):
    """Whether what calls `check` is the page's solution: by the cell's identifier, or by the text where it has none.

    Code that was read from elsewhere, by `%run` for example, or a page as a script, is no cell of the front end's.
    """
    text = "".join(linecache.getlines(caller.f_code.co_filename))
    code = request.get("content", {}).get("code", "")
    if code and (not text or _executed(code).strip() == text.strip()):
        text = text or code
        with contextlib.suppress(CourseError, KeyError, TypeError):  # not the page as the course has it
            solution_of = {cell["id"]: "solution" in tags(cell) for cell in solutions.page(id)}
            here = request.get("metadata", {}).get("cellId")
            if here in solution_of:
                return solution_of[here]
    return solutions.is_called(id, text, caller.f_lineno)


def _executed(code):
    """A cell's code as Python sees it, with magics and the like replaced."""
    transform = getattr(get_ipython(), "transform_cell", None)
    return transform(code) if transform else code


def _lend(id, stub, variables):
    """Put the course's function in the place of a stub; False where there is none, or it cannot be defined."""
    try:
        answer = solutions.find(id)
        if variables.get(answer.name) is not stub:  # it goes by another name here
            return False
        _courses[id] = solutions.define(answer, variables)
    except Exception:  # a cell further up was left out
        return False
    return True


def _put_back(own, course, variables):
    """Give the learner's function its name again, after the course's solution took it."""
    for name in [name for name, value in variables.items() if value is course]:
        variables[name] = own


def _may_change(id):
    """Whether the function of an exercise may change what it is given."""
    page = importlib.import_module(f"course_utils.exercises.page_{id[:2]}")
    return id in getattr(page, "IN_PLACE", ())


def _is_about_dots(error):
    """Whether an exception comes of a stub's `...` that was left in the middle of an answer."""
    return isinstance(error, AttributeError | TypeError) and "ellipsis" in _text(error)


def _passed_through(error, function):
    """Whether an exception came up in code of the file, or cell, in which a function or a class was written."""
    parts = [function, *vars(function).values()] if isinstance(function, type) else [function]
    files = {part.__code__.co_filename for part in parts if hasattr(part, "__code__")}
    return any(frame.f_code.co_filename in files for frame, _ in traceback.walk_tb(error.__traceback__))


def _text(error):
    """What an exception says."""
    try:
        return str(error)
    except Exception:
        return "its message cannot be read"


def _keep_guess(id, guess, question):
    """Keep a guess and return what to say of it; raises a CourseError for one that makes no sense."""
    guess = _valid(guess, question)
    if (doubt := _doubt(guess, question)) and _doubted.get(id) != guess:
        _doubted[id] = guess
        return f"Prediction {id}: {doubt} If you mean {_named(guess, question)}, answer the same once more."
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


def _doubt(guess, question):
    """What to ask back where a number is far off in scale, or None."""
    if "options" in question:
        return None
    if question.get("unit", "").strip() == "%" and 0 < abs(guess) < 1:
        return f"do you mean {_named(100 * guess, question)}? Then write {100 * guess:.3g}."
    low, high = question.get("range", (guess, guess))
    if not low <= guess <= high:
        return f"sensible guesses lie between {_named(low, question)} and {_named(high, question)}."
    return None


def _is_right(guess, result, question):
    """Whether a guess was right; a number is within a quarter of the result."""
    return bool(guess == result if "options" in question else abs(guess - result) <= abs(result) / 4)


def _why(guess, question):
    """The sentence that explains the result to one who guessed wrong, or None where the page has none."""
    why = question.get("why")
    return why.get(guess) if isinstance(why, dict) else why


def _note_whether_right(id, guess, right):
    """Add to a kept guess whether it was right."""
    entry = progress.kept("predictions", id) | {"guess": guess, "right": right}
    with contextlib.suppress(CourseError):  # the guess was there, and is shown
        progress.keep("predictions", id, **entry)


def _keep_answer(id, number, letter, questions):
    """Keep the first answer to a question of a quiz; returns what to say where that fails."""
    entry = f"{id}-{number}"
    if progress.kept("quiz", entry):
        return ""
    try:
        progress.keep("quiz", entry, answer=letter, right=letter == questions[number - 1]["right"])
    except CourseError as error:
        return f"{error} The variable COURSE_STATE names the folder for your answers."
    return ""


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
    if getattr(guess, "shape", None) == ():  # a number of torch's or NumPy's
        guess = guess.item()
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
