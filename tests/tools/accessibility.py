"""What axe has to say of a page in a browser."""

from axe_playwright_python.base import AXE_SCRIPT

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "rules": {name: {"enabled": True} for name in ("heading-order", "page-has-heading-one", "landmark-one-main")},
    "resultTypes": ["violations"],
}
# Everything is looked at, also what is folded. Elements with the same tags and classes, up to the page's root, are of a
# kind: of each the first one's contrast is enough, and of tokens in code the first one; thousands would take minutes.
PREPARE = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const seen = new Set(), kinds = new Map();
  for (const element of document.body.querySelectorAll("*")) {
    const kind = `${kinds.get(element.parentElement)} ${element.tagName}.${element.className}`;
    kinds.set(element, kind);
    if (!seen.has(kind)) element.dataset.first = "";
    else if (element.matches(".highlight span")) element.replaceWith(...element.childNodes);
    seen.add(kind);
  }
}"""
# What the edge of its box cuts off, by its text.
CUT = """() => [...document.querySelectorAll("main *")].filter((element) => {
  const style = getComputedStyle(element);
  return element.scrollWidth > element.clientWidth + 1 && element.clientWidth && style.overflowX === "hidden";
}).map((element) => element.innerText.slice(0, 100))"""
RUN = """options => {
  axe.configure({rules: [{id: "color-contrast", selector: "[data-first]"}]});
  return axe.run(document, options);
}"""


def violations(page):
    """What axe finds, one line for each rule and reason."""
    page.evaluate(PREPARE)
    page.evaluate(AXE_SCRIPT)
    lines = {}
    for rule in page.evaluate(RUN, RULES)["violations"]:
        for node in rule["nodes"]:
            reason = next((check["message"] for kind in ("any", "all", "none") for check in node[kind]), "")
            lines.setdefault(f"{rule['id']}: {reason}", node["html"][:120])
    return [f"{line} For example: {html}" for line, html in lines.items()]
