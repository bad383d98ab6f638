"""What a newcomer relies on before the first notebook: the files that install, and a command that answers at once."""

import ast
import base64
import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from course_utils.support.files import ROOT
from course_utils.support.notebooks import PAGES

README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "course_utils" / "assets" / "site" / "install.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
BIN, EXE = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")

# Surroundings in which names are ASCII, and in which they are not.
BARE_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
UTF8 = {"LC_ALL": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"}


def requirements():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


# What is written down


def test_requirements_pin_torch_and_install_the_project_with_its_extras():
    assert requirements() == ["torch==2.14.1", "torchvision==0.29.1", "-e .[tests,teaching]"]
    assert f"pip install {' '.join(requirements()[:2])} --index-url" in INSTALL  # without CUDA


@pytest.mark.skipif("REQUIREMENTS" in os.environ, reason="the ranges were loosened to try the newest versions")
def test_every_dependency_has_a_range():
    everything = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
    for line in everything:
        own = "autoencoder-course[cluster,site]"
        assert line == own or re.fullmatch(r"[a-z0-9-]+(\[distributed\])?>=[\d.]+,<[\d.]+", line), line


def test_what_is_loosened_weekly_is_every_pin_and_nothing_else(tmp_path):
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    commands = re.findall(r"^ +(sed .*)$", workflow, flags=re.M)
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    if shutil.which("sed") is None:
        pytest.skip("no sed here")
    subprocess.run(["bash", "-c", "\n".join(commands)], cwd=tmp_path, check=True)
    assert (tmp_path / "newest.txt").read_text().splitlines()[-3:] == ["torch", "torchvision", "-e .[tests,teaching]"]
    before, after = (tomllib.loads((tmp_path / f"{name}.toml").read_text("utf-8")) for name in ("pyproject", "newest"))
    strip = re.compile(r"[=<>].*")
    before["project"]["dependencies"] = [strip.sub("", line) for line in PROJECT["dependencies"]]
    before["project"]["optional-dependencies"] = {
        name: [strip.sub("", line) for line in lines] for name, lines in EXTRAS.items()
    }
    assert after == before


def test_conda_environment_installs_from_requirements_and_names_the_same_pythons():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    packages = re.findall(r"^ +- (.+?):?$", text, flags=re.M)
    assert packages == ["conda-forge", f"python{PROJECT['requires-python']}", "pip", "pip", "-r requirements.txt"]


@pytest.mark.parametrize("then", ["course learn", "course run", "python -m pytest"])
def test_readme_and_site_have_the_commands_for_both_shells(then):
    install = "python -m pip install -r requirements.txt"
    windows = f".venv\\Scripts\\{install} }}; if ($?) {{ .venv\\Scripts\\{then} }}\n"
    for text in (README, INSTALL):
        assert f"\npython3 -m venv .venv && .venv/bin/{install} && .venv/bin/{then}\n" in text
        assert f"\npy -3 -m venv .venv; if ($?) {{ {windows}" in text


def test_readme_is_one_screen_or_two_names_every_page_and_its_links_work():
    assert len(README.encode()) <= 8_000
    for page in PAGES:
        assert f"notebooks/{page}.ipynb" in README
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README):
        assert (ROOT / link).exists(), link


def test_the_version_and_the_title_are_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version, title = (re.search(rf'^{key}: "?([^"\n]+)', citation, flags=re.M)[1] for key in ("version", "title"))
    assert version == PROJECT["version"]
    assert f"title = {{{title}}}" in README and f"Version {version}}}" in README


def test_actions_are_pinned_by_their_commit():
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    uses = [action for path in workflows for action in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))]
    assert len(uses) >= 2 * len(workflows)
    for action in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_what_ci_imports_from_the_helpers_is_there():
    found = re.findall(r"from (course_utils[\w.]*) import (\w+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert found
    for module, name in found:
        assert hasattr(importlib.import_module(module), name)


# What the project needs


def imported(source):
    """The names of the packages that some code imports, Python's own and the course's left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        else:
            continue
        yield from {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"course_utils"}


def sources(*folders):
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            yield path, path.read_text(encoding="utf-8")
        for path in (ROOT / folder).glob("*.ipynb"):
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    yield path, "".join(cell["source"])


def names_of(requirements):
    return {re.match(r"[a-z0-9-]+", line)[0] for line in requirements}


@pytest.mark.parametrize(
    ("folders", "extras"), [(["course_utils", "notebooks"], ["cluster", "site"]), (["tests"], ["cluster", "tests"])]
)
def test_every_import_is_a_dependency(folders, extras):
    declared = names_of([*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])])
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"wrong_answers"}
    distributions = packages_distributions()
    for path, source in sources(*folders):
        for name in set(imported(source)) - (own if folders == ["tests"] else set()):
            candidates = {other.lower().replace("_", "-") for other in distributions.get(name, [name])}
            assert candidates & declared, f"{path.relative_to(ROOT)} imports {name}"


def test_every_dependency_is_imported():
    # But for what is run: JupyterLab as a program, ipykernel as each kernel, onnx and onnxscript by PyTorch's export.
    distributions = packages_distributions()
    used = {name for _, source in sources("course_utils", "notebooks") for name in imported(source)}
    needed = {other.lower().replace("_", "-") for name in used for other in distributions.get(name, [name])}
    assert names_of(PROJECT["dependencies"]) - needed == {"jupyterlab", "ipykernel", "onnx", "onnxscript"}


# What is built


def backend_of(project):
    """The module in `.packaging`, as it is in a folder."""
    spec = importlib.util.spec_from_file_location("backend", project / ".packaging" / "backend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (path,) = folder.iterdir()
    return path


def test_metadata_say_what_is_needed(tmp_path, wheel):
    backend = backend_of(ROOT)
    folder = tmp_path / backend.prepare_metadata_for_build_wheel(tmp_path)
    assert backend.prepare_metadata_for_build_editable(tmp_path) == folder.name
    with zipfile.ZipFile(wheel) as archive:
        for path in filter(Path.is_file, folder.rglob("*")):
            assert archive.read(path.relative_to(tmp_path).as_posix()) == path.read_bytes()
    metadata = message_from_bytes((folder / "METADATA").read_bytes())
    assert metadata["Name"] == PROJECT["name"] and metadata["Version"] == PROJECT["version"]
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    urls = [f"{name}, {url}" for name, url in PROJECT.get("urls", {}).items()]
    assert metadata.get_all("Project-URL", []) == urls
    assert metadata.get_all("Provides-Extra") == list(EXTRAS)
    assert set(EXTRAS) == {"cluster", "site", "teaching", "tests"}
    required = [f'{line}; extra == "{extra}"' for extra, lines in EXTRAS.items() for line in lines]
    assert metadata.get_all("Requires-Dist") == [*PROJECT["dependencies"], *required]
    assert any(line.startswith("torch>=") for line in PROJECT["dependencies"])
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True).decode() == README
    for name in metadata.get_all("License-File"):
        assert (folder / "licenses" / name).read_bytes() == (ROOT / name).read_bytes()


def test_a_wheel_has_the_helpers_and_what_they_bring_along(wheel):
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    info = next(name for name in contents if name.endswith("/RECORD")).removesuffix("RECORD")
    helpers = {name for name in contents if name.startswith("course_utils/") and "/shipped/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "course_utils").rglob("*.py")}
    assert {name for name in helpers if name.endswith(".py")} == modules
    assert {"course_utils/assets/page.html.j2", "course_utils/assets/reveal/reveal.js"} <= helpers
    assert all(name.startswith("course_utils/assets/") for name in helpers - modules)

    weights = {path.relative_to(ROOT).as_posix() for path in (ROOT / "data" / "checkpoints").glob("*.safetensors")}
    shipped = {*(f"notebooks/{page}.ipynb" for page in PAGES), "data/reference.json", *weights}
    assert {name for name in contents if "/shipped/" in name} == {f"course_utils/shipped/{name}" for name in shipped}
    for name in shipped:
        assert contents[f"course_utils/shipped/{name}"] == (ROOT / name).read_bytes()
    assert all(name.startswith(("course_utils/", info)) for name in contents)
    assert b"course = course_utils.command.cli:main" in contents[f"{info}entry_points.txt"]

    record = [line.rsplit(",", 2) for line in contents[f"{info}RECORD"].decode().splitlines()]
    assert [name for name, *_ in record] == list(contents)
    for name, digest, size in record[:-1]:
        right = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={right}", str(len(contents[name])))


def test_a_wheel_is_the_same_wherever_and_whenever_it_is_built(tmp_path, wheel):
    project = copy_project(tmp_path / "elsewhere", "notebooks", "data/reference.json", "data/checkpoints")
    for stray in ("notebooks/01_mine.ipynb", "course_utils/__pycache__/x.pyc", "course_utils/.ipynb_checkpoints/x.py"):
        (project / stray).parent.mkdir(exist_ok=True)
        (project / stray).write_text("{}")
    os.utime(project / "README.md", (0, 0))
    again = tmp_path / backend_of(project).build_wheel(tmp_path)
    assert again.name == wheel.name and again.read_bytes() == wheel.read_bytes()


# What is installed


def copy_project(folder, *more):
    """Copy what an installation in editable form reads, and what else is named, into a new folder; returns it."""
    names = ["pyproject.toml", "requirements.txt", "README.md", "LICENSE", ".packaging", "course_utils", *more]
    for name in names:
        source, goal = ROOT / name, folder / name
        goal.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, goal, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, goal)
    return folder


def make_environment(folder):
    """A virtual environment that has what this one has, except the course; returns the path of its Python."""
    venv.create(folder, with_pip=False)
    python = folder / BIN / f"python{EXE}"
    code = "import sysconfig; print(ascii(sysconfig.get_path('purelib')))"
    where = ast.literal_eval(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout)
    # Python follows the lines of such a file in the environment's own folder only: ours for the course stays unread.
    line = f"import os, sys; sys.path.append(os.fsdecode({os.fsencode(sysconfig.get_path('purelib'))!r}))\n"
    Path(where, "others.pth").write_text(line)
    return python


def run(command, folder, **surroundings):
    """Run a command in a folder; fails where the command does. Returns what it printed, with both streams in one."""
    left_out = ("PIP_", "PYTHON", "LC_", "LANG")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment | offline | surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def pip(*arguments, python=sys.executable, folder=ROOT, **surroundings):
    """Run this environment's pip, without a network, for another Python."""
    return run([sys.executable, "-m", "pip", "--python", python, *arguments], folder, **surroundings)


def test_the_readmes_commands_can_be_repeated_without_a_network(tmp_path):
    project = copy_project(tmp_path / "course")
    python = make_environment(project / ".venv")
    for _ in range(2):
        said = pip("install", "-r", "requirements.txt", python=python, folder=project)
        assert "Successfully installed autoencoder-course" in said
        assert re.search(r"Requirement already satisfied: dask\[distributed\]", said)  # of an extra of an extra
    assert "usage: course" in run([python.parent / "course", "--help"], tmp_path)


@pytest.mark.parametrize(("installed", "used"), [(UTF8, BARE_C), ({"LC_ALL": "C"}, UTF8)], ids=["then C", "from C"])
def test_the_folder_may_have_any_name_in_every_locale(tmp_path, installed, used):
    project = copy_project(tmp_path / "Jörg's course")
    python = make_environment(project / ".venv")
    pip("install", "-e", ".", python=python, folder=project, **installed)
    code = "import os, course_utils; print(os.fsencode(course_utils.__file__))"
    found = ast.literal_eval(run([python, "-c", code], tmp_path, **used))
    assert found == os.fsencode(project / "course_utils" / "__init__.py")
    course = python.parent / "course"
    assert "usage: course" in run([course, "--help"], tmp_path, **used)
    assert "built in" in run([course, "data"], tmp_path, **used)


def test_the_editable_wheel_can_be_built_where_names_are_ascii(tmp_path):
    # pip itself stops there, at the folder's name; other installers need not.
    project = copy_project(tmp_path / "Jörg's course")
    code = "import backend; print(backend.build_editable('..'))"
    name = run([sys.executable, "-c", code], project, PYTHONPATH=".packaging", **BARE_C).strip()
    with zipfile.ZipFile(tmp_path / name) as archive:
        line = archive.read("autoencoder-course.pth").decode("ascii")
    assert repr(os.fsencode(project)) in line and line.startswith("import ") and line.count("\n") == 1


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, wheel):
    """`course(...)` runs the command of a course that was installed from a wheel, in a folder that was empty."""
    folder = tmp_path_factory.mktemp("elsewhere")
    python = make_environment(folder / "environment")
    pip("install", wheel, python=python, folder=folder)
    own = folder / "own"
    own.mkdir()
    surroundings = {
        "HOME": str(folder),
        "COURSE_STATE": str(folder / "state"),
        "COURSE_DATA": str(folder / "data"),
        "JUPYTER_PATH": os.path.join(sys.prefix, "share", "jupyter"),  # where the others have put their templates
    }

    def course(*arguments):
        return run([python.parent / "course", *arguments], own, **surroundings)

    course.folder, course.python = own, python
    return course


def test_a_wheel_stands_on_its_own(elsewhere):
    code = "import sys, course_utils; print([course_utils.__file__, *sys.path])"
    module, *paths = ast.literal_eval(run([elsewhere.python, "-c", code], elsewhere.folder))
    assert Path(module).is_relative_to(elsewhere.folder.parent / "environment")
    assert str(ROOT) not in paths


def test_a_wheel_runs_pages_in_an_empty_folder(elsewhere):
    said = elsewhere("run", "00", "01", "--dataset", "digits")
    assert "Notebooks and HTML pages: build" in said
    for page in PAGES[:2]:
        assert (elsewhere.folder / "build" / f"{page}.ipynb").is_file()
        assert "</html>" in (elsewhere.folder / "build" / f"{page}.html").read_text(encoding="utf-8")


def test_a_wheel_lays_out_all_pages_lists_data_and_exports(elsewhere):
    assert f"{len(PAGES)} new pages in mine" in elsewhere("learn", "mine", "--copies-only")
    for page in PAGES:
        copy = elsewhere.folder / "mine" / f"{page}.ipynb"
        assert "own_or_solution" in copy.read_text(encoding="utf-8")
    assert "0 new pages" in elsewhere("learn", "mine", "--copies-only")
    assert "not on disk" in elsewhere("data")
    elsewhere("export", "student", "01")
    assert list((elsewhere.folder / "build" / "export" / "student").glob("01_autoencoder.ipynb"))


def test_the_command_starts_without_torch():
    code = (
        "import sys, course_utils.command.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'papermill', 'matplotlib', 'numpy')))"
    )
    said = run([sys.executable, "-c", code], ROOT.anchor)
    assert "run" in said and "data" in said
