"""The learning calls: judged by the solutions of the committed notebooks and by typical wrong answers."""

import ast
import contextlib
import importlib
import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from wrong_answers import WRONG
from wrong_answers.page_08 import conditional

from course_utils import CourseError, checks
from course_utils.checks import check, predict, quiz
from course_utils.exercises import filled, progress, solutions
from course_utils.support.files import NOTEBOOKS, state_dir
from course_utils.support.notebooks import PAGES
from course_utils.widgets import quiz as quiz_buttons

EXERCISES = {name[:2]: importlib.import_module(f"course_utils.exercises.page_{name[:2]}") for name in PAGES}


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch):
    """Nothing has been checked or asked back yet."""
    for name in ("_right", "_courses", "_doubted"):
        monkeypatch.setattr(checks, name, {})


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG)
def test_typical_mistakes_are_named_and_not_spoiled(capsys, id, answer, hint):
    check(id, answer)
    out = capsys.readouterr().out
    assert out.startswith(f"Exercise {id}: not yet: ") and hint in out


def share_below_the_third(samples, train, unseen):
    near, usual = (torch.cdist(z, train).min(1).values for z in (samples, unseen))
    return 100 * (near < usual.sort().values[int(0.01 * len(usual))]).float().mean()


def filter_by_numpy(noisy, clean, ridge):
    noise, truth = (np.asarray(images) - np.asarray(images).mean(0) for images in (noisy, clean))
    W = np.linalg.solve(noise.T @ noise + ridge * np.eye(5), noise.T @ truth)
    return [W, np.asarray(clean).mean(0) - np.asarray(noisy).mean(0) @ W]


def loss_in_float64(recon_x, x, mu, logvar):
    recon_x, x, mu, logvar = (tensor.double() for tensor in (recon_x, x.flatten(1), mu, logvar))
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum()
    return (F.binary_cross_entropy(recon_x, x, reduction="sum") + kl) / len(x)


def mended_in_float64(x, encode, decode):
    mu, logvar = encode(x)
    recon = decode(mu + (0.5 * logvar).exp() * torch.randn_like(mu))
    return loss_in_float64(recon, x, mu, logvar)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("00-step", lambda w, gradient, lr: w.double() - lr * gradient.double()),
        ("01-pca-copy", lambda x, mean, directions: (mean + (x - mean) @ directions.T @ directions).double()),
        ("02-mended", mended_in_float64),
        ("05-mean-psnr", lambda x_hat, x: -10 * np.log10(((x_hat - x).numpy() ** 2).mean((1, 2, 3))).mean()),
        ("05-linear-filter", filter_by_numpy),
        ("07-pairs", lambda a, b, t: F.cross_entropy(cosines(a.double(), b.double()) / t, torch.arange(len(a)))),
        ("11-mended-loss", loss_in_float64),
        (
            "10-one-normal",
            lambda z, n: np.random.default_rng().multivariate_normal(z.numpy().mean(0), np.cov(z.numpy().T), n),
        ),
        ("11-active-units", lambda mu: (np.asarray(mu).var(0) > 0.01).sum()),
        ("11-active-units", lambda mu: (mu.double().std(0, correction=0) > 0.1).sum()),
        ("13-copies", share_below_the_third),
    ],
)
def test_right_answers_of_numpy_and_in_float64_are_right(capsys, id, answer):
    check(id, answer)
    assert capsys.readouterr().out == f"Exercise {id}: right.\n"


def cosines(a, b):
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


@pytest.mark.parametrize(("mean", "hint"), [(torch.zeros_like, ": right."), (lambda mu: 0.0, "on a GPU it stops")])
def test_normal_makes_noise_where_its_mean_is(capsys, mean, hint):
    check("08-conditional", conditional(draw=lambda mu, logvar: mu + (0.5 * logvar).exp() * noise(mean(mu), mu)))
    assert hint in capsys.readouterr().out


def noise(mean, like):
    return torch.normal(mean, 1.0) if isinstance(mean, torch.Tensor) else torch.normal(mean, 1.0, like.shape)


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
        (lambda w, gradient, lr: w - lr * ..., "not filled in yet"),
        (lambda w, gradient, lr: [w, ...], "not filled in yet"),
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


def in_place_flatten(x):
    rows = x.flatten(1).clone()
    x.zero_()
    return rows


def test_only_an_update_may_change_what_it_is_given(state, capsys):
    check("00-flatten", in_place_flatten)
    assert "not yet: your function changes what it was given" in capsys.readouterr().out
    check("00-step", in_place_step)
    assert capsys.readouterr().out == "Exercise 00-step: right.\n"


def test_every_update_is_an_exercise():
    for page in EXERCISES.values():
        assert set(getattr(page, "IN_PLACE", ())) <= set(page.CHECKS)


class Model(torch.nn.Module):
    def forward(self, x):
        return x @ torch.ones(3, 3)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Model, "your code raised RuntimeError: mat1 and mat2"),
        (lambda: torch.nn.Linear(3, 3), "calling your model raised RuntimeError: mat1 and mat2"),
        (lambda: ..., "not filled in yet"),
        (lambda: torch.nn.Sequential(...), "not filled in yet"),
    ],
)
def test_trouble_inside_a_model_is_told_as_such(monkeypatch, capsys, answer, told):
    judge = eval("lambda build: str(filled(build())(x))", {"filled": filled, "x": torch.ones(2, 2)})  # of another file
    monkeypatch.setitem(EXERCISES["00"].CHECKS, "00-step", judge)
    check("00-step", answer)
    assert told in capsys.readouterr().out


def test_solved_exercises_are_kept(state, capsys):
    check("00-step", seeding_step)
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
    code = content["code"] if "check(" in content["code"] else 'check("00-step", step)'
    exec(code, {"check": check, "step": right_step})
    assert bool(progress.kept("exercises", "00-step")) == counts


def test_a_page_goes_on_with_a_right_function_or_with_the_courses(state, capsys):
    check("00-step", seeding_step)
    course = checks.own_or_solution("00-step")
    assert "goes on with the course's function until yours is right" in capsys.readouterr().out
    assert course is globals().pop("step") and course(torch.ones(2), torch.ones(2), 0.5).tolist() == [0.5, 0.5]
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
    assert "you guessed b) about 40; the result is c) 16 are enough" in capsys.readouterr().out
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


def test_wrong_guess_is_explained_and_no_other(capsys, state, monkeypatch):
    entries = EXERCISES["00"].PREDICTIONS
    monkeypatch.setitem(entries, "00-how-many", entries["00-how-many"] | {"why": {"a": "Not all are needed."}})
    for guess, told in (("a", "Why: Not all are needed.\n"), ("b", ""), ("c", "")):
        predict("00-how-many", guess)
        capsys.readouterr()
        predict("00-how-many", result="c")
        assert capsys.readouterr().out.partition("\n")[2] == told
    monkeypatch.setitem(entries, "00-number", {"question": "how many?", "example": "5", "why": "It is ten."})
    predict("00-number", result=10)
    assert "Why" not in capsys.readouterr().out
    for guess, told in ((11, ""), (20, "Why: It is ten.\n")):
        predict("00-number", guess)
        capsys.readouterr()
        predict("00-number", result=10)
        assert capsys.readouterr().out.partition("\n")[2] == told


@pytest.mark.parametrize("number", EXERCISES)
def test_explanations_are_sentences_and_of_wrong_answers(number):
    for question in EXERCISES[number].PREDICTIONS.values():
        why = question.get("why", {})
        if isinstance(why, dict):
            assert set(why) <= set(question.get("options", ()))
        for sentence in why.values() if isinstance(why, dict) else [why]:
            assert (
                len(sentence) > 30
                and (sentence[0].isupper() or sentence.startswith("torch."))
                and sentence.endswith(".")
            )


def test_number_far_off_in_scale_is_asked_back_once(capsys, state, monkeypatch):
    for guess, kept in ((0.3, None), (0.4, None), (30, 30), (0.4, 0.4), (-0.5, 0.4), (-0.5, -0.5), (0, 0)):
        predict("01-pca", guess)
        assert progress.kept("predictions", "01-pca").get("guess") == kept
    said = capsys.readouterr().out.splitlines()
    asked = "Prediction 01-pca: do you mean 30 %? Then write 30. If you mean 0.3 %, answer the same once more."
    assert said[0] == asked and "do you mean -50 %" in said[4] and "kept your guess, -0.5 %" in said[5]
    ranged = {"question": "how many?", "example": "5", "unit": " dB", "range": (1, 40)}
    monkeypatch.setitem(EXERCISES["00"].PREDICTIONS, "00-number", ranged)
    predict("00-number", 5_000)
    assert "sensible guesses lie between 1 dB and 40 dB. If you mean 5e+03 dB" in capsys.readouterr().out
    predict("00-number", 5_000)
    assert progress.kept("predictions", "00-number")["guess"] == 5_000


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


def test_first_answer_to_a_question_of_a_quiz_is_kept(state, monkeypatch):
    request = {"metadata": {}, "content": {"allow_stdin": True, "code": ""}}
    monkeypatch.setattr(checks, "get_ipython", lambda: SimpleNamespace(get_parent=lambda: request))
    shown, buttons = [], []
    monkeypatch.setattr(checks, "display", lambda bundle: shown.append(bundle))
    widget = SimpleNamespace(_repr_mimebundle_=lambda: {"text/plain": "VBox", "widget": 1})
    monkeypatch.setattr(quiz_buttons, "with_buttons", lambda *given: buttons.append(given) or widget)
    quiz("00")
    (_, kept, keep), (bundle,) = buttons.pop(), shown
    assert set(bundle) == {"text/plain", "text/html", "widget"}
    assert kept == [None] * 3 and bundle["text/plain"].startswith("1. ")
    for answer in ("b", "a"):
        assert keep(1, answer) == ""
        entry = progress.kept("quiz", "00-1")
        assert (entry["answer"], entry["right"]) == ("b", True)
    assert keep(3, "c") == "" and progress.kept("quiz", "00-3")["right"] is False
    quiz("00")
    assert buttons[0][1] == ["b", None, "c"]
    (state / "file").touch()
    monkeypatch.setenv("COURSE_STATE", str(state / "file"))
    assert "COURSE_STATE" in keep(2, "a")


def test_solution_is_shown_and_does_not_count(state, monkeypatch, capsys):
    monkeypatch.setattr(checks, "get_ipython", lambda: None)
    checks.solution("00-step")
    said = capsys.readouterr().out
    assert "def step(w, gradient, lr):\n    return w - lr * gradient\n" in said and "check(" not in said
    assert progress.kept("exercises", "00-step") == {}
    with pytest.raises(CourseError, match="unknown id"):
        checks.solution("00-nothing")


@pytest.mark.parametrize("number", EXERCISES)
def test_right_answers_are_not_always_the_same_letter(number):
    assert len({question["right"] for question in EXERCISES[number].QUIZ}) > 1


def test_every_letter_is_right_often():
    right = [question["right"] for page in EXERCISES.values() for question in page.QUIZ]
    assert min(right.count(letter) for letter in "abc") >= len(right) / 5
