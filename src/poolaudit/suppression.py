"""Comments that speak to poolaudit: ignore[..], ignore-file[..], noqa and assume[..].

Knows the comments' syntax and which lines each one covers. Must never know a rule (codes and names are plain
text here), a survey, a file on disk or how findings are made.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from poolaudit.facts import Span
from poolaudit.source import NEWLINE, Lines

_DIRECTIVE = re.compile(
    r"#\s*poolaudit:\s*(?P<verb>ignore-file|ignore|assume)\b\s*(?:\[(?P<words>[^\]\n]*)\])?(?P<reason>[^#\n]*)"
)
_NOQA = re.compile(r"#\s*noqa:\s*(?P<words>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)(?P<reason>[^#\n]*)", re.IGNORECASE)
_SIGN = re.compile(r"poolaudit:|noqa:[^\n]*\bPA[0-9]", re.IGNORECASE)
"""Without one of these in the text nothing is looked for: most files have none (many have noqa for other tools), and a tokenizer
takes half as long as libcst's parser."""


class Suppression(Struct, frozen=True):
    """One comment that silences findings."""

    kind: Literal["ignore", "ignore-file", "noqa"]
    rules: tuple[str, ...]
    """Codes or names as written. Empty: the brackets are missing or empty, and nothing is silenced."""
    reason: str
    line: int
    """The comment's own line, from 1."""
    start: int
    end: int
    """The comment as code-point offsets."""
    own_line: bool
    """Nothing but the comment stands on its line: it speaks for the next line of code."""
    target: int
    """The line it speaks for: its own, or the one below it and the comments that follow it."""


class Assumption(Struct, frozen=True):
    """One word of `# poolaudit: assume[word, ...] reason`: a fact that the tool cannot see."""

    word: str
    line: int
    """The line that it speaks for: its own, or the one below it and the comments that follow it. From 1."""
    reason: str
    start: int = 0
    end: int = 0
    """The comment as code-point offsets."""


class Comments(Struct, frozen=True):
    """All that the comments of one text say to poolaudit."""

    suppressions: tuple[Suppression, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    statements: tuple[tuple[int, int], ...] = ()
    """First and last line of each logical line that is longer than one, ascending."""

    def statement(self, line: int) -> tuple[int, int]:
        """First and last line of the logical line that `line` belongs to: a simple statement, or the header of a compound one."""
        return next((lines for lines in self.statements if lines[0] <= line <= lines[1]), (line, line))

    def covered(self, first: int, last: int) -> set[int]:
        """The lines that may speak for what is reported from line `first` to line `last`.

        The reported line itself, and the first and the last line of the statement. A comment on its own line speaks for the next.
        """
        return {first, self.statement(first)[0], self.statement(last)[1]}

    def covering(self, first: int, last: int) -> Iterator[Suppression]:
        """The suppressions that speak for what is reported from line `first` to line `last`."""
        lines = self.covered(first, last)
        for suppression in self.suppressions:
            if suppression.kind == "ignore-file" or suppression.target in lines:
                yield suppression


def suppressions(text: str) -> tuple[Suppression, ...]:
    """All suppressing comments of the text, in order."""
    return comments(text).suppressions


def assumptions(text: str) -> tuple[Assumption, ...]:
    """All assumptions of the text, in order, one per word."""
    return comments(text).assumptions


def comments(text: str) -> Comments:
    """Reads real comments: text inside a string is none. Where the text cannot be tokenized, every line is searched instead."""
    if not _SIGN.search(text):
        return Comments()
    import tokenize

    try:
        found, statements = _tokenized(text)
    except (tokenize.TokenError, SyntaxError, RecursionError):
        found, statements = _scanned(text), []
    silenced: list[Suppression] = []
    assumed: list[Assumption] = []
    for comment in found:
        silenced += _suppressions(comment)
        assumed += _assumptions(comment)
    return Comments(tuple(silenced), tuple(assumed), tuple(statements))


class _Comment(Struct, frozen=True):
    text: str
    span: Span
    line: int
    own_line: bool
    target: int


def _tokenized(text: str) -> tuple[list[_Comment], list[tuple[int, int]]]:
    import tokenize

    starts = Lines(text).starts
    # the pure-Python tokenizer does not know a lone CR; one newline for another keeps lines and columns
    tokens = tokenize.generate_tokens(io.StringIO(NEWLINE.sub("\n", text)).readline)
    places: list[tuple[int, int, str]] = []
    statements: list[tuple[int, int]] = []
    code_lines: set[int] = set()
    first = 0
    for token in tokens:
        if token.type == tokenize.COMMENT:
            places.append((*token.start, token.string))
        elif token.type == tokenize.NEWLINE:
            if token.start[0] > first:
                statements.append((first, token.start[0]))
            first = 0
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            first = first or token.start[0]
            code_lines.update(range(token.start[0], token.end[0] + 1))
    alone = {line for line, _, _ in places} - code_lines
    found = []
    for line, column, string in places:
        start = starts[line - 1] + column
        found.append(_Comment(string, Span(start, start + len(string)), line, line in alone, _target(line, alone)))
    return found, statements


def _scanned(text: str) -> list[_Comment]:
    lines = NEWLINE.split(text)
    starts = Lines(text).starts
    alone = {number for number, line in enumerate(lines, 1) if line.lstrip().startswith("#")}
    found = []
    for number, line in enumerate(lines, 1):
        if (sign := _DIRECTIVE.search(line) or _NOQA.search(line)) is not None:
            span = Span(starts[number - 1] + sign.start(), starts[number - 1] + len(line))
            found.append(_Comment(line[sign.start() :], span, number, number in alone, _target(number, alone)))
    return found


def _target(line: int, alone: set[int]) -> int:
    while line in alone:
        line += 1
    return line


def _suppressions(comment: _Comment) -> Iterator[Suppression]:
    for match in _DIRECTIVE.finditer(comment.text):
        if match["verb"] == "ignore":
            yield _suppression("ignore", comment, match)
        elif match["verb"] == "ignore-file":
            yield _suppression("ignore-file", comment, match)
    for match in _NOQA.finditer(comment.text):
        yield _suppression("noqa", comment, match)


def _suppression(kind: Literal["ignore", "ignore-file", "noqa"], comment: _Comment, match: re.Match[str]) -> Suppression:
    target = comment.target if kind != "noqa" else comment.line
    reason = match["reason"].strip()
    return Suppression(
        kind, _words(match["words"]), reason, comment.line, comment.span.start, comment.span.end, comment.own_line, target
    )


def _assumptions(comment: _Comment) -> Iterator[Assumption]:
    for match in _DIRECTIVE.finditer(comment.text):
        if match["verb"] == "assume":
            for word in _words(match["words"]):
                yield Assumption(word, comment.target, match["reason"].strip(), comment.span.start, comment.span.end)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[,\s]+", text or "") if word)
