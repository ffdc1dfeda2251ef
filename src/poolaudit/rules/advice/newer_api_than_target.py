"""The pool uses something that a supported Python does not have.

Why it hurts: the call raises on the older Python, TypeError for an argument and AttributeError for a method. It does so only when
the line runs, which for a shutdown in an error path can be long after the release.

When it is fine: below a test of sys.version_info or hasattr, and in a try that catches the error, the rule is silent.

Limitations: it speaks only where requires-python, or target-version, names the supported Pythons. Where the file asks for the
version in some other place, the finding is likely, not certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from poolaudit.facts import Argument, End, FileFacts, Point, PoolSite, Span
from poolaudit.rule import Finding, Related, Rule
from poolaudit.settings import Settings, Version

ARGUMENTS: dict[tuple[str, str], Version] = {
    ("ProcessPoolExecutor", "max_tasks_per_child"): (3, 11),
    ("shutdown", "cancel_futures"): (3, 9),
    ("map", "buffersize"): (3, 14),
}
"""(Callee, keyword) to the first Python that has it (https://docs.python.org/3/library/concurrent.futures.html)."""

METHODS: dict[str, Version] = {"terminate_workers": (3, 14), "kill_workers": (3, 14)}
CLASSES: dict[str, Version] = {"InterpreterPoolExecutor": (3, 14)}
CALLS: dict[str, Version] = {"os.process_cpu_count": (3, 13)}

ASKS_FIRST = re.compile(r"version|hasattr|getattr|signature|\bPY_?\d", re.IGNORECASE)
"""What the test of an `if` mentions that makes a difference between Pythons."""

CAUGHT = frozenset(f"builtins.{name}" for name in ("TypeError", "AttributeError", "ImportError", "Exception", "BaseException"))


class Use(Struct, frozen=True):
    """Something newer than the oldest Python known, where it is used."""

    name: str
    since: Version
    error: str
    span: Span
    point: Point


def check(site: PoolSite, file: FileFacts, settings: Settings) -> Iterator[Finding]:
    for use in _uses(site, file):
        lacking = settings.below(use.since)
        if not lacking or _asked_first(use.point, file):
            continue
        yield Finding(
            use.span,
            f"`{use.name}` needs Python {_text(use.since)}: {use.error} on {_range(lacking)}, also supported",
            label=f"new in {_text(use.since)}",
            confidence="likely" if "version_info" in file.names else "certain",
            related=() if use.span in site.point.span else (Related(site.callee, "the executor"),),
        )


def _uses(site: PoolSite, file: FileFacts) -> Iterator[Use]:
    class_name = site.api.rpartition(".")[2]
    if class_name in CLASSES and not _optional_import(class_name, file):
        yield Use(class_name, CLASSES[class_name], "ImportError", site.callee, site.point)
    yield from _arguments(class_name, site.arguments, site.point)
    count = site.worker_count
    if count is not None and count.literal and count.api in CALLS:
        yield Use(count.api, CALLS[count.api], "AttributeError", count.span, site.point)
    for operation in site.operations:
        if operation.process_only and operation.sites[0] == site.index:
            if operation.method in METHODS:
                yield Use(operation.method, METHODS[operation.method], "AttributeError", operation.method_span, operation.point)
            yield from _arguments(operation.method, operation.arguments, operation.point)
    for end in site.ends:
        if _first_to_end(site, end, file):
            yield from _arguments(end.how, end.arguments, end.point)


def _arguments(callee: str, arguments: tuple[Argument, ...], point: Point) -> Iterator[Use]:
    for argument in arguments:
        since = ARGUMENTS.get((callee, argument.keyword or ""))
        if since is not None:
            yield Use(argument.keyword or "", since, "TypeError", argument.span, point)


def _first_to_end(site: PoolSite, end: End, file: FileFacts) -> bool:
    """One shutdown() may end several pools: it is reported with the first."""
    spans = {earlier.index for earlier in file.sites for other in earlier.ends if other.point.span == end.point.span}
    return min(spans) == site.index


def _optional_import(name: str, file: FileFacts) -> bool:
    return any(use.in_try or use.conditional for use in file.globals.get(name, ()) if use.binding == "import")


def _asked_first(point: Point, file: FileFacts) -> bool:
    """A test of the version stands above it, or a try that catches what an older Python raises."""
    for step in point.path:
        header = file.cut(step.block.header)
        if step.block.kind in ("if", "while") and ASKS_FIRST.search(header):
            return True
        if step.block.kind == "try" and step.arm == "body":
            for handler in step.block.handlers:
                if not handler.types or any(name.api in CAUGHT for name in handler.types):
                    return True
    return False


def _range(versions: tuple[Version, ...]) -> str:
    if len(versions) == 1:
        return _text(versions[0])
    return f"{_text(versions[0])} {'and' if len(versions) == 2 else 'to'} {_text(versions[-1])}"


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


RULE = Rule(
    code="PA103",
    name="newer-api-than-target",
    severity="error",
    check=check,
    supersedes=("PA705", "PA102"),
    workers=frozenset({"process", "interpreter"}),
    doc=__doc__,
)
