"""The lines of a reported text: places for spans, and the text of a line without its newline.

Knows what source.Lines knows, where a line's text ends, and that a notebook's lines are counted within its cells. Must never know
what the text means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from poolaudit import source

if TYPE_CHECKING:
    from poolaudit.edits import Edit
    from poolaudit.facts import FileFacts, Span
    from poolaudit.notebook import CellLines, Notebook
    from poolaudit.source import SourceFile


class Place(NamedTuple):
    """A point of a text, as people count: line and column from 1, the line within its cell where there are cells."""

    line: int
    column: int


class Lines(source.Lines):
    """The lines of one text, for any number of look-ups. `notebook`: whose code the text is."""

    def __init__(self, text: str, notebook: Notebook | None = None) -> None:
        super().__init__(text)
        self._text = text if notebook is None else notebook.shown
        self._cells = None if notebook is None else _cell_lines(notebook)

    def place(self, offset: int) -> Place:
        """The place of a character; past the end it is the end."""
        line, column = self._position(offset)
        return Place(self.number(line), column)

    def row(self, offset: int) -> int:
        """The line of the whole text that a character stands on: what `line` means in this class."""
        return self._position(offset)[0]

    def number(self, line: int) -> int:
        """What people call a line."""
        return line if self._cells is None else self._cells.place(line)[1]

    def find(self, number: int, cell: int | None) -> int | None:
        """The line that people call so; None when there is none, or it takes a cell to say which."""
        if self._cells is None:
            return number if cell is None else None
        return None if cell is None else self._cells.line(cell, number)

    def cell(self, line: int) -> int | None:
        """The cell of a notebook that a line lies in."""
        return None if self._cells is None else self._cells.place(line)[0]

    def cell_of(self, offset: int) -> int | None:
        """The cell of a notebook that a character stands in."""
        return self.cell(self.row(offset))

    def _position(self, offset: int) -> tuple[int, int]:
        return self.position(min(max(offset, 0), len(self._text)))

    def bounds(self, line: int) -> tuple[int, int]:
        """Where a line starts, and where it ends without its newline."""
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self._text)
        return start, start + len(self._text[start:end].rstrip("\r\n"))

    def text_of(self, line: int) -> str:
        """A line without its newline."""
        start, end = self.bounds(line)
        return self._text[start:end]


def _cell_lines(notebook: Notebook) -> CellLines:
    from poolaudit.notebook import CellLines

    return CellLines(notebook)


class Sources:
    """The lines of a file, and of the other files of the project that its facts point into."""

    def __init__(self, facts: FileFacts, source: SourceFile | None = None) -> None:
        self._facts = facts
        self._notebook = source.notebook if source is not None else None
        self.own = Lines(facts.text, self._notebook)
        self._others: dict[str, Lines] = {}

    def of(self, span: Span) -> Lines:
        """The lines of the file that the span lies in."""
        if not span.path:
            return self.own
        if span.path not in self._others:
            self._others[span.path] = Lines(self._facts.other_texts[span.path])
        return self._others[span.path]

    def path(self, span: Span | None) -> str:
        """The file that the span lies in; without one the file itself."""
        return span.path or self._facts.path if span is not None else self._facts.path

    def cell(self, span: Span | None) -> int | None:
        """The cell of a notebook in which a span starts."""
        return None if span is None else self.of(span).cell_of(span.start)

    def line(self, span: Span | None) -> int | None:
        """The line on which a span starts, in its own file."""
        return None if span is None else self.place(span).line

    def place(self, span: Span) -> Place:
        """Where a span starts, in its own file."""
        return self.of(span).place(span.start)

    def edits(self, edits: Sequence[Edit]) -> Iterator[tuple[Edit, int | None]]:
        """Edits of the file; of a notebook, in offsets of the cell that is told with them."""
        if self._notebook is None:
            yield from ((edit, None) for edit in edits)
        elif edits:
            from poolaudit.edits import Edit, apply

            for each in self._notebook.edits(apply(self._facts.text, [edits]).text):
                yield Edit(each.start, each.end, each.replacement), each.cell

    def said(self, span: Span) -> str:
        """'line 3', 'cell 2, line 3'."""
        cell = self.cell(span)
        return f"line {self.line(span)}" if cell is None else f"cell {cell}, line {self.line(span)}"


def located(path: str, cell: int | None, *numbers: int) -> str:
    """'src/load.py:42:10', 'notes.ipynb:cell 3:2:10'; numbers that are 0 are not known."""
    return ":".join([path, *([f"cell {cell}"] if cell else []), *(str(number) for number in numbers if number)])
