"""The number of workers comes from the environment as text.

Why it hurts: an environment variable is text, and a pool compares its number of workers with a number: the construction raises
TypeError. Where the default is a number, that happens only on machines that set the variable.

When it is fine: never.

Limitations: a value that has gone through a function, an operator or a container is not followed.

Fix: int(..) around the value, where a default is given. Unsafe: text that is no number raises ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Caveat, Fix, insert
from poolaudit.facts import FileFacts, PoolSite, Value
from poolaudit.rule import Finding, Rule, Severity
from poolaudit.settings import Settings

_GETTERS = frozenset({"os.environ.get", "os.getenv", "os.environ.setdefault", "os.environ.pop"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    count = site.worker_count
    severity = None if count is None or site.foreign else _severity(count)
    if count is None or severity is None:
        return
    when = "" if severity == "error" else ", where the variable is set"
    yield Finding(
        count.span,
        f"`{count.text}` is text: as a number of workers it raises TypeError{when}",
        label="text, not a number",
        severity=severity,
        fix=_fix(count),
    )


def _severity(count: Value) -> Severity | None:
    """error: text in any case. warning: text only where the variable is set. None: not seen to be text."""
    if count.kind == "api" and count.api == "os.environ[]":
        return "error"
    if count.kind != "call" or count.api not in _GETTERS:
        return None
    return "error" if len(count.items) > 1 and isinstance(count.items[1].const, str) else "warning"


def _fix(count: Value) -> Fix | None:
    if len(count.items) < 2 or count.items[1].const is None:
        # int(None) is no better, and None is a good number of workers
        return None
    edits = (insert(count.span.start, "int("), insert(count.span.end, ")"))
    return Fix("make it a number", "unsafe", edits, caveats=(Caveat("no-number", "text that is no number raises ValueError"),))


RULE = Rule(code="PA706", name="text-worker-count", severity="error", check=check, fix="unsafe", doc=__doc__)
