"""A lock or queue of a fork context is handed to workers that are not forked.

Why it hurts: a lock that is made for forked processes has no name by which another process could open it. Handed over
by initargs to a worker that is spawned, or started by a fork server, it raises a RuntimeError from Python 3.11 on: "A
SemLock created in a fork context is being shared with a process in a spawn context". Earlier Pythons hand over an
address that means nothing in the worker, and whoever asks for the lock waits for ever. Events, queues, conditions,
values and arrays hold such a lock. What the module itself makes belongs to the default start method: fork on Linux
before 3.14.

When it is fine: when the pool and what it is handed are made by one context. The other way round, in a pool that forks.
Objects of a Manager.

Limitations: only initargs that are written out, and contexts that the file shows. There is no fix: make the object by
the pool's own context.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.payload import opened
from poolaudit.facts import FileFacts, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import FORKSERVER_SINCE, Settings, Version

_LOCKED = frozenset(
    f"multiprocessing.{name}"
    for name in (
        "Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier", "Queue", "JoinableQueue",
        "SimpleQueue", "Value", "Array",
    )
)  # fmt: skip
"""What has a lock of the operating system inside (all of them measured)."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    initargs = site.argument("initargs", 2 if site.kind == "pool" else 3)
    if site.foreign or initargs is None or initargs.value.kind not in ("tuple", "list"):
        return
    for item in (value for each in initargs.value.items for value in opened(each)):
        if item.kind != "call" or item.api not in _LOCKED:
            continue
        failing = {
            platform: targets
            for platform in settings.platforms
            if platform != "windows"
            if (targets := [target for target in settings.targets if _mixed(item, site, file, platform, target)])
        }
        if failing:
            yield _finding(item, site, failing)


def _mixed(item: Value, site: PoolSite, file: FileFacts, platform: str, target: Version) -> bool:
    """The object is made for forked processes, and the pool's workers are not forked."""
    default = file.start_method or _default(platform, target)
    made, given = item.start_method or default, site.start_method or default
    return made == "fork" and given in ("spawn", "forkserver")


def _default(platform: str, target: Version) -> str:
    if platform != "linux":
        return "spawn"
    return "forkserver" if target >= FORKSERVER_SINCE else "fork"


def _finding(item: Value, site: PoolSite, failing: dict[str, list[Version]]) -> Finding:
    kind = (item.api or "").rpartition(".")[2]
    whose = "a fork context" if item.start_method else "the default context"
    workers = f"workers of a {site.start_method} context" if site.start_method else "workers of the default context"
    everywhere = [target for targets in failing.values() for target in targets]
    first, last = min(everywhere), max(everywhere)
    names = " and ".join({"linux": "Linux", "macos": "macOS"}.get(platform, platform) for platform in failing)
    return Finding(
        item.span,
        f"`{item.text}` is of {whose}, which forks: in {workers} it raises a RuntimeError, or blocks for ever",
        severity="error" if "linux" in failing else "warning",
        related=(Related(site.callee, "the pool's context is another one"),),
        notes=(
            f"fails on {names} with Python {first[0]}.{first[1]} to {last[0]}.{last[1]}; it blocks for ever before 3.11",
            f"make it by the context of the pool: `context.{kind}(..)`, `context.Pool(..)`",
        ),
    )


RULE = Rule(code="PA310", name="mixed-start-methods", severity="error", check=check, doc=__doc__)
