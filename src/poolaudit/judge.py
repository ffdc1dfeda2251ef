"""One file from text to report: survey, decisions, findings.

Knows the order of work: survey -> decisions -> rules -> confidence -> comments -> supersession -> baseline. It is the one place
where a bug of a part is caught. Must never know other files, how a fix is verified, an output format or the command line.
"""

from __future__ import annotations

import difflib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from poolaudit import edits, imports, suppression, syntax
from poolaudit.discover import TOO_DEEP, UNREADABLE
from poolaudit.facts import FileFacts, PoolSite, Span
from poolaudit.notebook import Unwritable
from poolaudit.report import FileReport, Problem, Reported
from poolaudit.rule import Finding, Rule
from poolaudit.source import Lines, SourceFile, content, counted
from poolaudit.suppression import Assumption, Comments, Suppression

if TYPE_CHECKING:
    from poolaudit.baseline import Baseline, Stale
    from poolaudit.config import Config
    from poolaudit.migrate.plan import Direction, Plan
    from poolaudit.readiness import Ready
    from poolaudit.selection import Selection
    from poolaudit.settings import Settings
    from poolaudit.survey.project import Project
    from poolaudit.tree import Decision

UNUSED = "PA002"
REASONLESS = "PA003"
STALE = "PA004"
CRASH = "crash"
"""The code of a problem that is a bug in poolaudit, not in the file."""

_T = TypeVar("_T")


def judge(
    source: SourceFile,
    config: Config,
    selection: Selection,
    *,
    full: bool = False,
    project: Project | None = None,
    facts: FileFacts | None = None,
    baseline: Baseline | None = None,
) -> FileReport:
    """Everything that can be said of one file. `full`: comments that do nothing are reported too. `baseline`: what it records is
    hidden.

    `project` finds the modules that the file imports; without it they are unknown. `facts`: the survey of the source, where the
    caller has made it. What crashed is among the problems, with code CRASH. Plain values in and out, so that it may run in
    another process.
    """
    crashes: list[Problem] = []
    facts = facts or survey(source, crashes, project)
    if facts is None:
        return FileReport(source.name, None, problems=tuple(crashes))
    settings = config.settings
    comments = suppression.comments(facts.text)
    lines = Lines(facts.text)
    own = tuple(site for site in facts.sites if not site.foreign)
    assumed = {site.index: tuple(_assumed(site, comments, lines)) for site in own}
    moves = tuple(_planned(site, facts, settings, crashes) for site in own) if config.plans else ()
    rules = selection.rules_for(facts.path)
    silencer = _Silencer(comments, lines)
    shown = ("certain", config.confidence)
    asked = [each for each in ask(rules, facts, settings, crashes) if each.confidence in shown]
    found = _unsuperseded([silencer.judge(_with_edits(each, facts, source, crashes)) for each in asked], rules, lines)
    ready = _ready(own, facts, settings, _Silencer(comments, lines), lines, assumed, crashes)
    decisions = tuple(
        _decided(site, facts, settings, assumed[site.index], each, crashes) for site, each in zip(own, ready, strict=True)
    )
    asked_for = {rule.code for rule in rules}
    if REASONLESS in asked_for:
        found += [silencer.judge(each) for each in _reasonless(comments)]
    if full and UNUSED in asked_for:
        found += [silencer.judge(each) for each in _unused(rules, silencer, decisions)]
    found.sort(key=lambda each: (each.finding.where, each.code))
    if baseline is not None:
        found = baseline.hidden(facts, found)
    kept = _trimmed(facts, own, decisions, ready, moves, found)
    return FileReport(facts.path, kept, decisions, ready, moves, tuple(found), tuple(crashes), source)


def _planned(site: PoolSite, facts: FileFacts, settings: Settings, crashes: list[Problem]) -> Plan | None:
    from poolaudit.migrate.planning import plan

    direction: Direction = "pool" if site.kind == "executor" else "executor"
    return attempt("the plan of a migration", facts.path, lambda: plan(site, facts, settings, direction), crashes)


def _trimmed(
    facts: FileFacts,
    own: tuple[PoolSite, ...],
    decisions: Iterable[Decision | None],
    ready: Iterable[Ready | None],
    moves: Iterable[Plan | None],
    found: Iterable[Reported],
) -> FileFacts:
    """The facts for a report: pools of other files are reported there, of other texts only those stay that a report shows."""
    shown = {related.where.path for each in found for related in each.finding.related}
    shown |= {operation.point.span.path for site in own for operation in site.operations}
    traces = (traced.evidence.where for decision in decisions if decision is not None for traced in decision.trace)
    reasons = (reason.where for each in ready if each is not None for reason in each.reasons)
    shown |= {where.path for where in (*traces, *reasons) if where is not None}
    shown |= {blocker.where.path for move in moves if move is not None for blocker in move.blockers}
    return replace(facts, sites=own, other_texts={path: text for path, text in facts.other_texts.items() if path in shown})


def survey(source: SourceFile, problems: list[Problem], project: Project | None = None) -> FileFacts | None:
    """The facts of a file; None when there are none, and a problem says why."""
    from poolaudit.survey import Unparsable, survey_file

    def surveyed() -> FileFacts | None:
        try:
            return survey_file(source.name, source.text, project=project)
        except Unparsable as error:
            # Python's own words are better than libcst's, where it agrees that something is wrong
            why = syntax.complaint(source.text) or syntax.Complaint(error.message, error.line, error.column, python_2=False)
            hint = " (this looks like Python 2)" if why.python_2 else ""
            line, cell = counted(source, why.line)
            problems.append(Problem(UNREADABLE, f"cannot be parsed: {why.message}{hint}", source.name, line, why.column, cell))
        except RecursionError:
            problems.append(Problem(UNREADABLE, TOO_DEEP, source.name))
        return None

    return attempt("the survey", source.name, surveyed, problems)


def attempt(who: str, path: str, work: Callable[[], _T], crashes: list[Problem]) -> _T | None:
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


def _decided(
    site: PoolSite,
    facts: FileFacts,
    settings: Settings,
    assumed: tuple[Assumption, ...],
    ready: Ready | None,
    crashes: list[Problem],
) -> Decision | None:
    from poolaudit.decision import decide_site

    return attempt("the decision", facts.path, lambda: decide_site(site, facts, settings, assumed, ready), crashes)


def _ready(
    sites: tuple[PoolSite, ...],
    facts: FileFacts,
    settings: Settings,
    silencer: _Silencer,
    lines: Lines,
    assumed: Mapping[int, Sequence[Assumption]],
    crashes: list[Problem],
) -> tuple[Ready | None, ...]:
    """What Python 3.14 does to the pools: all rules that are on by default count, chosen or not.

    The silencer is one for this alone: what another Python would bring is no use of a comment.
    """
    from poolaudit import catalog
    from poolaudit.readiness import ready

    def answers(settings: Settings, codes: frozenset[str] | None) -> list[Reported]:
        rules = [rule for rule in catalog.rules() if rule.default and (codes is None or rule.code in codes)]
        failed: list[Problem] = []
        found = ask(rules, facts, settings, failed)
        crashes.extend(problem for problem in failed if problem not in crashes)
        return _unsuperseded([silencer.judge(each) for each in found if each.confidence == "certain"], rules, lines)

    work = partial(ready, sites, facts, settings, answers, assumed)
    return attempt("the readiness", facts.path, work, crashes) or (None,) * len(sites)


def _assumed(site: PoolSite, comments: Comments, lines: Lines) -> Iterator[Assumption]:
    """What is assumed at the statement that makes the pool, or at one that calls it."""
    covered: set[int] = set()
    for point in (site.point, *(operation.point for operation in site.operations)):
        covered |= comments.covered(*_lines_of(point.span, lines))
    return (assumption for assumption in comments.assumptions if assumption.line in covered)


def _lines_of(span: Span, lines: Lines) -> tuple[int, int]:
    return lines.line(span.start), lines.line(max(span.start, span.end - 1))


# Rules


def ask(rules: Iterable[Rule], facts: FileFacts, settings: Settings, crashes: list[Problem]) -> list[Reported]:
    """What the rules find, each finding once; comments and other findings do not count yet. What raises adds to `crashes`."""
    found: dict[tuple[str, Span], Reported] = {}
    for rule in rules:
        for site, finding in _answers(rule, facts, settings, crashes):
            if finding.where.path:
                # it stands in another file, where a scan of that file speaks for itself
                continue
            found.setdefault((rule.code, finding.where), _reported(rule, finding, site))
    return list(found.values())


def _reported(rule: Rule, finding: Finding, site: PoolSite | None = None) -> Reported:
    return Reported(
        code=rule.code,
        name=rule.name,
        severity=finding.severity or rule.severity,
        confidence=finding.confidence or rule.confidence,
        finding=finding,
        site=None if site is None or site.foreign else site.index,
        fix=finding.fix,
    )


def _answers(
    rule: Rule, facts: FileFacts, settings: Settings, crashes: list[Problem]
) -> Iterator[tuple[PoolSite | None, Finding]]:
    who = f"rule {rule.code} ({rule.name})"
    if (check := rule.check) is not None:
        for site in facts.sites:
            if _kind_of_workers(site) in rule.workers:
                findings = attempt(who, facts.path, partial(_listed, check, site, facts, settings), crashes)
                yield from ((site, finding) for finding in findings or ())
    if (check_file := rule.check_file) is not None:
        findings = attempt(who, facts.path, partial(_listed, check_file, facts, settings), crashes)
        yield from ((None, finding) for finding in findings or ())


def _listed(check: Callable[..., Iterable[Finding]], *of: object) -> list[Finding]:
    return list(check(*of))


def _kind_of_workers(site: PoolSite) -> str:
    """The word of Rule.workers that covers the site."""
    return "third-party" if site.workers == "process" and not site.stdlib else site.workers


def _with_edits(each: Reported, facts: FileFacts, source: SourceFile, crashes: list[Problem]) -> Reported:
    """The finding with all edits of its fix, imports included; without a fix where it cannot be applied."""
    fix = each.fix
    if fix is None:
        return each
    added = imports.place(facts, fix.imports)
    if isinstance(added, imports.Refusal):
        return _without_fix(each, added.message)
    who = f"the fix of {each.code} ({each.name})"
    patch = attempt(who, facts.path, lambda: edits.apply(facts.text, [added, fix.edits]), crashes)
    if patch is None or patch.deferred:
        return each._replace(fix=None)
    try:
        content(source, patch.text)
    except Unwritable as refusal:
        return _without_fix(each, str(refusal))
    return each._replace(edits=patch.edits)


def _without_fix(each: Reported, why: str) -> Reported:
    return each._replace(finding=replace(each.finding, notes=(*each.finding.notes, f"no fix: {why}")), fix=None)


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
        return each._replace(suppressed=True) if silent else each

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


def _reasonless(comments: Comments) -> Iterator[Reported]:
    """Suppressions that do not say why. noqa comments have no place for a reason."""
    from poolaudit import catalog

    rule = catalog.find(REASONLESS)
    for comment in comments.suppressions:
        if comment.kind != "noqa" and comment.rules and not comment.reason:
            written = f"{comment.kind}[{', '.join(comment.rules)}]"
            yield _reported(rule, Finding(Span(comment.start, comment.end), f"`{written}` gives no reason: write one behind it"))


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


def judge_baseline(baseline: Baseline, stale: Iterable[Stale]) -> FileReport:
    """The report of the file that records findings: those that do not occur any more."""
    from poolaudit import catalog

    rule = catalog.find(STALE)
    found = []
    for each in stale:
        where = f"in `{each.entry.function}` of {each.path}" if each.entry.function else f"at module level of {each.path}"
        number = f" ({each.gone} of {each.entry.count})" if each.gone < each.entry.count else ""
        found.append(_reported(rule, Finding(each.where, f"{each.entry.code} {where} no longer occurs{number}")))
    facts = FileFacts(
        baseline.name, baseline.text, sites=(), functions={}, classes={}, globals={}, library_calls=(), imports=(), guard=None,
        is_script=False, in_package=False, start_method=None,
    )  # fmt: skip
    return FileReport(facts.path, facts, findings=tuple(found))


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
