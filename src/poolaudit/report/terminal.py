"""How text looks on a terminal: colours, cells, wrapping.

Knows ANSI colours, that wide characters take two cells and tabs run to a stop, and that source text may hold control characters
that must not reach a terminal. Must never know a report, the environment or whether there is a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

TAB = 4
"""Cells from one tab stop to the next in a code frame."""

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
_REVERSING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Bidirectional controls: they make source look like something else."""


class Paint(NamedTuple):
    """Colours text, or leaves it alone."""

    on: bool = False

    def __call__(self, text: str, *styles: str) -> str:
        if not (self.on and text and styles):
            return text
        codes = ";".join(_STYLES[style] for style in styles)
        return f"\033[{codes}m{text}\033[0m"


def cells_of(character: str) -> int:
    """How many cells of a terminal a printable character takes."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width_of(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(map(cells_of, text))


def shown(text: str) -> list[str]:
    """What stands for each character of a source line: tabs as blanks, controls as a replacement character."""
    result = []
    column = 0
    for character in text:
        if character == "\t":
            character = " " * (TAB - column % TAB)
        elif character in _REVERSING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            character = "\ufffd"
        result.append(character)
        column += width_of(character)
    return result


def harmless(text: str) -> str:
    """A message or file name on one line, without characters that steer a terminal."""
    return "".join(shown(text)) if not text.isprintable() else text


_CODE = re.compile(r"`[^`]*`")
_STICKY = "\ue000"
"""Stands for a blank at which a line must not break."""


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """`text` in lines of at most `width` cells, as far as words and `code` allow; `first` and `rest` stand before them."""
    import textwrap

    lines = textwrap.wrap(
        _CODE.sub(lambda code: code[0].replace(" ", _STICKY), text),
        max(width, len(rest) + 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_STICKY, " ") for line in lines] or [first.rstrip()]
