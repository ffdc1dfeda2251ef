"""A worker, or something that it uses, is defined below the main guard only.

Why it hurts: a worker that is not forked imports the file without the main guard's body. It cannot find a task or an
initializer that is defined there: a Pool waits for ever while it starts new workers, an executor fails with a
BrokenProcessPool. A function, class or import that the task uses is a NameError in it. macOS and Windows spawn workers;
Linux forks them up to Python 3.13, and starts them by a fork server from 3.14.

When it is fine: under an explicit fork context. A task that is imported below the guard: pickle names its own module.

Limitations: definitions in other files are not seen. There is no fix: move the definition above the guard.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.inherited import DEFINITIONS, lacking, sent
from poolaudit.facts import MODULE_SCOPE, FileFacts, Point, PoolSite, Span, Task
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = settings.severity(site, file, _FRESH)
    told: set[Span] = set()
    for task, when in sent(site) if severity else ():
        message, places = _itself(task, file) or _used(task, when, site, file)
        if not places or told.issuperset(places):
            continue
        told.update(places)
        yield Finding(
            task.span,
            message,
            severity=severity,
            related=tuple(Related(place, "defined below the main guard") for place in places),
            notes=(
                f"fails with {settings.where(site, file, _FRESH)}; works where workers are forked",
                "move the definition above the main guard",
            ),
        )


def _itself(task: Task, file: FileFacts) -> tuple[str, list[Span]] | None:
    """The task's own definition, when it is below the guard."""
    function = file.functions.get(task.function) if task.function is not None else None
    owner = file.classes.get(task.class_id) if task.class_id is not None else None
    message = f"`{task.name}` is defined below the main guard, where a worker that is not forked cannot find it"
    if owner is not None and owner.under_guard and owner.parent == MODULE_SCOPE and not owner.span.path:
        return message, [owner.span]
    if function is None or not function.under_guard or function.nested or function.is_lambda or function.span.path:
        return None
    return message, [function.name_span or function.span]


def _used(task: Task, when: Point, site: PoolSite, file: FileFacts) -> tuple[str, list[Span]]:
    """What the task uses and the main guard alone defines."""
    found = [each for each in lacking(task, when, site, file) if each.write.binding in DEFINITIONS]
    found = [each for each in found if each.write.under_guard and each.otherwise is None]
    names = " and ".join(f"`{each.name}`" for each in found)
    message = f"`{task.name}` needs {names}, which only the main guard defines: a NameError in a worker that is not forked"
    return message, [each.write.span for each in found]


RULE = Rule(code="PA303", name="worker-under-main-guard", severity="error", check=check, doc=__doc__)
