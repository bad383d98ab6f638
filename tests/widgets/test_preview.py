"""Page 00's preview: what is painted is what the models answer."""

import matplotlib.pyplot as plt
import torch

from course_utils import data
from course_utils.widgets import preview

PNG = b"\x89PNG and so on"


def test_preview_shows_what_the_models_answer(monkeypatch):
    painted = {}

    def repainter(figure, moving):
        painted.update(figure=figure, moving=moving)
        plt.close(figure)
        return lambda: PNG

    monkeypatch.setattr(preview, "repainter", repainter)
    look = preview.preview("digits")
    x = data.load("digits", "test", 3).x[2:]
    assert look(x) == PNG
    drawn, copy, noisy, clean, star, line, title = painted["moving"]
    error = {
        artist: (torch.as_tensor(artist.get_array()) - x[0, 0]).square().sum().item()
        for artist in (drawn, copy, noisy, clean)
    }
    assert error[drawn] == 0 < error[copy] < error[clean] < error[noisy]
    usual = float(title.get_text().split()[2])
    place, oddness = star.get_xydata().copy(), line.get_xdata()[0]
    cross = torch.eye(28).maximum(torch.eye(28).flip(0)).reshape(1, 1, 28, 28)
    look(cross)
    assert line.get_xdata()[0] > 3 * oddness and title.get_text() == "odder than 100 % of test digits"
    assert usual < 100 and (star.get_xydata() != place).any()
    look(torch.zeros(1, 1, 28, 28))  # nothing drawn: no division by zero
