"""The learning calls: judged by the solutions of the committed notebooks and by typical wrong answers."""

import ast
import contextlib
import importlib
import json
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from wrong_answers import WRONG

from course_utils import CourseError, checks
from course_utils.checks import check, predict, quiz
from course_utils.exercises import progress, solutions
from course_utils.support.files import NOTEBOOKS, state_dir
from course_utils.support.notebooks import PAGES

EXERCISES = {name[:2]: importlib.import_module(f"course_utils.exercises.page_{name[:2]}") for name in PAGES}


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG)
def test_typical_mistakes_are_named_and_not_spoiled(capsys, id, answer, hint):
    check(id, answer)
    out = capsys.readouterr().out
    assert out.startswith(f"Exercise {id}: not yet: ") and hint in out


def test_every_exercise_is_judged_in_its_page_and_has_wrong_answers():
    for number, page in EXERCISES.items():
        source = next(NOTEBOOKS.glob(f"{number}_*.ipynb")).read_text(encoding="utf-8")
        for id in page.CHECKS:
            assert source.count(f'check(\\"{id}\\"') >= 2, (
                f"{id} needs a check after its stub and one after its solution"
            )
            assert any(wrong[0] == id for wrong in WRONG)


def cells(number):
    notebook = json.loads(next(NOTEBOOKS.glob(f"{number}_*.ipynb")).read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("number", EXERCISES)
def test_solutions_pass_and_stubs_do_not(number):
    judged = {"stub": [], "solution": []}
    for cell in cells(number):
        kind = "solution" if "solution" in cell["metadata"].get("tags", []) else "stub"
        for output in cell["outputs"]:
            text = "".join(output.get("text", ""))
            judged[kind] += [line for line in text.splitlines() if line.startswith("Exercise ")]
    assert len(judged["solution"]) == len(judged["stub"]) == len(EXERCISES[number].CHECKS)
    assert all(line.endswith(": right.") for line in judged["solution"])
    assert all("not filled in yet" in line or "not yet: " in line for line in judged["stub"])


def definitions(number):
    """What a page imports and defines, and its constants, by name."""
    names = {}
    for cell in cells(number):
        for node in ast.parse("".join(cell["source"])).body:
            constant = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()
            if constant or isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef):
                with contextlib.suppress(NameError, KeyError):  # it depends on a result
                    exec(compile(ast.Module([node], []), "page", "exec"), names)
    return names


@pytest.mark.parametrize("id", [id for page in EXERCISES.values() for id in page.CHECKS])
def test_the_courses_own_solution_is_right(id, capsys):
    solution, names = solutions.find(id), definitions(id[:2])
    exec(solution.definition, names)
    check(id, names[solution.name])
    assert capsys.readouterr().out == f"Exercise {id}: right.\n"


def right_step(w, gradient, lr):
    return w - lr * gradient


def in_place_step(w, gradient, lr):
    w -= lr * gradient
    return w


def seeding_step(w, gradient, lr):
    torch.manual_seed(12)
    return w - lr * gradient


def endless_step(w, gradient, lr):
    while True:
        with contextlib.suppress(Exception):
            len([])


def raises(error):
    def answer(*args, **kwargs):
        raise error

    return answer


class Unreadable(Exception):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (..., "not filled in yet"),
        (lambda w, gradient, lr: ..., "not filled in yet"),
        (lambda w, gradient, lr: w.nonsense, "your code raised AttributeError: 'Tensor'"),
        (lambda w: w, "your code raised TypeError"),
        (raises(Unreadable()), "your code raised Unreadable"),
        (raises(SystemExit(1)), "your code raised SystemExit"),
        (raises(KeyboardInterrupt()), "your code raised KeyboardInterrupt"),
        (raises(GeneratorExit()), "your code raised GeneratorExit"),
        (None, "expected your function itself"),
        (torch.ones(2), "got a tensor of shape (2,) and type float32"),
        (lambda w, gradient, lr: None, "is there a `return`?"),
        (lambda w, gradient, lr: "text", "your function returned 'text' (str)"),
        (lambda w, gradient, lr: w * float("nan"), "your function returned NaN"),
        (lambda w, gradient, lr: torch.full((2, 2), float("nan")), "shape of the old ones"),
        (in_place_step, "changes what it was given"),
        (seeding_step, "sets the global seed"),
    ],
)
def test_whatever_comes_in_is_answered_in_one_line(capsys, answer, told):
    check("00-step", answer)
    out = capsys.readouterr().out
    assert told in out and out.startswith("Exercise 00-step: not ") and out.count("\n") == 1


JUNK = [
    None,
    "text",
    float("nan"),
    float("inf"),
    -1,
    True,
    1j,
    [],
    {},
    object(),
    (None, None, None),
    "x" * 10_000,
    torch.zeros(0),
    torch.full((6,), float("nan")),
    torch.full((5, 3), float("nan")),
    torch.ones(5, dtype=torch.bool),
    torch.zeros(2, 3, 4, 5),
    torch.eye(3).to_sparse(),
]


@pytest.mark.parametrize("number", EXERCISES)
def test_no_junk_is_right_or_stops_the_notebook(number, capsys):
    for id in EXERCISES[number].CHECKS:
        for junk in JUNK:
            check(id, lambda *args, junk=junk, **kwargs: junk)
            out = capsys.readouterr().out
            assert out.startswith(f"Exercise {id}: not yet: ") and len(out) < 600, (junk, out)


def test_endless_loop_is_stopped(capsys, monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    threads = threading.active_count()
    check("00-step", endless_step)
    out = capsys.readouterr().out
    assert "still running after 0.2 seconds" in out and "Restart Kernel" not in out
    assert threading.active_count() == threads


def test_code_that_cannot_be_stopped_is_said_to_go_on(capsys, monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    check("00-step", lambda w, gradient, lr: time.sleep(2))
    assert "goes on in the background: choose Kernel > Restart Kernel" in capsys.readouterr().out


@pytest.mark.parametrize("number", EXERCISES)
def test_checks_leave_the_random_numbers_of_the_page_alone(number):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for id, answer, _ in WRONG:
        if id.startswith(number):
            check(id, answer)
    assert torch.equal(torch.rand(3), expected)


def test_solved_exercises_are_kept(state, capsys):
    check("00-step", in_place_step)
    assert progress.kept("exercises", "00-step") == {}
    check("00-step", right_step)
    assert "Exercise 00-step: right.\n" in capsys.readouterr().out
    assert set(progress.kept("exercises", "00-step")) == {"time"}


def test_solved_exercise_that_cannot_be_kept_stops_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "file"))
    check("00-step", right_step)
    assert capsys.readouterr().out.startswith("Exercise 00-step: right.\nExercise 00-step: cannot write")


SOLUTION = next("".join(c["source"]) for c in cells("00") if '"00-step"' in str(c) and "solution" in str(c["metadata"]))


def cell_id(tagged):
    """The identifier of the solution of 00-step, or of its stub."""
    (found,) = [
        cell["id"]
        for cell in cells("00")
        if 'check("00-step"' in "".join(cell["source"]) and ("solution" in str(cell["metadata"])) == tagged
    ]
    return found


@pytest.mark.parametrize(
    ("metadata", "content", "counts"),
    [
        ({"cellId": cell_id(tagged=False)}, {"allow_stdin": True, "code": SOLUTION}, True),
        ({"cellId": cell_id(tagged=True)}, {"allow_stdin": True, "code": "# the solution, edited"}, False),
        ({"cellId": "new"}, {"allow_stdin": True, "code": "# a cell of one's own"}, True),
        ({}, {"allow_stdin": True, "code": SOLUTION + "\n"}, False),
        ({"cellId": cell_id(tagged=False)}, {"allow_stdin": False, "code": ""}, False),
        ({}, {"code": ""}, False),
    ],
)
def test_only_what_the_learner_solved_counts(state, monkeypatch, metadata, content, counts):
    shell = SimpleNamespace(get_parent=lambda: {"metadata": metadata, "content": content})
    monkeypatch.setattr(checks, "get_ipython", lambda: shell)
    check("00-step", right_step)
    assert bool(progress.kept("exercises", "00-step")) == counts


def test_a_page_goes_on_with_a_right_function_or_with_the_courses(state, monkeypatch, capsys):
    shell = InteractiveShell()
    monkeypatch.setattr(checks, "get_ipython", lambda: shell)
    monkeypatch.setattr(checks, "_right", {})
    check("00-step", in_place_step)
    course = checks.own_or_solution("00-step")
    assert "goes on with the course's function until yours is right" in capsys.readouterr().out
    assert course is shell.user_ns["step"] and course(torch.ones(2), torch.ones(2), 0.5).tolist() == [0.5, 0.5]
    check("00-step", right_step)
    assert checks.own_or_solution("00-step") is right_step
    assert capsys.readouterr().out.endswith("the page goes on with your function.\n")


def test_prediction_is_kept_and_stands_beside_the_result(capsys, state):
    predict("00-how-many")
    assert "c) 16 are enough" in capsys.readouterr().out
    predict("00-how-many", result="c")
    assert "no guess recorded; the result is c) 16 are enough" in capsys.readouterr().out
    predict("00-how-many", "B ")
    predict("00-how-many", result="c")
    assert "you guessed b) about 100; the result is c) 16 are enough" in capsys.readouterr().out
    predict("01-pca", 12.5)
    predict("01-pca", result=33.333)
    assert "you guessed 12.5 %; the result is 33.3 %" in capsys.readouterr().out
    assert [path.parent.parent for path in state.rglob("*.json")] == [state_dir()] * 2
    assert progress.kept("predictions", "00-how-many")["right"] is False
    assert progress.kept("predictions", "01-pca")["right"] is False
    predict("01-pca", 30)
    assert "right" not in progress.kept("predictions", "01-pca")  # a new guess, whose result is still to come
    predict("01-pca", result=33.333)
    assert progress.kept("predictions", "01-pca")["right"] is True


def test_guess_that_cannot_be_kept_or_read_stops_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "file"))
    predict("00-how-many", "b")
    assert "COURSE_STATE" in capsys.readouterr().out
    predict("00-how-many", result="c")
    assert "no guess recorded" in capsys.readouterr().out


def test_guess_of_an_earlier_version_is_still_known(state, capsys):
    (state / "predictions").mkdir()
    (state / "predictions" / "00-how-many.json").write_text('"c"')
    predict("00-how-many", result="c")
    assert "you guessed c) 16 are enough" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict("00-how-many", "d"), "'d' is none of the answers: expected one of a, b, c"),
        (lambda: predict("01-pca", float("nan")), "nan is not a sensible number"),
        (lambda: predict("01-pca", "much"), "'much' is text: write a number without quotes"),
        (lambda: predict("00-nothing"), "unknown id '00-nothing': page 00 has 00-how-many"),
        (lambda: check("99-x", 1), "unknown id '99-x'"),
        (lambda: quiz("99"), "unknown id '99'"),
    ],
)
def test_bad_calls(state, call, message):
    with pytest.raises(CourseError, match=message):
        call()


@pytest.mark.parametrize("number", EXERCISES)
def test_quiz_explains_every_answer(number, capsys):
    questions = EXERCISES[number].QUIZ
    assert 3 <= len(questions) <= 5
    for question in questions:
        assert question["right"] in question["options"] and 3 <= len(question["options"]) <= 5
        assert all(len(explanation) > 20 for _, explanation in question["options"].values())
    quiz(number)
    assert questions[0]["question"] in capsys.readouterr().out


@pytest.mark.parametrize("number", EXERCISES)
def test_right_answers_are_not_always_the_same_letter(number):
    assert len({question["right"] for question in EXERCISES[number].QUIZ}) > 1


def test_every_letter_is_right_often():
    right = [question["right"] for page in EXERCISES.values() for question in page.QUIZ]
    assert min(right.count(letter) for letter in "abc") >= len(right) / 5
