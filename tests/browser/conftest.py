"""A browser, a server for what it looks at, and where its pictures go."""

import functools
import http.server
import shutil
import threading

import pytest
from playwright.sync_api import sync_playwright

from course_utils.command.export import BROWSERS
from course_utils.support.files import BUILD

PICTURES = BUILD / "browser"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: Playwright's own, or else what is installed on the machine."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = next(filter(None, map(shutil.which, (own, *BROWSERS))), None)
        if not path:
            pytest.skip("found no Chromium, Chrome or Edge: install one, for example by `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(folder):
    """Where the folder that a module's fixture `folder` gives is served."""
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def picture(request):
    """Takes a picture of a page for a person to look at: picture(page, "what it shows")."""

    def take(page, name, **options):
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{request.node.name} {name}.png".replace("/", "-"), **options)

    return take
