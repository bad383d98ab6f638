"""How an entropy coder's state grows: each whole number belongs to a symbol (page 09)."""

from collections.abc import Sequence

from matplotlib.patches import Rectangle

from course_utils.diagrams.drawing import BLUE, GREEN, INK, ORANGE, arrow, bare, drawing

COLOURS = (BLUE, ORANGE, GREEN)
NUMBERS = 24  # how many are drawn


def owned_numbers(starts: Sequence[int], freqs: Sequence[int], state: int) -> None:
    """Draw the whole numbers as cells in the colour of the symbol that each belongs to, and where a push leads.

    Pushing a symbol on `state` leads to that of its own numbers which has `state` others of them before it.

    Args:
        starts, freqs: of at most three symbols; number n belongs to the symbol whose share holds n modulo sum(freqs).
        state: before the push, from 0 on; where it leads beyond the numbers drawn, the arrow is left out.
    """
    total = sum(freqs)
    owner = {start + i: symbol for symbol, start in enumerate(starts) for i in range(freqs[symbol])}
    pushed = [state // freq * total + start + state % freq for start, freq in zip(starts, freqs, strict=True)]
    alt = (
        f"The whole numbers from 0 to {NUMBERS - 1} in a row, each in the colour of a symbol. "
        + " ".join(f"Of {total}, {freq} belong to symbol {symbol}." for symbol, freq in enumerate(freqs))
        + f" From state {state} a push leads to "
        + ", ".join(f"{after} for symbol {symbol}" for symbol, after in enumerate(pushed))
        + "."
    )
    with drawing(8.5, 8.5 * 4.6 / NUMBERS, alt) as axis:
        bare(axis, NUMBERS, 4.6)
        for number in range(NUMBERS):
            colour = COLOURS[owner[number % total]]
            axis.add_patch(Rectangle((number, 1), 1, 1, facecolor=colour, alpha=0.35, edgecolor="white"))
            axis.text(number + 0.5, 1.5, str(number), ha="center", va="center", fontsize=9)
        axis.add_patch(Rectangle((state, 1), 1, 1, fill=False, edgecolor=INK, linewidth=2))
        axis.text(state + 0.5, 0.5, "state", ha="center", va="center", fontsize=10)
        for symbol, after in enumerate(pushed):
            if after < NUMBERS:
                bend = f"arc3,rad={-(1.6 + symbol) / max(after - state, 3):.3f}"
                arrow(axis, (state + 0.5, 2.1), (after + 0.5, 2.1), COLOURS[symbol], connectionstyle=bend)
                axis.text(after + 0.5, 0.5, f"push {symbol}", ha="center", va="center", fontsize=10)
