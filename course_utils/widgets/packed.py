"""What the drawing pad and the map of codes need where there is no Python, each as the bytes of one .safetensors file.

The scripts in `assets/` compute with it: the weights of trained models as they are on disk, pictures to draw on, and
what is known of a thousand test digits.
"""

import contextlib
import io
import json

import safetensors.torch
import torch

from course_utils.data import TITLES, load
from course_utils.plots import small_png
from course_utils.pretrained import load_pretrained
from course_utils.support.files import WEIGHTS
from course_utils.widgets import drawing_pad
from course_utils.widgets import map as maps
from course_utils.widgets.live import opened
from course_utils.widgets.preview import CROWD, RANGE, draw_oddness, grain, oddness, place

SMALL = 3.2  # inches of the pad's plots, on each side


def pad(data: str) -> bytes:
    """For the drawing pad: what `preview` answers with, and the image to begin with.

    Args:
        data: "digits", "mnist" or "fashion-mnist", as an `ImageSet` has it in its attribute `name`.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        autoencoder, plane = (load_pretrained(name, data) for name in ("autoencoder", "plane"))
        crowd = load(data, "test", CROWD)
    codes, usual = place(plane, crowd.x), oddness(autoencoder, crowd.x)
    span, (low, high) = 1.05 * codes.abs().max().item(), RANGE
    tensors = {
        **_weights("autoencoder", data, "encoder", "decoder"),
        **_weights("denoiser", data, "encoder", "decoder"),
        **_weights("plane", data, "fc1.", "fc21."),
        "grain": grain().flatten(),
        "usual": usual,
        "map": _drawn(maps.on_plane(SMALL, lambda axis: maps.draw_map(axis, codes, crowd.y, span))),
        "histogram": _drawn(maps.on_plane(SMALL, lambda axis: draw_oddness(axis, usual))),
        "ink": drawing_pad.enlarged(crowd.x[:1]).flatten(),
    }
    return _packed(data, tensors, {"side": drawing_pad.SIDE, "span": span, "low": low, "high": high})


def plane(data: str) -> bytes:
    """For the map of codes: the decoder of the latent plane, and the map. The argument is as for `pad`."""
    with contextlib.redirect_stdout(io.StringIO()):
        model, crowd = load_pretrained("plane", data), load(data, "test", CROWD)
    picture = maps.on_plane(maps.SIDE, lambda axis: maps.draw_map(axis, place(model, crowd.x), crowd.y, maps.SPAN))
    tensors = _weights("plane", data, "fc3.", "fc4.") | {"map": _drawn(picture)}
    return _packed(data, tensors, {"span": maps.SPAN})


def _weights(model, data, *parts):
    """Those weights of a trained model whose names begin with one of `parts`, by these names after the model's."""
    weights = safetensors.torch.load_file(WEIGHTS / f"{model}_{data}.safetensors")
    return {f"{model}.{name}": value for name, value in weights.items() if name.startswith(parts)}


def _drawn(png):
    return torch.frombuffer(bytearray(small_png(opened(png, "the plot"))), dtype=torch.uint8)


def _packed(data, tensors, numbers):
    notes = {"data": TITLES[data], "numbers": json.dumps(numbers | {"plane": maps.PLANE})}
    return safetensors.torch.save({name: value.contiguous() for name, value in tensors.items()}, notes)


KINDS = {"pad": pad, "plane": plane}
