"""A frame of source lines with labelled spans.

    7 | CACHE = {}
   ...
   40 |         return CACHE[row.id]
      |                ----- read here, in the worker
   42 |     with Pool(8) as pool:
      |          ^^^^^^^ no start method given

Knows lines, spans and labels. Must never know a finding, a rule or where the text comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from poolaudit.report.lines import Lines
from poolaudit.report.terminal import Paint, shown, width_of, wrapped

if TYPE_CHECKING:
    from poolaudit.facts import Span

_CUT = "..."


class Mark(Struct, frozen=True):
    """A span to underline, with what to say about it. A span of several lines is marked on its first."""

    span: Span
    label: str = ""
    primary: bool = False


class _Underline(Struct, frozen=True):
    """A mark on one line: characters from the line's start."""

    line: int
    start: int
    end: int
    mark: Mark


def frame(lines: Lines, marks: Iterable[Mark], *, width: int, paint: Paint, style: str = "red") -> list[str]:
    """The lines of the frame. `style` colours the primary span. `width` in cells, gutter included."""
    underlines = sorted(
        (_underline(lines, mark) for mark in marks), key=lambda each: (each.line, not each.mark.primary, each.start)
    )
    gutter = max(len(str(lines.number(each.line))) for each in underlines)
    several = len({lines.cell(each.line) for each in underlines}) > 1
    margin = paint(f"{'':{gutter}} | ", "blue")
    result = []
    previous = None
    for number, group in groupby(underlines, key=lambda each: each.line):
        if several and (previous is None or lines.cell(previous) != lines.cell(number)):
            result.append(paint(f"{'':{gutter}} cell {lines.cell(number)}", "blue"))
        elif previous is not None and number > previous + 1:
            result.append(paint(f"{_CUT:>{max(gutter, len(_CUT))}}", "blue"))
        here = list(group)
        source = _Row(lines.text_of(number), here, width - gutter - 3)
        result.append((paint(f"{lines.number(number):>{gutter}} | ", "blue") + source.text).rstrip())
        for each in here:
            result.extend(margin + row for row in source.labelled(each, paint, style))
        previous = number
    return result


def _underline(lines: Lines, mark: Mark) -> _Underline:
    line = lines.row(mark.span.start)
    first, end_of_line = lines.bounds(line)
    start = min(mark.span.start, end_of_line) - first
    last = min(mark.span.end, end_of_line) - first
    end = len(lines.text_of(line)[:last].rstrip())
    return _Underline(line, start, max(end, start + 1), mark)


class _Row:
    """One source line as it is shown: cut around its underlines where it is longer than `width` cells."""

    def __init__(self, text: str, underlines: list[_Underline], width: int) -> None:
        self.width = width
        pieces = shown(text)
        self._at = [0]
        for piece in pieces:
            self._at.append(self._at[-1] + width_of(piece))
        self.text = "".join(pieces).rstrip()
        self._shift = 0
        if self._at[-1] > width:
            self._cut(pieces, underlines)

    def _cut(self, pieces: list[str], underlines: list[_Underline]) -> None:
        first = self._cell(min(each.start for each in underlines))
        last = self._cell(max(each.end for each in underlines))
        room = max(self.width - 2 * len(_CUT), 10)
        left = 0 if last <= room else max(0, min(first - 8, max(first - (room - (last - first)) // 2, 0)))
        head = _CUT if left else ""
        kept = [(cell, piece) for cell, piece in zip(self._at, pieces, strict=False) if left <= cell < left + room]
        tail = _CUT if left + room < self._at[-1] else ""
        start = kept[0][0] if kept else 0
        self._shift = len(head) - start
        self.text = head + "".join(piece for _, piece in kept).rstrip() + tail

    def _cell(self, character: int) -> int:
        """The cell of a character, counted from the line's uncut start; past the end each character counts one."""
        beyond = max(0, character - (len(self._at) - 1))
        return self._at[min(character, len(self._at) - 1)] + beyond

    def labelled(self, each: _Underline, paint: Paint, style: str) -> Iterator[str]:
        """The underline, and its label beside or, where there is no room, below it."""
        left = max(self._cell(each.start) + self._shift, 0)
        right = max(min(self._cell(each.end) + self._shift, self.width), left + 1)
        colours = (style, "bold") if each.mark.primary else ("blue",)
        bar = paint(("^" if each.mark.primary else "-") * (right - left), *colours)
        label = each.mark.label
        if not label:
            yield " " * left + bar
        elif right + 1 + width_of(label) <= self.width:
            yield " " * left + bar + " " + paint(label, *colours)
        else:
            yield " " * left + bar
            indent = " " * min(left, max(self.width - 40, 0))
            for line in wrapped(label, self.width, indent, indent):
                yield indent + paint(line[len(indent) :], *colours)
