"""The drawing pad and the map of codes in pages without Python: they say what the course's models say in PyTorch."""

import contextlib
import io

import nbformat
import pytest
import torch
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from course_utils.command.html import to_html
from course_utils.command.in_browser import live_assets
from course_utils.data import load
from course_utils.pretrained import load_pretrained
from course_utils.support import notebooks
from course_utils.widgets.drawing_pad import SIDE, centred, enlarged
from course_utils.widgets.preview import CROWD, RANGE, grain, oddness, place

STILL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Live</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="live/course_live.css"><script defer src="live/course_live.js"></script>
<style>
  :root {{ color-scheme: light; --ground: white; --ink: #222222; }}
  @media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ --ground: #14181e; --ink: #ced6dd; }} }}
  :root[data-theme="dark"] {{ --ground: #14181e; --ink: #ced6dd; }}
  body {{ background: var(--ground); color: var(--ink); font: 16px sans-serif; margin: 0 auto; padding: 0 16px; }}
  body {{ max-width: 780px; }}
</style></head><body><main><h1>Live</h1>
<div class="course-pad" data-dataset="digits"><img src="{STILL}" alt="A still pad."></div>
<div class="course-plane" data-dataset="digits"><img src="{STILL}" alt="A still plane."></div>
</main></body></html>"""
DRAWINGS = 20
# What the pad answers to an ink of SIDE x SIDE bytes; all as lists of numbers.
ANSWERS = """async ([inks, side]) => {
  const { tensors } = await courseLive.weights("pad_digits");
  return inks.map((ink) => {
    const drawing = courseLive.prepared(Uint8Array.from(ink), side);
    const answer = { drawing, ...courseLive.answers(tensors, drawing) };
    return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, value.length ? [...value] : value]));
  });
}"""
DECODED = """async (places) => {
  const { tensors } = await courseLive.weights("plane_digits");
  return places.map((place) => [...courseLive.decoded(tensors, place)]);
}"""
SHOWN = """canvas => [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with a pad and a plane, beside what `live_assets` writes."""
    folder = tmp_path_factory.mktemp("live")
    live_assets(folder / "live")
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, folder):
    """Opens the page in a window of its own; a script that fails, fails the test."""
    contexts, errors = [], []

    def open_page(address=None, **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(address or (folder / "page.html").as_uri())
        if options.get("java_script_enabled", True):
            for widget in page.locator(".course-pad, .course-plane").all():
                widget.scroll_into_view_if_needed()
                expect(widget.locator(".alive")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="module")
def models():
    """The models as the widgets load them, and how odd test digits are."""
    with contextlib.redirect_stdout(io.StringIO()):
        found = {name: load_pretrained(name, "digits") for name in ("autoencoder", "denoiser", "plane")}
        return found, oddness(found["autoencoder"], load("digits", "test", CROWD).x)


@pytest.fixture(scope="module")
def drawings():
    """Digits as somebody might have drawn them, of any size, anywhere on the pad: (DRAWINGS, SIDE, SIDE) bytes."""
    pages = torch.zeros(DRAWINGS, SIDE, SIDE, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    for i, image in enumerate(load("digits", "val", DRAWINGS).x):
        drawn = enlarged(image[None])
        height, width = (int(size) for size in torch.randint(50, SIDE + 1, (2,), generator=generator))
        small = torch.nn.functional.interpolate(drawn[None, None].float(), size=(height, width), mode="area")[0, 0]
        top, left = (int(torch.randint(0, SIDE - size + 1, (1,), generator=generator)) for size in (height, width))
        pages[i, top : top + height, left : left + width] = small.round().byte()
    return pages


@torch.no_grad()
def answered(models, x):
    """What PyTorch answers: copy, noisy, clean, place, oddness."""
    noisy = (x + grain()).clamp(0, 1)
    return {
        "drawing": x.flatten(),
        "copy": models["autoencoder"](x).flatten(),
        "noisy": noisy.flatten(),
        "clean": models["denoiser"](noisy).flatten(),
        "place": place(models["plane"], x)[0],
        "oddness": oddness(models["autoencoder"], x)[0],
    }


def test_pad_says_what_pytorch_says(opened, models, drawings):
    found = opened().evaluate(ANSWERS, [drawings.flatten(1).tolist(), SIDE])
    largest = {}
    for drawing, answer in zip(drawings, found, strict=True):
        expected = answered(models[0], centred(drawing / 255))
        assert expected["drawing"].sum() > 20
        for name, value in expected.items():
            difference = (torch.tensor(answer[name], dtype=torch.double) - value).abs().max().item()
            largest[name] = max(largest.get(name, 0), difference)
    assert largest["drawing"] < 1e-7 and largest["noisy"] < 1e-7  # the same pixels
    assert max(largest.values()) < 1e-5, largest


def test_drawings_of_every_shape_are_prepared_as_in_python(opened):
    generator = torch.Generator().manual_seed(1)
    inks = [torch.zeros(SIDE, SIDE, dtype=torch.uint8) for _ in range(60)]
    for ink in inks:  # strokes that are bars: exactly half-way between two places, more often than not
        for _ in range(int(torch.randint(1, 4, (1,), generator=generator))):
            top, left, height, width = torch.randint(0, SIDE, (4,), generator=generator).tolist()
            grey = int(torch.randint(40, 256, (1,), generator=generator))
            ink[top : top + height + 1, left : left + width + 1] = grey
    inks = [ink for ink in inks if ink.max() > 51]
    found = opened().evaluate(ANSWERS, [[ink.flatten().tolist() for ink in inks], SIDE])
    for ink, answer in zip(inks, found, strict=True):
        assert torch.equal(torch.tensor(answer["drawing"]), centred(ink / 255).flatten())


def test_plane_decodes_as_pytorch_does(opened, models):
    places = 3 * (2 * torch.rand(DRAWINGS, 2, generator=torch.Generator().manual_seed(0)) - 1)
    found = torch.tensor(opened().evaluate(DECODED, places.tolist()))
    with torch.no_grad():
        expected = models[0]["plane"].decode(places)
    assert (found - expected).abs().max() < 1e-5


def drag(page, element, stops):
    """Move over an element with the button down; stops are shares of its width and height."""
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    for i, (right, down) in enumerate(stops):
        page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=8)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def swipe(page, element, stops):
    """The same with a finger."""
    element.scroll_into_view_if_needed()
    box, session = element.bounding_box(), page.context.new_cdp_session(page)
    for i, (right, down) in enumerate(stops):
        point = {"x": box["x"] + right * box["width"], "y": box["y"] + down * box["height"]}
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


SEVEN = ((0.3, 0.2), (0.5, 0.2), (0.7, 0.2), (0.6, 0.5), (0.45, 0.85))


def assert_answers_what_is_drawn(page, models):
    """All that the pad shows is what PyTorch says of the ink on it."""
    found, usual = models
    pad = page.locator(".course-pad")
    page.wait_for_timeout(200)  # a stroke is looked at within a frame or two
    pixels = pad.locator(".area canvas").evaluate(
        f"canvas => [...canvas.getContext('2d').getImageData(0, 0, {SIDE}, {SIDE}).data].filter((_, i) => i % 4 === 0)"
    )
    ink = torch.tensor(pixels).reshape(SIDE, SIDE) / 255
    expected = answered(found, centred(ink))
    for title, name in zip(
        ("your drawing", "through 64 numbers", "with noise", "noise removed"),
        ("drawing", "copy", "noisy", "clean"),
        strict=True,
    ):
        shown = torch.tensor(pad.get_by_role("img", name=title).evaluate(SHOWN))
        assert (shown - 255 * expected[name]).abs().max() < 0.51
    told = ", ".join(f"z{i} = {value:.2f}" for i, value in enumerate(expected["place"].tolist(), 1))
    expect(pad.locator(".place")).to_have_text(told.replace("-", "\N{MINUS SIGN}"))
    odd = expected["oddness"].clamp(*RANGE)
    expect(pad.get_by_text("odder than")).to_have_text(
        f"odder than {100 * (usual < odd).float().mean():.0f} % of test digits"
    )


def test_pad_follows_the_mouse_and_waits_when_it_is_cleared(opened, models, picture):
    page = opened()
    pad = page.locator(".course-pad")
    copy = pad.get_by_role("img", name="through 64 numbers")
    start = copy.evaluate(SHOWN)
    assert max(start) > 200  # there is a digit to begin with
    pad.get_by_role("button", name="Clear").click()
    assert copy.evaluate(SHOWN) == start
    drag(page, pad.locator(".area canvas"), SEVEN)
    assert_answers_what_is_drawn(page, models)
    assert copy.evaluate(SHOWN) != start
    picture(page, "a seven", full_page=True)


def test_pad_follows_a_finger(opened, models, picture):
    page = opened(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    pad = page.locator(".course-pad")
    pad.get_by_role("button", name="Clear").tap()
    pad.locator(".area canvas").scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    swipe(page, pad.locator(".area canvas"), SEVEN)
    assert page.evaluate("scrollY") == before  # the finger drew, and the page stayed
    assert_answers_what_is_drawn(page, models)
    picture(page, "a seven", full_page=True)


def test_pad_follows_the_keyboard(opened, models, picture):
    page = opened()
    pad = page.locator(".course-pad")
    pad.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    expect(pad.locator(".area canvas")).to_be_focused()
    for key in (*["ArrowUp"] * 8, " ", *["ArrowDown"] * 16):  # a one
        page.keyboard.press(key)
    assert_answers_what_is_drawn(page, models)
    picture(page, "a one")


def assert_shows(page, models, z1, z2):
    """The plane says that the marker is there, and shows what PyTorch decodes there."""
    plane = page.locator(".course-plane")
    told = f"z1 = {z1:.2f}, z2 = {z2:.2f}".replace("-", "\N{MINUS SIGN}")
    expect(plane.get_by_role("slider")).to_have_attribute("aria-valuetext", told)
    with torch.no_grad():
        expected = 255 * models[0]["plane"].decode(torch.tensor([[z1, z2]], dtype=torch.float))[0]
    shown = torch.tensor(plane.get_by_role("img", name=f"The image at {told}").evaluate(SHOWN))
    assert (shown - expected).abs().max() < 4  # a pixel of the page more or less is 0.02 of the plane


def test_plane_follows_mouse_and_keyboard(opened, models, picture):
    page = opened()
    plane = page.locator(".course-plane").get_by_role("slider")
    assert_shows(page, models, 0, 0)
    drag(page, plane, ((0.5, 0.5), (0.75, 0.25)))
    assert_shows(page, models, 1.5, 1.5)
    expect(plane).to_be_focused()
    for key in ("ArrowLeft", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert_shows(page, models, 1.4, 1.0)
    picture(page, "the plane", full_page=True)
    page.keyboard.press("Home")
    assert_shows(page, models, 0, 0)


def test_plane_follows_a_finger(opened, models, picture):
    page = opened(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    plane = page.locator(".course-plane").get_by_role("slider")
    swipe(page, plane, ((0.5, 0.5), (0.4, 0.4), (0.25, 0.25)))
    assert_shows(page, models, -1.5, 1.5)


def test_both_come_from_a_server_as_well(opened, address, models):
    page = opened(address + "page.html")
    drag(page, page.locator(".course-pad .area canvas"), SEVEN)
    assert_answers_what_is_drawn(page, models)


@pytest.mark.parametrize("name", ["00", "02"])
def test_they_live_in_the_pages_that_course_run_writes(opened, models, tmp_path, picture, name):
    (path,) = notebooks.find([name])
    page_path = tmp_path / "page.html"
    page_path.write_text(to_html(nbformat.read(path, as_version=4), path.stem), encoding="utf-8")
    page = opened(page_path.as_uri())
    if name == "00":
        drag(page, page.locator(".course-pad .area canvas"), SEVEN)
        assert_answers_what_is_drawn(page, models)
    else:
        drag(page, page.get_by_role("slider"), ((0.5, 0.5), (0.75, 0.25)))
        assert_shows(page, models, 1.5, 1.5)
    picture(page, "")


def test_the_still_picture_stands_without_javascript_and_in_print(opened):
    page = opened(java_script_enabled=False)
    expect(page.get_by_alt_text("A still pad.")).to_be_visible()
    page = opened()
    expect(page.get_by_alt_text("A still pad.")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.get_by_alt_text("A still pad.")).to_be_visible()
    expect(page.locator(".alive").first).to_be_hidden()


def test_without_its_weights_the_still_picture_stays(browser, folder, tmp_path):
    for name in ("page.html", "live/course_live.js", "live/course_live.css"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    page = browser.new_page()
    with page.expect_event("requestfailed"):
        page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_timeout(200)
    expect(page.get_by_alt_text("A still pad.")).to_be_visible()
    assert page.locator(".is-live").count() == 0
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("scheme", "theme"), [("light", None), ("dark", None), ("light", "dark"), ("dark", "light")])
def test_axe_finds_nothing(opened, picture, width, scheme, theme):
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    if theme:
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    picture(page, "", full_page=True)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    moving = """() => [...document.querySelectorAll("main *")].map((element) => getComputedStyle(element))
      .filter((style) => style.animationName !== "none" || parseFloat(style.transitionDuration) > 0).length"""
    assert page.evaluate(moving) == 0


def test_the_keyboard_reaches_everything_and_is_seen_there(opened):
    page = opened()
    stops = [
        page.locator(".area canvas"),
        page.get_by_role("button", name="Clear"),
        page.get_by_role("slider"),
    ]
    for stop in stops:
        page.keyboard.press("Tab")
        expect(stop).to_be_focused()
        assert stop.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        assert stop.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
