"""A task, an initializer or an argument's class is defined in a notebook, where workers cannot find it.

Why it hurts: pickle sends a function or a class as the name of a module and its own name. A notebook's cells run in a
`__main__` that has no file, so a worker that is not forked cannot import it again: it dies with an AttributeError. A Pool
then starts new workers and waits for ever, an executor fails with a BrokenProcessPool. macOS and Windows spawn workers;
Linux forks them up to Python 3.13, and starts them by a fork server from 3.14.

When it is fine: under an explicit fork context. What is imported from a module, also one that `%%writefile` has made.
Pools of multiprocess, joblib or loky, which pickle functions by value.

Limitations: a function with a decorator, a class that pickles itself, and tasks that other files submit, are not judged.
There is no fix: move the definition to a module beside the notebook, and import it.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.notebook_task import lost
from poolaudit.facts import FileFacts, PoolSite
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, StartMethod

_FRESH: frozenset[StartMethod] = frozenset({"spawn", "forkserver"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    severity = settings.severity(site, file, _FRESH)
    for each in lost(site, file) if severity else ():
        then = "a Pool waits for ever" if site.kind == "pool" else "the executor breaks"
        yield Finding(
            each.sent,
            f"`{each.name}` is defined in this notebook, where a worker that is not forked cannot find it: {then}",
            severity=severity,
            related=(Related(each.defined, "defined in the notebook"),),
            notes=(
                f"fails with {settings.where(site, file, _FRESH)}; works where workers are forked",
                f"move `{each.name}` to a module (`%%writefile tasks.py` makes one) and import it",
            ),
        )


RULE = Rule(
    code="PA309",
    name="notebook-task",
    severity="error",
    check=check,
    supersedes=("PA303", "PA304", "PA305", "PA306"),
    doc=__doc__,
)
