"""How calls are rewritten as text: arguments added, expressions given a name, lines taken out.

Knows spans, indents and line ends. Must never know a pool API.
"""

from __future__ import annotations

import ast
import re

from poolaudit.edits import Edit, insert, replace
from poolaudit.facts import Argument, FileFacts, Operation, Span, Statement
from poolaudit.migrate.surroundings import parsed


def newline(file: FileFacts) -> str:
    """What an inserted line ends with."""
    return "\r\n" if "\r\n" in file.text else "\n"


def add_argument(arguments: tuple[Argument, ...], inside: Span, text: str, file: FileFacts) -> Edit:
    """Adds an argument behind the last one, on a line of its own where the last one has one."""
    if not arguments:
        return insert(inside.end, text)
    last = arguments[-1].span
    line = file.text[file.text.rfind("\n", 0, last.start) + 1 : last.start]
    separator = f",{newline(file)}{line}" if not line.strip() else ", "
    return insert(last.end, f"{separator}{text}")


def add_first_argument(arguments: tuple[Argument, ...], text: str, file: FileFacts) -> Edit:
    """Adds an argument before the first one, on a line of its own where that one has one."""
    first = arguments[0].span
    line = file.text[file.text.rfind("\n", 0, first.start) + 1 : first.start]
    separator = f",{newline(file)}{line}" if not line.strip() else ", "
    return insert(first.start, f"{text}{separator}")


def wrap(span: Span, before: str, after: str) -> tuple[Edit, Edit]:
    """Puts text around a span."""
    return insert(span.start, before), insert(span.end, after)


def line_before(statement: Statement, line: str, file: FileFacts) -> Edit:
    """A line of its own before a statement that has its line for itself."""
    return insert(statement.span.start, f"{line}{newline(file)}{statement.indent}")


def line_after(statement: Statement, line: str, file: FileFacts) -> Edit:
    """A line of its own behind a statement that has its line for itself."""
    return insert(_line_end(statement.span.end, file), f"{newline(file)}{statement.indent}{line}")


def remove_lines(span: Span, file: FileFacts) -> Edit:
    """Takes out the whole lines that a statement stands on, with the newline before them."""
    start = file.text.rfind("\n", 0, span.start)
    if start < 0:
        end = file.text.find("\n", span.end)
        return Edit(0, len(file.text) if end < 0 else end + 1, "")
    return Edit(start - file.text[:start].endswith("\r"), _line_end(span.end, file), "")


def _line_end(offset: int, file: FileFacts) -> int:
    end = file.text.find("\n", offset)
    return len(file.text) if end < 0 else end - file.text[:end].endswith("\r")


def has_comment(span: Span, file: FileFacts) -> bool:
    """A comment stands on the statement's last line."""
    end = file.text.find("\n", span.end)
    return "#" in file.text[span.end : len(file.text) if end < 0 else end]


def unparenthesized(argument: Argument, file: FileFacts) -> str | None:
    """What stands between the parentheses of a literal tuple argument, without a last comma; None for anything else."""
    text = file.cut(argument.value.span).strip()
    if argument.value.kind not in ("tuple", "list") or not argument.value.literal:
        return None
    outer = file.cut(Span(argument.span.start, argument.span.end)).strip()
    if not text.startswith(("(", "[")):
        text = outer.partition("=")[2].strip() if argument.keyword else outer
    if (text[:1], text[-1:]) not in (("(", ")"), ("[", "]")):
        return None
    last = text[1:-1].rpartition("\n")[2]
    inside = text[1:-1].rstrip().rpartition("\n")[2]
    if "#" in inside and last != inside:
        # the comment ends with its line: what closed the tuple now closes the call
        return _dedented(text[1:-1].strip() + newline(file) + last, argument, file)
    inner = _dedented(re.sub(r",\s*\Z", "", text[1:-1].strip()), argument, file)
    return inner if "\n" in inner else _one_per_line(inner, argument, file)


def _one_per_line(inner: str, argument: Argument, file: FileFacts) -> str:
    """Each on a line of its own where the tuple had a line for itself, as the arguments around it have."""
    start = file.text.rfind("\n", 0, argument.span.start) + 1
    margin = file.text[start : argument.span.start]
    behind = file.text[argument.span.end :].partition("\n")[0].strip()
    elements = getattr(parsed(f"({inner},)"), "elts", [])
    if margin.strip() or not start or behind not in ("", ",") or len(elements) < 2:
        return inner
    source = f"(({inner},)\n)"
    return f",{newline(file)}{margin}".join(ast.get_source_segment(source, each) or "" for each in elements)


def hung_at(line: str, text: str, span: Span, statement: Statement, file: FileFacts) -> str:
    """A new line that holds the text of a span: what hung below the old place, or its bracket, hangs below the new one."""
    first, *rest = line.split("\n")
    if not rest or text not in line or '"""' in text or "'''" in text:
        return line
    begin = file.text[file.text.rfind("\n", 0, span.start) + 1 : span.start]
    level = len(begin) - len(begin.lstrip())
    margin = min((len(each) - len(each.lstrip()) for each in rest if each.strip()), default=0)
    aligned = margin > level and margin == len(begin) + 1 and text[:2].strip() == text[:2]
    place = len(statement.indent) + line.index(text)
    by = place - len(begin) if aligned else len(statement.indent) - level
    return "\n".join([first, *(_shifted(each, by, margin) for each in rest)])


def _shifted(line: str, by: int, margin: int) -> str:
    return " " * by + line if by > 0 and line.strip() else line[min(-by, margin) :] if by < 0 else line


def _dedented(inner: str, argument: Argument, file: FileFacts) -> str:
    """Lines of a tuple that stood one level deeper. Strings of several lines stay as they are, and the rest with them."""
    first, *rest = inner.split("\n")
    start = argument.span.start
    level = re.match(r"[ \t]*", file.text[file.text.rfind("\n", 0, start) + 1 :])
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    own = len(level[0]) if level is not None else 0
    if margin <= own or '"""' in inner or "'''" in inner:
        return inner
    return "\n".join([first, *(line[margin - own :] for line in rest)])


def rename_method(operation: Operation, name: str) -> Edit:
    """Calls another method of the same object."""
    return replace(operation.method_span, name)


def drop_keyword(argument: Argument) -> Edit:
    """Makes a keyword argument a positional one."""
    return Edit(argument.span.start, argument.value.span.start, "")
