"""A worker reads a global that only the parent sets.

Why it hurts: a worker that is not forked imports the file again, without the main guard's body and without what functions
of the parent have done since. It reads the value that module level gives the name, in silence, or fails with a NameError.
macOS and Windows spawn workers; Linux forks them up to Python 3.13, and starts them by a fork server from 3.14.

When it is fine: under an explicit fork context. Where an initializer, the worker or something that it calls sets the
name. For proxies of a Manager and shared memory.

Limitations: a function that sets the name counts where the file shows that the parent runs it. What another module sets is not
seen. There is no fix: hand the value over as an argument, or by initializer and initargs.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.inherited import DEFINITIONS, Inherited, lacking, sent
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = settings.severity(site, file, _FRESH)
    told: set[str] = set()
    for task, when in sent(site) if severity else ():
        found = [each for each in lacking(task, when, site, file) if each.name not in told]
        found = [each for each in found if each.write.binding not in DEFINITIONS]
        if not found:
            continue
        told.update(each.name for each in found)
        names = " and ".join(f"`{each.name}`" for each in found)
        yield Finding(
            task.span,
            f"`{task.name}` needs {names}, which only the parent sets: {_harm(found)}",
            severity=severity,
            related=tuple(place for each in found for place in _places(each)),
            notes=(
                f"fails with {settings.where(site, file, _FRESH)}; works where workers are forked",
                f"hand {names} over as an argument, or by initializer and initargs",
            ),
        )


def _harm(found: list[Inherited]) -> str:
    if all(each.otherwise for each in found):
        return "a worker that is not forked sees the value of module level"
    return "a NameError in a worker that is not forked"


def _places(found: Inherited) -> Iterator[Related]:
    yield Related(found.write.span, "set in the parent" if found.write.how == "assign" else "filled in the parent")
    yield Related(found.read.span, "read in the worker")
    if found.otherwise is not None:
        yield Related(found.otherwise.span, "what the worker reads instead")


RULE = Rule(code="PA305", name="inherited-global", severity="error", check=check, doc=__doc__)
