"""Is a failure meant? A test that shows how a pool fails is no fault.

Knows the spelling of what expects an exception, or swallows it. Must never know a rule.
"""

from __future__ import annotations

import re

from poolaudit.facts import FileFacts, Operation

_EXPECTS = re.compile(r"\b(?:raises|assertRaises|assertRaisesRegex)\s*\(")
_SWALLOWS = re.compile(r"\bsuppress\s*\(")


def expects_failure(file: FileFacts, operation: Operation) -> bool:
    """The function around the operation asserts that something raises, or the operation stands in a `with suppress(..)`."""
    function = file.functions.get(operation.point.scope)
    if function is not None and _EXPECTS.search(file.cut(function.span)):
        return True
    withs = (step.block for step in operation.point.path if step.block.kind == "with")
    return any(_SWALLOWS.search(file.cut(block.header)) for block in withs)
