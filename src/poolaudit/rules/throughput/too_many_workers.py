"""The number of workers is more than Windows allows, far above what machines have, or 0 on a small one.

Why it hurts: on Windows ProcessPoolExecutor refuses more than 61 workers (ValueError), and a Pool of more than 60
hangs (https://github.com/python/cpython/issues/89240). A number that is written down does not know the machine: each
worker above its CPUs takes memory and time to start, and gives nothing. `cpu_count() - 1` and `cpu_count() // 2` are
0 on a machine with one CPU, such as a small container: ValueError.

When it is fine: on a machine that is known, with tasks that mostly wait. 32 workers and fewer are not reported.

Limitations: reads the expression that makes the number, not what it depends on. Not on by default: many programs run
on one known machine. There is no fix: leave the number away, which takes the number of CPUs, or bound it, as in
max(1, min(61, n)).
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.expected import expected
from poolaudit.evidence.worker_numbers import least_on_one_cpu, most
from poolaudit.facts import FileFacts, PoolSite, Value
from poolaudit.rule import Finding, Rule
from poolaudit.settings import Settings

_WINDOWS = {"executor": 61, "pool": 60}
"""The most workers that Windows allows (https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor)."""

MANY = 32
"""More than most machines have CPUs."""


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    count = site.worker_count
    if count is None or site.foreign or site.kind == "unknown" or expected(file, site.point, "builtins.ValueError"):
        return
    found = _too_many(count, _WINDOWS[site.kind], site.kind, file, settings)
    if found is not None:
        yield found
    elif (least := least_on_one_cpu(count, file)) is not None and least < 1:
        when = "" if count.kind == "const" else f" is {least} on a machine with one CPU"
        yield Finding(
            count.span,
            f"`{count.text}`{when}: a pool of no worker is a ValueError",
            label="no worker",
            notes=("max(1, ..) keeps one worker",),
        )


def _too_many(count: Value, windows: int, kind: str, file: FileFacts, settings: Settings) -> Finding | None:
    number = most(count, file)
    if number is not None and number > windows and "windows" in settings.platforms:
        harm = "ValueError" if kind == "executor" else "it hangs"
        return Finding(
            count.span,
            f"{number if count.kind == 'const' else f'up to {number}'} workers, and Windows allows {windows}: {harm} there",
            label=f"more than {windows}",
            notes=(f"min({windows}, ..) bounds it",),
        )
    if number is not None and number > MANY and count.kind == "const":
        return Finding(
            count.span,
            f"{number} workers, whatever the machine has",
            label="more than most machines have CPUs",
            severity="info",
            notes=("without a number the pool takes as many workers as there are CPUs",),
        )
    return None


RULE = Rule(code="PA804", name="too-many-workers", severity="warning", check=check, default=False, doc=__doc__)
