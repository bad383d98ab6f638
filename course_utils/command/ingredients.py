"""What a page's figures depend on: its own code and parameters, the library, the weights it loads, and versions."""

import hashlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

from course_utils.support import notebooks
from course_utils.support.files import PACKAGE, WEIGHTS

# "Torch and its kind": what computes. Whatever draws or runs the pages changes no figure.
VERSIONS = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "scikit-image", "pillow", "constriction")
LOADS_WEIGHTS = re.compile(r"\b(pretrained|classifier|preview)\b")


def ingredients(page: Path, parameters: dict[str, Any]) -> dict[str, str]:
    """A dict from the name of each ingredient to its checksum or version; equal dicts promise equal figures."""
    code = [cell["source"] for cell in notebooks.read(page)["cells"] if cell["cell_type"] == "code"]
    found = {"page": _digest(json.dumps(code).encode())}
    found |= {f"parameter {name}": repr(value) for name, value in sorted(parameters.items())}
    modules = [path for folder in (PACKAGE, PACKAGE / "support") for path in folder.glob("*.py")]
    found |= {path.relative_to(PACKAGE).as_posix(): _digest(path.read_bytes()) for path in sorted(modules)}
    if any(LOADS_WEIGHTS.search(source) for source in code):
        mine = [path for path in WEIGHTS.glob("*.safetensors") if path.stem.endswith(f"_{parameters.get('DATASET')}")]
        found |= {path.name: _digest(path.read_bytes()) for path in sorted(mine)}
    return found | {name: importlib.metadata.version(name) for name in VERSIONS}


def differences(one: dict[str, str], other: dict[str, str]) -> str:
    """The names of ingredients that are not the same, in words; empty where all are."""
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _digest(content):
    return hashlib.sha256(content).hexdigest()[:16]
