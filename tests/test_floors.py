"""The tree stands on its floors: imports lead downwards only, wherever they are written.

    support < library (the flat modules) < widgets, exercises < checks, scoreboard, diagrams < command

The syntax trees are read, so that an import inside a function counts as well.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from course_utils.support.files import ASSETS, NOTEBOOKS, PACKAGE, ROOT
from course_utils.support.notebooks import PAGES

TREES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_bytes())
    for path in PACKAGE.rglob("*.py")
    if not path.is_relative_to(ASSETS)  # scripts that a page shows and runs: no modules
}
JUPYTER = {
    "IPython",
    "ipykernel",
    "ipywidgets",
    "anywidget",
    "traitlets",
    "jupyter_client",
    "jupyter_core",
    "jupyterlab",
}
JUPYTER |= {"nbformat", "nbclient", "nbconvert", "papermill"}


def floor(module):
    """The number of a module's floor, and the folder in which it may use its neighbours."""
    if module == "__init__":
        return 0, ""
    folder = module.partition(".")[0] if "." in module or (PACKAGE / module).is_dir() else ""
    if module in ("checks", "scoreboard"):
        return 4, ""
    return {"support": 1, "": 2, "diagrams": 2.5, "widgets": 3, "exercises": 3, "command": 5}[folder], folder


def imported(tree):
    """The full name of everything that a module imports, such as "torch.nn" or "course_utils.data.load"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports would escape this test"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            yield ast.unparse(node.args[0]).removeprefix("f").strip("'\"").partition("_{")[0]


def own(name):
    """The course's module that a full name belongs to, "__init__" for the package itself, or None for another's."""
    if name.partition(".")[0] != "course_utils":
        return None
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in TREES:
        parts.pop()
    return ".".join(parts) or "__init__"


GRAPH = {module: {own(name) for name in imported(tree)} - {None, module} for module, tree in TREES.items()}


def everything_behind(module):
    """The modules that importing this one brings along, and itself."""
    found, new = set(), {module}
    while new:
        found |= new
        new = {other for one in new for other in GRAPH[one]} - found
    return found


def others(modules):
    """The names of the packages of others that these modules import."""
    return {name.partition(".")[0] for module in modules for name in imported(TREES[module]) if own(name) is None}


def upwards(module, targets):
    """Which of its imports do not lead down, or to a neighbour in the same folder."""
    here, folder = floor(module)
    return {
        other for other in targets if floor(other)[0] > here or (floor(other)[0] == here and floor(other)[1] != folder)
    }


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_lead_downwards(module):
    assert upwards(module, GRAPH[module]) == set()


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("support.files", "data"),
        ("models", "scoreboard"),
        ("widgets.live", "exercises.progress"),
        ("exercises.page_01", "widgets.buttons"),
        ("exercises", "checks"),
        ("checks", "command.cli"),
    ],
)
def test_an_import_that_leads_upwards_or_across_is_found(module, target):
    assert upwards(module, {target}) == {target}


def test_no_module_needs_itself():
    order = list(TopologicalSorter(GRAPH).static_order())  # a circle raises a CycleError, which names it
    assert set(order) == set(TREES)


def test_imports_of_every_kind_are_found():
    source = (
        "import a.b\nfrom course_utils import data, CourseError\ndef f():\n    from course_utils.losses import mse\n"
    )
    source += "    importlib.import_module(f'course_utils.exercises.page_{x}')\n"
    names = list(imported(ast.parse(source)))
    assert names[0] == "a.b" and [own(name) for name in names[1:]] == ["data", "__init__", "losses", "exercises"]


@pytest.mark.parametrize("module", [module for module in sorted(TREES) if floor(module)[0] == 2])
def test_the_library_knows_no_notebooks_and_no_kernel(module):
    assert "support.notebooks" not in GRAPH[module]
    names = {name for name in imported(TREES[module]) if name.partition(".")[0] in JUPYTER}
    assert names == set()


@pytest.mark.parametrize(
    ("module", "packages"),
    [
        ("coding", {"torch"}),
        ("whole_number_vae", {"torch"}),
        *((f"support.{name}", {"torch", "numpy"}) for name in ("words", "files", "notebooks", "attempt")),
        ("exercises.solutions", {"torch", "numpy"}),
        ("exercises.progress", {"torch", "numpy"}),
    ],
)
def test_what_has_to_start_at_once_needs_nothing_large(module, packages):
    assert packages.isdisjoint(others(everything_behind(module)))


@pytest.mark.parametrize("module", ["support.notebooks", "support.attempt", "exercises.progress"])
def test_they_do_start_without_it(module):
    code = f"import sys, course_utils.{module}; sys.exit(bool({{'torch', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_page_has_its_module_and_none_is_left_over():
    assert {name for name in TREES if name.startswith("exercises.page_")} == {f"exercises.page_{p[:2]}" for p in PAGES}


# --- annotations


def public(module):
    """The public functions and methods of a module, and how public classes are made."""
    for node in TREES[module].body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node, node.args.posonlyargs + node.args.args
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and (part.name == "__init__" or not part.name.startswith("_")):
                    static = any(ast.unparse(decorator) == "staticmethod" for decorator in part.decorator_list)
                    arguments = part.args.posonlyargs + part.args.args
                    yield f"{node.name}.{part.name}", part, arguments if static else arguments[1:]


@pytest.mark.parametrize("module", [module for module in sorted(TREES) if floor(module)[1] != "exercises"])
def test_public_functions_say_what_they_take_and_return(module):
    missing = []
    for name, node, arguments in public(module):
        more = [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
        missing += [f"{name}: {a.arg}" for a in arguments + node.args.kwonlyargs + more if a.annotation is None]
        missing += [f"{name}: what it returns"] * (node.returns is None)
    assert missing == []


# --- pages


def test_pages_are_those_that_are_committed():
    git = ["git", "ls-files", "--error-unmatch", "--", "*.ipynb"]
    try:
        tracked = subprocess.run(git, cwd=NOTEBOOKS, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):  # a copy without git
        tracked = [path.name for path in NOTEBOOKS.glob("*.ipynb")]
    assert sorted(tracked) == [f"{name}.ipynb" for name in PAGES]
