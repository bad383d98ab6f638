"""What happens one after the other, as boxes joined by arrows."""

from collections.abc import Sequence

from matplotlib.patches import FancyBboxPatch

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, PALE, arrow, bare, drawing

BOX, GAP, TALL = 2.0, 0.75, 1.2  # of a station, in units of the sheet


def stations(ways: dict[str, Sequence[str]], alt: str) -> None:
    """Draw what happens one after the other, as boxes joined by arrows; each way has a row of its own.

    Args:
        ways: dict from a row's title to the texts of its boxes; a text may have several lines.
        alt: what the drawing shows, for those who cannot see it.
    """
    longest = max(len(texts) for texts in ways.values())
    width, height = longest * (BOX + GAP) - GAP + 0.2, len(ways) * (TALL + 0.9)
    with drawing(0.72 * width, 0.72 * height, alt) as axis:
        bare(axis, width, height)
        for row, ((title, texts), colour) in enumerate(zip(ways.items(), (BLUE, ORANGE, GREEN), strict=False)):
            y = height - (row + 1) * (TALL + 0.9) + 0.15
            axis.text(0.1, y + TALL + 0.22, title, color=colour, weight="bold", va="bottom")
            for i, text in enumerate(texts):
                x = 0.1 + i * (BOX + GAP)
                box = FancyBboxPatch(
                    (x, y), BOX, TALL, "round,pad=0,rounding_size=0.15", facecolor=PALE, edgecolor=colour
                )
                axis.add_patch(box)
                axis.text(x + BOX / 2, y + TALL / 2, text, ha="center", va="center", color=INK, size=9.5)
                if i:
                    arrow(axis, (x - GAP + 0.08, y + TALL / 2), (x - 0.08, y + TALL / 2), colour)
