"""Puts lines of a text one level deeper, as insertions.

Knows lines, string literals of several lines (what stands inside of them stays where it is) and a file's own indentation.
Must never know a fact, a pool or a rule.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator

from poolaudit.edits import Edit, insert
from poolaudit.facts import Span
from poolaudit.source import Lines

_STARTS = ("FSTRING_START", "TSTRING_START")
_ENDS = ("FSTRING_END", "TSTRING_END")


class Unindentable(Exception):
    """The lines cannot be moved without a change of meaning. The message says why."""


def line_start(text: str, offset: int) -> int:
    """Where the line of `offset` starts."""
    return text.rfind("\n", 0, offset) + 1


def line_end(text: str, offset: int) -> int:
    """Where the line of `offset` ends, before its newline."""
    found = text.find("\n", offset)
    end = len(text) if found < 0 else found
    return end - text.startswith("\r", end - 1)


def newline(text: str) -> str:
    """What a line of the text ends with."""
    return "\r\n" if "\r\n" in text else "\n"


_BLOCK = re.compile(r"^([ \t]*)\S.*:[ \t]*(?:#.*)?\r?\n(?:[ \t]*\r?\n)*\1([ \t]+)\S", re.MULTILINE)


def unit(text: str, span: Span) -> str:
    """One level of indentation: that of the first block in `span`, else of the file's first one, else four spaces."""
    found = _BLOCK.search(text, span.start, span.end) or _BLOCK.search(text)
    return found[2] if found else "    "


def deeper(text: str, span: Span) -> tuple[Edit, ...]:
    """One level for every line that starts in `span`, or that `span` starts on. Raises Unindentable."""
    first, prefix = line_start(text, span.start), unit(text, span)
    lines = Lines(text).starts
    kept = set(_lines_in_strings(text, lines))
    found = []
    for number, start in enumerate(lines, 1):
        end = lines[number] if number < len(lines) else len(text)
        if first <= start < span.end and number not in kept and text[start:end].strip():
            found.append(insert(start, prefix))
    return tuple(found)


def _lines_in_strings(text: str, lines: list[int]) -> Iterator[int]:
    """Numbers, from 1, of the lines that start inside of a string literal."""
    source = iter([text[start:end] for start, end in zip(lines, [*lines[1:], len(text)], strict=True)])
    opened: list[int] = []
    try:
        for token in tokenize.generate_tokens(lambda: next(source, "")):
            name = tokenize.tok_name[token.type]
            if name in _STARTS:
                opened.append(token.start[0])
            elif name == "STRING" or name in _ENDS:
                start = opened.pop() if name in _ENDS else token.start[0]
                yield from range(start + 1, token.end[0] + 1)
    except (tokenize.TokenError, SyntaxError) as error:
        raise Unindentable(f"the file cannot be read as tokens ({error.args[0]})") from None
