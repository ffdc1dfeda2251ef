"""Lines that a rewrite made too long or pushed out of line: broken, and aligned, as their file would have them.

Knows the text, the edits and where brackets stand. Must never know a pool or what an edit means.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from poolaudit import syntax
from poolaudit.edits import Edit, apply
from poolaudit.source import NEWLINE, Lines

_Comprehension: TypeAlias = "ast.ListComp | ast.SetComp | ast.DictComp"
_Bracketed: TypeAlias = "ast.Call | _Comprehension"
_BRACKETED = (ast.Call, ast.ListComp, ast.SetComp, ast.DictComp)

WIDTH = 88
"""Lines up to here are never broken: black's default."""

_ROUNDS = 8
"""A line is broken at most so often, from the outside to the inside."""


def laid_out(text: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """The edits, and those that keep the new lines short and aligned. Raises ValueError for edits that overlap."""
    found = _aligned(text, edits)
    limit = max(WIDTH, *(len(line) for line in NEWLINE.split(text)), 0)
    for _ in range(_ROUNDS):
        patch = apply(text, [found])
        folds = tuple(_folds(patch.text, limit))
        if not folds or (more := _composed(patch.edits, folds)) is None:
            break
        found = more
    return found


def _folds(text: str, limit: int) -> Iterator[Edit]:
    """The first line that is too long and has a call to be broken."""
    long = {number for number, line in enumerate(NEWLINE.split(text), 1) if len(line) > limit}
    if not long:
        return
    try:
        tree = syntax.parse(text)
    except (SyntaxError, ValueError):
        return
    places = syntax.Places(text)
    embedded = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in ast.walk(node)}
    bracketed = [node for node in ast.walk(tree) if isinstance(node, _BRACKETED) and id(node) not in embedded]
    for number in sorted(long):
        here = [node for node in bracketed if node.lineno == node.end_lineno == number]
        # the bracket that closes last, and of those the one that opens first
        for node in sorted(here, key=lambda each: (-(each.end_col_offset or 0), each.col_offset)):
            folds = _broken(text, node, places, limit)
            if folds:
                yield from folds
                return


def _broken(text: str, node: _Bracketed, places: syntax.Places, limit: int) -> list[Edit]:
    """What stands in brackets on a line of its own, or each part on one; nothing where that is not plain."""
    opening = places.span(node.func).end if isinstance(node, ast.Call) else places.span(node).start
    closing = places.span(node).end - 1
    comma = "," if isinstance(node, ast.Call) else ""
    parts = list(_arguments(node, places)) if isinstance(node, ast.Call) else list(_clauses(text, node, places))
    if text[opening : opening + 1] not in "([{" or not parts:
        return []
    start = text.rfind("\n", 0, opening) + 1
    margin = re.match(r"[ \t]*", text[start:])[0]  # type: ignore[index]
    newline = "\r\n" if "\r\n" in text else "\n"
    inner = newline + margin + ("\t" if margin.endswith("\t") else "    ")
    (first, _), (_, last) = parts[0], parts[-1]
    between = [(end, following) for (_, end), (following, _) in pairwise(parts)]
    plain = text[opening + 1 : first].strip() == "" and text[last:closing].strip() in ("", comma)
    if not plain or any(text[a:b].strip() != comma for a, b in between):
        return []
    edits = [Edit(opening + 1, first, inner), Edit(last, closing, newline + margin)]
    if len(inner) - len(newline) + last - first <= limit or not between:
        return edits
    return [edits[0], *(Edit(a, b, comma + inner) for a, b in between), Edit(last, closing, comma + newline + margin)]


def _arguments(call: ast.Call, places: syntax.Places) -> list[tuple[int, int]]:
    given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    return sorted(_span(each, places) for each in given)


def _clauses(text: str, node: _Comprehension, places: syntax.Places) -> Iterator[tuple[int, int]]:
    """The element of a comprehension, and each `for` and `if` of it."""
    start = places.span(node.key if isinstance(node, ast.DictComp) else node.elt).start
    clauses = [(each.target, "for") for each in node.generators]
    clauses += [(test, "if") for each in node.generators for test in each.ifs]
    begins = [text.rfind(word, 0, places.span(clause).start) for clause, word in clauses]
    for following in sorted(begins):
        yield start, start + len(text[start:following].rstrip())
        start = following
    yield start, start + len(text[start : places.span(node).end - 1].rstrip())


def _span(argument: ast.expr | ast.keyword, places: syntax.Places) -> tuple[int, int]:
    """From the keyword or star of an argument to its end."""
    value = argument.value if isinstance(argument, ast.keyword) else argument
    span = places.span(value)
    keyword = (f"{argument.arg}=" if argument.arg else "**") if isinstance(argument, ast.keyword) else ""
    return span.start - len(keyword), span.end


def _composed(edits: Sequence[Edit], later: Sequence[Edit]) -> tuple[Edit, ...] | None:
    """One set of edits that does what two do, one after the other; None where they are entangled."""
    done = list(edits)
    for edit in sorted(later, reverse=True):
        grown = 0
        for index, old in enumerate(done):
            start = old.start + grown
            end = start + len(old.replacement)
            if start <= edit.start and edit.end <= end:
                text = old.replacement
                done[index] = Edit(old.start, old.end, text[: edit.start - start] + edit.replacement + text[edit.end - start :])
                break
            if edit.end <= start:
                done.insert(index, Edit(edit.start - grown, edit.end - grown, edit.replacement))
                break
            if edit.start < end:
                return None
            grown += len(old.replacement) - (old.end - old.start)
        else:
            done.append(Edit(edit.start - grown, edit.end - grown, edit.replacement))
    return tuple(done)


def _aligned(text: str, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Lines that begin below the character behind a bracket move with that bracket, and what is added to them."""
    starts = Lines(text).starts
    lines = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    moved: dict[int, int] = {}
    shifts = []
    for number, bracket in _continued(text, starts):
        line = lines[number]
        blank = len(line) - len(line.lstrip(" "))
        start = starts[number]
        row = bisect_right(starts, bracket) - 1
        if not line.strip() or any(edit.start <= start <= edit.end and edit.start != edit.end for edit in edits):
            continue
        column = bracket - starts[row]
        if blank != column + 1:
            moved[number] = moved.get(row, 0)
        else:
            prefix = _prefix(text, starts[row], bracket + 1, edits)
            moved[number] = len(prefix.rpartition("\n")[2]) - blank + ("\n" not in prefix) * moved.get(row, 0)
        if moved[number] > 0:
            shifts.append(Edit(start, start, " " * moved[number]))
        elif moved[number] < 0 and blank >= -moved[number]:
            shifts.append(Edit(start, start - moved[number], ""))
    return (*(_with_its_line(edit, lines, starts, moved) for edit in edits), *shifts)


def _with_its_line(edit: Edit, lines: Sequence[str], starts: Sequence[int], moved: dict[int, int]) -> Edit:
    """A line that an edit adds moves with the line above it that begins in the same column."""
    added = re.search(r"\n( *)\S", edit.replacement)
    if added is None:
        return edit
    last = bisect_right(starts, edit.start) - 1
    above = (row for row in range(last, -1, -1) if len(lines[row]) - len(lines[row].lstrip(" ")) == len(added[1]))
    by = moved.get(next(above, -1), 0)
    return Edit(edit.start, edit.end, edit.replacement.replace(f"\n{added[1]}", "\n" + " " * (len(added[1]) + by)))


def _prefix(text: str, start: int, end: int, edits: Sequence[Edit]) -> str:
    """What stands before a place in its line when the edits are made."""
    here = [edit for edit in edits if start <= edit.start < end and edit.end <= end]
    return apply(text[start:end], [[Edit(each.start - start, each.end - start, each.replacement) for each in here]]).text


def _continued(text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each line that begins inside a bracket, from 0, and the offset of the innermost bracket. Lines of strings are left out."""
    open_: list[int] = []
    last = -1
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        row = token.start[0] - 1
        if row != last and open_ and token.type not in (tokenize.NL, tokenize.NEWLINE):
            yield row, open_[-1]
        last = token.end[0] - 1
        if token.type == tokenize.OP and token.string in "([{":
            open_.append(starts[row] + token.start[1])
        elif token.type == tokenize.OP and token.string in ")]}" and open_:
            open_.pop()
