"""Builds and installs the project (PEP 517 and PEP 660) with nothing but Python's own library.

pip fetches the usual backends from the package index at every `pip install -e .`, even where nothing has changed. With
this one the README's commands also work where there is no network, once everything is installed.

A wheel has the helpers and, in `course_utils/shipped`, what they bring along: pages, reference results, trained
networks. An editable one has a line that puts the project's folder on Python's path. Both have the same metadata.
"""

import ast
import base64
import hashlib
import os
import tomllib
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SHIPPED = "course_utils/shipped"  # where course_utils.support.files looks for what is not in a project's folder


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Write a wheel that runs the course anywhere; returns its file name."""
    return _write_wheel(wheel_directory, _helpers() | _shipped())


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """Write a wheel that puts this folder on Python's path; returns its file name."""
    # Python reads such a file in the encoding of the moment, whichever that is: so it has ASCII only, for any folder.
    line = f"import os, sys; sys.path.append(os.fsdecode({os.fsencode(PROJECT)!r}))\n"
    return _write_wheel(wheel_directory, {f"{_project()['name']}.pth": line.encode("ascii")})


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """Write what pip wants to know before it builds anything; returns the folder's name."""
    for path, content in _metadata().items():
        Path(metadata_directory, path).parent.mkdir(parents=True, exist_ok=True)
        Path(metadata_directory, path).write_bytes(content)
    return f"{_stem()}.dist-info"


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def _project():
    """The table [project] of pyproject.toml."""
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _stem():
    """Name and version, as they begin the names of wheels and of their metadata."""
    return f"{_project()['name'].replace('-', '_')}-{_project()['version']}"


def _helpers():
    """The package's own files, by their paths in a wheel."""
    files = [path for path in sorted((PROJECT / "course_utils").rglob("*")) if path.is_file()]
    names = [(path.relative_to(PROJECT), path) for path in files]
    return {
        name.as_posix(): path.read_bytes()
        for name, path in names
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    }


def _shipped():
    """What the course brings along, by its paths in a wheel."""
    tree = ast.parse((PROJECT / "course_utils" / "support" / "notebooks.py").read_bytes())
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    files = [PROJECT / "notebooks" / f"{page}.ipynb" for page in ast.literal_eval(assigned["PAGES"])]
    files += [PROJECT / "data" / "reference.json", *sorted(PROJECT.glob("data/checkpoints/*.safetensors"))]
    return {f"{SHIPPED}/{path.relative_to(PROJECT).as_posix()}": path.read_bytes() for path in files}


def _metadata():
    """The files of the .dist-info folder, without the list of all files."""
    project, folder = _project(), f"{_stem()}.dist-info"
    licenses = sorted(path for pattern in project["license-files"] for path in PROJECT.glob(pattern))
    headers = [
        ("Metadata-Version", "2.4"),
        ("Name", project["name"]),
        ("Version", project["version"]),
        ("Summary", project["description"]),
        ("Requires-Python", project["requires-python"]),
        ("License-Expression", project["license"]),
        *(("License-File", path.relative_to(PROJECT).as_posix()) for path in licenses),
        *(("Project-URL", f"{name}, {url}") for name, url in project.get("urls", {}).items()),
        *(("Requires-Dist", requirement) for requirement in project["dependencies"]),
    ]
    for extra, requirements in project["optional-dependencies"].items():
        headers.append(("Provides-Extra", extra))
        headers += [("Requires-Dist", f'{requirement}; extra == "{extra}"') for requirement in requirements]
    headers.append(("Description-Content-Type", "text/markdown"))
    readme = (PROJECT / project["readme"]).read_text(encoding="utf-8")
    scripts = "".join(f"{name} = {function}\n" for name, function in project["scripts"].items())
    return {
        f"{folder}/METADATA": ("".join(f"{name}: {value}\n" for name, value in headers) + "\n" + readme).encode(),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: backend.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
        **{f"{folder}/licenses/{path.relative_to(PROJECT).as_posix()}": path.read_bytes() for path in licenses},
    }


def _write_wheel(directory, contents):
    """Write a wheel of these contents and the metadata, the same to the byte each time; returns its file name."""
    contents = contents | _metadata()
    record = f"{_stem()}.dist-info/RECORD"
    lines = [f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in contents.items()]
    contents[record] = "".join([*lines, f"{record},,\n"]).encode()
    name = f"{_stem()}-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory, name), "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path)  # of the first of January 1980
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return name


def _digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
