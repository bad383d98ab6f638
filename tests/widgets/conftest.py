import io

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from course_utils.widgets import live


@pytest.fixture
def shown(monkeypatch):
    """What a widget shows: the picture, the line below it for trouble, and the bundle that is displayed."""
    parts = {}
    image, text = ipywidgets.Image, ipywidgets.HTML
    monkeypatch.setattr(ipywidgets, "Image", lambda **k: parts.setdefault("picture", image(**k)))
    monkeypatch.setattr(ipywidgets, "HTML", lambda: parts.setdefault("trouble", text()))
    monkeypatch.setattr(live, "display", lambda bundle, metadata: parts.update(bundle, metadata=metadata))
    return parts


@pytest.fixture
def pixels():
    """Function from a PNG to its grey values, 0 to 1."""
    return lambda png: np.array(Image.open(io.BytesIO(png)).convert("L")) / 255
