"""Pools of one file moved to the other API, pool by pool, each step verified.

Knows plans, edits and the gate before a byte is written. Must never know a file on disk, other files, an output format or the
command line.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from poolaudit import edits, imports, verify
from poolaudit.judge import ask, survey
from poolaudit.migrate.blockers import blocked
from poolaudit.migrate.folding import laid_out
from poolaudit.migrate.homes import home
from poolaudit.migrate.plan import Direction, Plan
from poolaudit.migrate.planning import plans
from poolaudit.migrate.surroundings import surroundings
from poolaudit.migrate.unimport import unused_imports
from poolaudit.notebook import Unwritable
from poolaudit.report import Problem
from poolaudit.source import Lines, SourceFile, changed, content, counted

if TYPE_CHECKING:
    from poolaudit.config import Config
    from poolaudit.facts import FileFacts, PoolSite
    from poolaudit.selection import Selection
    from poolaudit.survey.project import Project

REFUSED = "refused"
"""The code of a problem that says why a planned migration was not made."""


class Step(Struct, frozen=True):
    """One pool moved: the text before and after."""

    plan: Plan
    line: int
    """Where the pool is built, from 1, in the file as it was before the first step; of a notebook, within `cell`."""
    cell: int | None
    before: str
    after: str


class Planned(Struct, frozen=True):
    """What a file's pools need."""

    source: SourceFile
    facts: FileFacts | None
    plans: tuple[Plan, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def path(self) -> str:
        return self.source.name


class Migration:
    """One file on its way: asked for its plans, and for one step after the other."""

    def __init__(
        self,
        source: SourceFile,
        config: Config,
        selection: Selection,
        to: Direction,
        unsafe: bool,
        project: Project | None = None,
    ) -> None:
        self._source = source
        self._config = config
        self._selection = selection
        self._to: Direction = to
        self._unsafe = unsafe
        self._project = project
        self.text = source.text
        self.problems: list[Problem] = []
        self._skipped: set[int] = set()
        """Pools that were refused or rolled back, by their number: a step makes none more or less."""
        self._promised: set[int] | None = None
        """Pools that could be moved before the first step."""
        self._places: dict[int, tuple[int, int | None]] = {}
        """Line and cell of each pool before the first step: where the plan says it is."""

    def planned(self, *, verified: bool = False) -> Planned:
        """The plans for the text as it is now. `verified`: what the gate refuses is blocked; each pool is rewritten for that."""
        problems: list[Problem] = []
        source = changed(self._source, self.text)
        facts = survey(source, problems, self._project)
        if facts is None:
            return Planned(source, None, problems=tuple(problems))
        found = plans(facts, self._config.settings, self._to)
        if verified:
            found = tuple(self._verified(plan, facts) for plan in found)
        return Planned(source, facts, found, tuple(problems))

    def _verified(self, plan: Plan, facts: FileFacts) -> Plan:
        """The plan, or what the gate would refuse it for."""
        after = self._rewritten(plan, facts) if plan.status != "blocked" else ""
        if isinstance(after, str):
            return plan
        where = facts.sites[plan.site].point.span
        return replace(plan, blockers=(blocked("not-verified", where, after.message),), edits=(), imports=())

    def step(self) -> Step | None:
        """The next pool that can be moved, as text; None when there is none left. Nothing is taken over yet."""
        planned = self.planned()
        self.problems += (each for each in planned.problems if each not in self.problems)
        if planned.facts is None:
            return None
        left = [plan for plan in planned.plans if _number(plan, planned.facts) not in self._skipped]
        if self._promised is None:
            self._promised = {_number(plan, planned.facts) for plan in left if self._is_wanted(plan)}
            own = (site for site in planned.facts.sites if not site.foreign)
            self._places = {number: self._place(site) for number, site in enumerate(own)}
        for plan in left:
            number = _number(plan, planned.facts)
            if not self._is_wanted(plan):
                continue
            after = self._rewritten(plan, planned.facts)
            if isinstance(after, str):
                return Step(plan, *self._places[number], self.text, after)
            self._refuse(number, after.message)
        for plan in left:
            number = _number(plan, planned.facts)
            if number in self._promised - self._skipped:
                why = plan.blockers[0].message if plan.blockers else plan.caveats[0].message
                self._refuse(number, f"with what was moved before it, {why}")
        return None

    def _is_wanted(self, plan: Plan) -> bool:
        return plan.status == "ready" or (plan.status == "caveats" and self._unsafe)

    def _refuse(self, number: int, why: str) -> None:
        """A pool that was planned and is not moved: said once."""
        line, cell = self._places[number]
        self.problems.append(Problem(REFUSED, f"not migrated: {why}", self._source.name, line, cell=cell))
        self._skipped.add(number)

    def _place(self, site: PoolSite) -> tuple[int, int | None]:
        """Line and cell of a pool of the text as it was."""
        return counted(self._source, Lines(self._source.text).line(site.point.span.start))

    def take(self, step: Step) -> None:
        """Goes on from the text after a step."""
        self.text = step.after

    def skip(self, step: Step) -> None:
        """Leaves the pool of a step alone from now on."""
        planned = self.planned()
        if planned.facts is not None:
            self._skipped.add(_number(step.plan, planned.facts))

    def _rewritten(self, plan: Plan, facts: FileFacts) -> str | verify.Rejection:
        """The new text, when it passes the gate."""
        code = surroundings(facts.text)
        new = [each for each in plan.imports if imports.place(facts, [each])]
        near = home(code, facts.sites[plan.site].callee, plan.edits, new) if code is not None else None
        added = imports.place(facts, plan.imports)
        if not isinstance(added, imports.Refusal) and near is not None:
            added = imports.place(facts, [each for each in plan.imports if each not in near.taken])
        if isinstance(added, imports.Refusal):
            return verify.Rejection("syntax", added.message)
        unused = () if code is None else tuple(unused_imports(code, plan.edits, near, exported=self._is_package()))
        added, unused = _in_its_place(facts.text, added, unused)
        try:
            patch = edits.apply(facts.text, [laid_out(facts.text, (*added, *plan.edits, *unused))])
        except ValueError as error:
            # two forms that stand in one another: neither knows the other's edits
            return verify.Rejection("unstable", str(error))
        try:
            content(self._source, patch.text)
        except Unwritable as error:
            return verify.Rejection("syntax", str(error))
        return self._rejection(facts, patch) or patch.text

    def _is_package(self) -> bool:
        """Names of an __init__.py are imported from elsewhere."""
        return self._source.name.endswith("__init__.py")

    def _rejection(self, facts: FileFacts, patch: edits.Patch) -> verify.Rejection | None:
        why = verify.check_text(facts.text, patch.text, patch.edits, self._config.settings.targets)
        if why is not None:
            return why
        problems: list[Problem] = []
        after = survey(changed(self._source, patch.text), problems, self._project)
        if after is None:
            return verify.Rejection("syntax", problems[0].message)
        old, new = self._kinds(facts), self._kinds(after)
        if new[self._to] != old[self._to] + 1:
            return verify.Rejection("still-found", f"the new text does not have one {self._to} more")
        return verify.check_findings(self._found(facts), self._found(after), Counter())

    def _kinds(self, facts: FileFacts) -> Counter[str]:
        return Counter(site.kind for site in facts.sites if not site.foreign)

    def _found(self, facts: FileFacts) -> Counter[str]:
        problems: list[Problem] = []
        found = ask(self._selection.witnesses, facts, self._config.settings, problems)
        return Counter(each.code for each in found if each.severity != "info")


def _in_its_place(
    text: str, added: tuple[edits.Edit, ...], unused: tuple[edits.Edit, ...]
) -> tuple[tuple[edits.Edit, ...], tuple[edits.Edit, ...]]:
    """New import lines in the place of an import that goes: a reader sees one line replaced."""
    if len(added) != 1 or len(unused) != 1:
        return added, unused
    (new,), (old,) = added, unused
    is_line = text[old.start : old.end].endswith("\n") and text[old.start : old.end].startswith(("import ", "from "))
    if not is_line or not new.replacement.startswith(("import ", "from ")) or not new.replacement.endswith("\n"):
        return added, unused
    return (), (edits.Edit(old.start, old.end, new.replacement),)


def migrated(migration: Migration) -> tuple[Step, ...]:
    """Every step that can be made, taken."""
    steps: list[Step] = []
    while (step := migration.step()) is not None:
        migration.take(step)
        steps.append(step)
    return tuple(steps)


def _number(plan: Plan, facts: FileFacts) -> int:
    """Which of the file's own pools it is, from 0 in the order of the text."""
    return sum(not site.foreign and site.index < plan.site for site in facts.sites)
