"""A network's widths as an hourglass (pages 00 and 01)."""

import torch
from matplotlib.patches import Polygon
from torch import nn

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, arrow, bare, drawing


def widths_of(model: nn.Module, x: torch.Tensor) -> list[int]:
    """How many numbers an image is at the model's door, and behind each linear layer, as the image passes through."""
    widths = [x[:1].numel()]
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_hook(lambda _, __, out: widths.append(out.shape[-1])) for layer in layers]
    try:
        with torch.no_grad():
            model(x[:1])
    finally:
        for hook in hooks:
            hook.remove()
    return widths


def hourglass(model: nn.Module, x: torch.Tensor) -> None:
    """Draw a fully connected autoencoder: every layer as tall as it has numbers, the code where it is narrowest.

    Args:
        model: an autoencoder of linear layers.
        x: an image (1, 1, 28, 28) to send through.
    """
    widths = widths_of(model, x)
    code = widths.index(min(widths))
    tall, step = 3.2, 1.7  # inches for the widest layer, and from layer to layer
    heights = [tall * (width / max(widths)) ** 0.5 for width in widths]  # areas, not heights, tell sizes best
    names = ["x", *["h"] * (code - 1), "z", *["h"] * (len(widths) - code - 2), "x_hat"]
    total, middle = step * (len(widths) - 1) + 1.6, tall / 2 + 0.75
    alt = (
        f"An hourglass: layers of {', '.join(map(str, widths))} numbers; the narrowest, {widths[code]}, is the code z."
    )
    with drawing(total, tall + 1.3, alt) as axis:
        bare(axis, total, tall + 1.3)
        for i, (width, height) in enumerate(zip(widths, heights, strict=True)):
            at = 0.8 + step * i
            if i:
                before, colour = heights[i - 1] / 2, BLUE if i <= code else GREEN
                corners = [(at - step + 0.12, middle - before), (at - step + 0.12, middle + before)]
                corners += [(at - 0.12, middle + height / 2), (at - 0.12, middle - height / 2)]
                axis.add_patch(Polygon(corners, facecolor=colour, alpha=0.18))
                arrow(axis, (at - step + 0.35, middle), (at - 0.35, middle), colour)
            edge = ORANGE if i == code else INK
            box = [(at - 0.12, middle - height / 2), (at - 0.12, middle + height / 2)]
            box += [(at + 0.12, middle + height / 2), (at + 0.12, middle - height / 2)]
            axis.add_patch(Polygon(box, facecolor=PALE, edgecolor=edge, linewidth=2 if i == code else 1.2))
            axis.text(at, middle + height / 2 + 0.12, f"{width}", ha="center", color=edge, weight="bold")
            axis.text(at, middle - height / 2 - 0.3, names[i], ha="center", family="monospace", color=edge)
        ends = [
            (0.8, 0.8 + step * code, "encoder", BLUE),
            (0.8 + step * code, 0.8 + step * (len(widths) - 1), "decoder", GREEN),
        ]
        for left, right, name, colour in ends:
            axis.text((left + right) / 2, 0.05, name, ha="center", color=colour, weight="bold")
