"""May a worker, against appearances, find a lambda or a local def? A few programs make it so.

Knows the tricks: a `global` statement, another __qualname__, a pickler that is taught more. Must never know a rule.
"""

from __future__ import annotations

import re
from functools import lru_cache

from poolaudit.facts import FileFacts

TEACHING = ("copyreg", "multiprocessing.reduction", "multiprocessing.context.reduction")
"""Modules through which pickling by the standard library learns new types."""


def may_be_importable(file: FileFacts, name: str) -> bool:
    """The file does something to `name`, or to pickling as a whole, after which pickle may find what it is bound to."""
    if any(found.api == module or found.api.startswith(f"{module}.") for found in file.imports for module in TEACHING):
        return True
    if not name.isidentifier():
        return False
    return any(name in _touched(text) for text in (file.text, *file.other_texts.values()))


_TRICK = re.compile(
    r"\b(\w+)\.__(?:qualname|name|module|reduce|reduce_ex)__\s*=|\bglobal\b([^\n#;]*)|setattr\(([^\n]*)",
)
_NAME = re.compile(r"\w+")


@lru_cache(maxsize=32)  # every lambda and every local def of a file asks
def _touched(text: str) -> frozenset[str]:
    """The names that some trick is about."""
    return frozenset(name for found in _TRICK.findall(text) for part in found for name in _NAME.findall(part))
