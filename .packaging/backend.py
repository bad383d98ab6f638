"""Installs the project in editable form (PEP 660) with nothing but Python's own library.

The usual backends are fetched from the package index at every `pip install -e .`, even when nothing has changed. With
this one the README's commands also work where there is no network, once everything is installed.
"""

import base64
import hashlib
import locale
import tomllib
import zipfile
from pathlib import Path


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """Write a wheel that puts this folder on Python's path and makes the commands; returns its file name."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    scripts = "\n".join(f"{name} = {function}" for name, function in project["scripts"].items())
    metadata = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    metadata += f"Summary: {project['description']}\nRequires-Python: {project['requires-python']}\n"
    contents = {
        f"{project['name']}.pth": f"{Path.cwd()}\n".encode(locale.getencoding()),  # Python reads it in this encoding
        f"{stem}.dist-info/METADATA": metadata.encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": f"[console_scripts]\n{scripts}\n".encode(),
    }
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in contents.items()]
    contents[record] = "".join([*lines, f"{record},,\n"]).encode()
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        for path, content in contents.items():
            wheel.writestr(path, content)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Refuse: the course is its folder, so a copy of the helpers elsewhere would find neither notebooks nor data."""
    raise SystemExit("install the course where it is: pip install -r requirements.txt (or pip install -e .)")


def _digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
