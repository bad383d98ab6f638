"""Prints score and path of each photograph in a folder, the oddest first. Needs no PyTorch:

    python odd_photographs.py model.onnx FOLDER

A file that is no photograph is named and left out.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read(path):
    """A photograph as numbers (1, 3, 64, 64) from 0 to 1, made as those that the model was trained on."""
    image = Image.open(path)
    image.draft("RGB", (256, 256))  # a large JPEG file is read at a fraction of its size
    image = ImageOps.exif_transpose(image)  # upright, however the camera was held
    if image.mode[0] in "IF":  # deeper than 8 bits: convert() would cut off all above 255
        deep = np.asarray(image, dtype=np.float64)
        white = max(deep.max(), 1 if image.mode == "F" else 65_535)
        image = Image.fromarray((deep * (255 / white)).round().astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    w, h = (int(64 * length / min(image.size)) for length in image.size)  # the short side becomes 64
    image = image.convert("RGB").resize((w, h), Image.Resampling.BILINEAR)
    left, top = round((w - 64) / 2), round((h - 64) / 2)
    image = image.crop((left, top, left + 64, top + 64))
    return np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[None] / 255


if len(sys.argv) != 3:
    sys.exit(__doc__)
sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # names in any script, on any console
model, scores = onnxruntime.InferenceSession(sys.argv[1]), []
for path in sorted(path for path in Path(sys.argv[2]).rglob("[!.]*") if path.is_file()):
    try:
        x = read(path)
    except Exception as error:  # a damaged file fails in whichever way its bytes lead to
        print(f"skipped {path}: {type(error).__name__}", file=sys.stderr)
    else:
        scores.append((model.run(None, {model.get_inputs()[0].name: x})[0].item(), path))
if not scores:
    sys.exit(f"no photograph in {sys.argv[2]}: name a folder that holds JPEG or PNG files, in any depth")
for score, path in sorted(scores, reverse=True):
    print(f"{score:.6g}\t{path}")
