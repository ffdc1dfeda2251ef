"""A script starts worker processes at module level, without a main guard.

Why it hurts: a worker that is not forked imports the script that it comes from, and so runs its module level: it starts
workers of its own, which Python refuses. A Pool then starts new workers for ever, or fails with a ConnectionResetError;
an executor fails with a BrokenProcessPool. macOS and Windows spawn workers; Linux forks them up to Python 3.13, and
starts them by a fork server from 3.14.

When it is fine: under an explicit fork context. In a notebook and in a `__main__.py`, which workers do not import. An
executor that module level only makes, and uses below the guard or in functions.

Limitations: a condition around the statement is taken to hold in a worker as well, unless it asks for the name of the
module or the process. Files of a package, and those that only define things, are judged by import-time-pool.

Fix: puts the statement, and all that follow it, below a main guard. Unsafe: a module that imports the script no longer
finds the names that are bound there. There is none where workers need a name or a function that follows.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Fix
from poolaudit.evidence.at_import import start
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rewriting.indent import Unindentable
from poolaudit.rewriting.main_guard import under_main_guard
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    point = start(site, file) if file.is_script else None
    severity = settings.severity(site, file, _FRESH)
    if point is None or point.span.path or severity is None:
        return
    does = "makes a Pool" if site.kind == "pool" else "submits work to an executor"
    where = point.span if site.foreign else site.point.span
    other = site.point.span if site.foreign else point.span
    related = Related(other, "made here" if site.foreign else "runs again in every worker")
    fix = _fix(file)
    yield Finding(
        where,
        f"running this script {does} without a main guard: every worker imports the script and does so again",
        label="runs again in every worker" if point.span == where else "",
        severity=severity,
        related=(related,) if other != where else (),
        notes=(f"fails with {settings.where(site, file, _FRESH)}", *([] if isinstance(fix, Fix) else [f"no fix: {fix}"])),
        fix=fix if isinstance(fix, Fix) else None,
    )


def _fix(file: FileFacts) -> Fix | str:
    try:
        return under_main_guard(file)
    except Unindentable as refusal:
        return str(refusal)


RULE = Rule(
    code="PA301",
    name="missing-main-guard",
    severity="error",
    check=check,
    fix="unsafe",
    supersedes=("PA302", "PA304", "PA307", "PA309", "PA401"),
    doc=__doc__,
)
