"""Looks at a pool or a handle that both classes answer alike: `is None`, truth. `del` of its name is another.

Knows the text around a use. Must never know an edit.
"""

from __future__ import annotations

import re

from poolaudit.facts import Use
from poolaudit.migrate.move import Move


def is_none_test(move: Move, use: Use) -> bool:
    """The line of the use asks for None or for truth, or deletes the name, and nothing else of it."""
    text = _line_text(move, use)
    whole = use.via != "direct" or use.point.span == use.point.statement.span
    name = re.escape(move.name if whole else move.file.cut(use.point.span))
    looks = rf"\bis (?:not )?None\b|\b(?:if|while|elif|not|and|or|del) {name}(?![\w.(\[])"
    return re.search(looks, text.partition("\n")[0] if whole else text) is not None


def _line_text(move: Move, use: Use) -> str:
    start = use.point.statement.span.start
    end = move.file.text.find("\n", use.point.span.end)
    return move.file.text[start : end if end >= 0 else len(move.file.text)]
