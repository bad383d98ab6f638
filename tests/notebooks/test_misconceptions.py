"""Each common misconception has its section in a page, and what is said against it is asserted in that section."""

import ast
import json
import re

import pytest

from course_utils.support.notebooks import find

# What people believe or overlook; the page and the section that takes it apart; what an `assert` there says.
MISCONCEPTIONS = [
    (
        "a mean over the pixels beside a summed KL only changes the printed number",
        "11",
        "## 1. Six ways to add two terms",
        "k < 0.5 and r > 0.97 * baseline",
    ),
    (
        "the loss is tiny, so the model is good",
        "01",
        '### "0.0002 is an excellent loss": a misconception',
        "abs(mended / printed - 64) < 1",
    ),
    (
        "the KL may be averaged over the latent dimensions",
        "11",
        "## 1. Six ways to add two terms",
        "r + k > 1.03 * (right + right_kl)",
    ),
    (
        "a wrong sign of the KL would be noticed",
        "11",
        "## 3. Signs and logarithms",
        "all(facts) == (kl is right_kl_of)",
    ),
    (
        "log sigma and log sigma squared are much the same, and the better loss wins",
        "11",
        "## 3. Signs and logarithms",
        "claimed < elbo_nats - 2",
    ),
    (
        "the closed form of the KL is another quantity than its estimate from samples",
        "02",
        "### Is the closed form right?",
        "abs(terms.mean() - closed) < 5 * error",
    ),
    (
        "cross-entropy is the likelihood of grey pixels",
        "02",
        '### "Cross-entropy of grey pixels is their likelihood": a misconception',
        'total["grey"] > 50',
    ),
    (
        "pixels need not lie between 0 and 1",
        "11",
        "## 8. NaN",
        "math.isfinite(with_bounds) and ratio < 0.5",
    ),
    (
        "a log-variance needs no bounds",
        "11",
        "## 8. NaN",
        "overflow",
    ),
    (
        "codes that match the prior are a sign of health",
        "11",
        "## 6. The health check",
        "off < 0.1",
    ),
    (
        "VAEs are blurry by nature",
        "11",
        '## 5. "VAEs are blurry"',
        "0.8 < beside_ae < 1.2",
    ),
    (
        "losses of two programs can be compared as they are printed",
        "11",
        '### "The loss is tiny, so it is good": a misconception',
        "empty < 0.05 * full",
    ),
    (
        "a code of smaller width and height is a bottleneck",
        "03",
        "## 7. What the code holds",
        "z[0].numel() == 2 * test.x[0].numel()",
    ),
    (
        "the best threshold on the test set is as good as it looks there",
        "06",
        '### "Our threshold reaches 90 %": a misconception',
        "claimed[2] > true[2] + 1.5",
    ),
    (
        "what was never seen is reconstructed worse than what was",
        "06",
        "## 6. What was never seen",
        "unseen_better < 45",
    ),
    (
        "a low likelihood says that a photograph is odd",
        "12",
        '### "A low likelihood says that a photograph is odd": a misconception',
        "hidden > 0.2",
    ),
    (
        "what is denoised often enough becomes a sample",
        "13",
        '### "Denoise often enough, and you generate": a misconception',
        "spots < 20 and clean_spots > 100",
    ),
    (
        "a higher bound is a better model, whatever the number of draws",
        "14",
        '### "Ours has the better bound": a misconception',
        'one[1] < iwae[1] and one["truth"] > iwae["truth"]',
    ),
]


def sections(page):
    """(heading, code) of each section of a page: all code between two headings of level 2 or 3."""
    heading, code = "", []
    for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            code.append(source)
            continue
        for line in source.splitlines():
            if re.match("###? ", line):
                yield heading, "\n".join(code)
                heading, code = line, []
    yield heading, "\n".join(code)


def asserted(code):
    """Every expression that stands in an `assert`, whole or as a part of it, however it is laid out."""
    asserts = [node.test for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assert)]
    return {ast.dump(part) for test in asserts for part in ast.walk(test)}


PAGES = {page.name[:2]: list(sections(page)) for page in find()}
CALLED_SO = [(f"{number} {heading}", code) for number, page in PAGES.items() for heading, code in page]
CALLED_SO = [(name, code) for name, code in CALLED_SO if name.endswith(": a misconception")]


@pytest.mark.parametrize(
    ("number", "heading", "claim"), [m[1:] for m in MISCONCEPTIONS], ids=[m[0] for m in MISCONCEPTIONS]
)
def test_misconception_is_taken_apart(number, heading, claim):
    (code,) = [code for found, code in PAGES[number] if found == heading]
    assert ast.dump(ast.parse(claim, mode="eval").body) in asserted(code), f"page {number}, {heading}: {claim}"


@pytest.mark.parametrize("code", [code for _, code in CALLED_SO], ids=[name for name, _ in CALLED_SO])
def test_whatever_is_called_a_misconception_is_measured(code):
    assert asserted(code)
