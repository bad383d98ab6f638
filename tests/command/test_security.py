"""What could harm a learner: code in data files, files outside their folder, downloads nobody checked, text as HTML."""

import ast
import io
import json
import re
import tarfile
import zipfile

import nbformat
import pytest
import torch
from torchvision import datasets

from course_utils import CourseError, data
from course_utils.command import export, html, slides
from course_utils.support import weights
from course_utils.support.files import NOTEBOOKS, ROOT, WEIGHTS

SOURCES = [*ROOT.glob("course_utils/**/*.py"), *NOTEBOOKS.glob("*.ipynb")]
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'


def trees(path):
    """The syntax trees of a module, or of a notebook's code cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [ast.parse(text)]
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = ["".join(cell["source"]).splitlines() for cell in cells]
    return [ast.parse("\n".join(line for line in cell if not line.startswith(("%", "!")))) for cell in lines]


def name_of(call):
    return ast.unparse(call.func)


def offences(tree):
    """What runs code from a file or a text, and what fetches or shows without a check."""
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (f"imports {module}" for module in modules if module.split(".")[0] in UNSAFE_MODULES)
        if not isinstance(node, ast.Call):
            continue
        options = {option.arg: ast.unparse(option.value) for option in node.keywords}
        name = name_of(node)
        if name in ("eval", "exec", "compile", "os.system", "os.popen") or options.get("shell") == "True":
            yield f"runs code: {name}"
        if name == "torch.load" and options.get("weights_only") != "True":
            yield "torch.load without weights_only=True"
        if name.endswith("np.load") and options.get("allow_pickle", "False") != "False":
            yield "np.load with pickles"
        if name.split(".")[-1] == "extractall" and options.get("filter") != "'data'":
            yield "unpacks an archive unchecked"
        if name.split(".")[-1] in ("urlopen", "urlretrieve") or name.startswith("requests."):
            yield "fetches from the network"


ALLOWED = {
    "download.py": ["fetches from the network"],  # once, and its checksum is compared
    "solutions.py": ["runs code: exec", "runs code: compile"],  # the answer in the course's own page, as its cell would
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_code_from_files_and_no_network(path):
    found = [offence for tree in trees(path) for offence in offences(tree)]
    assert found == ALLOWED.get(path.name, [])


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f, allow_pickle=True)",
        "tar.extractall(x)",
        "subprocess.run(x, shell=True)",
        "urlopen(u)",
    ],
)
def test_the_scan_finds_what_it_looks_for(code):
    assert list(offences(ast.parse(code)))


def test_every_file_that_is_downloaded_has_a_checksum():
    for name in data.DOWNLOADS:
        reader = data.reader(name)
        assert all(re.fullmatch("[0-9a-f]{32}", md5) for _, md5 in reader.resources) and len(reader.resources) == 4
        assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in data.CHECKSUMS[name]) and len(data.FILES) == 4
    assert all(mirror.startswith("https://") for mirror in datasets.MNIST.mirrors[:1])


@pytest.mark.parametrize("path", sorted(WEIGHTS.iterdir()), ids=lambda path: path.name)
def test_committed_weights_are_safetensors_with_a_checksum(path):
    assert path.suffix == ".safetensors"
    header, _ = weights._parts(path.read_bytes())
    assert re.fullmatch("[0-9a-f]{64}", header["__metadata__"][weights.CHECKSUM])


def test_archives_in_a_folder_of_images_are_not_unpacked(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    with tarfile.open(folder / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../outside.png"), io.BytesIO())
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        archive.writestr("../outside.png", b"")
    with pytest.raises(CourseError, match="no image"):
        data.load_folder(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tar", "b.zip", "images"]


def hostile_page(folder):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Page")])
    output = nbformat.v4.new_output("stream", text=HOSTILE)
    notebook.cells.append(nbformat.v4.new_code_cell(f"x = {HOSTILE!r}", outputs=[output]))
    metadata = {"image/png": {"alt": HOSTILE, "width": '9" onerror="alert(3)'}}
    for kind, picture in (("image/png", "iVBORw0KGgo="), ("image/svg+xml", f"<svg>{HOSTILE}</svg>")):
        output = nbformat.v4.new_output("display_data", {kind: picture, "text/plain": HOSTILE}, metadata=metadata)
        notebook.cells.append(nbformat.v4.new_code_cell("show()", outputs=[output]))
    return notebook


@pytest.mark.parametrize("end", [html.FOLD_SOLUTIONS, export.OPEN_SOLUTIONS, export.FOR_PRINT])
def test_titles_outputs_and_alt_texts_are_shown_as_text(tmp_path, end):
    page = html.to_html(hostile_page(tmp_path), HOSTILE, end)
    assert "alert(1)</script>" not in page and '<img src=x onerror="' not in page and 'onerror="alert(3)' not in page


def test_slides_show_titles_and_outputs_as_text(tmp_path):
    page = slides.to_slides(hostile_page(tmp_path), HOSTILE)
    assert "alert(1)</script>" not in page and '<img src=x onerror="' not in page and 'onerror="alert(3)' not in page


def test_jupyter_is_never_started_without_its_token_or_on_a_public_address():
    texts = [*ROOT.glob("*.md"), *ROOT.glob("course_utils/**/*.py"), *NOTEBOOKS.glob("*.ipynb"), *ROOT.glob(".ci/*")]
    texts += [path for path in ROOT.glob("tests/**/*.py") if path.name != "test_security.py"]
    risky = r"--ip[= ]|0\.0\.0\.0|allow_origin|disable_check_xsrf|(token|password)=(''|\"\"|\s)"
    for path in texts:
        assert not re.search(risky, path.read_text(encoding="utf-8")), path


def test_a_checkpoint_that_holds_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").write_text, ("code from the file was run",))

    torch.save({"layer": Trap()}, tmp_path / "model.safetensors")
    with pytest.raises(CourseError, match="damaged"):
        weights.load(torch.nn.Linear(2, 2), tmp_path / "model.safetensors", "python -m something")
    assert not (tmp_path / "sprung").exists()
