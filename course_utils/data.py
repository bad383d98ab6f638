"""Sets of 28 x 28 images as tensors: by name, or from a folder of your own."""

import contextlib
import gzip
import hashlib
import os
import tempfile
import zlib
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from course_utils import CourseError, digits, image_files
from course_utils.support.devices import on_cpu
from course_utils.support.files import data_dir, given, write_bytes
from course_utils.support.guards import require_images
from course_utils.support.words import last_line, say

TITLES = {"digits": "built-in digits", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
# Every set has MNIST's sizes. The validation images are the last 10,000 of the 60,000 training images.
SIZES = {"train": 50_000, "val": 10_000, "train+val": 60_000, "test": 10_000}
DOWNLOADS = ("mnist", "fashion-mnist")
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CHECKSUMS = {  # MD5 of the unpacked files, in that order
    "mnist": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    "fashion-mnist": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
}
SIDE = 28  # pixels


class ImageSet(TensorDataset):
    """Images with labels, for any `DataLoader`.

    Attributes:
        x: float32 images (N, 1, 28, 28), 0 for paper to 1 for ink.
        y: int64 labels (N,).
        name: which data these are, for example "mnist".
        factors: for built-in digits, a dict of what drew each image (see `digits.draw_factors`); else None.
    """

    def __init__(self, x: Tensor, y: Tensor, name: str, factors: dict[str, Tensor] | None = None) -> None:
        require_images(x)
        if not isinstance(y, torch.Tensor) or y.shape[:1] != x.shape[:1]:
            raise CourseError(f"expected a tensor with one label for each of the {len(x)} images, got {y!r:.80}")
        super().__init__(x, y)
        self.x, self.y, self.name, self.factors = x, y, name, factors


@on_cpu
def load(name: str = "auto", split: str = "train", size: int | None = None) -> ImageSet:
    """Load images by name, and print one line that says which.

    Args:
        name: "digits" (built in, drawn in memory), "mnist", "fashion-mnist", or "auto": MNIST where it is
            on disk, otherwise the built-in digits. The variable COURSE_DATASET overrides "auto".
        split: "train" (50,000 images), "val" (10,000), "test" (10,000) or "train+val" (60,000).
        size: take only the first `size` images.

    Returns:
        An `ImageSet`. Nothing is ever downloaded here; see `download.py`.
    """
    name = resolve(name)
    if not isinstance(split, str) or split not in SIZES:
        raise CourseError(f"unknown split {split!r}: expected one of {', '.join(SIZES)}")
    size = SIZES[split] if size is None else size
    if isinstance(size, bool) or not isinstance(size, Integral) or not 1 <= size <= SIZES[split]:
        hint = " ('train+val' has 60,000)" if split == "train" else ""
        raise CourseError(
            f"size={size!r}, but the {split} split of {TITLES[name]} has {SIZES[split]:,} images{hint}: "
            f"ask for 1 to {SIZES[split]:,}, or leave size out for all of them"
        )
    size = int(size)
    pixels, labels, factors = _digits(split, size) if name == "digits" else _idx(name, split, size)
    say(f"Data: {TITLES[name]}, {split} split, {size:,} of {SIZES[split]:,} images")
    return ImageSet(pixels.unsqueeze(1).float().div_(255), labels.long(), name, factors)


@on_cpu
def load_folder(folder: str | Path, invert: bool = False) -> ImageSet:
    """Load images of your own, of any size, colour and format that Pillow reads, as 28 x 28 grey images.

    Each image is turned upright, laid on white where it is transparent, made grey, shrunk or enlarged as a whole, and
    filled up to a square with the grey of its border. Images of more than eight bits share one white: what their files
    say, or the depth that holds their largest value. Printed lines say how many there are, what was done to them, and
    which files cannot be read; those are skipped.

    Args:
        folder: the folder; images in its subfolders, and behind links, count too. Names that begin with a dot are
            passed over.
        invert: exchange black and white. The course draws ink in white: invert dark ink on light paper.

    Returns:
        An `ImageSet` in the order of the file names. Its labels number the folders that images lie in, from 0.
    """
    root = given(folder)
    if os.path.isfile(root):
        raise CourseError(f"{str(folder)!r} is a file: give the path of the folder that it lies in")
    if not os.path.isdir(root):
        raise CourseError(f"there is no folder {str(folder)!r}: give the path of a folder with images in it")
    files = image_files.find(root)
    found = image_files.read(files, root, SIDE)
    if not found.images:
        skipped = "; ".join(found.skipped[:3])
        said = f"none of its {len(files)} files is an image: {skipped}" if files else "it has no files"
        raise CourseError(f"no image in {str(folder)!r}: {said}. Put PNG or JPEG files there")
    say(
        f"Data: {len(found.images):,} images of your own from {root.name!r}; {found.resized:,} brought to "
        f"{SIDE} x {SIDE} pixels, {found.greyed:,} made grey"
    )
    for line in found.notes:
        say(f"Note: {line}.")
    for line in found.skipped:
        say(f"Skipped {line}")
    x = torch.from_numpy(np.stack(found.images)).unsqueeze(1)
    places = [file.parent for file in found.files]
    labels = {place: i for i, place in enumerate(dict.fromkeys(places))}
    return ImageSet(1 - x if invert else x, torch.tensor([labels[place] for place in places]), root.name)


def resolve(name: str) -> str:
    """The data set that `name` stands for: itself, or what "auto" means on this machine."""
    source = "DATASET"
    name = name if isinstance(name, str) else repr(name)
    if name == "auto":
        name, source = os.environ.get("COURSE_DATASET", "auto"), "the variable COURSE_DATASET"
    if name == "auto":
        return "mnist" if is_on_disk("mnist") else "digits"
    if name not in TITLES:
        raise CourseError(f"unknown data set {name!r} in {source}: expected one of auto, {', '.join(TITLES)}")
    return name


def is_on_disk(name: str) -> bool:
    """Whether the four files of a set, or their archives, are in the data folder; `load` checks that they are whole."""
    folder = raw_folder(data_dir(), name)
    return all(os.path.isfile(folder / file) or os.path.isfile(folder / f"{file}.gz") for file in FILES)


def _digits(split, size):
    """uint8 images, labels and factors of the built-in digits; "train+val" is one after the other."""
    parts, left = [], size
    for part in split.split("+"):
        parts.append(digits.generate(min(left, SIZES[part]), part))
        left -= len(parts[-1][0])
    factors = {key: torch.cat([part[1][key] for part in parts]) for key in parts[0][1]}
    return torch.cat([images for images, _ in parts]), factors["digit"], factors


def _idx(name, split, size):
    """uint8 images and labels from files that torchvision reads."""
    images, labels = read_idx(data_dir(), name, train=split != "test")
    first = SIZES["train"] if split == "val" else 0
    return images[first : first + size], labels[first : first + size], None


def reader(name: str) -> Any:
    """torchvision's class for a set, which knows its mirrors and reads its files."""
    from torchvision import datasets  # slow to import, and not needed for the built-in digits

    return {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}[name]


def raw_folder(root: Path, name: str) -> Path:
    """Where torchvision looks for the files of a set."""
    return root / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name] / "raw"


def read_idx(root: Path, name: str, train: bool) -> tuple[Tensor, Tensor]:
    """All images (N, 28, 28) and labels of a set, or a CourseError that names the file at fault."""
    from torchvision.datasets import mnist  # slow to import, and not needed for the built-in digits

    folder, files = raw_folder(root, name), [file for file in FILES if file.startswith("train" if train else "t10k")]
    whole = {file: read_whole(root, name, file) for file in files}
    with contextlib.ExitStack() as stack:
        place = folder
        if not all(os.path.isfile(folder / file) for file in files):  # archives where nothing can be written
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="course-")))
            for file, content in whole.items():
                write_bytes(place / file, content)
        try:
            images, labels = mnist.read_image_file(str(place / files[0])), mnist.read_label_file(str(place / files[1]))
        except Exception as error:  # torchvision fails in whichever way the bytes lead to
            raise CourseError(f"{folder} is damaged: {last_line(error)}. {_remedy(name)}") from error
    n = SIZES["train+val" if train else "test"]
    if images.shape != (n, 28, 28) or labels.shape != (n,) or labels.min() < 0 or labels.max() > 9:
        raise CourseError(f"{folder} is damaged: expected {n:,} images of 28 x 28 with labels 0 to 9. {_remedy(name)}")
    return images, labels


def read_whole(root: Path, name: str, file: str) -> bytes:
    """What is in one of a set's FILES, unpacked if only its archive is there; a CourseError if it is damaged."""
    path = raw_folder(root, name) / file
    archive = path.with_name(f"{file}.gz")
    packed = not os.path.isfile(path) and os.path.isfile(archive)
    source = archive if packed else path
    try:
        content = gzip.decompress(archive.read_bytes()) if packed else path.read_bytes()
    except FileNotFoundError as error:
        raise CourseError(f"{TITLES[name]} is not on disk: no file {path}. {_remedy(name)}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CourseError(f"{archive} is damaged: {last_line(error)}. {_remedy(name)}") from error
    except OSError as error:
        raise CourseError(f"cannot read {source}: {error.strerror}. Mend its permissions, or do without it.") from error
    if name not in (owners := owners_of(content, file)):
        problem = f"belongs to {TITLES[owners[0]]}" if owners else "is damaged: its checksum is not the published one"
        raise CourseError(f"{source} {problem}. {_remedy(name)}")
    if packed:
        with contextlib.suppress(CourseError):  # where it cannot be written, it is unpacked anew each time
            write_bytes(path, content)
            say(f"Unpacked {archive.name}")
    return content


def owners_of(content: bytes, file: str) -> list[str]:
    """The sets that have this content, unpacked, in this one of their FILES: one, or none."""
    md5, place = hashlib.md5(content, usedforsecurity=False).hexdigest(), FILES.index(file)
    return [name for name, known in CHECKSUMS.items() if md5 == known[place]]


def _remedy(name):
    return f"Run `course data {name}` to download it, or use the built-in digits: DATASET = 'digits'."
