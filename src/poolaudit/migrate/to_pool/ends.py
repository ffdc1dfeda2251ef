"""`with ProcessPoolExecutor(..)` to try and finally: close and join wait for everything, as the exit of an executor does.

A bare `with Pool` would kill what is outstanding. Must never know an operation's form.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Edit, insert
from poolaudit.facts import Block, End
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.editing import newline
from poolaudit.migrate.move import Move
from poolaudit.migrate.outstanding import is_retrieved
from poolaudit.migrate.plan import Piece


def pieces(move: Move) -> Iterator[Piece]:
    """How the executor ends, and what else happens to it."""
    yield from _escapes(move)
    for end in move.site.ends:
        if end.point.span.path:
            yield blocked("other-file", move.site.point.span, f"`{end.how}` is called in {end.point.span.path}")
        elif end.how == "shutdown":
            yield from _shutdown(move, end)
        elif end.how != "with-exit":
            yield blocked("code-shape", end.point.span, f"the executor is ended by {end.how}")
    if move.site.with_block is not None:
        yield from _with(move, move.site.with_block)
    elif not move.site.ends and not all(is_retrieved(each, move.site) for each in move.site.operations):
        yield blocked("pool-never-closed", move.site.point.span, f"nothing ends {move.name}, and work may be outstanding")


def _escapes(move: Move) -> Iterator[Piece]:
    named = False
    for use in move.site.uses:
        if use.how == "test":
            continue
        named = True
        if use.how == "method" and use.name.startswith("_"):
            yield blocked("private-attribute", use.point.span, f"`{use.name}` is private to the executor")
        else:
            yield blocked("executor-escapes", use.point.span, f"{move.name} is passed on or stored here")
    if (not move.site.complete or move.site.binding in ("returned", "argument")) and not named:
        yield blocked("executor-escapes", move.site.point.span, f"not every use of {move.name} is seen")


def _shutdown(move: Move, end: End) -> Iterator[Piece]:
    given = {argument.keyword or "wait": argument for argument in end.arguments}
    wait, cancel = given.get("wait"), given.get("cancel_futures")
    if cancel is not None and cancel.value.const is not False:
        yield blocked("shutdown-cancel", end.point.span, "what is queued is cancelled here")
    if wait is not None and wait.value.const is not True:
        yield blocked("shutdown-nowait", end.point.span, "the end is not waited for")
    if end.point.statement.form != "expression" or not end.point.statement.alone:
        yield blocked("code-shape", end.point.span, "`shutdown` shares its line with others")
        return
    text = move.file.cut(end.point.span)
    receiver = text[: text.rindex(".shutdown")]
    lines = f"{newline(move.file)}{end.point.statement.indent}".join((f"{receiver}.close()", f"{receiver}.join()"))
    yield Edit(end.point.span.start, end.point.span.end, lines)


def _with(move: Move, block: Block) -> Iterator[Piece]:
    """`with X(n) as ex:` to `ex = X(n)` and `try:`; the body stays where it is."""
    site, text = move.site, move.file.text
    header = move.file.cut(block.header)
    before = text[block.header.start : site.point.span.start]
    after = text[site.point.span.end : block.header.end]
    name = site.name
    line = text[text.rfind("\n", 0, block.header.start) + 1 : block.header.start]
    if name is None or block.is_async or before.split() != ["with"] or after.split() != ["as", f"{name}:"] or line.strip():
        yield blocked("code-shape", block.header, f"`{' '.join(header.split())}` is no plain `with` of one executor")
        return
    if "\n" not in text[block.header.end : block.body.start]:
        yield blocked("code-shape", block.header, "the block stands on one line")
        return
    end_of_line = newline(move.file)
    yield Edit(block.header.start, site.point.span.start, f"{name} = ")
    yield Edit(site.point.span.end, block.header.end, f"{end_of_line}{line}try:")
    inner = block.body_indent
    finish = _end_of_body(text, block.body.end, inner)
    lines = (f"{line}finally:", f"{inner}{name}.close()", f"{inner}{name}.join()")
    yield insert(finish, "".join(f"{end_of_line}{each}" for each in lines))


def _end_of_body(text: str, offset: int, indent: str) -> int:
    """The end of the last line of a body, comments that are indented as the body is included."""
    finish = _line_end(text, offset)
    place = finish
    while place < len(text):
        start = text.index("\n", place) + 1
        place = _line_end(text, start)
        line = text[start:place]
        if line.strip() and not line.startswith(f"{indent}#"):
            break
        finish = place if line.strip() else finish
    return finish


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end - text[:end].endswith("\r")
