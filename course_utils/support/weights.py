"""Trained weights as files: small, written whole, with notes on how they were made and a checksum."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from torch import nn

from course_utils import CourseError
from course_utils.support.files import write_bytes

CHECKSUM = "SHA-256 of the weights"


def halve(model: nn.Module) -> None:
    """Round a model's weights to float16 in place, so that what is measured is what a file will hold."""
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())


def save(model: nn.Module, path: Path, notes: dict[str, Any]) -> None:
    """Write a model's weights as float16, completely or not at all.

    Args:
        model: any module.
        path: the file, ending in .safetensors.
        notes: dict of what to remember, for example the data and the test error; its values become text.
    """
    weights = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    notes = {key: str(value) for key, value in notes.items()}
    _, numbers = _parts(pack(weights))
    write_bytes(path, pack(weights, notes | {CHECKSUM: hashlib.sha256(numbers).hexdigest()}))


def load(model: nn.Module, path: Path, command: str) -> Any:
    """Put the weights of a file into a model, and return it in evaluation mode.

    Args:
        model: a module with the layers that the file has weights for.
        path: the file.
        command: what makes the file, for the message where it is missing or damaged.
    """
    try:
        content = path.read_bytes()
        weights = unpack(content)  # which also refuses a header that does not fit the rest
        header, numbers = _parts(content)
        if header["__metadata__"][CHECKSUM] != hashlib.sha256(numbers).hexdigest():
            raise ValueError("the checksum is wrong")
        model.load_state_dict(weights)  # copies float16 into float32
    except FileNotFoundError:
        raise CourseError(f"there is no {path.name} yet: make it with `{command}`") from None
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise CourseError(f"{path} is damaged or of another version: make it again with `{command}`") from error
    return model.eval()


def notes_of(path: Path) -> dict[str, str]:
    """What a file of weights says about how it was made."""
    with safe_open(path, "pt") as file:
        return file.metadata()


def _parts(content):
    """A safetensors file in two: what it says of its tensors, and their bytes."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]
