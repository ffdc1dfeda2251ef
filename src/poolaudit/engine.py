"""The loops: audit files, rewrite files.

Knows the order of work: discover, survey, decide, ask the rules, settle severity, suppression and supersession; apply fixes
to a fixed point and verify before writing. Must never know the command line, an output format or a syntax tree.
"""

from __future__ import annotations

import contextlib
import difflib
import gc
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from poolaudit import discover, edits, imports, suppression, syntax, verify
from poolaudit.config import Config
from poolaudit.facts import FileFacts, PoolSite, Span
from poolaudit.report import FileReport, Problem, Report, Reported
from poolaudit.rule import Finding, Rule
from poolaudit.source import ChangedOnDisk, Lines, SourceFile, Unreadable, from_text
from poolaudit.source import write as write_source
from poolaudit.suppression import Assumption, Comments, Suppression

if TYPE_CHECKING:
    from poolaudit.readiness import Readiness
    from poolaudit.tree import Decision

Progress = Callable[[str, int, int], None]
"""Called before each candidate is surveyed: its name, how many are done, how many there are."""

ROUNDS = 10
"""Rewriting ends after so many rounds at the latest."""

RECURSION_LIMIT = 10_000
"""Frames that one file may need: an expression of a thousand terms takes several for each. Beyond it the file is a problem."""

UNREADABLE = discover.UNREADABLE
UNUSED = "PA002"
CRASH = "crash"
"""A bug in poolaudit, or fixes that undo each other: the problem of the whole run."""
NOT_WRITTEN = "not-written"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FilePatch:
    """One file that fixes change: verified, written only when asked."""

    source: SourceFile
    """The file as it was."""
    after: str
    """The new text."""
    fixed: tuple[Reported, ...]
    """The findings whose fixes are in it."""

    @property
    def path(self) -> str:
        return self.source.name

    @property
    def before(self) -> str:
        return self.source.text


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a rewrite did, or would do. Rejected fixes are problems of their file in `report`."""

    report: Report
    """The audit of the new texts."""
    patches: tuple[FilePatch, ...]


def audit(paths: Iterable[str], config: Config, *, progress: Progress | None = None) -> Report:
    """Audits every candidate below `paths`. Raises ConfigError for an unknown rule in the configuration, nothing else."""
    run = _Run(config)
    discovery = discover.discover(paths, config)
    with run.working():
        files = [_audited(run, source, discovery.full) for source in _announced(discovery.candidates, progress)]
    return run.report(discovery, files)


def audit_source(source: SourceFile, config: Config) -> FileReport:
    """Audits one file, whether or not the gate would let it pass; what crashed is among its problems. Raises ConfigError."""
    run = _Run(config)
    if discover.gate(source.text.encode("utf-8", "surrogatepass")) == "too-deep":
        return run.unread(source.name, discover.TOO_DEEP)
    with run.working():
        return _audited(run, source, full=False)


def audit_stdin(data: bytes, name: str, config: Config) -> Report:
    """Audits what an editor or a hook sends on standard input under the name of a file. Excludes hold with force_exclude only."""
    run = _Run(config)
    discovery = _discovered(data, name, config)
    with run.working():
        files = [_audited(run, source, full=False) for source in discovery.candidates]
    return run.report(discovery, files)


def rewrite(
    paths: Iterable[str], config: Config, *, unsafe: bool = False, write: bool = False, progress: Progress | None = None
) -> Rewrite:
    """Applies fixes to a fixed point, verifies, and writes when `write`. Raises ConfigError."""
    run = _Run(config)
    discovery = discover.discover(paths, config)
    with run.working():
        rewritten = [
            _rewritten(run, source, discovery.full, unsafe, write) for source in _announced(discovery.candidates, progress)
        ]
    return _collected(run, discovery, rewritten)


def rewrite_stdin(data: bytes, name: str, config: Config, *, unsafe: bool = False) -> Rewrite:
    """As `rewrite` for standard input; nothing is written: the new text is in the patch, if there is one."""
    run = _Run(config)
    discovery = _discovered(data, name, config)
    with run.working():
        rewritten = [_rewritten(run, source, False, unsafe, write=False) for source in discovery.candidates]
    return _collected(run, discovery, rewritten)


def _announced(sources: Sequence[SourceFile], progress: Progress | None) -> Iterator[SourceFile]:
    for number, source in enumerate(sources):
        if progress is not None:
            progress(source.name, number, len(sources))
        yield source


def _discovered(data: bytes, name: str, config: Config) -> discover.Discovery:
    if config.force_exclude and discover.is_excluded(name, config):
        return discover.Discovery((), 0, (), (), (), False)
    try:
        source = discover.candidate(data, name)
    except Unreadable as error:
        problem = Problem(UNREADABLE, error.message, name, error.line, error.column)
        return discover.Discovery((), 1, (name,), (), (problem,), False)
    return discover.Discovery((source,) if source else (), 1, (name,), (), (), False)


# One run


class _Run:
    """What one run knows for all files: configuration, the rules that it asks, the clock."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._started = time.perf_counter()
        if config.select or config.extend_select or config.ignore or config.per_file_ignores:
            # an unknown rule is an error even where no file has a pool
            self.ignored_by_pattern  # noqa: B018
            self.rules  # noqa: B018

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The selected rules. The first look imports them all, which a tree without pools does not need."""
        from poolaudit import catalog

        codes = _resolved(self.config.select) or {rule.code for rule in catalog.rules() if rule.default}
        codes = (codes | _resolved(self.config.extend_select)) - self.ignored
        return tuple(rule for rule in catalog.rules() if rule.code in codes)

    @cached_property
    def witnesses(self) -> tuple[Rule, ...]:
        """The rules that judge a rewrite: what is selected, and what is on by default."""
        from poolaudit import catalog

        return tuple(rule for rule in catalog.rules() if rule.default or rule in self.rules)

    @cached_property
    def ignored(self) -> set[str]:
        return _resolved(self.config.ignore)

    @cached_property
    def ignored_by_pattern(self) -> tuple[tuple[discover.Patterns, set[str]], ...]:
        return tuple(
            (discover.Patterns([pattern]), _resolved(selectors)) for pattern, selectors in self.config.per_file_ignores.items()
        )

    def ignored_for(self, path: str) -> set[str]:
        """The codes that per-file-ignores and ignore silence in a file."""
        below = discover.relative(path, self.config.root)
        return self.ignored.union(*(codes for patterns, codes in self.ignored_by_pattern if patterns.hold(below)))

    def rules_for(self, path: str) -> tuple[Rule, ...]:
        ignored = self.ignored_for(path)
        return tuple(rule for rule in self.rules if rule.code not in ignored)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """No garbage collection, and room for deep expressions, while files are surveyed."""
        limit, collects = sys.getrecursionlimit(), gc.isenabled()
        sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
        gc.disable()
        try:
            yield
        finally:
            sys.setrecursionlimit(limit)
            if collects:
                gc.enable()

    def unread(self, path: str, message: str, line: int = 0, column: int = 0) -> FileReport:
        problem = Problem(UNREADABLE, message, path, line, column)
        return FileReport(path, None, problems=() if UNREADABLE in self.ignored_for(path) else (problem,))

    def report(
        self, discovery: discover.Discovery, files: Iterable[FileReport], changed: tuple[str, ...] = (), applied: int = 0
    ) -> Report:
        unread = [self.unread(each.path, each.message, each.line, each.column) for each in discovery.unreadable]
        everything = sorted([*files, *unread], key=lambda file: file.path)
        return Report(
            files=tuple(_without_crashes(file) for file in everything if _says_something(file)),
            problems=(
                *(problem for problem in discovery.problems if problem.code not in self.ignored),
                *(problem for file in everything for problem in file.problems if problem.code == CRASH),
            ),
            targets=self.config.settings.targets,
            files_scanned=discovery.files_scanned,
            candidates=len(discovery.candidates),
            seconds=time.perf_counter() - self._started,
            changed=changed,
            fixes_applied=applied,
        )


def _resolved(selectors: Iterable[str]) -> set[str]:
    selectors = tuple(selectors)
    if not selectors:
        return set()
    from poolaudit import catalog

    return set().union(*(catalog.resolve(selector) for selector in selectors))


def _says_something(file: FileReport) -> bool:
    return bool(file.problems or file.findings or (file.facts is not None and file.facts.sites))


def _without_crashes(file: FileReport) -> FileReport:
    """A crash belongs to the run, not to the file in which it happened."""
    return replace(file, problems=tuple(problem for problem in file.problems if problem.code != CRASH))


# One file


def _audited(run: _Run, source: SourceFile, full: bool) -> FileReport:
    """Everything that can be said of one file. Plain values in and out, so that it may run in another process."""
    crashes: list[Problem] = []
    facts = _attempt("the survey", source.name, lambda: _surveyed(source), crashes)
    if isinstance(facts, Problem):
        return run.unread(source.name, facts.message, facts.line, facts.column)
    if facts is None:
        return FileReport(source.name, None, problems=tuple(crashes))
    return _judged(run, facts, full, crashes)


def _attempt(who: str, path: str, work: Callable[[], _T], crashes: list[Problem]) -> _T | None:
    """The one place where a bug in a part is caught: it becomes a problem of the run, which goes on."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever a part raises, the others are asked
        crashes.append(Problem(CRASH, f"{who} crashed: {_described(error)}", path))
        return None


def _described(error: Exception) -> str:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno})" if place else ""
    return f"{type(error).__name__}: {error}{where}"


def _surveyed(source: SourceFile) -> FileFacts | Problem:
    from poolaudit.survey import Unparsable, survey_file

    try:
        return survey_file(source.name, source.text)
    except Unparsable as error:
        hint = " (this looks like Python 2)" if syntax.looks_like_python_2(source.text) else ""
        return Problem(UNREADABLE, f"cannot be parsed: {error.message}{hint}", source.name, error.line, error.column)
    except RecursionError:
        return Problem(UNREADABLE, discover.TOO_DEEP, source.name)


def _judged(run: _Run, facts: FileFacts, full: bool, crashes: list[Problem]) -> FileReport:
    comments = suppression.comments(facts.text)
    lines = Lines(facts.text)
    decisions = tuple(_decided(run, site, facts, tuple(_assumed(site, comments, lines)), crashes) for site in facts.sites)
    ready = tuple(_readiness(run, site, facts, crashes) for site in facts.sites)
    rules = run.rules_for(facts.path)
    silencer = _Silencer(comments, lines)
    found = [silencer.judge(_with_imports(each, facts)) for each in _visible(run, _asked(run, rules, facts, crashes))]
    found = _unsuperseded(found, rules, lines)
    if full and any(rule.code == UNUSED for rule in rules):
        found += [silencer.judge(each) for each in _unused(rules, silencer, decisions)]
    found.sort(key=lambda each: (each.finding.where, each.code))
    return FileReport(facts.path, facts, decisions, ready, tuple(found), tuple(crashes))


def _decided(
    run: _Run, site: PoolSite, facts: FileFacts, assumed: tuple[Assumption, ...], crashes: list[Problem]
) -> Decision | None:
    from poolaudit.decision import decide_site

    return _attempt("the decision", facts.path, lambda: decide_site(site, facts, run.config.settings, assumed), crashes)


def _readiness(run: _Run, site: PoolSite, facts: FileFacts, crashes: list[Problem]) -> Readiness | None:
    from poolaudit.readiness import readiness

    return _attempt("the readiness", facts.path, lambda: readiness(site, facts, run.config.settings), crashes)


def _assumed(site: PoolSite, comments: Comments, lines: Lines) -> Iterator[Assumption]:
    """What is assumed at the statement that makes the pool, or at one that calls it."""
    covered: set[int] = set()
    for point in (site.point, *(operation.point for operation in site.operations)):
        covered |= comments.covered(*_lines_of(point.span, lines))
    return (assumption for assumption in comments.assumptions if assumption.line in covered)


def _lines_of(span: Span, lines: Lines) -> tuple[int, int]:
    return lines.line(span.start), lines.line(max(span.start, span.end - 1))


# Rules


def _asked(run: _Run, rules: Iterable[Rule], facts: FileFacts, crashes: list[Problem]) -> list[Reported]:
    """What the rules find, each finding once."""
    found: dict[tuple[str, Span], Reported] = {}
    for rule in rules:
        for site, finding in _answers(run, rule, facts, crashes):
            found.setdefault((rule.code, finding.where), _reported(rule, finding, site))
    return list(found.values())


def _reported(rule: Rule, finding: Finding, site: PoolSite | None = None) -> Reported:
    return Reported(
        code=rule.code,
        name=rule.name,
        severity=finding.severity or rule.severity,
        confidence=finding.confidence or rule.confidence,
        finding=finding,
        site=None if site is None else site.index,
        edits=() if finding.fix is None else finding.fix.edits,
        fix=finding.fix,
    )


def _answers(run: _Run, rule: Rule, facts: FileFacts, crashes: list[Problem]) -> Iterator[tuple[PoolSite | None, Finding]]:
    who = f"rule {rule.code} ({rule.name})"
    settings = run.config.settings
    if (check := rule.check) is not None:
        for site in facts.sites:
            if _kind_of_workers(site) in rule.workers:
                findings = _attempt(who, facts.path, partial(_listed, check, site, facts, settings), crashes)
                yield from ((site, finding) for finding in findings or ())
    if (check_file := rule.check_file) is not None:
        findings = _attempt(who, facts.path, partial(_listed, check_file, facts, settings), crashes)
        yield from ((None, finding) for finding in findings or ())


def _listed(check: Callable[..., Iterable[Finding]], *of: object) -> list[Finding]:
    return list(check(*of))


def _kind_of_workers(site: PoolSite) -> str:
    """The word of Rule.workers that covers the site."""
    return "third-party" if site.workers == "process" and not site.stdlib else site.workers


def _visible(run: _Run, found: Iterable[Reported]) -> Iterator[Reported]:
    return (each for each in found if each.confidence == "certain" or run.config.confidence == "likely")


def _with_imports(each: Reported, facts: FileFacts) -> Reported:
    """The finding with what its fix must import; without a fix where that cannot be."""
    if each.fix is None or not each.fix.imports:
        return each
    added = imports.place(facts, each.fix.imports)
    if isinstance(added, imports.Refusal):
        notes = (*each.finding.notes, f"no fix: {added.message}")
        return replace(each, finding=replace(each.finding, notes=notes), fix=None, edits=())
    return replace(each, edits=(*added, *each.fix.edits))


class _Silencer:
    """Applies the comments of one file, and remembers which of them did something."""

    def __init__(self, comments: Comments, lines: Lines) -> None:
        self.comments = comments
        self._lines = lines
        self._used: set[tuple[int, str]] = set()

    def judge(self, each: Reported) -> Reported:
        """The finding, suppressed where a comment that covers it names its rule."""
        silent = False
        for comment in self.comments.covering(*_lines_of(each.finding.where, self._lines)):
            if any(_names(word, each.code, each.name) for word in comment.rules):
                self._used.add((comment.start, each.code))
                silent = True
        return replace(each, suppressed=True) if silent else each

    def did(self, comment: Suppression, code: str) -> bool:
        """The comment has silenced a finding of the rule."""
        return (comment.start, code) in self._used


def _names(word: str, code: str, name: str) -> bool:
    return word.upper() == code or word.lower() == name


def _unsuperseded(found: Sequence[Reported], rules: Iterable[Rule], lines: Lines) -> list[Reported]:
    """One line, one finding: without those that a finding on the same line, silenced or not, replaces."""
    supersedes = {rule.code: rule.supersedes for rule in rules}
    replaced: dict[int, set[str]] = defaultdict(set)
    for each in found:
        replaced[lines.line(each.finding.where.start)].update(supersedes[each.code])
    return [each for each in found if each.code not in replaced[lines.line(each.finding.where.start)]]


def _unused(rules: Iterable[Rule], silencer: _Silencer, decisions: Iterable[Decision | None]) -> Iterator[Reported]:
    """Comments that do nothing. noqa comments are left to the tools that know all of their codes."""
    from poolaudit import catalog

    rule = catalog.find(UNUSED)
    asked = {rule.code for rule in rules if rule.check or rule.check_file}
    for comment in silencer.comments.suppressions:
        for message in _idle(comment, asked, silencer):
            yield _reported(rule, Finding(Span(comment.start, comment.end), message))
    answers = {traced.evidence.where for decision in decisions if decision is not None for traced in decision.trace}
    for assumption in silencer.comments.assumptions:
        where = Span(assumption.start, assumption.end)
        if where not in answers:
            yield _reported(rule, Finding(where, _useless(assumption)))


def _idle(comment: Suppression, asked: set[str], silencer: _Silencer) -> Iterator[str]:
    """What is wrong with a suppression: it names no rule, or a rule that was asked and found nothing here."""
    from poolaudit import catalog

    if comment.kind == "noqa":
        return
    if not comment.rules:
        yield f"`{comment.kind}` names no rule: write `{comment.kind}[PA502] reason`"
    for word in comment.rules:
        rule = next((rule for rule in catalog.rules() if _names(word, rule.code, rule.name)), None)
        if rule is None:
            yield f"`{comment.kind}[{word}]`: {catalog.UnknownRuleError(word)}"
        elif rule.code in asked and not silencer.did(comment, rule.code):
            yield f"`{comment.kind}[{word}]` suppresses nothing"


def _useless(assumption: Assumption) -> str:
    from poolaudit.decision import ASSUMPTIONS

    if assumption.word in ASSUMPTIONS:
        return f"`assume[{assumption.word}]` answers no question that is asked of a pool here"
    close = difflib.get_close_matches(assumption.word, ASSUMPTIONS, 1)
    return f"`assume[{assumption.word}]`: unknown word" + (f" (did you mean {close[0]}?)" if close else "")


# Rewriting


@dataclass(slots=True)
class _Rewriting:
    """One file on its way to a fixed point. Every text that it holds is verified."""

    run: _Run
    source: SourceFile
    text: str
    fixed: list[Reported] = field(default_factory=list)
    refused: dict[tuple[str, str, str], Problem] = field(default_factory=dict)

    def now(self) -> SourceFile:
        return replace(self.source, text=self.text)

    def identity(self, each: Reported) -> tuple[str, str, str]:
        """Knows a finding again in a text whose offsets have moved."""
        where = each.finding.where
        return each.code, each.finding.message, self.text[where.start : where.end]

    def refuse(self, each: Reported, why: verify.Rejection) -> None:
        line = Lines(self.text).line(each.finding.where.start)
        message = f"the fix of {each.name} was refused: {why.message}"
        self.refused[self.identity(each)] = Problem(each.code, message, self.source.name, line)

    def offered(self, file: FileReport) -> FileReport:
        """The report without the fixes that were refused, and with the problem that each of them is."""
        findings = tuple(
            replace(each, fix=None, edits=()) if self.identity(each) in self.refused else each for each in file.findings
        )
        return replace(file, findings=findings, problems=(*file.problems, *self.refused.values()))


def _rewritten(run: _Run, source: SourceFile, full: bool, unsafe: bool, write: bool) -> tuple[FileReport, FilePatch | None]:
    work = _Rewriting(run, source, source.text)
    report = _audited(run, source, full)
    seen = {source.text}
    for _ in range(ROUNDS):
        if report.facts is None or not (wanted := [each for each in report.findings if _applicable(work, each, unsafe)]):
            break
        text, fixed = _landed(work, report.facts, wanted)
        if fixed and text in seen:
            return _undone(run, source, full, fixed)
        work.text = text
        work.fixed += fixed
        seen.add(text)
        if fixed:
            report = _audited(run, work.now(), full)
    if work.text == source.text:
        return work.offered(report), None
    patch = FilePatch(source, work.text, tuple(work.fixed))
    if write and (failure := _written(patch)) is not None:
        report = _audited(run, source, full)
        return replace(report, problems=(*report.problems, failure)), None
    return work.offered(report), patch


def _undone(run: _Run, source: SourceFile, full: bool, fixed: Iterable[Reported]) -> tuple[FileReport, None]:
    report = _audited(run, source, full)
    names = ", ".join(sorted({f"{each.code} {each.name}" for each in fixed}))
    problem = Problem(CRASH, f"fixes undo each other and were all dropped: {names}", source.name)
    return replace(report, problems=(*report.problems, problem)), None


def _written(patch: FilePatch) -> Problem | None:
    try:
        write_source(patch.source, patch.after)
    except (ChangedOnDisk, UnicodeError, OSError) as error:
        return Problem(NOT_WRITTEN, str(error), patch.path)
    return None


def _applicable(work: _Rewriting, each: Reported, unsafe: bool) -> bool:
    if each.fix is None or each.suppressed or work.identity(each) in work.refused:
        return False
    return unsafe or each.fix.applicability == "safe"


def _landed(work: _Rewriting, facts: FileFacts, wanted: Sequence[Reported]) -> tuple[str, list[Reported]]:
    """The text with all fixes that pass the gate, and these. What overlaps waits for the next round."""
    patch, taken = _combined(facts, wanted)
    why = _rejected(work.run, facts, patch, taken)
    if why is None:
        return patch.text, taken
    if len(taken) == 1:
        work.refuse(taken[0], why)
        return facts.text, []
    # one of them is to blame: add them one by one
    text = facts.text
    passed: list[Reported] = []
    for each in taken:
        patch, together = _combined(facts, [*passed, each])
        if each in together:
            why = _rejected(work.run, facts, patch, together)
            if why is None:
                text, passed = patch.text, together
            else:
                work.refuse(each, why)
    return text, passed


def _combined(facts: FileFacts, wanted: Sequence[Reported]) -> tuple[edits.Patch, list[Reported]]:
    """As many of the fixes as land together, with one set of imports for all of them."""
    taken = list(wanted)
    while True:
        fixes = [each.fix.edits for each in taken if each.fix is not None]
        requests = {request for each in taken if each.fix is not None for request in each.fix.imports}
        added = imports.place(facts, requests) if requests else ()
        if isinstance(added, imports.Refusal):
            # each of them has a place for its own, so two want one name for different things
            taken.pop()
            continue
        patch = edits.apply(facts.text, [added, *fixes])
        if not patch.deferred:
            return patch, taken
        taken = [taken[index - 1] for index in patch.applied if index > 0]


def _rejected(run: _Run, facts: FileFacts, patch: edits.Patch, fixed: Sequence[Reported]) -> verify.Rejection | None:
    why = verify.check_text(facts.text, patch.text, patch.edits, run.config.settings.targets)
    if why is not None:
        return why
    crashes: list[Problem] = []
    after = _attempt("the survey", facts.path, lambda: _surveyed(from_text(patch.text, facts.path)), crashes)
    if not isinstance(after, FileFacts):
        return verify.Rejection("syntax", after.message if after else crashes[0].message)
    codes = {each.code for each in fixed}
    found_before = _asked(run, run.witnesses, facts, crashes)
    found_after = _asked(run, run.witnesses, after, crashes)
    if crashes:
        return verify.Rejection("new-finding", crashes[0].message)
    return verify.check_findings(
        _counted(found_before, codes), _counted(found_after, codes), Counter(each.code for each in fixed)
    )


def _counted(found: Iterable[Reported], fixed: set[str]) -> Counter[str]:
    """Advice and remarks may come with a change of the code; what was to be fixed must not stay, however mild."""
    return Counter(each.code for each in found if each.severity != "info" or each.code in fixed)


def _collected(run: _Run, discovery: discover.Discovery, rewritten: Sequence[tuple[FileReport, FilePatch | None]]) -> Rewrite:
    patches = tuple(patch for _, patch in rewritten if patch is not None)
    applied = sum(len(patch.fixed) for patch in patches)
    report = run.report(discovery, [file for file, _ in rewritten], tuple(patch.path for patch in patches), applied)
    return Rewrite(report, patches)
