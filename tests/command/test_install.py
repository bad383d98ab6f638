"""What a newcomer relies on before the first notebook: the files that install, and a command that answers at once."""

import os
import re
import shutil
import subprocess
import sys
import venv

import pytest

from course_utils.support.files import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_requirements_pin_torch_and_install_the_project():
    assert {"torch==2.14.1", "torchvision==0.29.1"} <= set(requirements())
    assert requirements()[-1] == "-e ."
    for line in requirements()[:-1]:
        assert re.fullmatch(r"[a-z0-9-]+(==[\d.]+|>=[\d.]+,<[\d.]+)", line), line


def test_conda_environment_installs_from_requirements_and_names_the_same_pythons():
    text = (ROOT / "environment.yml").read_text()
    python = re.search(r'requires-python = "(.+)"', (ROOT / "pyproject.toml").read_text()).group(1)
    packages = re.findall(r"^ +- (.+?):?$", text, flags=re.M)
    assert packages == ["conda-forge", f"python{python}", "pip", "pip", "-r requirements.txt"]


@pytest.mark.parametrize("then", ["course run", "python -m pytest"])
def test_readme_has_both_commands_for_both_shells(then):
    install = "python -m pip install -r requirements.txt"
    assert f"\npython3 -m venv .venv && .venv/bin/{install} && .venv/bin/{then}\n" in README
    windows = f".venv\\Scripts\\{install} }}; if ($?) {{ .venv\\Scripts\\{then} }}\n"
    assert f"\npy -3 -m venv .venv; if ($?) {{ {windows}" in README


def test_installs_without_a_network_from_any_folder(tmp_path):
    folder = tmp_path / "Jörg's course"
    folder.mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / ".packaging", folder / ".packaging")
    shutil.copytree(ROOT / "course_utils", folder / "course_utils")
    venv.create(tmp_path / "env", with_pip=True)
    commands = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    for arguments in (["python", "-m", "pip", "install", "--no-index", "-e", str(folder)], ["course", "--help"]):
        done = subprocess.run(
            [str(commands / arguments[0]), *arguments[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "usage: course" in done.stdout


def test_readme_names_every_notebook_and_links_work():
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{notebook.name}" in README
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_command_line_starts_without_torch():
    code = (
        "import sys, course_utils.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'papermill', 'matplotlib', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout and "data" in done.stdout
