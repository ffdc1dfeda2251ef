"""An executor recycles its workers where that fails, hangs or changes the start method; or chunks hold no item.

Why it hurts: max_tasks_per_child is refused together with a fork context (ValueError). Without a context it makes the
executor spawn its workers, whatever set_start_method said. With more than one task per worker it hangs from Python
3.11 to 3.13 when a worker is due while tasks wait (https://github.com/python/cpython/issues/115634). chunksize=0 is a
ValueError of Executor.map and imap, while Pool.map, starmap and their async forms run nothing and give a list of
None.

When it is fine: max_tasks_per_child=1 with spawn or forkserver; more of them where every supported Python is 3.14.
Pool's maxtasksperchild works on all of them.

Limitations: the hang depends on the versions, and is reported only where requires-python or target-version names
them. Numbers that are not written in the program are not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from poolaudit.evidence.deliberate import expects_failure
from poolaudit.evidence.expected import expected
from poolaudit.facts import FileFacts, PoolSite, Value
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings

_HANGS = ((3, 11), (3, 12), (3, 13))
"""Versions with gh-115634 in the last release that was measured."""

_SILENT = frozenset({"map", "starmap", "map_async", "starmap_async"})
_RAISING = frozenset({"imap", "imap_unordered"})
_POSITIONS = frozenset({"map", "starmap", "map_async", "starmap_async", "imap", "imap_unordered"})


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    if site.kind == "executor" and not site.foreign:
        yield from _recycling(site, file, settings)
    for operation in site.operations:
        if not operation.process_only or operation.sites[0] != site.index or expects_failure(file, operation):
            continue
        chunksize = operation.argument("chunksize", 2 if site.kind == "pool" and operation.method in _POSITIONS else None)
        if chunksize is None or not _is_zero(chunksize.value) or operation.method not in _POSITIONS:
            continue
        if site.kind == "pool" and operation.method in _SILENT:
            message = f"`{operation.method}` in chunks of 0 runs no task and gives a list of None"
        elif not expected(file, operation.point, "builtins.ValueError") and (site.kind == "pool" or operation.method == "map"):
            message = f"`{operation.method}` refuses chunks of 0: ValueError"
        else:
            continue
        yield Finding(chunksize.span, message, "no item fits", notes=("1 is the smallest chunk",))


def _recycling(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    argument = site.argument("max_tasks_per_child")
    if argument is None or (argument.value.kind == "const" and argument.value.const is None):
        return
    context = site.argument("mp_context", 1)
    if site.start_method == "fork":
        if not expected(file, site.point, "builtins.ValueError"):
            related = (Related(context.span, "fork"),) if context is not None else ()
            yield Finding(
                argument.span,
                "`max_tasks_per_child` is refused together with fork: ValueError",
                "needs new processes",
                related=related,
            )
    elif (hang := _hang(argument.value, settings)) is not None:
        yield Finding(
            argument.span,
            f"with `max_tasks_per_child={argument.value.text}` the executor can hang on Python {hang}",
            "1 cannot hang",
            notes=(
                "a worker that is due while tasks wait is not replaced (gh-115634); a Pool's maxtasksperchild is not affected",
            ),
        )
    elif context is None and file.start_method == "fork":
        yield Finding(
            argument.span,
            "`max_tasks_per_child` makes the executor spawn its workers, although the start method is set to fork",
            "implies spawn",
            notes=("say so with mp_context, or use a Pool, whose maxtasksperchild works with fork",),
        )


def _hang(value: Value, settings: Settings) -> str | None:
    """The supported Pythons on which the executor can hang, for more than one task per worker."""
    if not isinstance(value.const, int) or value.const <= 1 or not settings.declared:
        return None
    found = [f"{major}.{minor}" for major, minor in _HANGS if (major, minor) in settings.targets]
    return " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:]))) or None


def _is_zero(value: Value) -> bool:
    return value.kind == "const" and type(value.const) is int and value.const == 0


RULE = Rule(code="PA705", name="recycling-trap", severity="error", check=check, supersedes=("PA102",), doc=__doc__)
