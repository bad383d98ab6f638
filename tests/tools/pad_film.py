"""Makes the README's moving picture: what the drawing pad answers in a browser while somebody draws.

python tests/tools/pad_film.py [FILE]   (default: data/figures/pad.webp)
"""

import io
import math
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from course_utils.command.export import BROWSERS
from course_utils.command.in_browser import live_assets
from course_utils.support.files import ROOT, write_bytes

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pad</title>
<link rel="stylesheet" href="course_live.css"><script defer src="course_live.js"></script>
<style>body { margin: 0; padding: 10px; font-family: sans-serif; background: white; } .course-pad { margin: 0; }</style>
</head><body><div class="course-pad" data-dataset="digits"></div></body></html>"""
SIZE = {"width": 800, "height": 530}
MILLISECONDS, HOLD, QUALITY = 90, 14, 70  # of a frame; frames that a drawing stays; of WebP, from 0 to 100


def eight():
    turns = [2 * math.pi * i / 26 for i in range(27)]
    return [[(0.5 + 0.2 * math.sin(2 * turn), 0.5 - 0.34 * math.cos(turn)) for turn in turns]]


def two():
    turns = [math.pi * (1 + i / 10) for i in range(14)]
    arc = [(0.5 + 0.2 * math.cos(turn), 0.36 + 0.2 * math.sin(turn)) for turn in turns]
    return [[*arc, (0.5, 0.65), (0.4, 0.75), (0.3, 0.85), (0.4, 0.85), (0.5, 0.85), (0.6, 0.85), (0.73, 0.85)]]


def house():
    walls = [(0.25, 0.5), (0.25, 0.7), (0.25, 0.88), (0.5, 0.88), (0.75, 0.88), (0.75, 0.7), (0.75, 0.5), (0.25, 0.5)]
    return [walls, [(0.15, 0.52), (0.33, 0.32), (0.5, 0.12), (0.67, 0.32), (0.85, 0.52)], [(0.5, 0.88), (0.5, 0.68)]]


def frames(page):
    """Pictures of the page while an 8, a 2 and a house are drawn."""
    pad = page.locator(".course-pad")
    box = pad.locator(".area canvas").bounding_box()

    def seen():
        page.wait_for_timeout(50)  # the answer comes within a frame or two
        return Image.open(io.BytesIO(page.screenshot())).convert("RGB")

    for strokes in (eight(), two(), house()):
        pad.get_by_role("button", name="Clear").click()
        for stroke in strokes:
            for i, (right, down) in enumerate(stroke):
                page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"], steps=4)
                if i == 0:
                    page.mouse.down()
                yield seen()
            page.mouse.up()
        yield from [seen()] * HOLD


def main(path):
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        live_assets(Path(folder))
        Path(folder, "page.html").write_text(PAGE, encoding="utf-8")
        own = playwright.chromium.executable_path
        browser = playwright.chromium.launch(executable_path=next(filter(None, map(shutil.which, (own, *BROWSERS)))))
        page = browser.new_page(viewport=SIZE)
        page.goto(Path(folder, "page.html").as_uri())
        page.wait_for_selector(".is-live")
        first, *rest = frames(page)
        browser.close()
    file = io.BytesIO()
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=MILLISECONDS, loop=0, quality=QUALITY)
    write_bytes(path, file.getvalue())
    print(f"{path}: {len(rest) + 1} frames of {first.width} x {first.height}, {file.tell():,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "data" / "figures" / "pad.webp")
