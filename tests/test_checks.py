"""The learning calls: judged by the solutions of the committed notebooks and by typical wrong answers."""

import importlib
import json

import pytest
from wrong_answers import WRONG

from course_utils import CourseError
from course_utils.checks import check, predict, quiz
from course_utils.files import NOTEBOOKS, state_dir

NUMBERS = sorted(path.name[:2] for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
LESSONS = {number: importlib.import_module(f"course_utils.lessons.lesson_{number}") for number in NUMBERS}


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG)
def test_typical_mistakes_are_named_and_not_spoiled(capsys, id, answer, hint):
    check(id, answer)
    out = capsys.readouterr().out
    assert out.startswith(f"Exercise {id}: not yet: ") and hint in out


def test_every_exercise_is_judged_in_its_page_and_has_wrong_answers():
    for number, lesson in LESSONS.items():
        source = next(NOTEBOOKS.glob(f"{number}_*.ipynb")).read_text(encoding="utf-8")
        for id in lesson.CHECKS:
            assert source.count(f'check(\\"{id}\\"') >= 2, (
                f"{id} needs a check after its stub and one after its solution"
            )
            assert any(wrong[0] == id for wrong in WRONG)


def cells(number):
    notebook = json.loads(next(NOTEBOOKS.glob(f"{number}_*.ipynb")).read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("number", LESSONS)
def test_solutions_pass_and_stubs_do_not(number):
    judged = {"stub": [], "solution": []}
    for cell in cells(number):
        kind = "solution" if "solution" in cell["metadata"].get("tags", []) else "stub"
        for output in cell["outputs"]:
            text = "".join(output.get("text", ""))
            judged[kind] += [line for line in text.splitlines() if line.startswith("Exercise ")]
    assert len(judged["solution"]) == len(judged["stub"]) == len(LESSONS[number].CHECKS)
    assert all(line.endswith(": right.") for line in judged["solution"])
    assert all("not filled in yet" in line or "not yet: " in line for line in judged["stub"])


def test_stub_and_failing_code_do_not_stop_the_notebook(capsys):
    check("00-step", lambda w, gradient, lr: ...)
    check("00-step", lambda w, gradient, lr: w.nonsense)
    check("00-step", None)
    out = capsys.readouterr().out
    assert "not filled in yet" in out
    assert "your code raised AttributeError" in out
    assert "your code raised TypeError" in out


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


def test_guess_that_cannot_be_kept_or_read_stops_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_STATE", str(tmp_path / "file"))
    predict("00-how-many", "b")
    assert "COURSE_STATE" in capsys.readouterr().out
    predict("00-how-many", result="c")
    assert "no guess recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict("00-how-many", "d"), "'d' is none of the answers: expected one of a, b, c"),
        (lambda: predict("01-pca", float("nan")), "nan is not a sensible number"),
        (lambda: predict("01-pca", "much"), "'much' is not a sensible number"),
        (lambda: predict("00-nothing"), "unknown id '00-nothing': notebook 00 has 00-how-many"),
        (lambda: check("99-x", 1), "unknown id '99-x'"),
        (lambda: quiz("99"), "unknown id '99'"),
    ],
)
def test_bad_calls(state, call, message):
    with pytest.raises(CourseError, match=message):
        call()


@pytest.mark.parametrize("number", LESSONS)
def test_quiz_explains_every_answer(number, capsys):
    questions = LESSONS[number].QUIZ
    assert 3 <= len(questions) <= 5
    for question in questions:
        assert question["right"] in question["options"] and len(question["options"]) >= 2
        assert all(len(explanation) > 20 for _, explanation in question["options"].values())
    quiz(number)
    assert questions[0]["question"] in capsys.readouterr().out


def test_right_answers_are_not_always_the_same_letter():
    right = [question["right"] for lesson in LESSONS.values() for question in lesson.QUIZ]
    assert len(set(right)) == 3
