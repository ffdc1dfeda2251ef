"""Imports that a migration leaves without a use, and those that take their place.

Knows import statements and the edits of a plan. Must never know a pool or a fact.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from poolaudit.edits import Edit
from poolaudit.facts import Span
from poolaudit.migrate.homes import Home, Import, is_of_pools, local_name
from poolaudit.migrate.surroundings import Surroundings

_STRING = re.compile(r"""(?<![fFtT])(?<![fFtT][rR])(?:\"{3}[^"]*\"{3}|"[^"\n]*"|'[^'\n]*')""")
"""Strings that hold no code: f-strings do."""

_TYPE_COMMENT = re.compile(r"#\s*type:[^\n]*")


def unused_imports(
    code: Surroundings, edits: Sequence[Edit], home: Home | None = None, *, exported: bool = False
) -> Iterator[Edit]:
    """Edits that take out names of pool modules whose every use the given edits replace.

    `home`: what comes in, in the place of an old import or below it. `exported`: other files need what the top imports.
    """
    strings = " ".join((*_named_in_strings(code.tree), *_TYPE_COMMENT.findall(code.text)))
    new_text = _STRING.sub("", " ".join(edit.replacement for edit in edits))
    for statement in ast.walk(code.tree):
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) or not is_of_pools(statement):
            continue
        kept = exported and code.scope(statement) is code.tree
        gone = [
            alias
            for alias in statement.names
            if not kept and _is_unused(code, statement, local_name(alias), edits, strings, new_text)
        ]
        if home is not None and home.statement is statement and home.lines:
            yield from _moved_in(code, home, gone)
        elif gone:
            yield from _taken_out(code, statement, gone)


def _moved_in(code: Surroundings, home: Home, gone: list[ast.alias]) -> Iterator[Edit]:
    """The new lines in the place of the statement, or below what is left of it."""
    span, text = code.span(home.statement), code.text
    indent = text[text.rfind("\n", 0, span.start) + 1 : span.start]
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = f"{newline}{indent}".join(home.lines)
    if len(gone) == len(home.statement.names) and "#" not in text[span.start : span.end]:
        yield Edit(span.start, span.end, lines)
        return
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end - text[:end].endswith("\r")
    if gone:
        yield from _taken_out(code, home.statement, gone)
    yield Edit(end, end, f"{newline}{indent}{lines}")


def _named_in_strings(tree: ast.Module) -> Iterator[str]:
    """Strings that name what must stay in reach: annotations, casts and members of __all__."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as named) | ast.AnnAssign(annotation=named):
                yield from _strings(named)
            case ast.FunctionDef(returns=ast.expr() as named) | ast.AsyncFunctionDef(returns=ast.expr() as named):
                yield from _strings(named)
            case ast.Call(func=ast.Name(id="cast") | ast.Attribute(attr="cast"), args=[named, _]):
                yield from _strings(named)
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=named)
                | ast.AugAssign(target=ast.Name(id="__all__"), value=named)
            ):
                yield from _strings(named)


def _strings(node: ast.expr) -> Iterator[str]:
    return (each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _is_unused(
    code: Surroundings,
    statement: Import,
    name: str,
    edits: Sequence[Edit],
    strings: str,
    new_text: str,
) -> bool:
    """It was used, every use is replaced, and neither new text nor a string (an annotation, __all__) mentions it."""
    mentioned = re.compile(rf"(?<![\w.]){re.escape(name)}\b")
    if mentioned.search(strings) or mentioned.search(new_text):
        return False
    uses = [code.span(node) for node in _in_reach(code, statement, name)]
    return bool(uses) and all(_is_replaced(use, edits) for use in uses)


def _in_reach(code: Surroundings, statement: Import, name: str) -> Iterator[ast.Name]:
    """Uses of the name that the import may serve: those of its function; of a module's, all but where another import does."""
    scope = code.scope(statement)
    others = {
        code.scope(each)
        for each in ast.walk(code.tree)
        if isinstance(each, (ast.Import, ast.ImportFrom)) and name in {local_name(alias) for alias in each.names}
    } - {scope, code.tree}
    for node in ast.walk(scope):
        if isinstance(node, ast.Name) and node.id == name and not others & set(code.parents(node)):
            yield node


def _is_replaced(use: Span, edits: Iterable[Edit]) -> bool:
    return any(edit.start <= use.start and use.end <= edit.end for edit in edits)


def _taken_out(code: Surroundings, statement: Import, gone: list[ast.alias]) -> Iterator[Edit]:
    span = code.span(statement)
    if len(gone) == len(statement.names):
        block = code.block(statement)
        first = statement is block[0] and block is not code.tree.body
        line = _whole_lines(code.text, span, and_blank=first)
        if line is not None and len(block) > 1:
            yield line
        return
    names = statement.names
    for alias in gone:
        index = names.index(alias)
        if index + 1 < len(names) and names[index + 1] not in gone:
            edit = Edit(code.alias_span(alias).start, code.alias_span(names[index + 1]).start, "")
        elif index and names[index - 1] not in gone:
            edit = Edit(code.alias_span(names[index - 1]).end, code.alias_span(alias).end, "")
        else:
            return
        if "#" not in code.text[edit.start : edit.end]:
            yield edit


def _whole_lines(text: str, span: Span, *, and_blank: bool) -> Edit | None:
    """The lines of a statement that has them for itself, without a comment that would be lost; and the blank ones behind it."""
    start = text.rfind("\n", 0, span.start) + 1
    newline = text.find("\n", span.end)
    end = len(text) if newline < 0 else newline + 1
    if text[start : span.start].strip() or text[span.end : end].strip() or "#" in text[span.start : span.end]:
        return None
    blank = re.match(r"(?:[ \t]*\r?\n)*", text[end:]) if and_blank else None
    return Edit(start, end + (blank.end() if blank is not None else 0), "")
