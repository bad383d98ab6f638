"""The committed pages: executed from top to bottom on the built-in digits, clean, and built as every page is."""

import ast
import json
import math
import re
import statistics

import pytest
import torch

from course_utils import losses, models, photographs
from course_utils.support.files import FIGURES_MIME, ROOT, WIDGET_MIME
from course_utils.support.notebooks import find, full_minutes_of, full_parameters_of, parameters_of

PAGES = find()
IGNORED = {"nbval-ignore-output", "nbval-skip"}
WIDGET_CALL = r"^(latent_map|film|image_slider|threshold_slider|draw_pad)\("


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request):
    return request.param


@pytest.fixture
def notebook(page):
    return json.loads(page.read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return set(cell["metadata"].get("tags", []))


def texts(cell):
    """Everything in a cell's outputs that is text."""
    for output in cell["outputs"]:
        yield "".join(output.get("text", []))
        for kind, content in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield "".join(content)


def test_executed_from_top_to_bottom(notebook):
    # nbval compares nothing in a cell without a count.
    counts = [cell["execution_count"] for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_outputs_are_clean(notebook):
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            assert output["output_type"] != "error" and output.get("name") != "stderr", source(cell)
        for text in texts(cell):
            assert not re.search(r"Warning|Traceback|[A-Z]:\\|(?<!\w)/(home|root|tmp|Users|work|var|opt)/", text), text
            assert str(ROOT) not in text
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info", "course"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["language_info"]["file_extension"] == ".py"  # or nbconvert's scripts would end in .txt


def test_made_on_the_built_in_digits(notebook):
    printed = "\n".join(text for cell in code_cells(notebook) for text in texts(cell))
    assert "Data: built-in digits" in printed and "Data: MNIST" not in printed
    assert "no guess recorded" in printed and "you guessed" not in printed


def test_most_text_is_compared(notebook):
    shown = [cell for cell in code_cells(notebook) if any(text.strip() for text in texts(cell))]
    ignored = [cell for cell in shown if tags(cell) & IGNORED]
    assert len(ignored) <= len(shown) / 3


def test_every_picture_says_what_it_shows(notebook):
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                alt = output["metadata"]["image/png"]["alt"]
                assert len(alt) > 30 and alt == "".join(output["data"]["text/plain"])


def is_folded(cell):
    return cell["metadata"].get("jupyter", {}).get("source_hidden", False)


def names(cell):
    """The names that a cell sets, and those that it reads."""
    nodes = list(ast.walk(ast.parse(source(cell))))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    variables = [node for node in nodes if isinstance(node, ast.Name)]
    read = {node.id for node in variables if isinstance(node.ctx, ast.Load)}
    return defined | {node.id for node in variables if isinstance(node.ctx, ast.Store)}, read


def test_solutions_are_folded_and_else_only_pictures_and_assertions(notebook):
    cells = code_cells(notebook)
    for i, cell in enumerate(cells):
        assert is_folded(cell) or "solution" not in tags(cell), source(cell)
        if not is_folded(cell) or "solution" in tags(cell):
            continue
        calls = set(re.findall(r"^\s*(def|class|assert|predict|check)\b", source(cell), re.M))
        pictures = any("image/png" in output.get("data", {}) for output in cell["outputs"])
        assert calls <= (set() if pictures else {"assert"}), source(cell)
        assert pictures or calls, source(cell)
        for later in cells[i + 1 :]:  # what another cell needs is not out of sight
            own, read = names(later)
            needed = names(cell)[0] & (read - own)
            assert not needed, f"{needed} of a folded cell are used in: {source(later)}"


def test_every_widget_stands_in_a_page_with_a_still_picture():
    found = {}
    for path in PAGES:
        for cell in code_cells(json.loads(path.read_text(encoding="utf-8"))):
            for name in re.findall(WIDGET_CALL, source(cell), re.M):
                (bundle,) = [output["data"] for output in cell["outputs"] if "data" in output]
                assert {"image/png", WIDGET_MIME} <= set(bundle)
                found.setdefault(name, []).append(path.name[:2])
    assert found == {
        "draw_pad": ["00"],
        "film": ["02", "03", "03"],  # the plane as it forms; a kernel that slides, and one that stamps
        "latent_map": ["02"],
        "image_slider": ["05", "11", "13"],  # noise, beta, time
        "threshold_slider": ["06"],
    }


def test_key_figures_are_printed_and_have_a_reference(notebook):
    (figures,) = [
        output["data"][FIGURES_MIME]
        for cell in code_cells(notebook)
        for output in cell["outputs"]
        if FIGURES_MIME in output.get("data", {})
    ]
    streams = [o for cell in code_cells(notebook) for o in cell["outputs"] if o["output_type"] == "stream"]
    printed = [float(n) for o in streams for n in re.findall(r"(?<![\w.])\d+\.\d+", "".join(o["text"]))]
    for name, value in figures.items():
        assert any(number == pytest.approx(value, rel=5e-3) for number in printed), f"{name} = {value} is not printed"
    assert "no reference" not in "".join(texts(code_cells(notebook)[-1]))


def test_anatomy(notebook):
    cells, code = [cell for cell in notebook["cells"] if "teacher" not in tags(cell)], code_cells(notebook)
    prose = [source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    assert re.match(r"# \d\d · ", prose[0]) and "After this page you can" in prose[0]
    assert f"about {notebook['metadata']['course']['study_minutes']} minutes of study" in prose[0]
    unfolded = [cell for cell in cells if not is_folded(cell) or "solution" in tags(cell)]
    assert 30 <= len(unfolded) <= 75
    lines = [source(cell).count("\n") + 1 for cell in code]
    assert statistics.median(lines) <= 12 and max(lines) <= 45 and lines[0] <= 15
    shown = [source(cell) for cell in code if not is_folded(cell)]
    assert sum(len(text.split()) for text in prose) >= sum(len(text.split()) for text in shown)
    assert "**References.**" in prose[-1] and "**Next:**" in prose[-1]
    everything = "\n".join(source(cell) for cell in code)
    for call in ("predict(", "check(", "quiz(", "score(", "assert "):
        assert call in everything
    assert 2 <= sum("solution" in tags(cell) for cell in code) <= 6


def test_parameters(page):
    parameters = parameters_of(page)
    assert parameters["DATASET"] == "auto" and {"TRAIN_SIZE", "EPOCHS", "SEED"} <= set(parameters)
    if full := full_parameters_of(page):
        assert set(full) <= set(parameters) and 0 < full_minutes_of(page) < 60


def test_links_lead_somewhere(page, notebook):
    for cell in [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]:
        for link in re.findall(r"\]\((?!http|#)([^)]+)\)", source(cell)):
            assert (page.parent / link).exists(), link


def defined_in(number, name):
    """What a cell of a page defines under this name, found by its first line."""
    page = next(path for path in PAGES if path.name.startswith(number))
    cells = code_cells(json.loads(page.read_text(encoding="utf-8")))
    (cell,) = [cell for cell in cells if re.search(rf"^(class|def) {name}\(", source(cell), flags=re.MULTILINE)]
    namespace = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    exec(source(cell), namespace)
    return namespace[name]


@pytest.mark.parametrize(("number", "name"), [("01", "Autoencoder"), ("02", "VAE"), ("03", "ConvAutoencoder")])
def test_class_written_in_the_page_is_the_one_in_models(number, name):
    torch.manual_seed(0)
    theirs, ours = defined_in(number, name)(), getattr(models, name)()
    ours.load_state_dict(theirs.state_dict())
    x = torch.rand(5, 1, 28, 28)
    outputs = []
    for model in (ours, theirs):
        torch.manual_seed(1)
        output = model(x)
        outputs.append(output if isinstance(output, tuple) else (output,))
    for a, b in zip(*outputs, strict=True):
        assert torch.equal(a, b)


def test_network_and_loss_written_in_page_12_are_those_in_photographs():
    theirs = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": math, "STEP": photographs.STEP}
    page = next(path for path in PAGES if path.name.startswith("12"))
    for cell in code_cells(json.loads(page.read_text(encoding="utf-8"))):
        parts = [part for part in ast.parse(source(cell)).body if isinstance(part, ast.ClassDef | ast.FunctionDef)]
        wanted = [part for part in parts if part.name in ("ResidualBlock", "PhotographVAE", "negative_elbo")]
        exec(compile(ast.Module(wanted, type_ignores=[]), str(page), "exec"), theirs)
    own, other = photographs.PhotographVAE(8, 4), theirs["PhotographVAE"](8, 4)
    own.load_state_dict(other.state_dict())
    x, eps = (torch.rand(3, 3, 64, 64) * 255).round() / 255, torch.randn(3, 8)
    for a, b in zip(own(x, eps), other(x, eps), strict=True):
        assert torch.equal(a, b)
    found = theirs["negative_elbo"](other, x, eps).item()
    assert photographs.negative_elbo(own, x, eps).item() == pytest.approx(found, rel=1e-5)


def test_loss_written_in_page_02_is_the_one_in_losses():
    recon_x, mu, logvar = torch.rand(5, 784), torch.randn(5, 20), torch.randn(5, 20)
    x = torch.rand(5, 1, 28, 28)
    theirs = defined_in("02", "vae_loss")(recon_x, x, mu, logvar).item()
    assert losses.vae_loss(recon_x, x, mu, logvar).item() == pytest.approx(theirs, rel=1e-5)
