"""The plan of a migration for people (text), for tickets (markdown) and for programs (json).

Knows wording and order: what can be done at once comes first. Must never know how a plan is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from poolaudit.facts import PoolSite, Span
from poolaudit.migrate.plan import Plan, Status
from poolaudit.report.lines import Sources, located
from poolaudit.report.terminal import Paint, harmless, wrapped

if TYPE_CHECKING:
    from poolaudit.migrating import Step
    from poolaudit.migration import MigrationPlan

WIDTH = 120
ORDER: tuple[Status, ...] = ("ready", "caveats", "blocked")
_TITLES = {
    "ready": "Ready: the program does what it did",
    "caveats": "With caveats: rewritten with --unsafe only",
    "blocked": "Blocked",
}
_LEFT_ALONE = "Left alone: look at these by hand"
_STYLES = {"ready": "green", "caveats": "yellow", "blocked": "red"}
_NAMES = {"executor": "ProcessPoolExecutor", "pool": "Pool"}


class Row(Struct, frozen=True):
    """One pool and its plan, with the numbers that people count lines and cells by."""

    path: str
    line: int
    cell: int | None
    call: str
    """The construction on one line: 'mp.Pool(8)'."""
    function: str
    """The qualified name of the function that builds it; '' at module level."""
    plan: Plan
    sources: Sources
    site: PoolSite

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}" if self.cell is None else f"{self.path}:{self.cell}:{self.line}"

    @property
    def title(self) -> str:
        return f"{self.call} in {self.function}()" if self.function else self.call

    def line_of(self, span: Span) -> int | None:
        return self.sources.line(span)


def rows(plan: MigrationPlan) -> tuple[Row, ...]:
    """Every pool: ready ones first, then by how little is in the way, then by how much there is to rewrite."""
    found = list(_rows(plan))
    return tuple(sorted(found, key=_urgency))


def _urgency(row: Row) -> tuple[int, int, int, str, int]:
    plan = row.plan
    return ORDER.index(plan.status), len(plan.blockers) or len(plan.caveats), plan.forms, row.path, row.line


def _rows(plan: MigrationPlan) -> Iterator[Row]:
    for file in plan.files:
        if file.facts is None:
            continue
        sources = Sources(file.facts, file.source)
        for each in file.plans:
            site = file.facts.sites[each.site]
            function = file.facts.functions.get(site.function)
            call = " ".join(file.facts.cut(site.point.span).split())
            name = function.qualname if function is not None else ""
            line, cell = sources.line(site.point.span) or 0, sources.cell(site.point.span)
            yield Row(file.path, line, cell, call, name, each, sources, site)


def text(plan: MigrationPlan, *, color: bool = False, width: int = WIDTH) -> str:
    """The plan for a terminal."""
    paint = Paint(color)
    found = rows(plan)
    lines = [paint(_headline(plan, found), "bold")]
    for status in ORDER:
        chosen = [row for row in found if row.plan.status == status]
        if chosen:
            lines += ["", paint(_TITLES[status], "bold", _STYLES[status])]
        for row in chosen:
            lines += _described(row, paint, width)
    if plan.mentions:
        lines += ["", paint(_LEFT_ALONE, "bold")]
        lines += [f"  {paint(harmless(f'{each.path}:{each.line}'), 'bold')}  {harmless(each.message)}" for each in plan.mentions]
    return "\n".join(lines) + "\n"


def _headline(plan: MigrationPlan, found: tuple[Row, ...]) -> str:
    counts = Counter(row.plan.status for row in found)
    if not found:
        return f"No pool to move to {_NAMES[plan.to]}"
    parts = [f"{counts['ready']} ready", f"{counts['caveats']} with caveats", f"{counts['blocked']} blocked"]
    return f"{len(found)} pool{'s' * (len(found) != 1)} to move to {_NAMES[plan.to]}: {', '.join(parts)}"


def _described(row: Row, paint: Paint, width: int) -> list[str]:
    effort = f"{row.plan.forms} form{'s' * (row.plan.forms != 1)}"
    lines = [f"  {paint(harmless(row.place), 'bold')}  {harmless(row.title)}  {paint(effort, 'dim')}"]
    for caveat in row.plan.caveats:
        lines += wrapped(harmless(f"{caveat.name}: {caveat.message}"), width, "      ", "        ")
    for blocker in row.plan.blockers:
        message = f"line {row.line_of(blocker.where)}: {blocker.name}: {blocker.message}"
        lines += wrapped(harmless(message), width, "      ", "        ")
        lines += [paint(line, "dim") for line in wrapped(harmless(f"unlock: {blocker.unlock}"), width, "        ", "          ")]
    return lines


def told(path: str, step: Step) -> str:
    """One line for a pool that has been moved."""
    caveats = ", ".join(caveat.name for caveat in step.plan.caveats)
    return harmless(f"{located(path, step.cell, step.line)}: moved{f' ({caveats})' if caveats else ''}")


def markdown(plan: MigrationPlan) -> str:
    """A checklist for a ticket."""
    found = rows(plan)
    lines = [f"# {_headline(plan, found)}"]
    for status in ORDER:
        chosen = [row for row in found if row.plan.status == status]
        if chosen:
            lines += ["", f"## {_TITLES[status]}", ""]
        for row in chosen:
            lines.append(f"- [ ] `{row.place}` `{row.title}`")
            lines += [f"  - **{caveat.name}**: {caveat.message}" for caveat in row.plan.caveats]
            for blocker in row.plan.blockers:
                lines.append(
                    f"  - [ ] line {row.line_of(blocker.where)}: **{blocker.name}**: {blocker.message}. {blocker.unlock}"
                )
    if plan.mentions:
        lines += ["", f"## {_LEFT_ALONE}", ""]
        lines += [f"- [ ] `{each.path}:{each.line}` {each.message}" for each in plan.mentions]
    return "\n".join(lines) + "\n"


def json(plan: MigrationPlan) -> bytes:
    """The plan as one JSON document, in the words of the contract of `scan`."""
    import msgspec

    found = rows(plan)
    counts = Counter(row.plan.status for row in found)
    document = {
        "schema_version": 1,
        "to": plan.to,
        "target_versions": [f"{major}.{minor}" for major, minor in plan.targets],
        "pools": [_pool(row) for row in found],
        "mentions": [{"path": each.path, "line": each.line, "message": each.message} for each in plan.mentions],
        "problems": [
            {"path": each.path, "code": each.code, "message": each.message, "line": each.line, "column": each.column}
            for each in (*plan.problems, *(problem for file in plan.files for problem in file.problems))
        ],
        "summary": {status: counts[status] for status in ORDER},
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _pool(row: Row) -> dict[str, object]:
    return {"path": row.path, "line": row.line, "cell": row.cell, "pool": row.call, **entry(row.plan, row.sources, row.path)}


def entry(plan: Plan, sources: Sources, path: str) -> dict[str, object]:
    """What JSON says of one plan, here and in the report of `scan`."""
    return {
        "to": plan.to,
        "status": plan.status,
        "forms": plan.forms,
        "caveats": [{"name": each.name, "message": each.message} for each in plan.caveats],
        "blockers": [
            {
                "name": each.name,
                "path": each.where.path or path,
                "line": sources.line(each.where),
                "message": each.message,
                "unlock": each.unlock,
            }
            for each in plan.blockers
        ],
    }
