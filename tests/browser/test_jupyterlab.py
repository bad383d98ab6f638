"""The course in JupyterLab, as a learner uses it: two pages from the first cell to the last, and what is clickable."""

import json
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
from playwright.sync_api import expect

from course_utils.support import notebooks

MOVES = """\
import matplotlib.pyplot as plt
import torch

from course_utils.plots import frame
from course_utils.widgets.film import film
from course_utils.widgets.map import latent_map

def decode(z):
    return torch.sigmoid(z[:, :1] * torch.linspace(-3, 3, 784) + z[:, 1:])

latent_map(decode, torch.randn(100, 2), torch.arange(100) % 10, alt="A map.")
---
frames = []
for epoch in range(12):
    figure, axis = plt.subplots(figsize=(4, 3))
    axis.plot([0, epoch])
    axis.set(ylim=(0, 12))
    frames.append(frame(figure))
film(frames, [str(epoch) for epoch in range(12)], "epoch", alt="A line that rises.")"""
START_SECONDS, RUN_SECONDS, STEP_SECONDS = 120, 240, 30  # on a slow machine that is busy; it takes a tenth of them


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """What `course learn` starts for a learner who begins: its address and token, and a folder for all else."""
    folder = tmp_path_factory.mktemp("learner")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    cells = [nbformat.v4.new_code_cell(code.strip()) for code in MOVES.split("---")]
    (folder / "pages").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "pages" / "moves.ipynb")
    # Neither the settings nor the kernels of whoever runs the tests.
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name) for name in ("SETTINGS", "WORKSPACES")}
    news = folder / "SETTINGS" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false"}', encoding="utf-8")  # nothing is asked of the network
    (folder / "CONFIG").mkdir()
    (folder / "CONFIG" / "jupyter_server_config.json").write_text(
        '{"ServerApp": {"allow_root": true}}', encoding="utf-8"
    )
    with (folder / "log").open("wb") as log:
        learn = subprocess.Popen(
            [sys.executable, "-m", "course_utils.command.cli", "learn", str(folder / "pages"), "--no-browser"],
            env=os.environ | own | {"COURSE_STATE": str(folder / "state")},
            stdout=log,
            stderr=log,
        )
    try:
        yield wait_for(learn, folder / "log"), folder
    finally:
        learn.terminate()
        learn.wait(60)


def wait_for(learn, log):
    """The address that JupyterLab names once it listens, and the token: two texts."""
    for _ in range(10 * START_SECONDS):
        said = log.read_text(errors="replace")
        if named := re.search(r"(http://localhost:\d+/lab)\S*\?token=(\w+)", said):
            return named.groups()
        assert learn.poll() is None, said
        time.sleep(0.1)
    pytest.fail(log.read_text(errors="replace"))


@pytest.fixture(scope="module")
def open_page(lab, browser):
    """Opens a page by its number, or a notebook by its name, and runs it from the menu; gives the tab."""
    (address, token), _ = lab
    expect.set_options(1000 * STEP_SECONDS)

    def open_page(number):
        file = notebooks.find([number])[0].name if number.isdigit() else f"{number}.ipynb"
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(1000 * STEP_SECONDS)
        tab.goto(f"{address}/workspaces/{number}/tree/{file}?token={token}", wait_until="domcontentloaded")
        # In the status bar; the sign beside the kernel's name says so before it is there.
        expect(tab.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=1000 * START_SECONDS)
        tab.get_by_role("menuitem", name="Run", exact=True).click()
        tab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        waiting = tab.locator(".jp-InputPrompt", has_text="[*]")
        expect(waiting).not_to_have_count(0)
        expect(waiting).to_have_count(0, timeout=1000 * RUN_SECONDS)
        return tab

    yield open_page
    expect.set_options(None)


@pytest.fixture(scope="module")
def page_00(open_page):
    return open_page("00")


@pytest.fixture(scope="module")
def page_02(open_page):
    return open_page("02")


@pytest.fixture(scope="module")
def moves(open_page):
    return open_page("moves")


def cell(page, text):
    """The first cell of code with this text."""
    return page.locator(".jp-CodeCell", has_text=text).first


def assert_ran_to_its_end(page):
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').all_text_contents() == []
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
    assert [number for number in prompts if not re.fullmatch(r"(\[\d+\]:)?", number)] == []  # a folded cell has none
    assert page.get_by_text(re.compile("Error displaying widget|Loading widget")).count() == 0
    expect(cell(page, "score(")).to_contain_text("Reference: mean ± standard deviation over 3 seeds")


def assert_in_view(page, parts):
    """Controls and their picture fit into the window together, side by side or one above the other."""
    room = page.locator(".jp-WindowedPanel-outer").bounding_box()
    boxes = [part.bounding_box() for part in parts]
    for box in boxes:
        assert room["x"] <= box["x"] and box["x"] + box["width"] <= room["x"] + room["width"]
    height = max(box["y"] + box["height"] for box in boxes) - min(box["y"] for box in boxes)
    assert height < room["height"]


def seen(image):
    """A widget's picture once it is drawn: its address, which every new picture changes, and how it looks."""
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0
    return image.get_attribute("src"), image.screenshot()


def assert_follows(image, before):
    """The picture becomes another one than it was, and looks different."""
    expect(image).not_to_have_attribute("src", before[0])
    until = time.monotonic() + 5  # an older stroke's picture may still be on its way, with an address of its own
    while seen(image)[1] == before[1] and time.monotonic() < until:
        time.sleep(0.1)
    assert seen(image)[1] != before[1]


def test_page_00_runs_to_its_end(page_00, picture):
    assert_ran_to_its_end(page_00)
    picture(page_00, "the end")
    formulas = page_00.locator("mjx-container")
    expect(formulas).not_to_have_count(0)
    formulas.first.scroll_into_view_if_needed()
    picture(page_00, "formulas")


def test_prediction_is_answered_by_a_click(page_00, lab, picture):
    question = cell(page_00, 'predict("00-how-many")')
    question.get_by_role("button", name="b", exact=True).click()
    expect(question).to_contain_text("kept your guess, b)")
    picture(page_00, "kept")
    kept = json.loads((lab[1] / "state" / "predictions" / "00-how-many.json").read_text(encoding="utf-8"))
    assert kept["guess"] == "b"
    result = cell(page_00, 'predict("00-how-many", result="c")')
    result.locator(".cm-content").click()
    page_00.keyboard.press("Control+Enter")
    expect(result).to_contain_text("you guessed b)")
    expect(result).to_contain_text("Why: ")


def retype(line, old, new):
    """Type `new` in place of `old` at the end of a line of code, and run its cell, as a learner does."""
    line.click()
    for key in ("End", *["Backspace"] * len(old)):
        line.page.keyboard.press(key)
    line.page.keyboard.type(new)
    line.page.keyboard.press("Control+Enter")


def test_exercise_filled_in_wrongly_then_with_a_hint_rightly(page_00, lab, picture):
    solved = lab[1] / "state" / "exercises" / "00-flatten.json"
    stub = cell(page_00, 'check("00-flatten", flatten)')
    expect(stub).to_contain_text("not filled in yet")
    line = stub.locator(".cm-line", has_text="return")
    retype(line, "...", "x.reshape(784, -1)")
    expect(stub).to_contain_text("not yet: ")
    expect(stub).to_contain_text("one row per image")
    stub.locator(".jp-OutputArea-output").scroll_into_view_if_needed()
    picture(page_00, "wrong")
    assert not solved.exists()

    hint = page_00.locator("details", has_text="which of the two sizes do you know").first
    text = hint.get_by_text("whatever is left over")
    expect(text).to_be_hidden()
    hint.locator("summary").click()
    expect(text).to_be_visible()
    picture(page_00, "hint")

    retype(line, "784, -1)", "-1, 784)")
    expect(stub).to_contain_text("Exercise 00-flatten: right.")
    picture(page_00, "right")
    assert solved.exists()


def test_solution_is_shown_when_asked_for_and_does_not_count(page_00, lab, picture):
    below = cell(page_00, 'step = own_or_solution("00-step")')
    expect(below).to_contain_text("the page goes on with the course's function until yours is right")
    line = below.locator(".cm-line", has_text='# solution("00-step")')
    line.click()
    for key in ("Home", "Delete", "Delete", "Control+Enter"):
        page_00.keyboard.press(key)
    expect(below).to_contain_text("nothing was defined, and it does not count as solved")
    expect(below).to_contain_text("return")
    picture(page_00, "shown")
    assert not (lab[1] / "state" / "exercises" / "00-step.json").exists()


def test_quiz_explains_the_answer_that_is_clicked_and_keeps_the_first(page_00, lab, picture):
    quiz = cell(page_00, 'quiz("00")')
    for letter, verdict in (("a", "a) No."), ("b", "b) Right.")):
        quiz.get_by_role("button", name=letter, exact=True).first.click()
        expect(quiz).to_contain_text(verdict)
    picture(page_00, "answered")
    kept = json.loads((lab[1] / "state" / "quiz" / "00-1.json").read_text(encoding="utf-8"))
    assert kept["answer"] == "a" and kept["right"] is False


def test_drawing_is_followed_by_its_picture(page_00, picture):
    pad = cell(page_00, "draw_pad(")
    canvas, image = pad.locator("canvas"), pad.locator("img.widget-image")
    canvas.scroll_into_view_if_needed()
    before = seen(image)
    assert_in_view(page_00, [canvas, image])
    picture(page_00, "before")
    pad.get_by_role("button", name="Clear").click()
    blank = canvas.evaluate("canvas => canvas.toDataURL()")

    box = canvas.bounding_box()
    page_00.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page_00.mouse.down()
    for right, down in ((0.7, 0.2), (0.45, 0.85)):  # a seven
        page_00.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=10)
    page_00.mouse.up()
    assert_follows(image, before)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != blank
    picture(page_00, "a seven")

    before = seen(image)
    pad.get_by_role("button", name="Clear").click()
    assert canvas.evaluate("canvas => canvas.toDataURL()") == blank
    canvas.focus()
    for key in (*["ArrowUp"] * 8, " ", *["ArrowDown"] * 16):  # a one
        page_00.keyboard.press(key)
    assert_follows(image, before)
    assert canvas.evaluate("canvas => canvas === document.activeElement")  # the keys went nowhere else
    picture(page_00, "a one by keyboard")


def test_page_02_runs_to_its_end(page_02, picture):
    assert_ran_to_its_end(page_02)
    picture(page_02, "the end")


def test_map_and_film_of_page_02_follow(page_02, picture):
    for call, keys in (("latent_map(", ["ArrowRight"] * 12), ("film(", ["ArrowRight"] * 2)):
        moving = cell(page_02, call)
        slider, image = moving.get_by_role("slider").first, moving.locator("img.widget-image")
        image.scroll_into_view_if_needed()
        before = seen(image)
        slider.focus()
        for key in keys:
            page_02.keyboard.press(key)
        assert_follows(image, before)
        picture(page_02, f"{call} moved")


def test_marker_on_the_map_is_dragged_and_moved_by_keys(moves, picture):
    latent = cell(moves, "latent_map(")
    plane, marker, image = latent.get_by_role("slider"), latent.locator(".marker"), latent.locator("img.widget-image")
    plane.scroll_into_view_if_needed()
    before = seen(image)
    expect(plane).to_have_attribute("aria-valuetext", "z1 = 0.00, z2 = 0.00")
    assert_in_view(moves, [plane, image])
    picture(moves, "before")

    box = plane.bounding_box()
    moves.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    moves.mouse.down()
    moves.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"], steps=15)
    assert_follows(image, before)  # while the button is held
    moves.mouse.move(box["x"] + 1.5 * box["width"], box["y"] + 0.25 * box["height"], steps=3)  # and out of the map
    moves.mouse.up()
    expect(plane).to_have_attribute("aria-valuetext", "z1 = 3.00, z2 = 1.50")
    expect(latent.locator(".place")).to_have_text("z1 = 3.00, z2 = 1.50")
    at, box = marker.bounding_box(), plane.bounding_box()
    assert at["x"] + at["width"] / 2 == pytest.approx(box["x"] + box["width"], abs=1)
    assert at["y"] + at["height"] / 2 == pytest.approx(box["y"] + box["height"] / 4, abs=1)
    moves.mouse.move(box["x"] + 10, box["y"] + 10)  # the button is up
    expect(plane).to_have_attribute("aria-valuetext", "z1 = 3.00, z2 = 1.50")
    picture(moves, "dragged")

    before = seen(image)
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight"):
        moves.keyboard.press(key)
    expect(plane).to_have_attribute("aria-valuetext", "z1 = 3.00, z2 = 0.90")
    moves.keyboard.press("Home")
    expect(plane).to_have_attribute("aria-valuetext", "z1 = 0.00, z2 = 0.00")
    moves.keyboard.press("ArrowDown")
    expect(plane).to_have_attribute("aria-valuetext", "z1 = 0.00, z2 = \N{MINUS SIGN}0.10")
    assert_follows(image, before)
    assert plane.evaluate("plane => plane === document.activeElement")  # the keys went nowhere else
    outline = "plane => getComputedStyle(plane).outlineStyle"
    assert plane.evaluate(outline) == "solid"
    picture(moves, "by keyboard")


def test_film_goes_on_by_its_slider(moves, picture):
    film = cell(moves, "film(frames")
    slider, image = film.get_by_role("slider"), film.locator("img.widget-image")
    image.scroll_into_view_if_needed()
    assert_in_view(moves, [slider, image])
    assert image.evaluate("image => image.naturalWidth") == pytest.approx(2 * image.bounding_box()["width"], abs=2)
    before = seen(image)
    slider.focus()
    for _ in range(5):
        moves.keyboard.press("ArrowRight")
    expect(film.locator(".widget-readout")).to_have_text("5")
    assert_follows(image, before)
    picture(moves, "epoch 5")
    before = seen(image)
    box = film.locator(".noUi-target").bounding_box()
    moves.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    expect(film.locator(".widget-readout")).to_have_text("11")
    assert_follows(image, before)
    picture(moves, "the last epoch")
