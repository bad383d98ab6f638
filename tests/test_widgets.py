"""Widgets: what a click does, and in a real kernel when they are shown."""

import base64
import io
import json
import re

import ipywidgets
import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from PIL import Image

from course_utils import CourseError, widgets
from course_utils.files import NOTEBOOKS


@pytest.fixture
def shown(monkeypatch):
    """The widgets that were shown, of each call those in the row and the message below."""
    calls = []
    monkeypatch.setattr(widgets, "_show", lambda box, what: calls.append([*box.children[0].children, box.children[1]]))
    return calls


def test_click_on_a_letter_keeps_the_guess(shown):
    kept = []
    widgets.ask(lambda guess: kept.append(guess) or f"kept <{guess}>", {"a": "one", "b": "two"})
    _, letters, said = shown[0]
    assert letters.value is None and said.value == ""
    letters.value = "b"
    assert kept == ["b"] and said.value == "kept &lt;b&gt;"


def test_number_is_kept_at_a_click_alone(shown):
    kept = []
    widgets.ask(lambda guess: kept.append(guess) or f"kept {guess}")
    _, number, button, said = shown[0]
    number.value = 12.5
    assert kept == []
    button.click()
    assert kept == [12.5] and said.value == "kept 12.5"


def test_earlier_guess_is_shown_and_a_senseless_one_explained(shown):
    def keep(guess):
        raise CourseError("not sensible")

    widgets.ask(keep, kept=3.0)
    _, number, button, said = shown[0]
    assert number.value == 3 and "3.0" in said.value
    button.click()
    assert said.value == "not sensible"


START = torch.tensor([0.25, 0.5, 0.75])
ALT = "Two rows of seven squares, which turn from black to white."


def squares(codes):
    """Images whose left half is as bright as the first number of the code, and whose right half as the second."""
    images = torch.zeros(len(codes), 1, 28, 28)
    images[..., :14] = codes[:, 0].view(-1, 1, 1, 1)
    images[..., 14:] = codes[:, 1].view(-1, 1, 1, 1)
    return images


def pixels(png):
    return torch.tensor(np.array(Image.open(io.BytesIO(png)))) / 255


def explorer(monkeypatch, **options):
    """The sliders, the image and the bundle of an explorer of squares."""
    made, shown = [], []
    for name in ("FloatSlider", "Image"):
        kind = getattr(ipywidgets, name)
        monkeypatch.setattr(ipywidgets, name, lambda *a, kind=kind, **k: made.append(kind(*a, **k)) or made[-1])
    monkeypatch.setattr(widgets, "display", lambda bundle, metadata, raw: shown.append((bundle, metadata)))
    widgets.latent_explorer(squares, START, alt=ALT, **options)
    return made[:-1], made[-1], *shown[0]


def test_sliders_move_the_image(monkeypatch):
    (first, second), image, *_ = explorer(monkeypatch, ranges=[(0, 1), (-2, 3)])
    assert (first.value, second.value, second.min, second.max) == (0.25, 0.5, -2, 3)
    assert pixels(image.value)[0, [0, -1]].tolist() == pytest.approx([0.25, 0.5], abs=0.01)
    first.value, second.value = 0.8, 0.1
    assert pixels(image.value)[0, [0, -1]].tolist() == pytest.approx([0.8, 0.1], abs=0.01)
    second.value = 3  # brighter than white
    assert pixels(image.value)[0, -1] == 1


def test_picture_in_place_of_the_sliders(monkeypatch):
    *_, bundle, metadata = explorer(monkeypatch, ranges=[(0, 1), (0, 1)])
    assert bundle["text/plain"] == metadata["image/png"]["alt"] == ALT
    sheet = pixels(bundle["image/png"])
    cells = sheet.view(2, sheet.shape[0] // 2, 7, sheet.shape[1] // 7).transpose(1, 2)  # (rows, columns, h, w)
    steps = torch.linspace(0, 1, 7)
    assert torch.allclose(cells[0, :, 0, 0], steps, atol=0.01) and torch.allclose(cells[1, :, 0, -1], steps, atol=0.01)
    assert torch.allclose(cells[0, :, 0, -1], torch.tensor(0.5), atol=0.01)  # stays


@pytest.mark.parametrize(
    ("decode", "start", "ranges", "message"),
    [
        (squares, START, [(0, 1)] * 4, r"4 sliders for a start of shape \(3,\)"),
        (squares, START, [], "0 sliders"),
        (squares, START[None], [(0, 1)], r"shape \(1, 3\): expected one code"),
        (lambda codes: codes, START, [(0, 1)], r"gave shape \(7, 3\) for 7 codes: expected 784 pixels"),
    ],
)
def test_explorer_of_something_else(decode, start, ranges, message):
    with pytest.raises(CourseError, match=message):
        widgets.latent_explorer(decode, start, ranges, alt=ALT)


@pytest.fixture
def kernel(state):
    manager, client = start_new_kernel(cwd=NOTEBOOKS)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code, allow_stdin, cell_id=None):
    """Run code as a front end does; returns the messages that came back."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": allow_stdin}
    request = client.session.msg("execute_request", content, metadata={"cellId": cell_id} if cell_id else {})
    client.shell_channel.send(request)
    messages = []
    while not messages or messages[-1]["content"].get("execution_state") != "idle":
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == request["header"]["msg_id"]:
            messages.append(message)
    assert not [m["content"] for m in messages if m["msg_type"] == "error"]
    return messages


def text(messages):
    return "".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream")


def test_in_a_real_kernel(kernel, state):
    run(kernel, "from course_utils.checks import check, predict", allow_stdin=True)
    unread = run(kernel, 'predict("00-how-many")', allow_stdin=False)
    assert not [m for m in unread if m["msg_type"] == "display_data"]
    read = run(kernel, 'predict("00-how-many")', allow_stdin=True)
    assert text(read) == text(unread) != ""
    (display,) = [m["content"]["data"] for m in read if m["msg_type"] == "display_data"]
    assert not re.search(r"[0-9a-f]{8}", display["text/plain"])  # the same in every run

    (letters,) = [
        m["content"]["comm_id"]
        for m in read
        if m["msg_type"] == "comm_open" and m["content"]["data"]["state"]["_model_name"] == "ToggleButtonsModel"
    ]
    click = {"comm_id": letters, "data": {"method": "update", "state": {"index": 2}, "buffer_paths": []}}
    kernel.shell_channel.send(kernel.session.msg("comm_msg", click))
    assert "you guessed c)" in text(run(kernel, 'predict("00-how-many", result="c")', allow_stdin=True))
    assert json.loads((state / "predictions" / "00-how-many.json").read_text())["right"] is True

    cells = json.loads((NOTEBOOKS / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
    stub, solution = [cell for cell in cells if 'check("00-step"' in "".join(cell["source"])]
    code = "".join(solution["source"])
    solved = state / "exercises" / "00-step.json"
    for allow_stdin, cell in ((False, stub), (True, solution), (True, stub)):
        assert not solved.exists()
        assert text(run(kernel, code, allow_stdin, cell["id"])) == "Exercise 00-step: right.\n"
    assert solved.exists()
    printing = "def step(w, gradient, lr):\n    print('from the thread')\n    return w\ncheck('00-step', step)"
    assert text(run(kernel, printing, allow_stdin=True)).startswith("from the thread\n")

    explored = run(
        kernel,
        "import torch\nfrom course_utils.widgets import latent_explorer\n"
        "latent_explorer(lambda z: z.repeat_interleave(392, 1), torch.zeros(2), alt='Grey halves.')",
        allow_stdin=False,
    )
    (display,) = [m["content"] for m in explored if m["msg_type"] == "display_data"]
    assert base64.b64decode(display["data"]["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in display["data"]
    assert display["data"]["text/plain"] == display["metadata"]["image/png"]["alt"] == "Grey halves."
