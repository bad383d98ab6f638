"""The site as readers have it: complete, asking nobody else for anything, searchable, in the dark and on a phone."""

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from accessibility import CUT, PREPARE, violations

from course_utils.command import site
from course_utils.support import notebooks

PAGES = notebooks.find()
SAMPLE = ["index.html", "pages/02_variational_autoencoder.html", "results.html"]
FRONT_PAGE_MB = 3  # before the weights of what is live


class Links(HTMLParser):
    """What an HTML file links to, loads, and can be pointed at."""

    def __init__(self, text):
        super().__init__()
        self.hrefs, self.loads, self.ids = [], [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids.add(named.get("id", ""))
        if tag == "a" and "href" in named:
            self.hrefs.append(named["href"])
        elif tag == "link" and named.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(named["href"])
        elif "src" in named:
            self.loads.append(named["src"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The site, built once."""
    folder = tmp_path_factory.mktemp("built") / "site"
    site.build(folder)  # fails at the first warning
    return folder


@pytest.fixture
def visit(browser, address):
    """Opens a page of the site; `visit.asked` are the addresses that it wanted, `visit.faults` what went wrong."""
    contexts = []

    def open_page(path, base=None, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: open_page.asked.append(request.url))
        page.on("response", lambda answer: answer.status >= 400 and open_page.faults.append(answer.url))
        page.on("pageerror", lambda error: open_page.faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and open_page.faults.append(said.text))
        page.goto((base or address) + path)
        return page

    open_page.asked, open_page.faults = [], []
    yield open_page
    for context in contexts:
        context.close()


# What was built


@pytest.fixture(scope="module")
def parsed(folder):
    return {path: Links(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


def target(path, link):
    """The file that a link in a file leads to, and the place in it."""
    parts = urlsplit(link)
    return (path.parent / unquote(parts.path)).resolve() if parts.path else path, unquote(parts.fragment)


def test_every_page_is_reached_from_the_front_page_and_links_lead_somewhere(folder, parsed):
    reached, new = set(), {folder / "index.html"}
    while new:
        reached |= new
        links = [(path, link) for path in new for link in parsed[path].hrefs if not link.startswith("http")]
        for path, link in links:
            file, place = target(path, link)
            assert file.is_file(), f"{path.name}: {link}"
            assert file not in parsed or place in parsed[file].ids, f"{path.name}: {link}"
        new = {target(path, link)[0] for path, link in links} & set(parsed) - reached
    assert set(parsed) - reached <= {folder / "search.html"}  # to which the search leads
    assert {folder / "pages" / f"{page.stem}.html" for page in PAGES} <= reached


def test_nothing_is_loaded_from_elsewhere(parsed):
    for path, links in parsed.items():
        for link in links.loads:
            assert link.startswith("data:") or target(path, link)[0].is_file(), f"{path.name}: {link}"


def test_no_solution_and_no_teachers_note_goes_along(folder):
    for page in PAGES:
        text = (folder / "pages" / f"{page.stem}.html").read_text(encoding="utf-8")
        assert "For teachers" not in text
        copy = notebooks.read(folder / "notebooks" / page.name)
        assert not any({"solution", "teacher"} & set(notebooks.tags(cell)) for cell in copy["cells"])


# What is seen


@pytest.mark.parametrize("path", SAMPLE)
def test_nobody_else_is_asked_and_nothing_goes_wrong(visit, address, path):
    page = visit(path)
    page.mouse.wheel(0, 30_000)
    page.wait_for_load_state("networkidle")
    assert [url for url in visit.asked if not url.startswith((address, "data:", f"blob:{address}"))] == []
    assert visit.faults == []


def test_front_page_is_light(visit, address, folder):
    visit("index.html").wait_for_load_state("networkidle")
    files = {target(folder / "index.html", url.removeprefix(address))[0] for url in visit.asked if address in url}
    weights = set((folder / "_static" / "live").glob("*_digits.js"))
    size = sum(path.stat().st_size for path in files - weights if path.is_file())
    assert 0.1 < size / 1e6 < FRONT_PAGE_MB


@pytest.mark.parametrize(
    ("words", "found"), [("bits-back", "09_compression"), ("reparameterisation", "02_variational")]
)
def test_search_finds(visit, picture, words, found):
    page = visit("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    result = page.locator(f"ul.search a[href*='{found}']").first
    result.wait_for()
    picture(page, "found")
    result.click()
    page.wait_for_url(f"**/pages/{found}*")


@pytest.mark.parametrize("path", SAMPLE)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(visit, picture, path, theme, width):
    page = visit(path, color_scheme=theme, viewport={"width": width, "height": 844})
    assert page.locator("html").get_attribute("data-theme") == theme
    picture(page, "top")
    page.evaluate(PREPARE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT) == []
    assert violations(page) == []


def test_formulas_are_drawn(visit):
    page = visit("pages/02_variational_autoencoder.html")
    sizes = page.locator("article math").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert len(sizes) > 30 and min(size for size in sizes if size) > 5
    assert "$" not in "".join(page.locator("article p, article li").all_inner_texts())
    assert page.evaluate("document.fonts.check('16px \"STIX Two Math\"', 'x')")


def test_solution_opens_at_a_click(visit):
    page = visit("pages/01_autoencoder.html")
    fold = page.locator("details.hide", has=page.locator("summary", has_text="Solution")).first
    code = fold.locator("pre").first
    assert not code.is_visible()
    fold.locator("summary").click()
    assert code.is_visible() and "def " in code.inner_text()


def test_notebook_is_taken_along(visit):
    page = visit("pages/01_autoencoder.html")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the notebook").evaluate("link => { link.download = ''; link.click(); }")
    cells = notebooks.read(download.value.path())["cells"]
    assert any("own_or_solution" in cell["source"] for cell in cells)


def test_it_works_from_a_disk(visit, folder):
    page = visit("index.html", base=folder.as_uri() + "/")
    page.locator(".course-pad").scroll_into_view_if_needed()
    page.locator(".course-pad.is-live").wait_for()
    page.goto(folder.as_uri() + "/search.html?q=reparameterisation")
    page.locator("ul.search a[href*='02_variational']").first.wait_for()


def test_without_scripts_still_pictures_stand_there(visit):
    page = visit("index.html", java_script_enabled=False)
    for kind in ("pad", "plane"):
        image = page.locator(f".course-{kind} img")
        image.scroll_into_view_if_needed()
        assert image.is_visible() and len(image.get_attribute("alt")) > 30
