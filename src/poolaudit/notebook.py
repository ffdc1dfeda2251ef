"""A Jupyter notebook as one module: from its JSON document to the code of its cells, and back.

Knows where in the document each cell's source stands, so that an edit changes these characters and no others. Must never know a
file, a pool or a rule; which lines of a cell are no Python is told by `magics`.

The code is one text: the cells with Python, separated by a line that holds a form feed, blank for Python. What IPython alone
understands is blanked out in it, so it compiles, and every offset into a cell is one into the cell's source.

https://nbformat.readthedocs.io/en/latest/format_description.html (formats 3 and 4)
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct

from poolaudit import syntax
from poolaudit.magics import python

SEPARATOR = "\n\f\n"

_BLANK = re.compile(r"[ \t\r\n]*")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_DECODER = json.JSONDecoder()


class NotANotebook(Exception):
    """The document is no notebook. `line` and `column` of the document from 1; 0 when the place is not known."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Unwritable(Exception):
    """The new code cannot be put back into the cells. The message says why."""


class Cell(Struct, frozen=True):
    """A cell with Python."""

    number: int
    """From 1; cells of every kind are counted."""
    source: str
    """As it is, magics included."""
    start: int
    end: int
    """The source's JSON value, a string or a list of strings, in the document."""


class Notebook(Struct, frozen=True):
    """A document and its cells with Python, in their order; none when it is written in another language."""

    document: str
    cells: tuple[Cell, ...]
    code: str
    """The cells' Python as one text."""

    @property
    def shown(self) -> str:
        """The code as people know it, with the magics, character by character."""
        return SEPARATOR.join(cell.source for cell in self.cells)

    def rewritten(self, code: str) -> str:
        """The document with other code in its cells, everything else as it is. Raises Unwritable."""
        document, sources = self.document, _sources(self, code)
        # from the end, so that places before it stay
        for cell, source in reversed(list(zip(self.cells, sources, strict=True))):
            if source != cell.source:
                value = _value(self.document[cell.start : cell.end], source, ascii_only=_escapes(self.document))
                document = document[: cell.start] + value + document[cell.end :]
        if document != self.document and [cell.source for cell in parse(document).cells] != sources:
            raise Unwritable("the notebook would not say what it should")
        return document

    def edits(self, code: str) -> Iterator[CellEdit]:
        """What leads to other code, one edit for each cell that changes. Raises Unwritable."""
        for cell, source in zip(self.cells, _sources(self, code), strict=True):
            if source != cell.source:
                start = _alike(cell.source, source)
                end = _alike(cell.source[start:][::-1], source[start:][::-1])
                yield CellEdit(cell.number, start, len(cell.source) - end, source[start : len(source) - end])


class CellEdit(Struct, frozen=True):
    """Replace the characters start to end of a cell's source."""

    cell: int
    start: int
    end: int
    replacement: str


class CellLines:
    """From the lines of a notebook's code to those of its cells, and back. Everything counts from 1."""

    def __init__(self, notebook: Notebook) -> None:
        self._numbers = [cell.number for cell in notebook.cells]
        self._lines = [1]
        for part in notebook.code.split(SEPARATOR):
            self._lines.append(self._lines[-1] + len(_NEWLINE.findall(part)) + SEPARATOR.count("\n"))
        # where the next cell would begin
        del self._lines[-1]

    def place(self, line: int) -> tuple[int, int]:
        """The cell that a line of the code lies in, and the line within it."""
        index = bisect_right(self._lines, line) - 1
        return self._numbers[index], line - self._lines[index] + 1

    def line(self, cell: int, line: int) -> int | None:
        """The line of the code that is `line` of a cell; None when there is no such cell with Python."""
        return self._lines[self._numbers.index(cell)] + line - 1 if cell in self._numbers else None


def parse(document: str) -> Notebook:
    """Raises NotANotebook."""
    try:
        content = json.loads(document)
    except json.JSONDecodeError as error:
        raise NotANotebook(f"is no notebook: {error.msg}", error.lineno, error.colno) from error
    except RecursionError as error:
        raise NotANotebook("is no notebook: nested too deeply") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells", content.get("worksheets")), list):
        raise NotANotebook("is no notebook: it has no list of cells")
    cells = list(_cells(document)) if _speaks_python(content) else []
    with_python = [(cell, code) for cell in cells if cell.source.strip() and (code := python(cell.source)) is not None]
    return Notebook(document, tuple(cell for cell, _ in with_python), SEPARATOR.join(code for _, code in with_python))


def _speaks_python(content: Mapping[str, Any]) -> bool:
    """What the notebook says of its language; Python where it says nothing."""
    metadata = _table(content, "metadata")
    named = _table(metadata, "language_info").get("name") or _table(metadata, "kernelspec").get("language")
    return not isinstance(named, str) or named.lower() in ("python", "ipython")


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _cells(document: str) -> Iterator[Cell]:
    """The cells of code, wherever they run."""
    for number, start in enumerate(_cell_starts(document), 1):
        cell = _DECODER.raw_decode(document, start)[0]
        # format 3 says "input"; an editor may mark a single cell as another language
        key = "source" if "source" in cell else "input"
        language = _table(_table(cell, "metadata"), "vscode").get("languageId", cell.get("language", "python"))
        if cell.get("cell_type") != "code" or language != "python":
            continue
        source = cell.get(key)
        if not isinstance(source, str) and not (isinstance(source, list) and all(isinstance(line, str) for line in source)):
            raise NotANotebook(f"is no notebook: cell {number} has no source")
        yield Cell(number, "".join(source), *_member(document, start, key))


def _cell_starts(document: str) -> Iterator[int]:
    top = _BLANK.match(document)
    assert top is not None, "blanks may be none"
    keys = {key: start for key, start, _ in _items(document, top.end())}
    if "cells" in keys:
        lists = [keys["cells"]]
    else:
        lists = [_member(document, start, "cells")[0] for _, start, _ in _items(document, keys["worksheets"])]
    for each in lists:
        for _, start, _ in _items(document, each):
            if document[start] != "{":
                raise NotANotebook("is no notebook: a cell is no object")
            yield start


def _member(document: str, at: int, key: str) -> tuple[int, int]:
    """Where the value of `key` stands in the object that begins at `at`; of several the last, as Python reads it."""
    found = [(start, end) for name, start, end in _items(document, at) if name == key]
    if not found:
        raise NotANotebook(f"is no notebook: no {key!r} where it should be")
    return found[-1]


def _items(document: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Key ('' in a list), start and end of what is in the object or list that begins at `at`. The document is valid JSON."""
    keyed = document[at] == "{"
    at = _skipped(document, at + 1)
    while document[at] not in "}]":
        key = ""
        if keyed:
            key, at = _DECODER.raw_decode(document, at)
            at = _skipped(document, _skipped(document, at) + 1)
        end = _DECODER.raw_decode(document, at)[1]
        yield key, at, end
        at = _skipped(document, end)
        if document[at] == ",":
            at = _skipped(document, at + 1)


def _skipped(document: str, at: int) -> int:
    blank = _BLANK.match(document, at)
    return blank.end() if blank else at


# --- back


def _sources(notebook: Notebook, code: str) -> list[str]:
    """The sources of all cells for other code. Raises Unwritable."""
    if code == notebook.code:
        return [cell.source for cell in notebook.cells]
    old, new = notebook.code.split(SEPARATOR), code.split(SEPARATOR)
    if len(new) != len(notebook.cells):
        raise Unwritable("it reaches over the border of a cell")
    return [
        cell.source if before == after else _source(cell, after)
        for cell, before, after in zip(notebook.cells, old, new, strict=True)
    ]


def _source(cell: Cell, code: str) -> str:
    """The cell's source for other code. Raises Unwritable when that is no Python by itself, or a magic stands in the way."""
    try:
        syntax.compiles(code, awaits=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unwritable(f"cell {cell.number} would be no Python by itself") from error
    source = _with_magics(cell, code)
    if python(source) != code:
        raise Unwritable("a magic stands in the way")
    return source


def _with_magics(cell: Cell, code: str) -> str:
    """`code`, which was made of the cell's by edits, with the magics where they were."""
    old, before, after = _lines(cell.source), _lines(python(cell.source) or ""), _lines(code)
    lines: list[str] = []
    for _, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if last - first == end - start:
            lines += map(_with_magic, old[first:last], before[first:last], after[start:end])
        elif old[first:last] == before[first:last]:
            lines += after[start:end]
        else:
            raise Unwritable("a magic stands in the way")
    return "".join(lines)


def _with_magic(old: str, before: str, after: str) -> str:
    """The new line with what was blanked out at the start of the old one."""
    blanked = len(old) - _alike(old[::-1], before[::-1])
    if not after.startswith(before[:blanked]):
        raise Unwritable("a magic stands in the way")
    return old[:blanked] + after[blanked:]


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with that are the same."""
    length = next((index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    return min(len(one), len(other)) if length is None else length


def _lines(text: str) -> list[str]:
    return [line for line in _LINE.findall(text) if line]


def _escapes(document: str) -> bool:
    """It was written with ensure_ascii, as far as it shows; Jupyter's own way is without."""
    return document.isascii() and "\\u" in document


def _value(raw: str, source: str, *, ascii_only: bool) -> str:
    """The JSON of a source, in the style of the one that it replaces; lines that were there keep their own spelling."""
    if raw.startswith('"'):
        return json.dumps(source, ensure_ascii=ascii_only)
    items = [(start, end) for _, start, end in _items(raw, 0)]
    old = [json.loads(raw[start:end]) for start, end in items]
    # nbformat cuts a source like this; a generator may write all of it as one item
    new = [source] if len(old) == 1 and len(old[0].splitlines()) > 1 else source.splitlines(keepends=True)
    spelled: list[str] = []
    for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            spelled += (raw[begin:stop] for begin, stop in items[first:last])
        else:
            spelled += (json.dumps(line, ensure_ascii=ascii_only) for line in new[start:end])
    between = raw[items[0][1] : items[1][0]] if len(items) > 1 else "," + (raw[1 : items[0][0]] or " ")
    return raw[: items[0][0]] + between.join(spelled) + raw[items[-1][1] :]
