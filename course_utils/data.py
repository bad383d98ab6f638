"""Sets of 28 x 28 images as tensors: by name, or from a folder of your own."""

import hashlib
import os
import warnings
import zlib
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import TensorDataset

from course_utils import CourseError, digits
from course_utils.support.files import data_dir
from course_utils.support.guards import require_images
from course_utils.support.words import last_line

TITLES = {"digits": "built-in digits", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
# Every set has MNIST's sizes. The validation images are the last 10,000 of the 60,000 training images.
SIZES = {"train": 50_000, "val": 10_000, "train+val": 60_000, "test": 10_000}
DOWNLOADS = ("mnist", "fashion-mnist")
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
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
    print(f"Data: {TITLES[name]}, {split} split, {size:,} of {SIZES[split]:,} images")
    return ImageSet(pixels.unsqueeze(1).float().div_(255), labels.long(), name, factors)


def load_folder(folder: str | Path, invert: bool = False) -> ImageSet:
    """Load images of your own, of any size, colour and format that Pillow reads, as 28 x 28 grey images.

    Each image is turned upright, laid on white where it is transparent, made grey, shrunk or enlarged as a whole, and
    filled up to a square with the grey of its border. One printed line says how many there are and what was done to
    them, and one more names each file that cannot be read; those are skipped.

    Args:
        folder: the folder; images in its subfolders count too. Files whose names begin with a dot are passed over.
        invert: exchange black and white. The course draws ink in white: invert dark ink on light paper.

    Returns:
        An `ImageSet` in the order of the file names. Its labels number the folders that images lie in, from 0.
    """
    root = Path(os.path.expanduser(folder))
    if not root.is_dir():
        raise CourseError(f"there is no folder {str(folder)!r}: give the path of a folder with images in it")
    files = sorted(
        Path(place, name)
        for place, _, names in os.walk(root)
        for name in names
        if not any(part.startswith(".") for part in Path(place, name).relative_to(root).parts)
    )
    images, places, skipped, resized, greyed = [], [], [], 0, 0
    for file in files:
        try:
            image, size, coloured = _read_image(file)
        except Exception as error:  # a damaged file fails in whichever way its bytes lead to
            reason = "no image" if isinstance(error, UnidentifiedImageError) else last_line(error)[:100]
            skipped.append(f"{str(file.relative_to(root))!r}: {reason}")
            continue
        images.append(image)
        places.append(file.parent)
        resized += size != (SIDE, SIDE)
        greyed += coloured
    if not images:
        found = f"none of its {len(files)} files is an image: {'; '.join(skipped[:3])}" if files else "it has no files"
        raise CourseError(f"no image in {str(folder)!r}: {found}. Put PNG or JPEG files there")
    print(
        f"Data: {len(images):,} images of your own from {root.name!r}; {resized:,} brought to {SIDE} x {SIDE} pixels, "
        f"{greyed:,} made grey"
    )
    for line in skipped:
        print(f"Skipped {line}")
    x = torch.stack(images).unsqueeze(1)
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
    """Whether all four files of a downloadable set are in the data folder (`load` then checks that they are whole)."""
    return all(os.path.isfile(raw_folder(data_dir(), name) / file) for file in MNIST_MD5)


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


def _read_image(file):
    """One file as a grey image (28, 28) from 0 to 1; also its size in pixels, and whether it was a colour image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images, and refuses enormous ones
        with Image.open(file) as opened:
            size, coloured = opened.size, opened.mode[0] not in "1LIF"
            opened.draft(None, (4 * SIDE, 4 * SIDE))  # a large JPEG is then read at a fraction of its size
            image = ImageOps.exif_transpose(opened)
    if image.mode[0] in "IF":  # 16 bits and more, of which Pillow would cut off all that exceeds 255
        pixels = np.asarray(image, dtype=np.float64)
        white = 1 if image.mode == "F" and pixels.max() <= 1 else 65535
        if not (pixels.min() >= 0 and pixels.max() <= white):  # true of NaN as well
            raise ValueError(f"its pixels range from {pixels.min():g} to {pixels.max():g}, expected 0 to {white}")
        image = Image.fromarray((pixels / white * 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    grey = np.asarray(image.convert("L"))
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    square = ImageOps.pad(Image.fromarray(grey), (SIDE, SIDE), color=int(np.median(border)))
    return torch.from_numpy(np.array(square)).float() / 255, size, coloured


def reader(name: str) -> Any:
    """torchvision's class for a set, which knows its mirrors and reads its files."""
    from torchvision import datasets  # slow to import, and not needed for the built-in digits

    return {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}[name]


def raw_folder(root: Path, name: str) -> Path:
    """Where torchvision looks for the files of a set."""
    return root / {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name] / "raw"


def read_idx(root: Path, name: str, train: bool) -> tuple[Tensor, Tensor]:
    """All images (N, 28, 28) and labels of a set, or a CourseError that names the file at fault."""
    folder = raw_folder(root, name)
    remedy = f"Run `course data {name}` to download it, or use the built-in digits: DATASET = 'digits'."
    files = [folder / file for file in MNIST_MD5 if file.startswith("train" if train else "t10k")]
    for file in files:
        if not os.path.isfile(file):
            raise CourseError(f"{TITLES[name]} is not on disk: no file {file}. {remedy}")
        try:
            whole = _is_whole(file, name)
        except OSError as error:
            raise CourseError(
                f"cannot read {file}: {error.strerror}. Mend its permissions, or do without it."
            ) from error
        if not whole:
            raise CourseError(f"{file} is damaged: its checksum is not the published one. {remedy}")
    try:
        files = reader(name)(root, train=train)
    except Exception as error:  # on a damaged header, torchvision fails in whichever way the bytes lead to
        raise CourseError(f"{folder} is damaged: {last_line(error)}. {remedy}") from error
    images, labels = files.data, files.targets
    n = SIZES["train+val" if train else "test"]
    if images.shape != (n, 28, 28) or labels.shape != (n,) or labels.min() < 0 or labels.max() > 9:
        raise CourseError(f"{folder} is damaged: expected {n:,} images of 28 x 28 with labels 0 to 9. {remedy}")
    return images, labels


def _is_whole(file, name):
    """Compare a file with its published checksum or, for other sets, with the archive it was unpacked from."""
    archive = file.with_name(file.name + ".gz")
    if name == "mnist":
        return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() == MNIST_MD5[file.name]
    if archive.is_file():  # a gzip archive ends with the CRC-32 of what is in it
        return zlib.crc32(file.read_bytes()) == int.from_bytes(archive.read_bytes()[-8:-4], "little")
    return True
