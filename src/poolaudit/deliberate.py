"""Is a failure meant? A test that shows how a pool fails is no fault.

Knows the spelling of context managers that expect or swallow an exception. Must never know a rule.
"""

from __future__ import annotations

import re

from poolaudit.facts import FileFacts, Point

_EXPECTING = re.compile(r"\b(?:raises|assertRaises|assertRaisesRegex|suppress)\s*\(")


def expects_failure(file: FileFacts, point: Point) -> bool:
    """The point lies in a `with pytest.raises(..)`, `with self.assertRaises(..)`, `with suppress(..)` or the like."""
    withs = (step.block for step in point.path if step.block.kind == "with")
    return any(_EXPECTING.search(file.cut(block.header)) for block in withs)
