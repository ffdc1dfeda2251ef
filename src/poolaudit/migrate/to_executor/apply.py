"""`pool.apply(f, args, kwds)` to `pool.submit(f, *args, **kwds).result()`. Must never know another method of Pool."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from poolaudit.edits import Edit, insert
from poolaudit.facts import Argument, Operation
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.editing import drop_keyword, rename_method, unparenthesized
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Piece


def pieces(move: Move, operation: Operation) -> Iterator[Piece]:
    """Submits and waits."""
    yield from submitted(move, operation)
    yield insert(operation.point.span.end, ".result()")


def submitted(move: Move, operation: Operation, also: tuple[Argument, ...] = ()) -> Iterator[Piece]:
    """The call of submit: a literal tuple or dict is written out. `also`: arguments that the caller deals with."""
    function, args, kwds = (operation.argument(name, index) for index, name in enumerate(("func", "args", "kwds")))
    known = [each for each in operation.arguments if each in (function, args, kwds)]
    others = [each for each in operation.arguments if each not in known and each not in also]
    in_order = known == [each for each in (function, args, kwds) if each is not None]
    if function is None or others or not in_order or any(each.star for each in operation.arguments):
        yield blocked("unclear-arguments", operation.argument_list, f"what `{operation.method}` is given is not plain")
        return
    yield rename_method(operation, "submit")
    if function.keyword is not None:
        yield drop_keyword(function)
    if args is not None:
        yield from _written_out(move, operation, args, "*", unparenthesized(args, move.file))
    if kwds is not None:
        yield from _written_out(move, operation, kwds, "**", _keywords(move, kwds))


def _written_out(move: Move, operation: Operation, argument: Argument, star: str, inner: str | None) -> Iterator[Edit]:
    """`, (a, b)` to `, a, b`; an empty tuple goes, with the comma before it; anything else gets its star."""
    start = argument.span.start
    if inner is None:
        yield Edit(start, argument.value.span.start, star) if argument.keyword else insert(start, star)
        return
    text = move.file.cut(argument.span)
    if inner and "\n" in text and "#" not in inner and text.startswith(("(", "[")) and not text[1].isspace():
        # what hangs below the bracket moves when the lines are laid out
        yield Edit(start, start + 1, "")
        yield Edit(start + 1 + len(re.sub(r"\s*,?\s*\Z", "", text[1:-1])), argument.span.end, "")
        return
    if inner:
        # a comma before a last comment is the one that stands behind the tuple
        comma = re.match(r"\s*,", move.file.text[argument.span.end :]) if re.search(r",[ \t]*#[^\n]*\s*\Z", inner) else None
        yield Edit(start, argument.span.end + (comma.end() if comma is not None else 0), inner.rstrip() if comma else inner)
        return
    before = operation.arguments[operation.arguments.index(argument) - 1].span.end
    yield Edit(before, argument.span.end, "")


def _keywords(move: Move, argument: Argument) -> str | None:
    """A literal dict of plain names, or dict(k=v), as keywords; None for anything else."""
    text = move.file.cut(argument.value.span)
    try:
        node = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return None
    source = f"({text}\n)"
    match node:
        case ast.Dict(keys=keys, values=values):
            names = [each.value for each in keys if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if len(names) == len(keys) and all(name.isidentifier() and name not in ("self", "fn") for name in names):
                parts = (f"{name}={ast.get_source_segment(source, value)}" for name, value in zip(names, values, strict=True))
                return ", ".join(parts)
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=given) if "dict" not in move.code.bound_names:
            on_one_line = all(each.value.lineno == each.value.end_lineno for each in given)
            if all(each.arg not in (None, "self", "fn") for each in given) and on_one_line and "#" not in text:
                return ", ".join(f"{each.arg}={ast.get_source_segment(source, each.value)}" for each in given)
    return None
