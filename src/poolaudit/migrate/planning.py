"""The plan of every pool of a file.

Knows both directions. Must never know a single form, libcst or a file on disk.
"""

from __future__ import annotations

import re

from poolaudit.facts import FileFacts, PoolSite
from poolaudit.migrate import to_executor, to_pool
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.move import Move
from poolaudit.migrate.plan import Direction, Plan, add_up
from poolaudit.migrate.surroundings import surroundings
from poolaudit.settings import Settings
from poolaudit.survey.families import APIS

_CALLED = re.compile(r"(?<![\w.])(len|list|zip|min|range|next)\(")
"""Builtins that new code calls."""

_DIRECTIONS = {"executor": ("pool", to_executor.pieces), "pool": ("executor", to_pool.pieces)}


def plan(site: PoolSite, file: FileFacts, settings: Settings, to: Direction) -> Plan | None:
    """What moving one pool takes; None for what is of that API already, or of no API that is moved."""
    kind, pieces = _DIRECTIONS[to]
    if site.foreign or not _may_be(site, kind):
        return None
    code = surroundings(file.text)
    if code is None:
        return Plan(site.index, to, (blocked("code-shape", site.point.span, "the running Python cannot parse this file"),))
    move = Move(site, file, settings, code)
    forms = 1 + len(site.operations) + len(site.ends) + sum(len(operation.handle.uses) for operation in site.operations)
    found = add_up(site.index, to, pieces(move), forms, file.text)
    called = {name for edit in found.edits for name in _CALLED.findall(edit.replacement)}
    if shadowed := sorted(called & code.bound_names):
        message = f"`{shadowed[0]}` means something else in this file than the builtin"
        return Plan(site.index, to, (blocked("code-shape", site.point.span, message),), forms=forms)
    return found


def _may_be(site: PoolSite, kind: str) -> bool:
    """Some class that it may be of is of the standard library, and of the kind that is moved."""
    found = (APIS.get(name) for name in site.api.split(" | "))
    return any(
        api is not None
        and api.kind == kind
        and (api.workers == "process" or (api.workers == "thread" and kind == "pool"))
        and api.name.startswith(("multiprocessing.", "concurrent.futures."))
        for api in found
    )


def plans(file: FileFacts, settings: Settings, to: Direction) -> tuple[Plan, ...]:
    """The plans of one file's own pools, in the order of the text."""
    found = (plan(site, file, settings, to) for site in file.sites)
    return tuple(each for each in found if each is not None)


def outlook(site: PoolSite, file: FileFacts, settings: Settings, to: Direction) -> tuple[str, ...]:
    """What `poolaudit migrate` can do for a pool, as a line for a reader."""
    found = plan(site, file, settings, to)
    command = "`poolaudit migrate`" if to == "executor" else "`poolaudit migrate --to pool`"
    if found is None:
        return ()
    if found.blockers:
        return (f"{command} is blocked: {', '.join(dict.fromkeys(each.name for each in found.blockers))}",)
    if found.caveats:
        return (f"{command} moves it with --unsafe: {', '.join(each.name for each in found.caveats)}",)
    return (f"{command} moves it",)
