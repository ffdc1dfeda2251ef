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

from poolaudit.facts import FileFacts, PoolSite
from poolaudit.inherited import DEFINITIONS, Inherited, inherited
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = settings.severity(site, file, _FRESH)
    told: set[str] = set()
    for operation in site.operations if severity else ():
        task = operation.task
        if task is None or not operation.process_only or operation.sites[0] != site.index:
            continue
        for found in inherited(operation, site, file):
            if found.name in told or found.write.binding in DEFINITIONS:
                continue
            told.add(found.name)
            yield Finding(
                task.span,
                _message(found, file),
                severity=severity,
                related=_related(found),
                notes=(
                    f"fails with {settings.where(site, file, _FRESH)}; works where workers are forked",
                    f"hand `{found.name}` over as an argument, or by initializer and initargs",
                ),
            )


def _message(found: Inherited, file: FileFacts) -> str:
    reader, does = file.functions[found.read.function].name, "sets" if found.write.how == "assign" else "fills"
    harm = (
        "a worker that is not forked sees the value of module level"
        if found.otherwise
        else "a NameError in a worker that is not forked"
    )
    return f"`{reader}` reads `{found.name}`, which only the parent {does}: {harm}"


def _related(found: Inherited) -> tuple[Related, ...]:
    does = "set" if found.write.how == "assign" else "filled"
    places = [Related(found.write.span, f"{does} in the parent"), Related(found.read.span, "read in the worker")]
    if found.otherwise is not None:
        places.append(Related(found.otherwise.span, "what the worker reads instead"))
    return tuple(places)


RULE = Rule(code="PA305", name="inherited-global", severity="error", check=check, doc=__doc__)
