"""`course kit`: made of tiny wheels in a folder, so that the tests need no network; installed as a learner would."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from course_utils import CourseError, data
from course_utils.command import cli, kit
from course_utils.support.files import ROOT

HERE, PYTHON = kit.this_system()
OFF = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")} | {"PIP_NO_INDEX": "1"}
PEBBLE_NEEDS = (
    "gravel>=1",
    "only-windows; sys_platform == 'win32' and platform_machine == 'AMD64'",
    "only-mac; platform_system == 'Darwin' and platform_machine == 'arm64'",
    "only-old; python_version < '3.12'",
)
PROJECT_NEEDS = """\
dependencies = ["pebble>=1,<2", "platformdirs"]

[project.optional-dependencies]
cluster = ["slate"]
unwanted = ["unrelated"]
tests = ["autoencoder-course[cluster]"]

[project.scripts]
"""
ANYWHERE = {"pebble", "gravel", "slate", "platformdirs"}
TAGS = {"windows": "win_amd64", "macos": "macosx_14_0_arm64", "linux": "manylinux_2_28_x86_64"}


def write_wheel(folder, name, tag="py3-none-any", requires=()):
    stem = f"{name.replace('-', '_')}-1.0"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires
    )
    contents = {
        f"{name.replace('-', '_')}.py": "",
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = f"{stem}.dist-info/RECORD"
    contents[record] = "".join(f"{path},,\n" for path in [*contents, record])
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as wheel:
        for path, content in contents.items():
            wheel.writestr(path, content)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of the course, without git, that requires a few empty packages; pip finds wheels in a folder only."""
    index = tmp_path / "index"
    index.mkdir()
    write_wheel(index, "pebble", requires=PEBBLE_NEEDS)
    for name in ("gravel", "slate", "platformdirs", "only-windows", "only-mac", "only-old", "unrelated"):
        write_wheel(index, name)
    for tag in TAGS.values():
        for python in ("311", "312", "313"):
            write_wheel(index, "native", f"cp{python}-cp{python}-{tag}")
    folder = tmp_path / "Jörg's course"
    for path in kit.course_files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    project = (folder / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(r"(?ms)^dependencies = .*^\[project\.scripts\]\n", PROJECT_NEEDS, project)
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    (folder / "requirements.txt").write_text("# a pin\nnative==1.0\n\n-e .[tests]\n")
    monkeypatch.setattr(kit, "ROOT", folder)
    monkeypatch.setattr(kit, "BUILD", folder / "build")
    monkeypatch.setattr(kit, "WHEELS", folder / "build" / "wheels")
    for name, value in (OFF | {"PIP_FIND_LINKS": index.as_uri(), "PIP_CONFIG_FILE": os.devnull}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return folder


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def wheels(folder):
    """The names of the wheels, without what is common to all of them."""
    return {path.stem.replace("-1.0-", " ").removesuffix(" py3-none-any") for path in folder.glob("wheels/*")}


def native(system, python):
    tag = python.replace(".", "")
    return f"native cp{tag}-cp{tag}-{TAGS[system]}"


def test_kit_installs_elsewhere_without_a_network(course, tmp_path, monkeypatch, capfd):
    assert cli.main(["kit", "--out", str(tmp_path / "kit")]) == 0
    printed = capfd.readouterr().out
    assert re.search(r"wheels for \w+ with Python 3\.\d+ are about \d\.\d GB: at 50 Mbit/s they take \d+ min", printed)
    assert "without MNIST" in printed and "START_HERE.txt" in printed

    home = shutil.copytree(tmp_path / "kit", tmp_path / "a stick" / "kit")
    for path in (course, tmp_path / "kit", tmp_path / "index"):
        shutil.rmtree(path)
    for name in ("PIP_FIND_LINKS", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    text = (home / "START_HERE.txt").read_text(encoding="utf-8")
    (install,) = [line for line in text.splitlines() if "pip install" in line]
    shell = ["powershell", "-Command"] if os.name == "nt" else ["sh", "-c"]
    call = "& " if os.name == "nt" else ""
    install = re.sub(r"^(py -|python)3\.\d+", lambda _: f"{call}'{sys.executable}'", install)
    done = subprocess.run([*shell, install], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    scripts = home / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    done = subprocess.run([scripts / "course", "--help"], cwd=home, capture_output=True, text=True, check=False)
    assert "usage: course" in done.stdout, done.stderr
    code = "import pebble, gravel, native, slate, course_utils.support.files as files; print(files.NOTEBOOKS.resolve())"
    done = subprocess.run([scripts / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str((home / "notebooks").resolve()), done.stderr


def test_kit_holds_the_course_and_nothing_else(course, tmp_path, monkeypatch):
    expected = names(course)
    assert {"README.md", "notebooks/01_autoencoder.ipynb", "course_utils/command/cli.py"} <= expected
    assert {"data/reference.json", ".packaging/backend.py", ".gitignore"} <= expected
    for name in (
        *(".git/config", ".venv/pyvenv.cfg", "my env/pyvenv.cfg", "my env/lib/torch.py", ".course/progress.json"),
        *("build/01_autoencoder.html", "data/MNIST/raw/old", "course_utils/__pycache__/cli.pyc", "wheels/a.whl"),
        "learn/index.html",
    ):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text("")
    monkeypatch.setattr(kit, "_gather", lambda *arguments: None)  # wheels are another test's business
    kit.build(tmp_path / "kit", ["windows", "linux"], ["3.12", "3.11"])
    inside = names(tmp_path / "kit")
    assert inside == expected | {"START_HERE.txt"}
    text = (tmp_path / "kit" / "START_HERE.txt").read_text(encoding="utf-8")
    assert "py -3.12 -m venv" in text and "python3.12 -m venv" in text and "3.12 or 3.11" in text
    assert str(Path.home()) not in text and str(tmp_path) not in text and text.isascii() and text.count("\n") < 25


@pytest.mark.parametrize(
    "systems, pythons, more",
    [
        (["windows"], ["3.12"], {"only_windows"}),
        (["macos"], ["3.11"], {"only_mac", "only_old"}),
        (["linux", "windows"], ["3.11", "3.13"], {"only_windows", "only_old"}),
    ],
)
def test_kit_for_other_systems_has_what_they_need(course, tmp_path, systems, pythons, more):
    kit.build(tmp_path / "kit", systems, pythons)
    built = {native(system, python) for system in systems for python in pythons}
    assert wheels(tmp_path / "kit") == ANYWHERE | built | more


def test_mnist_comes_along_where_it_is_on_disk_and_whole(course, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "_gather", lambda *arguments: None)
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in data.FILES:
        (raw / name).write_text(f"images of {name}")
    with pytest.raises(CourseError, match="ubyte is damaged.*Run `course data mnist`"):
        kit.build(tmp_path / "kit", [HERE], [PYTHON])
    assert not (tmp_path / "kit").exists() and not list(tmp_path.glob(".kit-*"))
    checksums = [hashlib.md5((raw / name).read_bytes()).hexdigest() for name in data.FILES]
    monkeypatch.setitem(data.CHECKSUMS, "mnist", checksums)
    assert kit.build(tmp_path / "kit", [HERE], [PYTHON])
    assert names(tmp_path / "kit" / "data" / "MNIST") == {f"raw/{name}" for name in data.FILES}


def test_an_earlier_kit_is_replaced_and_only_when_the_new_one_is_complete(course, tmp_path, monkeypatch):
    out = tmp_path / "kit"
    kit.build(out, ["linux"], ["3.12"])
    before = names(out)
    (tmp_path / "index" / "native-1.0-cp313-cp313-macosx_14_0_arm64.whl").unlink()
    with pytest.raises(
        CourseError,
        match=r"uv got no complete set of wheels for macOS.* with Python 3.13.*native==1.0 has no wheels.*macos",
    ):
        kit.build(out, ["macos"], ["3.13"])
    monkeypatch.setattr(kit.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9e9, 8e9, 1e8))
    with pytest.raises(CourseError, match=r"0.1 GB free, and this kit needs \d"):
        kit.build(out, ["linux"], ["3.12"])
    monkeypatch.undo()
    assert names(out) == before and not list(tmp_path.glob(".kit-*"))


def test_repeating_renews_files_and_drops_old_wheels(course, tmp_path, capfd):
    out = tmp_path / "kit"
    kit.build(out, ["windows"], ["3.12"])
    (course / "README.md").write_text("new")
    capfd.readouterr()
    kit.build(out, ["linux"], ["3.12"])
    assert "File was already downloaded" in capfd.readouterr().out
    assert (out / "README.md").read_text() == "new"
    assert wheels(out) == ANYWHERE | {native("linux", "3.12")}
    assert "Windows" not in (out / "START_HERE.txt").read_text()


def test_without_a_network_the_message_says_so(course, tmp_path, monkeypatch):
    for name, value in {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(CourseError, match="nothing was changed.*Check the connection to the package index"):
        kit.build(tmp_path / "kit", ["linux"], ["3.12"])


def test_uv_is_told_what_pip_is_told(tmp_path, monkeypatch):
    def told():
        command = [sys.executable, "-m", "pip", "config", "list"]
        return kit._like_pip(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://name:pass@one.example/simple\nfind-links = a\ncert = one.pem\nno-index = yes\n"
        "extra-index-url =\n    https://two.example/simple?a=b\n    https://three.example/simple\nconstraint = c.txt\n"
        "proxy = http://proxy.example\n[download]\ncert = two.pem\n[install]\nproxy = http://nowhere.example\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_FIND_LINKS", "b c")
    options, variables = told()
    assert {
        *("--default-index=https://name:pass@one.example/simple", "--index=https://two.example/simple?a=b"),
        *("--index=https://three.example/simple", "--find-links=b", "--find-links=c", "--constraints=c.txt"),
        "--no-index",
    } <= set(options)
    assert "--find-links=a" not in options
    assert variables["SSL_CERT_FILE"] == "two.pem" and variables["ALL_PROXY"] == "http://proxy.example"
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    assert "--no-index" not in told()[0]


def test_without_uv_the_message_names_it(course, tmp_path, monkeypatch):
    monkeypatch.setattr(kit.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match="needs uv: `python -m pip install uv`"):
        kit.build(tmp_path / "kit", ["linux"], ["3.12"])
    assert not (tmp_path / "kit").exists()


def test_what_cannot_be_is_said_before_anything_is_downloaded(tmp_path, capsys):
    def message(*arguments):
        assert cli.main(["kit", *arguments]) == 1
        return capsys.readouterr().err

    assert "--for beos: expected one of windows, macos, linux" in message("--for", "beos")
    assert "--python 3.9: expected one of 3.11, 3.12, 3.13" in message("--python", "3.9")
    assert "among the course's own files" in message("--out", str(ROOT / "notebooks"))
    (tmp_path / "thesis.txt").write_text("all my work")
    assert "is there already and is no kit" in message("--out", str(tmp_path))
    (tmp_path / "START_HERE.txt").write_text("")
    (tmp_path / ".venv").mkdir()
    assert "has been installed" in message("--out", str(tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "all my work"


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_with_git_only_tracked_files_are_taken(course):
    (course / "marks of my students.csv").write_text("Ann, 1")
    assert Path("marks of my students.csv") in kit.course_files()
    for arguments in (["init", "-q"], ["add", "README.md", "notebooks", "LICENSE"]):
        subprocess.run(["git", "-C", course, *arguments], check=True)
    (course / "LICENSE").unlink()
    found = kit.course_files()
    assert Path("README.md") in found and Path("notebooks/00_start_here.ipynb") in found
    assert not {Path("marks of my students.csv"), Path("LICENSE"), Path("pyproject.toml")} & set(found)
