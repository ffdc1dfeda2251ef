"""Fixes of one file, applied to a fixed point and verified.

Knows rounds: what overlaps waits for the next one, what the gate rejects is taken out and named. Must never know a file on disk,
other files, an output format or the command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from poolaudit import edits, imports, verify
from poolaudit.judge import CRASH, ask, judge, survey
from poolaudit.notebook import Unwritable
from poolaudit.report import FileReport, Problem, Reported
from poolaudit.source import Lines, SourceFile, changed, content, counted

if TYPE_CHECKING:
    from poolaudit.baseline import Baseline
    from poolaudit.config import Config
    from poolaudit.facts import FileFacts
    from poolaudit.selection import Selection
    from poolaudit.survey.project import Project

ROUNDS = 10
"""Rewriting ends after so many rounds at the latest."""


class Fixed(Struct, frozen=True):
    """What fixing has made of one file."""

    report: FileReport
    """The audit of `text`. A fix that the gate has rejected is not offered there any more: it is a problem."""
    text: str
    """The source's own text when nothing was fixed."""
    findings: tuple[Reported, ...] = ()
    """The findings whose fixes are in `text`."""


def fix(
    source: SourceFile,
    config: Config,
    selection: Selection,
    *,
    unsafe: bool = False,
    full: bool = False,
    project: Project | None = None,
    baseline: Baseline | None = None,
) -> Fixed:
    """Applies all fixes that pass the gate, round by round, until none is left. `unsafe`: also those that change behaviour.

    What nobody is shown is not fixed: findings that a comment silences or the baseline records.
    """
    return _Fixing(source, config, selection, unsafe, full, project, baseline).run()


class _Fixing(Struct):
    """One file on its way to a fixed point. Every text that it passes through is verified."""

    source: SourceFile
    config: Config
    selection: Selection
    unsafe: bool
    full: bool
    project: Project | None
    baseline: Baseline | None
    fixed: list[Reported] = field(default_factory=list)
    refused: dict[tuple[str, str, str], Problem] = field(default_factory=dict)
    surveyed: dict[str, FileFacts] = field(default_factory=dict)
    """The facts of each text so far, whole: a report holds less of them."""

    def run(self) -> Fixed:
        before = report = self._judge(self.source.text)
        text = self.source.text
        seen = {text}
        while wanted := self._wanted(report, text):
            if len(seen) > ROUNDS:
                return self._dropped(before, f"fixes come to no end after {ROUNDS} rounds")
            new, landed = self._land(self.surveyed[text], wanted)
            if not landed:
                continue
            if new in seen:
                return self._dropped(before, "fixes undo each other")
            seen.add(new)
            self.fixed += landed
            text, report = new, self._judge(new)
        return Fixed(self._without_refused(report, text), text, tuple(self.fixed))

    def _judge(self, text: str) -> FileReport:
        source = changed(self.source, text)
        facts = self._survey(text, [])
        return judge(
            source, self.config, self.selection, full=self.full, project=self.project, facts=facts, baseline=self.baseline
        )

    def _survey(self, text: str, problems: list[Problem]) -> FileFacts | None:
        if text not in self.surveyed:
            facts = survey(self.source._replace(text=text), problems, self.project)
            if facts is None:
                return None
            self.surveyed[text] = facts
        return self.surveyed[text]

    def _dropped(self, before: FileReport, why: str) -> Fixed:
        names = ", ".join(sorted({f"{each.code} {each.name}" for each in self.fixed}))
        problem = Problem(CRASH, f"{why} and were all dropped: {names}", self.source.name)
        return Fixed(before._replace(problems=(*before.problems, problem)), self.source.text)

    def _wanted(self, report: FileReport, text: str) -> list[Reported]:
        return [
            each
            for each in report.findings
            if each.fix is not None
            and not each.suppressed
            and (self.unsafe or each.fix.applicability == "safe")
            and _identity(each, text) not in self.refused
        ]

    def _without_refused(self, report: FileReport, text: str) -> FileReport:
        findings = tuple(
            each._replace(fix=None, edits=()) if _identity(each, text) in self.refused else each for each in report.findings
        )
        return report._replace(findings=findings, problems=(*report.problems, *self.refused.values()))

    def _land(self, facts: FileFacts, wanted: Sequence[Reported]) -> tuple[str, list[Reported]]:
        """The text with all fixes that pass the gate, and these. What overlaps waits for the next round."""
        patch, taken = _combined(facts, wanted)
        why = self._rejection(facts, patch, taken)
        if why is None:
            return patch.text, taken
        if len(taken) == 1:
            self._refuse(taken[0], facts, why)
            return facts.text, []
        # one of them is to blame: add them one by one
        text = facts.text
        passed: list[Reported] = []
        for each in taken:
            patch, together = _combined(facts, [*passed, each])
            why = self._rejection(facts, patch, together)
            if why is None:
                text, passed = patch.text, together
            else:
                self._refuse(each, facts, why)
        return text, passed

    def _refuse(self, each: Reported, facts: FileFacts, why: verify.Rejection) -> None:
        line, column = Lines(facts.text).position(each.finding.where.start)
        line, cell = counted(changed(self.source, facts.text), line)
        message = f"the fix of {each.name} was refused: {why.message}"
        self.refused[_identity(each, facts.text)] = Problem(each.code, message, self.source.name, line, column, cell)

    def _rejection(self, facts: FileFacts, patch: edits.Patch, landed: Sequence[Reported]) -> verify.Rejection | None:
        targets, awaits = self.config.settings.targets, self.source.notebook is not None
        if (why := verify.check_text(facts.text, patch.text, patch.edits, targets, awaits=awaits)) is not None:
            return why
        try:
            content(self.source, patch.text)
        except Unwritable as refusal:
            return verify.Rejection("changed-elsewhere", str(refusal))
        problems: list[Problem] = []
        after = self._survey(patch.text, problems)
        if after is None:
            return verify.Rejection("syntax", problems[0].message)
        codes = Counter(each.code for each in landed)
        old, crashed = self._testify(facts, codes)
        new, crashes = self._testify(after, codes)
        if fresh := sorted(crashes - crashed):
            return verify.Rejection("new-finding", fresh[0])
        return verify.check_findings(old, new, codes)

    def _testify(self, facts: FileFacts, fixed: Counter[str]) -> tuple[Counter[str], set[str]]:
        """How often each rule finds something, and what crashes.

        Advice and remarks do not count, they may come with a change of the code; but what was to be fixed must not stay, however
        mild it is.
        """
        problems: list[Problem] = []
        found = ask(self.selection.witnesses, facts, self.config.settings, problems)
        counted = Counter(each.code for each in found if each.severity != "info" or each.code in fixed)
        return counted, {problem.message for problem in problems}


def _identity(each: Reported, text: str) -> tuple[str, str, str]:
    """Knows a finding again in a text where offsets have moved."""
    where = each.finding.where
    return each.code, each.finding.message, text[where.start : where.end]


def _combined(facts: FileFacts, wanted: Iterable[Reported]) -> tuple[edits.Patch, list[Reported]]:
    """As many of the fixes as land together, with one set of imports for all of them. The first one always does."""
    taken = list(wanted)
    while True:
        fixes = [each.fix for each in taken if each.fix is not None]
        added = imports.place(facts, [request for each in fixes for request in each.imports])
        if isinstance(added, imports.Refusal):
            # each of them has a place for its own, so two of them want one name for different things
            taken.pop()
            continue
        patch = edits.apply(facts.text, [added, *(each.edits for each in fixes)])
        if not patch.deferred:
            return patch, taken
        taken = [taken[index - 1] for index in patch.applied if index > 0]
