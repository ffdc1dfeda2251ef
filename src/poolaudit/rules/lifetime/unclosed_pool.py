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
from poolaudit.enclose import enclose
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.indent import Unindentable
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if (
        site.foreign
        or site.lifetime != "unclosed"
        or not site.complete
        or site.ends
        or not site.operations
        or _for_life(site, file)
    ):
        return
    name = (
        f"`{site.name}`" if site.name and site.binding != "chained" else "this pool" if site.kind == "pool" else "this executor"
    )
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


def _for_life(site: PoolSite, file: FileFacts) -> bool:
    """It is kept on purpose: a global, or used by a loop or workers that never end."""
    if site.module_level and not site.guarded and (site.kind == "executor" or not file.is_script):
        return True
    if any(use.function == site.function != 0 for use in file.globals.get(site.name or "", ()) if use.how == "assign"):
        return True
    initializer = site.initializer.function if site.initializer else None
    if any(function.endless for function in file.reachable(initializer)):
        return True
    forever = [step.block for op in site.operations for step in op.point.path if step.block.forever]
    return any(not {"break", "return"} & set(block.leaves) and block not in _around(site) for block in forever)


def _around(site: PoolSite) -> list[object]:
    return [step.block for step in site.point.path]


def _fix(site: PoolSite, file: FileFacts) -> Fix | str:
    try:
        return enclose(site, file)
    except Unindentable as refusal:
        return str(refusal)


RULE = Rule(code="PA401", name="unclosed-pool", severity="warning", check=check, fix="unsafe", doc=__doc__)
