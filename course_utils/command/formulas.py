"""Formulas for pages that need no network: LaTeX in markdown becomes MathML, which browsers draw by themselves."""

import contextlib
import re
import unicodedata

CODE = r"```.*?```|`[^`\n]*`"
DISPLAY = r"\$\$(?P<display>.+?)\$\$"
INLINE = r"\$(?P<inline>(?!\s)[^$\n]+?(?<!\s))\$(?!\d)(?P<mark>[.,;:!?)]*)"
STYLED = re.compile(r'<mi mathvariant="(double-struck|script)">([A-Z])</mi>')


def to_mathml(text: str) -> str:
    """Replace $...$ and $$...$$ outside of code with MathML; a formula that cannot be read stays as it was written."""
    return re.sub(rf"{CODE}|{DISPLAY}|{INLINE}", _replace, text, flags=re.DOTALL)


def mathml(latex: str, display: str = "inline") -> str:
    """A formula as MathML, `display` "inline" or "block"; latex2mathml's exception where it cannot be read."""
    from latex2mathml.converter import convert

    return STYLED.sub(_letter, convert(_spaced(latex.strip()), display=display))


def _replace(match):
    with contextlib.suppress(Exception):
        if match["display"]:
            return mathml(match["display"], "block")
        if match["inline"]:
            formula = mathml(match["inline"])
            mark = match["mark"]  # stays on the formula's line
            return f'<span style="white-space: nowrap">{formula}{mark}</span>' if mark else formula
    return match[0]


def _spaced(latex):
    """LaTeX with a thin space after a function's name, which LaTeX itself puts there."""
    return re.sub(r"(\\(?:log|exp|max|min))(?= ?[a-zA-Z\\]| \d)(?! ?\\(?:left|big|Big))", r"\1\\, ", latex)


def _letter(match):
    """A double-struck or script letter as its own character, since browsers do not style it."""
    for prefix in ("MATHEMATICAL ", ""):  # Unicode has some of them among the letter-like symbols
        with contextlib.suppress(KeyError):
            return f"<mi>{unicodedata.lookup(f'{prefix}{match[1].upper()} CAPITAL {match[2]}')}</mi>"
    return match[0]
