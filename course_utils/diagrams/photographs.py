"""Images in colour, row by row (page 12)."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from torch import Tensor

from course_utils.plots import STYLE, show


def colour_rows(rows: dict[str, Tensor], alt: str, titles: Sequence[str] = (), scale: float = 0.8) -> None:
    """Show rows of colour images (N, 3, H, W), one column per example; what lies beyond 0 to 1 is cut off.

    Args:
        rows: dict from a label to images; all rows have the same N.
        alt: what the picture shows, for those who cannot see it.
        titles: what stands above each column.
        scale: inches from one image to the next.
    """
    columns = max(len(images) for images in rows.values())
    size = (scale * columns, scale * len(rows))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(rows), columns, figsize=size, squeeze=False, gridspec_kw={"wspace": 0.08, "hspace": 0.08}
        )
        for line, (label, images) in zip(axes, rows.items(), strict=True):
            pixels = images.detach().cpu().float().clamp(0, 1).permute(0, 2, 3, 1).numpy()
            for i, axis in enumerate(line):
                axis.grid(False)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
                if i < len(pixels):
                    axis.imshow(pixels[i], interpolation="nearest")
            line[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=8)
        for axis, title in zip(axes[0], titles, strict=False):
            axis.set_title(title, size="small")
    show(figure, alt)
