"""How well a score separates: all pairs of a normal image and an anomaly, and which scores higher (page 06)."""

from collections.abc import Sequence

from matplotlib.patches import Rectangle

from course_utils.diagrams.drawing import BLUE, INK, ORANGE, PALE, drawing

WORTH = {1.0: "1", 0.5: "½", 0.0: "0"}


def pairs(normal: Sequence[float], anomaly: Sequence[float]) -> None:
    """Draw scores on a line, and beside it a table of all pairs: 1 where the anomaly scores higher, ½ where none does.

    The highest scores come first, from the left and from below, so that the border of the ones is the ROC curve.

    Args:
        normal, anomaly: a few scores of either kind; the mean of the table is their AUROC.
    """
    normal, anomaly = sorted(normal, reverse=True), sorted(anomaly, reverse=True)
    worth = [[(a > n) + 0.5 * (a == n) for n in normal] for a in anomaly]
    above = [
        [sum(score >= threshold for score in scores) for scores in (normal, anomaly)]
        for threshold in sorted({*normal, *anomaly}, reverse=True)
    ]
    total, count = sum(map(sum, worth)), len(normal) * len(anomaly)
    alt = (
        f"On a line, the scores of normal images, {_list(normal)}, and of anomalies, {_list(anomaly)}. Beside it a "
        f"table of all {count} pairs: the anomaly scores higher in {total:g} of them, a tie counted as one half; "
        "a line parts those where it does from those where it does not."
    )
    with drawing(7.6, 2.6, alt, panels=2, width_ratios=(3, 2)) as (line, table):
        line.axhline(0, color=INK, linewidth=1)
        for scores, name, colour, height in ((normal, "normal", BLUE, -1), (anomaly, "anomaly", ORANGE, 1)):
            line.vlines(scores, 0, height * 0.45, color=colour)
            line.plot(scores, [height * 0.45] * len(scores), "o", color=colour, markersize=10)
            for place in scores:
                line.text(place, height * 0.85, f"{place:g}", ha="center", va="center", color=colour)
            line.text(0, 0.5 + height * 0.42, name, color=colour, ha="left", va="center", transform=line.transAxes)
        wide = max(*normal, *anomaly) - min(*normal, *anomaly)
        line.set(xlim=(min(*normal, *anomaly) - 0.3 * wide, max(*normal, *anomaly) + 0.1 * wide), ylim=(-1.3, 1.3))
        line.axis("off")
        for row, values in enumerate(worth):
            for column, value in enumerate(values):
                table.add_patch(Rectangle((column, row), 1, 1, facecolor=PALE, edgecolor="white", linewidth=2))
                table.add_patch(Rectangle((column, row), 1, 1, facecolor=ORANGE, alpha=0.45 * value, linewidth=0))
                beside_line = 0.2 * (value == 0.5)
                table.text(column + 0.5 + beside_line, row + 0.5 - beside_line, WORTH[value], ha="center", va="center")
        table.plot(*zip([0, 0], *above, strict=True), color=INK, linewidth=2.5, clip_on=False)
        for column, score in enumerate(normal):
            table.text(column + 0.5, -0.35, f"{score:g}", color=BLUE, ha="center", va="center")
        for row, score in enumerate(anomaly):
            table.text(-0.15, row + 0.5, f"{score:g}", color=ORANGE, ha="right", va="center")
        table.set(xlim=(-0.8, len(normal)), ylim=(-0.7, len(anomaly)), aspect="equal")
        table.axis("off")
        table.set_title(f"{total:g} of {count}: {100 * total / count:.0f} %", fontsize=11)


def _list(scores):
    return ", ".join(f"{score:g}" for score in scores)
