"""A pool is never ended: no with, close, terminate or shutdown on any path.

Why it hurts: the worker processes stay, idle, for as long as the object lives. A Pool says so by a ResourceWarning, and what
it has not finished when the program ends is killed. An executor warns of nothing and loses nothing.

When it is fine: something else ends it: an ExitStack, closing, atexit, another method of its class, whoever it is returned or
passed to. A pool that a module or a daemon keeps for the life of the process.

Limitations: a pool that goes where it cannot be followed is taken to be ended there. "Closed, but not when an exception is
raised" is leak-on-exception.

Fix: a `with` block from the construction to the last use, where all results have come by then. Unsafe: it ends the workers
earlier than the garbage collector would.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.edits import Fix
from poolaudit.evidence.kept import for_life, out_of_sight
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rewriting.enclose import enclose
from poolaudit.rewriting.indent import Unindentable
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if not _is_unclosed(site) or for_life(site, file) or out_of_sight(site, file) or _is_second_try(site, file):
        return
    name = f"`{site.name}`" if site.name and site.binding != "chained" else f"this {site.kind}"
    if site.kind == "pool":
        message = f"{name} is never closed: its workers stay until it is collected, which is a ResourceWarning"
    else:
        message = f"{name} is never shut down: its idle workers stay until it is collected"
    fix = _fix(site, file)
    yield Finding(
        site.point.span,
        message,
        severity="warning" if site.kind == "pool" else "info",
        notes=() if isinstance(fix, Fix) else (f"no fix: {fix}",),
        fix=fix if isinstance(fix, Fix) else None,
    )


def _is_unclosed(site: PoolSite) -> bool:
    """It is used, all uses are seen, and none of them ends it."""
    return site.lifetime == "unclosed" and site.complete and bool(site.operations) and not (site.ends or site.foreign)


def _is_second_try(site: PoolSite, file: FileFacts) -> bool:
    """It takes the place of a pool of the same name that could not be made: one pool, said once."""
    tried = {step.block.id for step in site.point.path if step.arm.startswith("except")}
    return any(
        step.block.id in tried and step.arm == "body"
        for other in file.sites
        if other.name == site.name and other.function == site.function and _is_unclosed(other)
        for step in other.point.path
    )


def _fix(site: PoolSite, file: FileFacts) -> Fix | str:
    try:
        return enclose(site, file)
    except Unindentable as refusal:
        return str(refusal)


RULE = Rule(code="PA401", name="unclosed-pool", severity="warning", check=check, fix="unsafe", doc=__doc__)
