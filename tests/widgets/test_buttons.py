"""Widgets: what a click does, and when they are shown in a real kernel."""

import base64
import json
import re

import pytest
from jupyter_client.manager import start_new_kernel

from course_utils import CourseError
from course_utils.support.files import NOTEBOOKS
from course_utils.widgets import buttons


@pytest.fixture
def shown(monkeypatch):
    """The widgets that were shown, of each call those in the row and the message below."""
    calls = []
    monkeypatch.setattr(buttons, "_show", lambda box, what: calls.append([*box.children[0].children, box.children[1]]))
    return calls


def test_click_on_a_letter_keeps_the_guess(shown):
    kept = []
    buttons.ask(lambda guess: kept.append(guess) or f"kept <{guess}>", {"a": "one", "b": "two"})
    _, letters, said = shown[0]
    assert letters.value is None and said.value == ""
    letters.value = "b"
    assert kept == ["b"] and said.value == "kept &lt;b&gt;"


def test_number_is_kept_at_a_click_alone(shown):
    kept = []
    buttons.ask(lambda guess: kept.append(guess) or f"kept {guess}")
    _, number, button, said = shown[0]
    number.value = 12.5
    assert kept == []
    button.click()
    assert kept == [12.5] and said.value == "kept 12.5"


def test_earlier_guess_is_shown_and_a_senseless_one_explained(shown):
    def keep(guess):
        raise CourseError("not sensible")

    buttons.ask(keep, kept=3.0)
    _, number, button, said = shown[0]
    assert number.value == 3 and "3.0" in said.value
    button.click()
    assert said.value == "not sensible"


def test_trouble_with_a_download_is_shown_as_text(monkeypatch):
    def fail(name):
        raise CourseError("cannot store it in <b>folder</b>")

    boxes = []
    monkeypatch.setattr(buttons, "_show", lambda box, what: boxes.append(box))
    monkeypatch.setattr(buttons.download, "download", fail)
    buttons.download_button("mnist")
    button, message = boxes[0].children
    button.click()
    assert message.value == "cannot store it in &lt;b&gt;folder&lt;/b&gt;" and not button.disabled


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
        assert text(run(kernel, code, allow_stdin, cell["id"])).startswith("Exercise 00-step: right")
    assert solved.exists()
    printing = "def step(w, gradient, lr):\n    print('from the thread')\n    return w\ncheck('00-step', step)"
    assert text(run(kernel, printing, allow_stdin=True)).startswith("from the thread\n")

    explored = run(
        kernel,
        "import torch\nfrom course_utils.widgets.sliders import image_slider\n"
        "image_slider(lambda grey: {'': torch.full((1, 1, 28, 28), grey)}, 'grey', [0.5, 1.0], 0.5, alt='Grey.')",
        allow_stdin=False,
    )
    (display,) = [m["content"] for m in explored if m["msg_type"] == "display_data"]
    assert base64.b64decode(display["data"]["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in display["data"]
    assert display["data"]["text/plain"] == display["metadata"]["image/png"]["alt"] == "Grey."
