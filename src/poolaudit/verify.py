"""The gate before any byte is written: is the new text what the fixes promised, and nothing else?

Knows two texts, the edits between them and the supported Pythons. Must never know a rule, the catalog or a file on disk; what a
re-survey found is told to it.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from poolaudit import syntax
from poolaudit.edits import Edit
from poolaudit.facts import Span
from poolaudit.settings import Version
from poolaudit.source import NEWLINE, Lines

_BLANKS_AND_COMMENTS = re.compile(r"(?:[\s\\]|#[^\r\n]*)*")
_LAST_LINE_IS_BLANK = re.compile(r"[\r\n][ \t]*\Z")


class Rejection(Struct, frozen=True):
    """Why a rewrite is not written. `line` from 1 in the old text, 0 when unknown."""

    reason: Literal["syntax", "changed-elsewhere", "comment-lost", "still-found", "new-finding", "unstable"]
    message: str
    line: int = 0


def check_text(
    before: str, after: str, edits: Sequence[Edit], targets: Iterable[Version], *, awaits: bool = False
) -> Rejection | None:
    """What the texts alone say: `after` compiles for each target, statements without an edit are unchanged, comments kept.

    `edits` are those that make `after` of `before`, by position. `awaits`: `await` may stand outside of functions (notebooks).
    """
    return (
        _check_syntax(before, after, targets, awaits) or _check_statements(before, after, edits) or _check_comments(before, after)
    )


def check_findings(before: Counter[str], after: Counter[str], fixed: Counter[str]) -> Rejection | None:
    """What a survey of both texts says, as numbers of findings per rule: what was fixed is gone, and nothing is new."""
    for code, number in sorted(after.items()):
        if number > before[code]:
            return Rejection(
                "new-finding", f"the new text has {_findings(number - before[code])} of {code} that the old one has not"
            )
        if fixed[code] and number > before[code] - fixed[code]:
            return Rejection("still-found", f"{code} is still found in the new text")
    return None


def _findings(number: int) -> str:
    return f"{number} finding{'s' if number > 1 else ''}"


def _check_syntax(before: str, after: str, targets: Iterable[Version], awaits: bool) -> Rejection | None:
    running = sys.version_info[:2]
    try:
        syntax.compiles(before, awaits=awaits)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Rejection(
            "syntax", f"Python {running[0]}.{running[1]} cannot compile this file, so no change of it can be verified"
        )
    versions = [None, *(target for target in targets if target < running)]
    for version in versions:
        name = "{}.{}".format(*(version or running))
        try:
            syntax.parse(after, version) if version else syntax.compiles(after, awaits=awaits)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if version is None or _parses(before, version):
                return Rejection("syntax", f"the new text does not compile for Python {name}: {getattr(error, 'msg', error)}")
    return None


def _parses(text: str, version: Version) -> bool:
    try:
        syntax.parse(text, version)
    except SyntaxError:
        return False
    return True


def _check_statements(before: str, after: str, edits: Sequence[Edit]) -> Rejection | None:
    """Every statement that no edit touches is still there, below the same untouched statements, and no other has come."""
    old, new = _Tree(before), _Tree(after)
    if (lost := _unmatched(old, new, edits)) is not None:
        line = old.lines.line(lost)
        return Rejection("changed-elsewhere", f"line {line}: a statement that no edit touches would change", line)
    back = _inverse(before, edits)
    if (come := _unmatched(new, old, back)) is not None:
        line = old.lines.line(_shifted(come, back))
        return Rejection("changed-elsewhere", f"line {line}: text that no edit touches would become a statement", line)
    return None


class _Placed(Struct, frozen=True):
    """A statement with its characters and the headers of the statements around it, the outermost first."""

    node: ast.stmt
    span: Span
    compound: bool
    reach: int
    """Up to here a line that is added may become part of it: a compound statement goes on after blank lines and comments."""
    around: tuple[Span, ...]


class _Tree:
    """The statements of one text by the offset of their first character."""

    def __init__(self, text: str) -> None:
        self.lines = Lines(text)
        self.text = text
        self._places = syntax.Places(text)
        self.top = self._placed(syntax.parse(text).body, ())
        self.by_start: dict[int, _Placed] = {}
        todo = list(self.top)
        while todo:
            placed = todo.pop()
            self.by_start[placed.span.start] = placed
            todo += self.below(placed)

    def _placed(self, nodes: Iterable[ast.stmt], around: tuple[Span, ...]) -> list[_Placed]:
        return [self._place(node, around) for node in nodes]

    def _place(self, node: ast.stmt, around: tuple[Span, ...]) -> _Placed:
        span = self._places.span(node)
        compound = next(_child_statements(node), None) is not None
        rest = _BLANKS_AND_COMMENTS.match(self.text, span.end) if compound else None
        return _Placed(node, span, compound, rest.end() if rest else span.end, around)

    def below(self, placed: _Placed) -> list[_Placed]:
        """The statements directly below."""
        if not placed.compound:
            return []
        nodes = list(_child_statements(placed.node))
        header = Span(placed.span.start, self._places.span(nodes[0]).start)
        return self._placed(nodes, (*placed.around, header))


def _child_statements(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from _child_statements(child)


def _unmatched(old: _Tree, new: _Tree, edits: Sequence[Edit]) -> int | None:
    """Where a statement of `old` starts that no edit touches and that `new` does not have where the edits move it to."""
    todo = list(old.top)
    # to indent is not to touch: what is only moved sideways must say what it said, strings of several lines included
    serious = [edit for edit in edits if (old.text[edit.start : edit.end] + edit.replacement).strip(" \t")]
    while todo:
        placed = todo.pop()
        if any(_touches(edit, placed) for edit in serious):
            todo += old.below(placed)
            continue
        same = new.by_start.get(_shifted(placed.span.start, edits))
        if same is None or ast.dump(same.node) != ast.dump(placed.node):
            return placed.span.start
        kept = {_shifted(header.start, edits) for header in placed.around if not any(_meets(edit, header) for edit in serious)}
        if not kept <= {header.start for header in same.around}:
            return placed.span.start
    return None


def _touches(edit: Edit, placed: _Placed) -> bool:
    """The edit changes the statement, what it adds stands on the same line beside it, or may belong to a compound statement."""
    span = placed.span
    if placed.compound:
        return _meets(edit, Span(span.start, placed.reach))
    if edit.start == edit.end == span.start:
        return _LAST_LINE_IS_BLANK.search(edit.replacement) is None
    if edit.start == edit.end == span.end:
        return NEWLINE.match(edit.replacement) is None
    return _meets(edit, span)


def _meets(edit: Edit, span: Span) -> bool:
    return edit.start <= span.end and span.start <= edit.end


def _shifted(offset: int, edits: Sequence[Edit]) -> int:
    """Where the character at `offset`, which no edit removes, stands in the new text."""
    return offset + sum(len(edit.replacement) - (edit.end - edit.start) for edit in edits if edit.end <= offset)


def _inverse(before: str, edits: Sequence[Edit]) -> list[Edit]:
    """The edits that lead back."""
    back = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        back.append(Edit(start, start + len(edit.replacement), before[edit.start : edit.end]))
        shift += len(edit.replacement) - (edit.end - edit.start)
    return back


def _check_comments(before: str, after: str) -> Rejection | None:
    try:
        lost = _comments(before) - _comments(after)
    except (tokenize.TokenError, SyntaxError) as error:
        return Rejection("comment-lost", f"the comments cannot be compared: {error}")
    if not lost:
        return None
    return Rejection("comment-lost", f"a comment would be lost: {next(iter(lost))}")


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(NEWLINE.sub("\n", text)).readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)
