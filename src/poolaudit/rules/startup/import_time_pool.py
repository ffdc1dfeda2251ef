"""A Pool is built while a library module is imported.

Why it hurts: Pool starts its workers when it is made. A worker that is not forked imports its program, and with it the
module, which makes a Pool again: Python refuses, the worker dies, and the Pool starts new workers for ever or fails
with a ConnectionResetError. macOS and Windows spawn workers; Linux forks them up to Python 3.13, and starts them by a
fork server from 3.14.

When it is fine: under an explicit fork context. A ProcessPoolExecutor starts its workers with the first task: making
one at import is harmless. A Pool that a function makes when it is first needed.

Limitations: a module that no worker imports, because the program imports it late and no task comes from it, works.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.at_import import start
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    point = start(site, file) if site.kind == "pool" and not (file.is_script or site.foreign) else None
    severity = settings.severity(site, file, _FRESH)
    if point is None or severity is None:
        return
    elsewhere = point.span != site.point.span
    yield Finding(
        site.point.span,
        "importing this module makes a Pool: every worker imports it and makes a Pool again",
        label="" if elsewhere else "runs at import",
        severity=severity,
        related=(Related(point.span, "runs at import"),) if elsewhere else (),
        notes=(f"fails with {settings.where(site, file, _FRESH)}", "make it in a function, when it is first needed"),
    )


RULE = Rule(code="PA302", name="import-time-pool", severity="error", check=check, doc=__doc__)
