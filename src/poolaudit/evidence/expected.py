"""Whether the program counts on a point's failure.

Knows the spelling of what expects or swallows an exception in a `with`, and what handlers catch. Must never know a rule or
a pool.
"""

from __future__ import annotations

import re

from poolaudit.evidence.caught import caught
from poolaudit.facts import FileFacts, Point

_EXPECTS = re.compile(r"\b(?:raises|assertRaises|assertRaisesRegex|suppress)\s*\(")


def expected(file: FileFacts, point: Point, exception: str) -> bool:
    """A `with pytest.raises(..)` or the like stands around it, or a handler for `exception` ('builtins.ValueError')."""
    withs = (step.block for step in point.path if step.block.kind == "with")
    return caught(point, exception) or any(_EXPECTS.search(file.cut(block.header)) for block in withs)
