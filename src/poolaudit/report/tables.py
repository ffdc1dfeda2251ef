"""Rows as a table: as columns for a terminal, as markdown.

Knows widths and what markdown escapes. Must never know what the rows mean.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from poolaudit.report.terminal import width_of


def columns(rows: list[list[str]], width: int) -> Iterator[str]:
    """Lines with the rows as columns, two of them as wide as they need; what is too long for another one goes on below."""
    plain = [[cell.replace("`", "") for cell in row] for row in rows]
    heads = [max(width_of(row[column]) for row in plain) for column in (0, 1)]
    room = (width - 4 - sum(heads)) // (len(rows[0]) - 2) - 2
    widths = heads + [min(room, max(width_of(row[column]) for row in plain)) for column in range(2, len(rows[0]))]
    for row in plain:
        cells = [textwrap.wrap(cell, size, break_on_hyphens=False) for cell, size in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            parts = (cell[number] if number < len(cell) else "" for cell in cells)
            padded = (part + " " * (size - width_of(part)) for part, size in zip(parts, widths, strict=True))
            yield f"  {'  '.join(padded)}".rstrip()


def table_of(rows: Iterable[list[str]]) -> str:
    """A markdown table; the first row is its heading."""
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    lines.insert(1, "|---" * (lines[0].count(" | ") + 1) + "|")
    return "\n".join(lines)
