"""The learning calls: judged by the solutions of the committed notebooks and by typical wrong answers."""

import json
from itertools import pairwise

import pytest
import torch

from course_utils import CourseError
from course_utils.checks import check, predict, quiz
from course_utils.files import NOTEBOOKS, state_dir
from course_utils.lessons import lesson_00, lesson_01, lesson_02, lesson_03

LESSONS = {"00": lesson_00, "01": lesson_01, "02": lesson_02, "03": lesson_03}


def squared(x_hat, x):
    return (x_hat - x) ** 2


def stamped(x, kernel, step=2, replace=False, size=(9, 11)):
    """What the exercise of page 03 asks for at stride 2, or a version of it with a mistake."""
    out = torch.zeros(size)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            patch = out[step * i : step * i + 3, step * j : step * j + 3]
            patch.copy_(x[i, j] * kernel + (0 if replace else patch))
    return out


def field(layers, start=1, step=lambda kernel, distance: (kernel - 1) * distance, early=False, add=False):
    """The receptive field, or a version of it with a mistake."""
    total, distance = start, 1
    for kernel, stride in layers:
        total += step(kernel, distance * stride if early else distance)
        distance = distance + stride if add else distance * stride
    return total


def batch_errors(batches):
    return [squared(x_hat, x).flatten(1).sum(1) for x_hat, x in batches]


WRONG = [
    ("00-flatten", lambda x: x.reshape(784, -1), "one row per image"),
    ("00-flatten", lambda x: x.reshape(5, 784), "not for two"),
    ("00-flatten", lambda x: x.reshape(784, -1).T, "mixed up"),
    ("00-flatten", lambda x: x, "(5, 784)"),
    ("00-flatten", lambda x: 784, "expected a tensor"),
    ("00-squared-difference", lambda a, b: squared(a, b).mean(), "mean over the pixels"),
    ("00-squared-difference", lambda a, b: (a - b).abs().sum(), "absolute"),
    ("00-squared-difference", lambda a, b: (a - b).sum(), "cancel out"),
    ("00-squared-difference", squared, "add all pixels up"),
    ("00-squared-difference", lambda a, b: 1.0, "not the sum"),
    ("00-step", lambda w, g, lr: w + lr * g, "uphill"),
    ("00-step", lambda w, g, lr: w - g, "learning rate is missing"),
    ("00-step", lambda w, g, lr: -lr * g, "change of the weights"),
    ("00-step", lambda w, g, lr: w, "not the weights"),
    ("00-step", lambda w, g, lr: w - 0.1 * g, "use the lr that is given"),
    ("00-step", lambda w, g, lr: None, "is there a `return`"),
    ("00-flatten", lambda x: x.transpose(2, 3).reshape(-1, 784), "another order"),
    ("00-squared-difference", lambda a, b: squared(a, b).reshape(3, 784).sum(), "raised RuntimeError"),
    ("01-parameters", lambda ws: sum(a * b for a, b in pairwise(ws)), "biases are missing"),
    ("01-parameters", lambda ws: sum(a * b + a for a, b in pairwise(ws)), "for each output"),
    ("01-parameters", lambda ws: 59, "not for two"),
    ("01-parameters", lambda ws: 7, "should be 59"),
    ("01-error-per-image", lambda a, b: squared(a, b).sum(), "one number for the whole batch"),
    ("01-error-per-image", lambda a, b: squared(a, b).flatten(1).mean(1), "mean over the pixels"),
    ("01-error-per-image", lambda a, b: squared(a, b).flatten(1).sum(1).sqrt(), "square root"),
    ("01-error-per-image", lambda a, b: (a - b).abs().flatten(1).sum(1), "absolute"),
    ("01-error-per-image", lambda a, b: squared(a, b).sum(1), "should be (3,)"),
    ("01-error-per-image", lambda a, b: [1.0, 2.0, 3.0], "expected a tensor"),
    ("01-mean-of-means", lambda bs: sum(float(e.mean()) for e in batch_errors(bs)) / len(bs), "batches of 4, 4 and 2"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).mean() / 784), "over the pixels"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum()), "sum over all images"),
    ("01-mean-of-means", lambda bs: float(torch.cat(batch_errors(bs)).sum() / len(bs)), "number of batches"),
    ("01-mean-of-means", lambda bs: 1.0, "yours is 1"),
    ("02-reparameterize", lambda m, lv: m + lv.exp() * torch.randn_like(m), "which is the variance"),
    ("02-reparameterize", lambda m, lv: m + lv * torch.randn_like(m), "take its exponential"),
    ("02-reparameterize", lambda m, lv: m + torch.randn_like(m), "multiply the noise"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp(), "where is the random part"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.rand_like(m), "randn, not rand"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.randn(1, 2), "one for each number"),
    ("02-reparameterize", lambda m, lv: (lv / 2).exp() * torch.randn_like(m), "the mean of z is not mu"),
    ("02-reparameterize", lambda m, lv: m + (lv / 2).exp() * torch.randn(len(m), 1), "all numbers of a code"),
    ("02-reparameterize", lambda m, lv: m + (2 * lv).exp() * torch.randn_like(m), "not the standard deviation"),
    ("02-reparameterize", lambda m, lv: torch.normal(m, (lv / 2).exp()), "no gradient reaches"),
    ("02-kl", lambda m, lv: [1.0] * 6, "expected a tensor"),
    ("02-interpolate", lambda a, b, n: torch.linspace(0, 1, 5)[:, None] * (b - a) + a, "for 5 steps only"),
    ("02-kl", lambda m, lv: 0.5 * (1 + lv - m**2 - lv.exp()).sum(1), "sign"),
    ("02-kl", lambda m, lv: -(1 + lv - m**2 - lv.exp()).sum(1), "1/2"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).mean(1), "mean over the dimensions"),
    ("02-kl", lambda m, lv: -0.5 * (1 + 2 * lv - m**2 - (2 * lv).exp()).sum(1), "not of the standard deviation"),
    ("02-kl", lambda m, lv: -0.5 * (lv - m**2 - lv.exp()).sum(1), "the 1 is missing"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).sum(), "one number for the whole batch"),
    ("02-kl", lambda m, lv: -0.5 * (1 + lv - m**2 - lv.exp()).sum(0), "should be (6,)"),
    ("02-interpolate", lambda a, b, n: torch.linspace(1, 0, n)[:, None] * (b - a) + a, "from z1 to z0"),
    ("02-interpolate", lambda a, b, n: torch.arange(n)[:, None] / n * (b - a) + a, "an end is missing"),
    ("02-interpolate", lambda a, b, n: torch.linspace(0, 1, n)[:, None] ** 2 * (b - a) + a, "not even"),
    ("02-interpolate", lambda a, b, n: a, "should be (5, 3)"),
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) // s, "stands at the beginning"),
    ("03-conv-size", lambda n, k, s, p: (n + p - k) // s + 1, "both sides"),
    ("03-conv-size", lambda n, k, s, p: (n - k) // s + 1, "frame of zeros is missing"),
    ("03-conv-size", lambda n, k, s, p: n + 2 * p - k + 1, "stride is missing"),
    ("03-conv-size", lambda n, k, s, p: (n + 2 * p - k) / s + 1, "whole number"),
    ("03-conv-size", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1, "round down"),
    ("03-conv-size", lambda n, k, s, p: 14, "PyTorch makes 24 pixels"),
    ("03-transposed-size", lambda n, k, s, p, o: n * s + k - 2 * p + o, "n - 1 steps"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k - p + o, "both sides"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k + 2 * p + o, "smaller here"),
    ("03-transposed-size", lambda n, k, s, p, o: (n - 1) * s + k - 2 * p, "output_padding is missing"),
    ("03-transposed-size", lambda n, k, s, p, o: n * s, "PyTorch makes"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, replace=True), "overlap they should add up"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, step=1), "`stride` pixels further"),
    ("03-stamp", lambda x, kernel, s: stamped(torch.ones_like(x), kernel), "equally strong"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.T), "turned around"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(3 * s + 3, 4 * s + 3)), "`stride` that is given"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel, size=(10, 11)), "shape (9, 11)"),
    ("03-stamp", lambda x, kernel, s: x.new_ones(9, 11), "the numbers are not"),
    ("03-stamp", lambda x, kernel, s: stamped(x, kernel.flip(0, 1)), "turned around"),
    ("03-stamp", lambda x, kernel, s: torch.zeros(9, 11), "still all zeros"),
    ("03-receptive-field", lambda ls: field(ls, add=True), "distances multiply"),
    ("03-receptive-field", lambda ls: field(ls, step=lambda k, d: k - 1), "strides are missing"),
    ("03-receptive-field", lambda ls: field(ls, 0, lambda k, d: k), "overlap"),
    ("03-receptive-field", lambda ls: field(ls, early=True), "not for itself"),
    ("03-receptive-field", lambda ls: field(ls, start=0), "field of 1 pixel"),
    ("03-receptive-field", lambda ls: 7, "gradient reaches"),
]


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
