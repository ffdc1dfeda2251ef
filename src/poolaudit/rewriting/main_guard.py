"""Puts the part of a script that starts workers below a main guard, as a fix.

Knows what workers need to find above the guard. Must never know a rule or libcst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.evidence.at_import import start
from poolaudit.evidence.inherited import worker_code
from poolaudit.facts import MODULE_SCOPE, FileFacts, Span
from poolaudit.rewriting.indent import Unindentable, deeper, line_start, newline

_DEFINITION = re.compile(r"^(?:def|class|async[ \t]+def|@)", re.MULTILINE)

GUARD = 'if __name__ == "__main__":'


def under_main_guard(file: FileFacts) -> Fix:
    """A fix that moves module level, from the first statement that starts workers to the end, below a main guard.

    Raises Unindentable.
    """
    text, first = file.text, min(_statements(file), default=None)
    if first is None:
        raise Unindentable("the statement of module level that starts the workers is not seen")
    if file.guard is not None:
        raise Unindentable("the file has a main guard already: what starts the workers belongs below it")
    if first != line_start(text, first):
        raise Unindentable("the statement shares its line with another one")
    if _DEFINITION.search(text, first):
        raise Unindentable("functions or classes are defined behind it, where workers need them")
    missed = next(_missed(file, first), None)
    if missed:
        raise Unindentable(f"workers read `{missed}`, which is bound behind it")
    opening, *others = deeper(text, Span(first, len(text)))
    return Fix(
        f"put the rest of the script below `{GUARD}`",
        "unsafe",
        (insert(first, f"{GUARD}{newline(text)}{opening.replacement}"), *others),
        caveats=(
            Caveat("names-vanish", "a module that imports this file no longer finds the names that are bound there"),
            Caveat("workers-run-the-rest", "what stands above the guard still runs in every worker"),
        ),
    )


def _statements(file: FileFacts) -> Iterator[int]:
    """Starts of the statements of module level that start workers."""
    for site in file.sites:
        point = start(site, file) if site.is_process else None
        if point is not None and point.scope == MODULE_SCOPE and not point.span.path:
            yield point.statement.top.start


def _missed(file: FileFacts, first: int) -> Iterator[str]:
    """Names bound at module level behind `first` that workers read."""
    for site in file.sites:
        for function in worker_code(site, file):
            for read in function.globals:
                for write in file.globals.get(read.name, ()):
                    if write.function == MODULE_SCOPE and not write.span.path and write.span.start >= first:
                        yield read.name
